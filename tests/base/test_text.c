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

static void tame(const char *text, const char *keep, const char *expected, size_t looked_at) {
  char bytes[64];
  strcpy(bytes, text);
  assert_int_equal(ins_text_tame(bytes, strlen(text), keep), looked_at);
  assert_string_equal(bytes, expected);
}

static void what_a_terminal_obeys_becomes_question_marks(void **state) {
  (void)state;
  tame("\x1b]0;title\x07 \x7f\r\n\t", "", "?]0;title? ????", 15);
  tame("a\tb\nc\x1b", "\n\t", "a\tb\nc?", 6);
  tame("\xc2\x9b"
       "2J",
       "", "??2J", 4); /* CSI in UTF-8 */
  tame("\x9b"
       "2J \xe9x",
       "", "?2J \xe9x", 6);              /* and in Latin-1, where e9 is a letter */
  tame("\xe0\x82\x9b", "", "\xe0??", 3); /* spelt too long */
  tame("\xe2\x80\xae"
       "abc",
       "", "???abc", 6); /* right to left */
}

/* There they are spelt out: names stay what they are. */
static void what_a_terminal_obeys_is_escaped_in_json(void **state) {
  (void)state;
  ins_text text = {0};
  ins_text_add_json(&text, "\x1b\x7f\xc2\x9b\xe2\x80\xae\xc3\xa9\xe2\x80");
  assert_string_equal(text.data, "\"\\u001b\\u007f\\u009b\\u202e\xc3\xa9\xe2\x80\"");
  ins_text_free(&text);
}

static void letters_of_all_scripts_stay(void **state) {
  (void)state;
  static const char text[] = "\xc3\xa9 \xce\xbc \xe7\xbd\x91\xe8\x86\x9c \xf0\x9f\x90\x81";
  tame(text, "", text, strlen(text));
  tame("\xc2\xb5m", "", "\xc2\xb5m", 3);
}

static void a_character_that_is_cut_is_left_for_later(void **state) {
  (void)state;
  tame("ab\xe7\xbd", "", "ab\xe7\xbd", 2);
  tame("ab\xc2", "", "ab\xc2", 2);
  tame("ab\x9b", "", "ab?", 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_a_terminal_obeys_becomes_question_marks),
      cmocka_unit_test(what_a_terminal_obeys_is_escaped_in_json),
      cmocka_unit_test(letters_of_all_scripts_stay),
      cmocka_unit_test(a_character_that_is_cut_is_left_for_later),
      cmocka_unit_test(a_misspelt_word_finds_its_neighbour),
      cmocka_unit_test(json_escapes_what_json_must),
      cmocka_unit_test(sizes_and_times_read_well),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
