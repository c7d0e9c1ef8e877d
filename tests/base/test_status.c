/* SPDX-License-Identifier: MIT */
#include "cmocka_all.h"
#include "insilico/status.h"

static void codes_have_the_values_that_results_files_store(void **state) {
  (void)state;
#define CHECK(code, value, exit, text)                                                             \
  assert_int_equal(code, value);                                                                   \
  assert_string_equal(ins_status_name(code), #code);                                               \
  assert_int_equal(ins_status_exit(code), exit);
  INS_STATUS_LIST(CHECK)
#undef CHECK
}

static void a_failure_keeps_its_message_and_gains_context(void **state) {
  (void)state;
  assert_int_equal(ins_fail(INS_ERR_SHAPE, "%d is not %d", 3, 4), INS_ERR_SHAPE);
  assert_int_equal(ins_within(INS_ERR_SHAPE, "stimulus %s", "a"), INS_ERR_SHAPE);
  assert_string_equal(ins_message(), "stimulus a: 3 is not 4");
}

static void context_on_success_changes_nothing(void **state) {
  (void)state;
  assert_int_equal(ins_fail(INS_ERR_IO, "before"), INS_ERR_IO);
  assert_int_equal(ins_within(INS_OK, "context"), INS_OK);
  assert_string_equal(ins_message(), "before");
}

static void an_overlong_message_is_cut_and_terminated(void **state) {
  (void)state;
  char text[4 * INS_MESSAGE_MAX];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  assert_int_equal(ins_fail(INS_ERR_IO, "%s", text), INS_ERR_IO);
  assert_int_equal(strlen(ins_message()), INS_MESSAGE_MAX - 1);
  assert_int_equal(ins_within(INS_ERR_IO, "%s", text), INS_ERR_IO);
  assert_int_equal(strlen(ins_message()), INS_MESSAGE_MAX - 1);
}

static void what_is_quoted_stays_on_one_line(void **state) {
  (void)state;
  assert_int_equal(ins_fail(INS_ERR_FORMAT, "a kind '%s'", "two\nlines\x1b[31m"), INS_ERR_FORMAT);
  assert_string_equal(ins_message(), "a kind 'two?lines?[31m'");
  assert_int_equal(ins_within(INS_ERR_FORMAT, "in\t%s", "a\r\nfile"), INS_ERR_FORMAT);
  assert_string_equal(ins_message(), "in?a??file: a kind 'two?lines?[31m'");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(codes_have_the_values_that_results_files_store),
      cmocka_unit_test(a_failure_keeps_its_message_and_gains_context),
      cmocka_unit_test(context_on_success_changes_nothing),
      cmocka_unit_test(what_is_quoted_stays_on_one_line),
      cmocka_unit_test(an_overlong_message_is_cut_and_terminated),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
