/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"
#include "insilico/text.h"

static void a_misspelt_word_finds_its_neighbour(void **state) {
  (void)state;
  const char *const words[] = {"optimizer", "objective", "output", "seeds"};
  assert_string_equal(ins_text_nearest("optimiser", words, 4), "optimizer");
  assert_string_equal(ins_text_nearest("seed", words, 4), "seeds");
  assert_null(ins_text_nearest("neurons", words, 4));
  assert_null(ins_text_nearest("x", words, 4));
}

static void json_escapes_what_json_must(void **state) {
  (void)state;
  ins_text text = {0};
  ins_text_add_json(&text, "a\"b\\c\n\x01é");
  assert_int_equal(ins_text_ok(&text), INS_OK);
  assert_string_equal(text.data, "\"a\\\"b\\\\c\\n\\u0001é\"");
  ins_text_free(&text);
}

static void sizes_and_times_read_well(void **state) {
  (void)state;
  char out[64];
  assert_string_equal(ins_text_bytes(512, out, sizeof out), "512 bytes");
  assert_string_equal(ins_text_bytes(118.2e6, out, sizeof out), "118 MB");
  assert_string_equal(ins_text_bytes(3.25e9, out, sizeof out), "3.2 GB");
  assert_string_equal(ins_text_duration(0.075, out, sizeof out), "75 ms");
  assert_string_equal(ins_text_duration(0.25, out, sizeof out), "0.2 s");
  assert_string_equal(ins_text_duration(125, out, sizeof out), "2 min 5 s");
  assert_string_equal(ins_text_duration(2 * 3600 + 180, out, sizeof out), "2 h 3 min");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_misspelt_word_finds_its_neighbour),
      cmocka_unit_test(json_escapes_what_json_must),
      cmocka_unit_test(sizes_and_times_read_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
