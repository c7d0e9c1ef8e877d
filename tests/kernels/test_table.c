/* SPDX-License-Identifier: MIT */
#include "kernels_paths.h"

static void names_and_levels_agree(void **state) {
  (void)state;
  const char *const *names = ins_kernels_names();
  assert_string_equal(names[0], "generic");
  for (int i = 0; names[i]; i++) assert_int_equal(ins_kernels_level(names[i]), i);
  assert_int_equal(ins_kernels_level("altivec"), -1);
  assert_null(ins_kernels_find("altivec"));
}

static void check_table(const ins_kernels *kernels, void *arg) {
  (void)arg;
  assert_string_equal(ins_kernels_name(kernels), kernels->name);
  assert_ptr_equal(ins_kernels_find(kernels->name), kernels);
  assert_true(kernels->lanes == 4 || kernels->lanes == 8 || kernels->lanes == 16);
}

static void every_table_is_found_under_its_own_name(void **state) {
  (void)state;
  for_each_path(check_table, NULL);
}

static void check_not_wider(const ins_kernels *kernels, void *arg) {
  const ins_kernels *best = arg;
  assert_true(ins_kernels_level(kernels->name) <= ins_kernels_level(best->name));
}

static void the_best_is_the_widest_that_runs(void **state) {
  (void)state;
  ins_kernels best = *ins_kernels_best();
  for_each_path(check_not_wider, &best);
}

static int uncap(void **state) {
  (void)state;
  return unsetenv("INSILICO_KERNELS");
}

static void a_capped_process_has_no_wider_path(void **state) {
  (void)state;
  const int widest = ins_kernels_level(ins_kernels_name(ins_kernels_best()));
  for (int cap = 0; cap <= widest; cap++) {
    setenv("INSILICO_KERNELS", ins_kernels_names()[cap], 1);
    assert_int_equal(ins_kernels_check(), INS_OK);
    assert_string_equal(ins_kernels_name(ins_kernels_best()), ins_kernels_names()[cap]);
    for (int i = 0; ins_kernels_names()[i]; i++)
      assert_int_equal(ins_kernels_find(ins_kernels_names()[i]) != NULL, i <= cap);
  }
}

static void a_cap_gives_no_path_that_the_processor_lacks(void **state) {
  (void)state;
  const ins_kernels *best = ins_kernels_best();
  const char *const *names = ins_kernels_names();
  int n = 0;
  while (names[n + 1]) n++;
  setenv("INSILICO_KERNELS", names[n], 1);
  assert_ptr_equal(ins_kernels_best(), best);
}

static void a_cap_that_names_no_path_is_told_and_caps_nothing(void **state) {
  (void)state;
  const ins_kernels *best = ins_kernels_best();
  setenv("INSILICO_KERNELS", "genric", 1);
  assert_int_equal(ins_kernels_check(), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "'genric' (did you mean 'generic'?)"));
  assert_ptr_equal(ins_kernels_best(), best);
  setenv("INSILICO_KERNELS", "", 1); /* as if it were not set */
  assert_int_equal(ins_kernels_check(), INS_OK);
  assert_ptr_equal(ins_kernels_best(), best);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_levels_agree),
      cmocka_unit_test(every_table_is_found_under_its_own_name),
      cmocka_unit_test(the_best_is_the_widest_that_runs),
      cmocka_unit_test_teardown(a_capped_process_has_no_wider_path, uncap),
      cmocka_unit_test_teardown(a_cap_gives_no_path_that_the_processor_lacks, uncap),
      cmocka_unit_test_teardown(a_cap_that_names_no_path_is_told_and_caps_nothing, uncap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
