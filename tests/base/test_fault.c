/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/fault.h"

static void ask_for(const char *faults) {
  if (faults)
    setenv("INS_FAULT", faults, 1);
  else
    unsetenv("INS_FAULT");
  ins_fault_set_rank(0);
  assert_int_equal(ins_fault_check(), INS_OK);
}

static void without_the_variable_nothing_fails(void **state) {
  (void)state;
  ask_for(NULL);
  assert_false(ins_fault("store.write", 0));
  ask_for("");
  assert_false(ins_fault("store.write", 0));
  ask_for(" , ");
  assert_false(ins_fault("lock", -1));
}

static void a_task_fails_once_at_its_site_only(void **state) {
  (void)state;
  ask_for("store.write:3");
  assert_false(ins_fault("store.write", 2));
  assert_false(ins_fault("store.write.status", 3));
  assert_true(ins_fault("store.write", 3));
  assert_false(ins_fault("store.write", 3));
  assert_false(ins_fault("store.write", 4));
}

static void without_a_number_the_first_pass_fails(void **state) {
  (void)state;
  ask_for("compute");
  assert_true(ins_fault("compute", 12));
  assert_false(ins_fault("compute", 13));
}

static void a_plus_fails_from_its_number_on(void **state) {
  (void)state;
  ask_for("compute:3+");
  assert_false(ins_fault("compute", 2));
  assert_true(ins_fault("compute", 5));
  assert_true(ins_fault("compute", 3));
  assert_false(ins_fault("compute", 0));
  ask_for("compute+");
  assert_true(ins_fault("compute", 0));
  assert_true(ins_fault("compute", 0));
}

static void passes_are_counted_from_one_for_each_site(void **state) {
  (void)state;
  ask_for("journal.write:2");
  assert_false(ins_fault("lock", -1));
  assert_false(ins_fault("journal.write", -1));
  assert_true(ins_fault("journal.write", -1));
  assert_false(ins_fault("journal.write", -1));
}

static void only_the_rank_that_is_meant_fails(void **state) {
  (void)state;
  ask_for("message:1+@2");
  assert_false(ins_fault("message", -1));
  ins_fault_set_rank(2);
  assert_true(ins_fault("message", -1));
  ins_fault_set_rank(1);
  assert_false(ins_fault("message", -1));
}

static void several_faults_stand_beside_each_other(void **state) {
  (void)state;
  ask_for("compute:1 store.write:2,lock=fail");
  assert_true(ins_fault("lock", -1));
  assert_true(ins_fault("store.write", 2));
  assert_true(ins_fault("compute", 1));
  assert_false(ins_fault("compute", 2));
}

/* What becomes of a process that passes `site`, as waitpid tells. */
static int passing(const char *faults, const char *site, pid_t *child) {
  int what = 0;
  fflush(NULL);
  *child = fork();
  if (*child == 0) {
    setenv("INS_FAULT", faults, 1);
    if (ins_fault_check() != INS_OK) _exit(3);
    _exit(ins_fault(site, 7) ? 2 : 0);
  }
  assert_true(*child > 0);
  assert_int_equal(waitpid(*child, &what, WUNTRACED), *child);
  return what;
}

static void kill_ends_the_process_at_the_site(void **state) {
  (void)state;
  pid_t child;
  int what = passing("store.write:7=kill", "store.write", &child);
  assert_true(WIFSIGNALED(what));
  assert_int_equal(WTERMSIG(what), SIGKILL);
  what = passing("store.write:8=kill", "store.write", &child);
  assert_true(WIFEXITED(what));
  assert_int_equal(WEXITSTATUS(what), 0);
}

static void stop_halts_the_process_and_it_goes_on_without_failing(void **state) {
  (void)state;
  pid_t child;
  int what = passing("store.write:7=stop", "store.write", &child);
  assert_true(WIFSTOPPED(what));
  kill(child, SIGCONT);
  assert_int_equal(waitpid(child, &what, 0), child);
  assert_true(WIFEXITED(what));
  assert_int_equal(WEXITSTATUS(what), 0);
}

static void what_is_not_well_formed_is_refused_and_does_nothing(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "nowhere",        "store",
      "store.write:",   "store.write:-1",
      "store.write:x",  "store.write@",
      "store.write@1+", "store.write=die",
      "store.write=",   "store.write=fail+",
      "compute nope",   ":3",
      "compute:3 x",    "compute:99999999999",
      "compute:1x",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    setenv("INS_FAULT", wrong[i], 1);
    assert_int_equal(ins_fault_check(), INS_ERR_ARGUMENT);
    assert_non_null(strstr(ins_message(), "INS_FAULT"));
    assert_false(ins_fault("store.write", 1));
    assert_false(ins_fault("compute", 3));
  }
}

static void a_wrong_site_is_told_all_sites(void **state) {
  (void)state;
  setenv("INS_FAULT", "store.wirte:1", 1);
  assert_int_equal(ins_fault_check(), INS_ERR_ARGUMENT);
#define NAMED(name, what) assert_non_null(strstr(ins_message(), name));
  INS_FAULT_SITES(NAMED)
#undef NAMED
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_the_variable_nothing_fails),
      cmocka_unit_test(a_task_fails_once_at_its_site_only),
      cmocka_unit_test(without_a_number_the_first_pass_fails),
      cmocka_unit_test(a_plus_fails_from_its_number_on),
      cmocka_unit_test(passes_are_counted_from_one_for_each_site),
      cmocka_unit_test(only_the_rank_that_is_meant_fails),
      cmocka_unit_test(several_faults_stand_beside_each_other),
      cmocka_unit_test(kill_ends_the_process_at_the_site),
      cmocka_unit_test(stop_halts_the_process_and_it_goes_on_without_failing),
      cmocka_unit_test(what_is_not_well_formed_is_refused_and_does_nothing),
      cmocka_unit_test(a_wrong_site_is_told_all_sites),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
