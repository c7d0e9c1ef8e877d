/* SPDX-License-Identifier: MIT */
#include "url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* File systems allow 255 bytes; the files beside (NAME.part.source) need some of them. */
enum { PART_MAX = 200 };

const char *fetch_environment(const char *name) {
  const char *value = getenv(name);
  return value && *value ? value : NULL;
}

bool fetch_environment_on(const char *name) {
  const char *value = fetch_environment(name);
  return value && strcmp(value, "0") != 0;
}

/* [A-Za-z0-9._-]+ or an IPv6 address in brackets, then maybe a port. */
static bool read_authority(const char *text, size_t n, fetch_url *out) {
  size_t host = 0, at;
  if (n == 0 || n >= sizeof out->host) return false;
  if (text[0] == '[') {
    while (host < n && (text[host] == '[' || text[host] == ':' || isxdigit((int)text[host])))
      host++;
    if (host >= n || text[host++] != ']') return false;
  } else {
    while (host < n && text[host] > 0 && (isalnum((int)text[host]) || strchr("._-", text[host])))
      host++;
  }
  if (host == 0 || text[0] == '.') return false;
  for (at = 0; at < host; at++) out->host[at] = (char)tolower((int)text[at]);
  out->host[at] = '\0';
  strcpy(out->authority, out->host);
  if (host == n) return true;
  if (text[host] != ':' || n - host < 2 || n - host > 6) return false;
  for (at = host + 1; at < n; at++)
    if (text[at] < '0' || text[at] > '9') return false;
  long port = strtol(text + host + 1, NULL, 10);
  if (port != (out->secure ? 443 : 80)) strncat(out->authority, text + host, n - host);
  return port > 0 && port < 65536;
}

ins_status fetch_url_read(const char *text, fetch_url *out) {
  *out = (fetch_url){.secure = strncasecmp(text, "https://", 8) == 0};
  if (!out->secure && strncasecmp(text, "http://", 7) != 0)
    return ins_fail(INS_ERR_ARGUMENT, "%.200s: is neither an https:// nor an http:// URL", text);
  for (const char *p = text; *p; p++)
    if ((unsigned char)*p <= ' ' || *p == '\\' || *p == 0x7f)
      return ins_fail(INS_ERR_ARGUMENT,
                      "the URL has a space, a backslash or a control character at its byte %zu; "
                      "write it as %%XX",
                      (size_t)(p - text));
  const char *authority = text + (out->secure ? 8 : 7);
  size_t n = strcspn(authority, "/?#");
  if (memchr(authority, '@', n))
    return ins_fail(INS_ERR_ARGUMENT,
                    "https://...@%s: names and passwords do not belong in a URL, which ends up in "
                    "logs; leave them out",
                    (const char *)memchr(authority, '@', n) + 1);
  if (!read_authority(authority, n, out))
    return ins_fail(INS_ERR_ARGUMENT, "%.200s: has no host, or a malformed one", text);
  out->path = authority + n;
  out->path_length = strcspn(out->path, "?#");
  out->query = out->path + out->path_length + (out->path[out->path_length] == '?');
  out->query_length = out->path[out->path_length] == '?' ? strcspn(out->query, "#") : 0;
  return INS_OK;
}

/* 127.x.y.z by its digits, lest 127.example.org pass. */
static bool is_loopback(const char *host) {
  if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0) return true;
  return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

ins_status fetch_url_allowed(const char *shown, const fetch_url *url) {
  if (url->secure || is_loopback(url->host) || fetch_environment_on("INSILICO_ALLOW_HTTP"))
    return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%.300s: plain http to %s can be read and changed on its way; use https://, or "
                  "set INSILICO_ALLOW_HTTP=1",
                  shown, url->host);
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : -1;
}

/* One part of a path. An encoded slash stays encoded: it is part of a name, not a step down. */
static void decode_part(const char *part, size_t n, ins_text *out) {
  for (size_t i = 0; i < n; i++) {
    int high = part[i] == '%' && i + 2 < n ? hex_digit(part[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(part[i + 2]) : -1;
    char byte = part[i];
    if (low >= 0 && high * 16 + low != '/') {
      byte = (char)(high * 16 + low);
      i += 2;
    }
    ins_text_add_bytes(out, &byte, 1);
  }
}

static const char *fault_of(const char *part, size_t n) {
  if (n == 0) return "has an empty part";
  if (strcmp(part, ".") == 0 || strcmp(part, "..") == 0) return "has a part '.' or '..'";
  if (n > PART_MAX) return "has a part of more than 200 bytes";
  for (size_t i = 0; i < n; i++)
    if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f || part[i] == '/' || part[i] == '\\')
      return "has a control character or a backslash";
  return NULL;
}

ins_status fetch_path_decode(const char *shown, const char *path, size_t n, ins_text *out) {
  for (size_t at = 0; at < n;) {
    size_t length = 0;
    while (at + length < n && path[at + length] != '/') length++;
    if (length == 0) { /* several slashes are one */
      at++;
      continue;
    }
    if (out->length) ins_text_add_bytes(out, "/", 1);
    size_t start = out->length;
    decode_part(path + at, length, out);
    ins_status status = ins_text_ok(out);
    if (status != INS_OK) return status;
    const char *fault = fault_of(out->data + start, out->length - start);
    if (fault)
      return ins_fail(INS_ERR_ARGUMENT, "%.300s: its path %s, so it cannot be a file in the cache",
                      shown, fault);
    at += length;
  }
  return INS_OK;
}

void fetch_path_encode(const char *path, size_t n, ins_text *out) {
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)path[i];
    bool plain = (c < 0x80 && isalnum(c)) || (c && strchr("-._~/", c));
    ins_text_add(out, plain ? "%c" : "%%%02X", c);
  }
}
