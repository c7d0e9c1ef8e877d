/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_NUMBER = 64 };

typedef struct reader {
  const char *at, *end;
  int depth;
} reader;

static ins_value *read_value(reader *r);

static void skip_blanks(reader *r) {
  while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at) r->at++;
}

static bool take(reader *r, char c) {
  skip_blanks(r);
  if (r->at == r->end || *r->at != c) return false;
  r->at++;
  return true;
}

static bool take_word(reader *r, const char *word) {
  size_t n = strlen(word);
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n)) return false;
  r->at += n;
  return true;
}

/* Four hexadecimal digits, or -1. */
static long read_hex(reader *r) {
  long code = 0;
  if (r->end - r->at < 4) return -1;
  for (int i = 0; i < 4; i++, r->at++) {
    if (!isxdigit((unsigned char)*r->at)) return -1;
    int c = tolower((unsigned char)*r->at);
    code = code * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
  }
  return code;
}

static void add_utf8(ins_text *text, long c) {
  char out[4];
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)(lead[n] | c);
  ins_text_add_bytes(text, out, n);
}

static bool read_escape(reader *r, ins_text *text) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  if (r->at == r->end) return false;
  char c = *r->at++;
  const char *found = c ? strchr(names, c) : NULL;
  if (found) {
    ins_text_add_bytes(text, &values[found - names], 1);
    return true;
  }
  long code = c == 'u' ? read_hex(r) : -1;
  if (code >= 0xd800 && code < 0xdc00) {
    long low = take_word(r, "\\u") ? read_hex(r) : -1;
    if (low < 0xdc00 || low > 0xdfff) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  }
  if (code <= 0) return false; /* texts end at NUL: none can hold one */
  add_utf8(text, code);
  return true;
}

static bool read_text(reader *r, ins_text *text) {
  if (!take(r, '"')) return false;
  ins_text_add_bytes(text, "", 0);
  while (r->at < r->end && *r->at != '"') {
    unsigned char c = (unsigned char)*r->at++;
    if (c < 0x20) return false;
    if (c != '\\')
      ins_text_add_bytes(text, &c, 1);
    else if (!read_escape(r, text))
      return false;
  }
  return take(r, '"') && ins_text_ok(text) == INS_OK;
}

static ins_value *read_number(reader *r) {
  char word[MAX_NUMBER], *rest;
  size_t n = 0;
  bool real = false;
  while (r->at < r->end && n + 1 < sizeof word && *r->at && strchr("+-.eE0123456789", *r->at)) {
    real = real || strchr(".eE", *r->at);
    word[n++] = *r->at++;
  }
  word[n] = '\0';
  errno = 0;
  if (!n || word[0] == '+' || word[0] == '.') return NULL;
  if (!real) {
    long long whole = strtoll(word, &rest, 10);
    if (*rest == '\0' && !errno) return ins_value_int(whole);
  }
  double number = strtod(word, &rest);
  return *rest == '\0' ? ins_value_real(number) : NULL;
}

static bool read_item(reader *r, ins_value *list) {
  ins_value *item = read_value(r);
  return item && ins_list_take(list, item) == INS_OK;
}

static bool read_entry(reader *r, ins_value *map) {
  ins_text key = {0};
  ins_value *item = NULL;
  bool done = read_text(r, &key) && take(r, ':') && (item = read_value(r)) &&
              ins_map_take(map, key.data, item) == INS_OK;
  ins_text_free(&key);
  return done;
}

static ins_value *read_children(reader *r, ins_value *parent, char close,
                                bool (*read_one)(reader *, ins_value *)) {
  bool done = parent && r->depth++ < MAX_DEPTH;
  if (done && !take(r, close)) {
    do done = read_one(r, parent);
    while (done && take(r, ','));
    done = done && take(r, close);
  }
  r->depth--;
  if (!done) ins_value_destroy(&parent);
  return parent;
}

static ins_value *read_value(reader *r) {
  skip_blanks(r);
  if (r->at == r->end) return NULL;
  if (take(r, '{')) return read_children(r, ins_value_map(), '}', read_entry);
  if (take(r, '[')) return read_children(r, ins_value_list(), ']', read_item);
  if (take_word(r, "null")) return ins_value_null();
  if (take_word(r, "true")) return ins_value_bool(true);
  if (take_word(r, "false")) return ins_value_bool(false);
  if (*r->at != '"') return read_number(r);
  ins_text text = {0};
  ins_value *value = read_text(r, &text) ? ins_value_text_n(text.data, text.length) : NULL;
  ins_text_free(&text);
  return value;
}

ins_value *ins_json_parse(const char *text, size_t n) {
  reader r = {.at = text, .end = text + n};
  ins_value *value = read_value(&r);
  skip_blanks(&r);
  if (value && r.at != r.end) ins_value_destroy(&value);
  return value;
}
