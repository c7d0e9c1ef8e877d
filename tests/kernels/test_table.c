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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_and_levels_agree),
      cmocka_unit_test(every_table_is_found_under_its_own_name),
      cmocka_unit_test(the_best_is_the_widest_that_runs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
