/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

void fetch_answer_clear(fetch_answer *answer) {
  *answer = (fetch_answer){
      .length = -1, .range_start = -1, .range_of = -1, .retry_after_s = -1, .linked_size = -1};
}

bool fetch_read_sha256(const char *text, size_t n, char out[INS_SHA256_HEX]) {
  if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
    text++;
    n -= 2;
  }
  if (n != INS_SHA256_HEX - 1) return false;
  for (size_t i = 0; i < n; i++) {
    if (!isxdigit((unsigned char)text[i])) return false;
    out[i] = (char)tolower((unsigned char)text[i]);
  }
  out[n] = '\0';
  return true;
}

/* A number of bytes; -1 when it is none. */
static int64_t read_size(const char *text) {
  char *end;
  if (*text < '0' || *text > '9') return -1;
  long long value = strtoll(text, &end, 10);
  return *end || value == INT64_MAX ? -1 : value;
}

/* "bytes 100-199/200"; with status 416 the range is a star, and either number may be one. */
static void read_range(fetch_answer *answer, const char *text) {
  if (strncasecmp(text, "bytes ", 6) != 0) return;
  const char *slash = strchr(text, '/');
  char start[24];
  snprintf(start, sizeof start, "%.*s", (int)strcspn(text + 6, "-"), text + 6);
  answer->range_start = read_size(start);
  answer->range_of = slash ? read_size(slash + 1) : -1;
}

/* Seconds, or a date. */
static void read_retry_after(fetch_answer *answer, const char *text) {
  int64_t seconds = read_size(text);
  time_t then = seconds < 0 ? curl_getdate(text, NULL) : -1;
  if (seconds >= 0) answer->retry_after_s = (double)seconds;
  if (then > 0) answer->retry_after_s = difftime(then, time(NULL));
  if (then > 0 && answer->retry_after_s < 0) answer->retry_after_s = 0;
}

static void read_field(fetch_answer *answer, const char *name, const char *value) {
  size_t n = strlen(value);
  if (strcasecmp(name, "Content-Length") == 0) answer->length = read_size(value);
  if (strcasecmp(name, "Content-Range") == 0) read_range(answer, value);
  if (strcasecmp(name, "Retry-After") == 0) read_retry_after(answer, value);
  if (strcasecmp(name, "Content-Type") == 0)
    answer->web_page =
        strncasecmp(value, "text/html", 9) == 0 || strncasecmp(value, "application/xhtml", 17) == 0;
  if (strcasecmp(name, "X-Linked-Size") == 0) answer->linked_size = read_size(value);
  if (strcasecmp(name, "X-Linked-ETag") == 0 && !fetch_read_sha256(value, n, answer->linked_sha256))
    answer->linked_sha256[0] = '\0';
  /* A weak tag promises the same meaning, not the same bytes. */
  if (strcasecmp(name, "ETag") == 0 && n >= 2 && value[0] == '"' && value[n - 1] == '"' &&
      n < sizeof answer->etag)
    memcpy(answer->etag, value, n + 1);
}

void fetch_answer_line(fetch_answer *answer, const char *line, size_t n) {
  char text[1024];
  while (n && isspace((unsigned char)line[n - 1])) n--;
  if (n >= sizeof text) return; /* none of the fields that matter is so long */
  memcpy(text, line, n);
  text[n] = '\0';
  if (strncmp(text, "HTTP/", 5) == 0) {
    const char *code = strchr(text, ' ');
    fetch_answer_clear(answer);
    answer->code = code ? strtol(code, NULL, 10) : 0;
    return;
  }
  char *colon = strchr(text, ':');
  if (!colon) return;
  *colon++ = '\0';
  while (*colon == ' ' || *colon == '\t') colon++;
  for (const char *p = colon; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) return;
  read_field(answer, text, colon);
}

bool fetch_answer_redirects(const fetch_answer *answer) {
  long c = answer->code;
  return c == 301 || c == 302 || c == 303 || c == 307 || c == 308;
}

bool fetch_answer_transient(const fetch_answer *answer) {
  long c = answer->code;
  return c == 408 || c == 425 || c == 429 || c >= 500;
}
