/* SPDX-License-Identifier: MIT */
/* Which shared objects are taken as plug-ins, and what is said of the others. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "experiment/plugin.h"

#define PLUGIN(name) INS_PLUGINS "/" name ".so"

static void expect_refusal(const char *path, const char *sha256, ins_status code,
                           const char *says) {
  ins_plugin_file *file;
  assert_int_equal(ins_plugin_open(path, sha256, &file), code);
  assert_null(file);
  if (!strstr(ins_message(), says)) fail_msg("'%s' lacks '%s'", ins_message(), says);
}

static void an_experiment_is_found_under_its_name(void **state) {
  (void)state;
  char sha256[INS_SHA256_HEX];
  ins_plugin_file *file;
  assert_int_equal(ins_sha256_file(PLUGIN("fine"), sha256), INS_OK);
  if (ins_plugin_open(PLUGIN("fine"), sha256, &file) != INS_OK) fail_msg("%s", ins_message());
  assert_string_equal(file->sha256, sha256);
  assert_string_equal(file->registry[0].name, "plugin:variant");
  assert_null(file->registry[1].name);
  const ins_experiment *operations = file->registry[0].ops;
  assert_int_equal(operations->setup(NULL, NULL, NULL), INS_OK);
  ins_plugin_close(&file);
  assert_null(file);
}

/* The job that is recorded tells which file it was, and a job that wants another is refused. */
static void its_hash_is_a_key_with_one_value(void **state) {
  (void)state;
  static const char other[] = "plugin_sha256="
                              "0000000000000000000000000000000000000000000000000000000000000000";
  char path[] = "/tmp/insilico-job-XXXXXX", expected[128];
  const char *overrides[] = {"depth=4", other};
  int fd = mkstemp(path);
  ins_plugin_file *file;
  ins_job *job;
  ins_text json = {0};
  assert_int_equal(ins_plugin_open(PLUGIN("fine"), NULL, &file), INS_OK);
  assert_true(dprintf(fd, "experiment: plugin:variant\nmodel: m.h5\noutput: r.h5\n") > 0);
  close(fd);
  if (ins_job_load(path, overrides, 1, file->registry, &job) != INS_OK)
    fail_msg("%s", ins_message());
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  snprintf(expected, sizeof expected, "\"depth\":4,\"plugin_sha256\":\"%s\"", file->sha256);
  assert_non_null(strstr(json.data, expected));
  ins_text_free(&json);
  ins_job_destroy(&job);
  assert_int_equal(ins_job_load(path, overrides, 2, file->registry, &job), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "plugin_sha256"));
  assert_non_null(strstr(ins_message(), file->sha256));
  ins_plugin_close(&file);
  unlink(path);
}

static void what_is_no_file_is_not_opened(void **state) {
  (void)state;
  char folder[] = "/tmp/insilico-plugin-XXXXXX", pipe[64];
  assert_non_null(mkdtemp(folder));
  snprintf(pipe, sizeof pipe, "%s/pipe.so", folder);
  assert_int_equal(mkfifo(pipe, 0600), 0);
  expect_refusal(PLUGIN("absent"), NULL, INS_ERR_IO, "No such file");
  expect_refusal(folder, NULL, INS_ERR_IO, "is no file");
  expect_refusal(pipe, NULL, INS_ERR_IO, "is no file");
  expect_refusal("/dev/zero", NULL, INS_ERR_IO, "is no file");
  unlink(pipe);
  rmdir(folder);
}

static void what_is_no_plugin_is_named(void **state) {
  (void)state;
  expect_refusal(INS_TEST_DATA "/experiment/test_plugin.c", NULL, INS_ERR_FORMAT,
                 "cannot be loaded");
  expect_refusal(PLUGIN("silent"), NULL, INS_ERR_FORMAT, "does not export");
  expect_refusal(PLUGIN("foreign"), NULL, INS_ERR_FORMAT, "is no ins_plugin");
  expect_refusal(PLUGIN("unresolved"), NULL, INS_ERR_FORMAT, "ins_not_there");
}

static void another_interface_is_refused_before_it_is_used(void **state) {
  (void)state;
  expect_refusal(PLUGIN("version"), NULL, INS_ERR_FORMAT, "of plug-ins, this is");
  expect_refusal(PLUGIN("size"), NULL, INS_ERR_FORMAT, "ins_experiment_context differs");
}

static void an_experiment_that_lacks_something_is_refused(void **state) {
  (void)state;
  expect_refusal(PLUGIN("incomplete"), NULL, INS_ERR_FORMAT, "teardown and cost");
  expect_refusal(PLUGIN("name"), NULL, INS_ERR_FORMAT, "needs a name");
  expect_refusal(PLUGIN("key"), NULL, INS_ERR_FORMAT, "plugin_sha256");
}

static void another_file_than_that_of_rank_0_is_not_loaded(void **state) {
  (void)state;
  char other[INS_SHA256_HEX];
  memset(other, '0', sizeof other - 1);
  other[sizeof other - 1] = '\0';
  expect_refusal(PLUGIN("fine"), other, INS_ERR_FORMAT, "another plug-in here");
}

static void expect_place(const char *name, const char *job, const char *expected) {
  char *path;
  assert_int_equal(ins_plugin_locate(name, job, &path), INS_OK);
  assert_string_equal(path, expected);
  free(path);
}

/* With a slash the loader looks nowhere else. */
static void paths_count_from_the_folder_of_the_job_and_have_a_slash(void **state) {
  (void)state;
  char *path;
  expect_place("plugin:mine.so", "jobs/a.yaml", "jobs/mine.so");
  expect_place("plugin:../mine.so", "/home/me/a.yaml", "/home/me/../mine.so");
  expect_place("plugin:mine.so", "a.yaml", "./mine.so");
  expect_place("plugin:mine.so", NULL, "./mine.so");
  expect_place("plugin:/opt/mine.so", "jobs/a.yaml", "/opt/mine.so");
  assert_int_equal(ins_plugin_locate("plugin:", "a.yaml", &path), INS_ERR_ARGUMENT);
  assert_null(path);
  assert_null(ins_plugin_path_of("response"));
  assert_null(ins_plugin_path_of(NULL));
  assert_string_equal(ins_plugin_path_of("plugin:a.so"), "a.so");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_experiment_is_found_under_its_name),
      cmocka_unit_test(its_hash_is_a_key_with_one_value),
      cmocka_unit_test(what_is_no_file_is_not_opened),
      cmocka_unit_test(what_is_no_plugin_is_named),
      cmocka_unit_test(another_interface_is_refused_before_it_is_used),
      cmocka_unit_test(an_experiment_that_lacks_something_is_refused),
      cmocka_unit_test(another_file_than_that_of_rank_0_is_not_loaded),
      cmocka_unit_test(paths_count_from_the_folder_of_the_job_and_have_a_slash),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
