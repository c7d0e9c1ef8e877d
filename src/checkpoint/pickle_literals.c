/* SPDX-License-Identifier: MIT */
/* The instructions that push numbers and texts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pickle_machine.h"

/* ---- plain values ---------------------------------------------------------------------------- */

static ins_status push_int(ins_machine *m, int64_t x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_INT, &node);
  if (status == INS_OK) node->integer = x;
  return status;
}

static ins_status push_bool(ins_machine *m, bool x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_BOOL, &node);
  if (status == INS_OK) node->boolean = x;
  return status;
}

static ins_status push_real(ins_machine *m, double x) {
  ins_pickle_node *node;
  ins_status status = ins_machine_push_new(m, PK_REAL, &node);
  if (status == INS_OK) node->real = x;
  return status;
}

ins_status ins_op_none(ins_machine *m, unsigned char code) {
  ins_pickle_node *node;
  (void)code;
  return ins_machine_push_new(m, PK_NONE, &node);
}

ins_status ins_op_bool(ins_machine *m, unsigned char code) {
  return push_bool(m, code == 0x88);
}

ins_status ins_op_small_int(ins_machine *m, unsigned char code) {
  uint64_t x;
  ins_status status = ins_machine_number(m, code == 'K' ? 1 : code == 'M' ? 2 : 4, &x);
  if (status != INS_OK) return status;
  return push_int(m, code == 'J' ? (int32_t)(uint32_t)x : (int64_t)x);
}

ins_status ins_op_float(ins_machine *m, unsigned char code) {
  const unsigned char *p = NULL;
  uint64_t bits = 0;
  double x;
  (void)code;
  ins_status status = ins_machine_bytes(m, 8, &p);
  if (status != INS_OK) return status;
  for (int i = 0; i < 8; i++) bits = bits << 8 | p[i];
  memcpy(&x, &bits, sizeof x);
  return push_real(m, x);
}

/* A line as a NUL-terminated number. */
ins_status ins_machine_number_line(ins_machine *m, char out[64], const char **line, size_t *n) {
  ins_status status = ins_machine_line(m, line, n);
  if (status != INS_OK) return status;
  size_t kept = *n < 63 ? *n : 63;
  memcpy(out, *line, kept);
  out[kept] = '\0';
  return INS_OK;
}

ins_status ins_op_float_line(ins_machine *m, unsigned char code) {
  char text[64], *end;
  const char *line;
  size_t n;
  (void)code;
  ins_status status = ins_machine_number_line(m, text, &line, &n);
  if (status != INS_OK) return status;
  double x = strtod(text, &end);
  if (end == text || *end) return ins_machine_broken(m, "a number cannot be read");
  return push_real(m, x);
}

/* INT and LONG of protocol 0; "00" and "01" are its false and true. */
ins_status ins_op_int_line(ins_machine *m, unsigned char code) {
  char text[64], *end;
  const char *line;
  size_t n;
  ins_status status = ins_machine_number_line(m, text, &line, &n);
  if (status != INS_OK) return status;
  if (code == 'I' && (strcmp(text, "00") == 0 || strcmp(text, "01") == 0))
    return push_bool(m, text[1] == '1');
  if (code == 'L' && n > 0 && line[n - 1] == 'L') n--;
  if (n == 0 || n > 4300) return ins_machine_broken(m, "a number cannot be read");
  if (n < sizeof text) text[n] = '\0';
  errno = 0;
  long long x = strtoll(text, &end, 10);
  if (n >= sizeof text || errno == ERANGE) return ins_machine_push_text(m, PK_BIG_INT, line, n);
  if (end == text || *end) return ins_machine_broken(m, "a number cannot be read");
  return push_int(m, x);
}

/* LONG1 and LONG4: two's complement, little-endian. */
ins_status ins_op_long(ins_machine *m, unsigned char code) {
  uint64_t n, bits;
  const unsigned char *p = NULL;
  ins_status status = ins_machine_number(m, code == 0x8a ? 1 : 4, &n);
  if (status == INS_OK) status = ins_machine_bytes(m, (size_t)n, &p);
  if (status != INS_OK) return status;
  if (n > 8) return ins_machine_push_text(m, PK_BIG_INT, p, (size_t)n);
  bits = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
  for (size_t i = (size_t)n; i > 0; i--) bits = bits << 8 | p[i - 1];
  return push_int(m, (int64_t)bits);
}

/* ---- texts and bytes ------------------------------------------------------------------------- */

typedef struct counted {
  unsigned char code;
  uint8_t size; /* of the length that stands before the bytes */
  uint8_t kind;
} counted;

/* STRING of protocols 1 and 2 is what Python 2 called text: torch reads it as text too. */
static const counted counteds[] = {
    {'T', 4, PK_TEXT},  {'U', 1, PK_TEXT},   {'X', 4, PK_TEXT},
    {0x8c, 1, PK_TEXT}, {0x8d, 8, PK_TEXT},  {'B', 4, PK_BYTES},
    {'C', 1, PK_BYTES}, {0x8e, 8, PK_BYTES}, {0x96, 8, PK_BYTES},
};

ins_status ins_op_counted(ins_machine *m, unsigned char code) {
  const counted *c = counteds;
  const unsigned char *p = NULL;
  uint64_t n;
  while (c->code != code) c++;
  ins_status status = ins_machine_number(m, c->size, &n);
  if (status == INS_OK && n > m->n)
    status = ins_machine_starved(m, "a text is longer than the file");
  if (status == INS_OK) status = ins_machine_bytes(m, (size_t)n, &p);
  return status == INS_OK ? ins_machine_push_text(m, c->kind, p, (size_t)n) : status;
}

static int hex_digits(const char *p, const char *end, int n, uint32_t *out) {
  *out = 0;
  for (int i = 0; i < n; i++) {
    if (p + i >= end) return 0;
    char c = p[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return 0;
    *out = *out << 4 | (uint32_t)digit;
  }
  return n;
}

static size_t utf8(uint32_t c, char *out) {
  if (c < 0x80) {
    out[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    out[0] = (char)(0xc0 | c >> 6);
    out[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  out[0] = (char)(0xf0 | (c >> 18 & 7));
  out[1] = (char)(0x80 | (c >> 12 & 0x3f));
  out[2] = (char)(0x80 | (c >> 6 & 0x3f));
  out[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

/* UNICODE of protocol 0: Latin-1 with \uXXXX and \UXXXXXXXX. */
ins_status ins_op_unicode_line(ins_machine *m, unsigned char code) {
  const char *line;
  char *text;
  size_t n, length = 0;
  (void)code;
  ins_status status = ins_machine_line(m, &line, &n);
  if (status == INS_OK) status = ins_machine_keep(m, 2 * n + 4, &text);
  if (status != INS_OK) return status;
  for (const char *p = line, *end = line + n; p < end;) {
    uint32_t c;
    int digits = end - p < 2 || p[0] != '\\' ? 0 : p[1] == 'u' ? 4 : p[1] == 'U' ? 8 : 0;
    if (digits && hex_digits(p + 2, end, digits, &c)) {
      p += 2 + digits;
    } else {
      c = (unsigned char)*p++;
    }
    length += utf8(c, text + length);
  }
  return ins_machine_push_text(m, PK_TEXT, text, length);
}

static char escaped(char c) {
  static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
  const char *found = c ? strchr(from, c) : NULL;
  return found ? to[found - from] : c;
}

/* STRING of protocol 0: a quoted Python literal with escapes. */
ins_status ins_op_string_line(ins_machine *m, unsigned char code) {
  const char *line;
  char *text;
  size_t n, length = 0;
  (void)code;
  ins_status status = ins_machine_line(m, &line, &n);
  if (status != INS_OK) return status;
  while (n && (line[n - 1] == ' ' || line[n - 1] == '\r')) n--;
  if (n < 2 || (line[0] != '\'' && line[0] != '"') || line[n - 1] != line[0])
    return ins_machine_broken(m, "a text lacks its quotes");
  status = ins_machine_keep(m, n, &text);
  if (status != INS_OK) return status;
  for (const char *p = line + 1, *end = line + n - 1; p < end;) {
    uint32_t c;
    if (*p != '\\' || p + 1 >= end) {
      text[length++] = *p++;
    } else if (p[1] == 'x' && hex_digits(p + 2, end, 2, &c)) {
      text[length++] = (char)c;
      p += 4;
    } else {
      text[length++] = escaped(p[1]);
      p += 2;
    }
  }
  return ins_machine_push_text(m, PK_TEXT, text, length);
}
