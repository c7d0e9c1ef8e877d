/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/yaml.h"

enum { LONGEST_NUMBER = 400 }; /* beyond this it is text: no double needs as many digits */

static bool is_one_of(const char *s, const char *const *words) {
  for (; *words; words++)
    if (strcmp(s, *words) == 0) return true;
  return false;
}

static size_t digits(const char *s) {
  return strspn(s, "0123456789");
}

/* [-+]? (\.[0-9]+ | [0-9]+(\.[0-9]*)?) ([eE][-+]?[0-9]+)?; *whole when it is [-+]?[0-9]+ */
static bool is_decimal(const char *s, bool *whole) {
  s += *s == '-' || *s == '+';
  size_t before = digits(s), after = 0;
  s += before;
  *whole = !*s;
  if (*s == '.') after = digits(++s);
  s += after;
  if (before + after == 0) return false;
  if (*s == 'e' || *s == 'E') {
    s++;
    s += *s == '-' || *s == '+';
    size_t exponent = digits(s);
    if (!exponent) return false;
    s += exponent;
  }
  return !*s;
}

static bool is_prefixed(const char *s, int *base) {
  if (s[0] != '0' || !s[1] || !s[2]) return false;
  *base = s[1] == 'x' ? 16 : s[1] == 'o' ? 8 : 0;
  const char *allowed = *base == 16 ? "0123456789abcdefABCDEF" : "01234567";
  return *base && s[2 + strspn(s + 2, allowed)] == '\0';
}

/* Whole numbers beyond 64 bits become reals. */
static ins_value *whole_number(const char *s, const char *text, int base) {
  errno = 0;
  long long i = strtoll(s, NULL, base);
  if (errno != ERANGE) return ins_value_int(i);
  return base == 10 ? ins_value_real(strtod(s, NULL)) : ins_value_text(text);
}

ins_value *ins_yaml_scalar(const char *s, size_t n) {
  static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const yes[] = {"true", "True", "TRUE", NULL};
  static const char *const no[] = {"false", "False", "FALSE", NULL};
  static const char *const inf[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
  static const char *const minus_inf[] = {"-.inf", "-.Inf", "-.INF", NULL};
  static const char *const nan_[] = {".nan", ".NaN", ".NAN", NULL};
  char buffer[LONGEST_NUMBER + 1];
  bool whole;
  int base;
  if (n > LONGEST_NUMBER) return ins_value_text_n(s, n);
  if (n) memcpy(buffer, s, n);
  buffer[n] = '\0';
  if (is_one_of(buffer, nulls)) return ins_value_null();
  if (is_one_of(buffer, yes)) return ins_value_bool(true);
  if (is_one_of(buffer, no)) return ins_value_bool(false);
  if (is_one_of(buffer, inf)) return ins_value_real(INFINITY);
  if (is_one_of(buffer, minus_inf)) return ins_value_real(-INFINITY);
  if (is_one_of(buffer, nan_)) return ins_value_real(NAN);
  if (is_prefixed(buffer, &base)) return whole_number(buffer + 2, buffer, base);
  if (!is_decimal(buffer, &whole)) return ins_value_text(buffer);
  return whole ? whole_number(buffer, buffer, 10) : ins_value_real(strtod(buffer, NULL));
}

/* Bytes of the UTF-8 sequence at s (1 to 4), or 0 when it is none: overlong forms, surrogates and
 * what lies beyond U+10FFFF are none. */
static size_t sequence(const unsigned char *s, size_t n) {
  if (s[0] < 0x80) return s[0] >= 0x20 || s[0] == '\t' || s[0] == '\n' || s[0] == '\r';
  size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || length > n) return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
  if (s[0] == 0xed && s[1] > 0x9f) return 0;
  if (s[0] == 0xf0 && s[1] < 0x90) return 0;
  if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
  return length;
}

size_t ins_yaml_first_bad_byte(const char *s, size_t n) {
  size_t i = 0;
  while (i < n) {
    size_t length = sequence((const unsigned char *)s + i, n - i);
    if (!length) return i;
    i += length;
  }
  return n;
}
