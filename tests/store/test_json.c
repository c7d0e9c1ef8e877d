/* SPDX-License-Identifier: MIT */
#include "store/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static ins_value *parse(const char *text) {
  return ins_json_parse(text, strlen(text));
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  static const char *const lines[] = {
      "{\"a\":[1,-2,3.5,\"x\\ny\"],\"b\":{\"c\":null,\"d\":true,\"e\":false},\"f\":\"\"}",
      "[]",
      "{}",
      "-9223372036854775808",
      "1e+300",
      "\"\xc2\xb5m\"",
      "[[[[1]]]]"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    ins_text json = {0};
    ins_value *value = parse(lines[i]), *again;
    assert_non_null(value);
    ins_value_json(value, 100, &json);
    again = parse(json.data);
    assert_true(ins_value_equal(value, again));
    ins_text_free(&json);
    ins_value_destroy(&value);
    ins_value_destroy(&again);
  }
}

static void escapes_become_utf8(void **state) {
  (void)state;
  ins_value *value = parse("\"\\u00b5 \\ud83d\\ude00 \\\"\\\\\\/\\t\\u0001\"");
  assert_string_equal(ins_value_text_or(value, ""), "\xc2\xb5 \xf0\x9f\x98\x80 \"\\/\t\x01");
  ins_value_destroy(&value);
}

static void damaged_text_is_no_value(void **state) {
  (void)state;
  static const char *const damaged[] = {"",
                                        " ",
                                        "{",
                                        "}",
                                        "[1,",
                                        "[1,]",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{a:1}",
                                        "{\"a\":1}}",
                                        "1 2",
                                        "\"",
                                        "\"\\",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\ud83d\"",
                                        "\"\\ud83dx\"",
                                        "\"\\u0000\"",
                                        "tru",
                                        "-",
                                        "+1",
                                        ".5",
                                        "1.2.3",
                                        "--1",
                                        "\"a\nb\"",
                                        "{\"time\":\"2024-01",
                                        "[1 2]",
                                        "nul",
                                        "0x10"};
  for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
    ins_value *value = parse(damaged[i]);
    if (value) fail_msg("'%s' was taken for JSON", damaged[i]);
  }
}

/* Every prefix and every changed byte of a good line, in a buffer without spare bytes. */
static void no_damage_reads_beyond_the_text(void **state) {
  (void)state;
  static const char line[] =
      "{\"event\":\"deal\",\"wall\":1.25e-3,\"text\":\"\\u00e9\\n\",\"list\":[1,true,null,{}]}";
  for (size_t n = 0; n < sizeof line; n++) {
    for (int c = 0; c < 256; c += 5) {
      char *copy = malloc(n ? n : 1);
      memcpy(copy, line, n);
      if (n) copy[n / 2] = (char)c;
      ins_value *value = ins_json_parse(copy, n);
      ins_value_destroy(&value);
      free(copy);
    }
  }
}

static void nesting_is_bounded(void **state) {
  (void)state;
  char deep[20000];
  memset(deep, '[', sizeof deep);
  assert_null(ins_json_parse(deep, sizeof deep));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(escapes_become_utf8),
      cmocka_unit_test(damaged_text_is_no_value),
      cmocka_unit_test(no_damage_reads_beyond_the_text),
      cmocka_unit_test(nesting_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
