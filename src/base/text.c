/* SPDX-License-Identifier: MIT */
#include "insilico/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(ins_text *text, size_t more) {
  if (text->failed) return false;
  size_t needed = text->length + more + 1;
  if (needed <= text->capacity) return true;
  size_t capacity = text->capacity ? text->capacity * 2 : 64;
  if (capacity < needed) capacity = needed;
  char *data = realloc(text->data, capacity);
  if (!data) {
    text->failed = true;
    return false;
  }
  text->data = data;
  text->capacity = capacity;
  return true;
}

void ins_text_add_bytes(ins_text *text, const void *bytes, size_t n) {
  if (!reserve(text, n)) return;
  if (n) memcpy(text->data + text->length, bytes, n);
  text->length += n;
  text->data[text->length] = '\0';
}

void ins_text_add(ins_text *text, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n >= 0 && reserve(text, (size_t)n)) {
    vsnprintf(text->data + text->length, (size_t)n + 1, format, again);
    text->length += (size_t)n;
  }
  va_end(again);
}

/* ---- text of strangers ------------------------------------------------------------------------
 */

/* Bytes of the UTF-8 character that begins with c; 0: none does. */
static size_t length_of(unsigned char c) {
  if (c < 0x80) return 1;
  return c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Do the first n bytes go on as they should? What is spelt longer than needed is no character. */
static bool goes_on(const unsigned char *s, size_t n) {
  for (size_t i = 1; i < n; i++)
    if (s[i] < 0x80 || s[i] >= 0xc0) return false;
  return n < 2 || !((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90));
}

/* U+0080 to U+009F; U+202A to U+202E and U+2066 to U+2069, after which text runs the other way. */
static bool is_wild(const unsigned char *s, size_t length) {
  if (length == 1) return *s < 0x20 || *s == 0x7f;
  if (length == 2) return s[0] == 0xc2 && s[1] < 0xa0;
  return length == 3 && s[0] == 0xe2 &&
         ((s[1] == 0x80 && s[2] >= 0xaa && s[2] <= 0xae) ||
          (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9));
}

/* The same of a text that may end within the character. */
static bool is_wild_at(const char *s) {
  const size_t length = length_of((unsigned char)*s);
  const unsigned char *bytes = (const unsigned char *)s;
  return length > 1 && strnlen(s, length) == length && goes_on(bytes, length) &&
         is_wild(bytes, length);
}

/* Code point of a character of two or three bytes. */
static unsigned code_of(const unsigned char *s, size_t length) {
  return length == 2 ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu)
                     : (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
}

void ins_text_add_json(ins_text *text, const char *s) {
  ins_text_add_bytes(text, "\"", 1);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      ins_text_add(text, "\\%c", c);
    else if (c == '\n')
      ins_text_add_bytes(text, "\\n", 2);
    else if (c == '\t')
      ins_text_add_bytes(text, "\\t", 2);
    else if (c < 0x20 || c == 0x7f)
      ins_text_add(text, "\\u%04x", c);
    else if (is_wild_at(s)) {
      const size_t length = length_of(c);
      ins_text_add(text, "\\u%04x", code_of((const unsigned char *)s, length));
      s += length - 1;
    } else
      ins_text_add_bytes(text, s, 1);
  }
  ins_text_add_bytes(text, "\"", 1);
}

ins_status ins_text_ok(const ins_text *text) {
  return text->failed ? ins_fail(INS_ERR_MEMORY, "out of memory while building a text") : INS_OK;
}

void ins_text_free(ins_text *text) {
  free(text->data);
  *text = (ins_text){0};
}

char *ins_format(const char *format, ...) {
  char *out = NULL;
  va_list args;
  va_start(args, format);
  int n = vasprintf(&out, format, args);
  va_end(args);
  if (n >= 0) return out;
  ins_status status = ins_fail(INS_ERR_MEMORY, "out of memory while building a text");
  (void)status;
  return NULL;
}

/* Levenshtein distance with two rows; words longer than the limit are never close. */
static size_t distance(const char *a, const char *b) {
  enum { LIMIT = 63 };
  size_t n = strlen(a), m = strlen(b);
  if (n > LIMIT || m > LIMIT) return LIMIT;
  size_t row[LIMIT + 1];
  for (size_t j = 0; j <= m; j++) row[j] = j;
  for (size_t i = 1; i <= n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= m; j++) {
      size_t replace = diagonal + (a[i - 1] != b[j - 1]);
      size_t insert = row[j - 1] + 1, drop = row[j] + 1;
      diagonal = row[j];
      row[j] = replace < insert ? replace : insert;
      if (drop < row[j]) row[j] = drop;
    }
  }
  return row[m];
}

const char *ins_text_nearest(const char *word, const char *const *words, size_t n) {
  size_t limit = strlen(word) / 3, best = 0;
  const char *nearest = NULL;
  if (limit < 2) limit = 2;
  for (size_t i = 0; i < n; i++) {
    size_t d = distance(word, words[i]);
    if (d > limit || d >= strlen(words[i])) continue;
    if (!nearest || d < best) {
      nearest = words[i];
      best = d;
    }
  }
  return nearest;
}

size_t ins_text_tame(char *bytes, size_t n, const char *keep) {
  size_t i = 0;
  while (i < n) {
    unsigned char *s = (unsigned char *)bytes + i;
    const size_t left = n - i;
    size_t length = length_of(*s);
    if (length > left && goes_on(s, left)) break;
    if (length == 0 || length > left || !goes_on(s, length)) {
      if (*s < 0xa0) *s = '?'; /* a control character of Latin-1 */
      length = 1;
    } else if (is_wild(s, length) && !(length == 1 && *s && strchr(keep, *s))) {
      memset(s, '?', length);
    }
    i += length;
  }
  return i;
}

char *ins_text_bytes(double bytes, char *out, size_t size) {
  static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
  size_t u = 0;
  while (bytes >= 999.5 && u + 1 < sizeof units / sizeof units[0]) {
    bytes /= 1000;
    u++;
  }
  snprintf(out, size, u == 0 || bytes >= 99.5 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
  return out;
}

char *ins_text_duration(double seconds, char *out, size_t size) {
  if (!isfinite(seconds))
    snprintf(out, size, "unknown");
  else if (seconds < 0.0995)
    snprintf(out, size, "%.2g ms", seconds * 1e3);
  else if (seconds < 9.95)
    snprintf(out, size, "%.1f s", seconds);
  else if (seconds < 59.5)
    snprintf(out, size, "%.0f s", seconds);
  else if (seconds < 3570)
    snprintf(out, size, "%d min %d s", (int)(seconds + .5) / 60, (int)(seconds + .5) % 60);
  else if (seconds < 172800)
    snprintf(out, size, "%d h %d min", (int)(seconds + 30) / 3600, (int)(seconds + 30) / 60 % 60);
  else
    snprintf(out, size, "%.1f days", seconds / 86400);
  return out;
}
