/* SPDX-License-Identifier: MIT */
#include "insilico/status.h"

#include <stdio.h>
#include <string.h>

#include "insilico/text.h"

static _Thread_local char message[INS_MESSAGE_MAX];

static const struct {
  ins_status code;
  int exit;
  const char *name, *text;
} table[] = {
#define ROW(code, value, exit, text) {code, exit, #code, text},
    INS_STATUS_LIST(ROW)
#undef ROW
};

/* Rows stand in the order of their values, which tests check. */
static size_t row_of(ins_status code) {
  size_t n = sizeof table / sizeof table[0];
  return (size_t)code < n ? (size_t)code : (size_t)INS_ERR_INTERNAL;
}

/* What a message quotes may be a stranger's: it stays one line of printable text. */
static void keep_on_one_line(void) {
  const size_t n = strlen(message), whole = ins_text_tame(message, n, "");
  memset(message + whole, '?', n - whole); /* a character that was cut */
}

ins_status ins_fail(ins_status code, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  keep_on_one_line();
  return code;
}

ins_status ins_within(ins_status code, const char *context, ...) {
  if (code == INS_OK) return code;
  char inner[INS_MESSAGE_MAX];
  memcpy(inner, message, sizeof inner);
  va_list args;
  va_start(args, context);
  int n = vsnprintf(message, sizeof message, context, args);
  va_end(args);
  if (n >= 0 && (size_t)n < sizeof message)
    snprintf(message + n, sizeof message - (size_t)n, ": %s", inner);
  keep_on_one_line();
  return code;
}

const char *ins_message(void) {
  return message;
}

void ins_message_clear(void) {
  message[0] = '\0';
}

const char *ins_status_name(ins_status code) {
  return table[row_of(code)].name;
}

const char *ins_status_text(ins_status code) {
  return table[row_of(code)].text;
}

int ins_status_exit(ins_status code) {
  return table[row_of(code)].exit;
}
