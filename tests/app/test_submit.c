/* SPDX-License-Identifier: MIT */
/* What is asked for, and how the script is made: no scheduler, no model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/plan_estimate.h"
#include "app/submit.h"
#include "cmocka_all.h"
#include "insilico/settings.h"

static ins_value *site_with(const char *key, ins_value *value) {
  ins_value *site = NULL;
  assert_int_equal(ins_settings_default(ins_site_keys, &site), INS_OK);
  if (key) assert_int_equal(ins_map_take(site, key, value), INS_OK);
  return site;
}

static void give(ins_sbatch_options *options, const char *word) {
  assert_int_equal(ins_sbatch_options_add(options, (const char *const[]){word}, 1), INS_OK);
}

/* ---- times ---- */

static void times_are_read_as_slurm_writes_them(void **state) {
  static const struct {
    const char *text;
    double seconds;
  } good[] = {
      {"90", 5400},          {"1:30", 90},          {"2:00:30", 7230}, {"1-0", 86400},
      {"1-2:30", 95400},     {"1-02:03:04", 93784}, {"0:30", 30},      {"UNLIMITED", INFINITY},
      {"infinite", INFINITY}};
  static const char *const bad[] = {"",   "0",  "x",  "1:",  ":1", "1:2:3:4",
                                    "1-", "-1", "1h", "1.5", " 1"};
  double seconds;
  (void)state;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(ins_submit_time(good[i].text, &seconds));
    assert_true(seconds == good[i].seconds);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_false(ins_submit_time(bad[i], &seconds));
}

static void times_are_written_so_that_they_read_back(void **state) {
  char text[64];
  double back;
  (void)state;
  assert_string_equal(ins_submit_time_text(93784, text, sizeof text), "1-02:03:04");
  for (double s = 1; s < 1e7; s = floor(s * 1.7) + 1) {
    assert_true(ins_submit_time(ins_submit_time_text(s, text, sizeof text), &back));
    assert_true(back == s);
  }
}

/* ---- options ---- */

static void letters_stand_for_their_options_and_the_last_one_counts(void **state) {
  static const char *const words[] = {"-p",     "a b", "--partition=c", "-n4", "-H",
                                      "--time", "60",  "--odd"};
  ins_sbatch_options options = {0};
  (void)state;
  assert_int_equal(ins_sbatch_options_add(&options, words, 8), INS_OK);
  assert_int_equal(options.n, 5);
  assert_string_equal(ins_sbatch_option(&options, "partition"), "c");
  assert_string_equal(ins_sbatch_option(&options, "ntasks"), "4");
  assert_string_equal(ins_sbatch_option(&options, "time"), "60");
  assert_string_equal(ins_sbatch_option(&options, "hold"), "");
  assert_string_equal(ins_sbatch_option(&options, "odd"), "");
  assert_null(ins_sbatch_option(&options, "time-min"));
  assert_int_equal(ins_sbatch_options_default(&options, "--time=%d", 5), INS_OK);
  assert_string_equal(ins_sbatch_option(&options, "time"), "60");
  ins_sbatch_options_clear(&options);
}

static void jobs_overrides_and_options_are_told_apart(void **state) {
  static const char *const words[] = {"job.yaml", "seeds=0:4", "-p",    "fast", "~penalties",
                                      "--mem=1G", "--",        "--new", "5"};
  const ins_arguments arguments = {.words = words, .n_words = 9};
  ins_submit_order order;
  (void)state;
  assert_int_equal(ins_submit_read(&arguments, &order), INS_OK);
  assert_int_equal(order.n_jobs, 1);
  assert_int_equal(order.n_overrides, 2);
  assert_string_equal(order.overrides[1], "~penalties");
  assert_string_equal(ins_sbatch_option(&order.given, "partition"), "fast");
  assert_string_equal(ins_sbatch_option(&order.given, "new"), "5");
  ins_submit_order_clear(&order);
}

static void refuse(const char *const *words, size_t n, const char *part) {
  const ins_arguments arguments = {.words = words, .n_words = n};
  ins_submit_order order;
  assert_int_equal(ins_submit_read(&arguments, &order), INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), part)) fail_msg("'%s' lacks '%s'", ins_message(), part);
  ins_submit_order_clear(&order);
}

static void wrong_command_lines_are_refused_with_a_hint(void **state) {
  (void)state;
  refuse((const char *const[]){"a", "--partitoin=x"}, 2, "did you mean '--partition'");
  refuse((const char *const[]){"a", "--array=0-3"}, 2, "array");
  refuse((const char *const[]){"a", "--", "--wrap=id"}, 3, "wrap");
  refuse((const char *const[]){"a", "b", "seeds=3"}, 3, "one by one");
  refuse((const char *const[]){"--mem=1G"}, 1, "JOB");
  refuse((const char *const[]){"a", "-p"}, 2, "needs a value");
  refuse((const char *const[]){"a", "--", "stray"}, 3, "stray");
}

/* ---- sizes ---- */

static double shared_out(const void *plan, size_t ranks) {
  return ins_forecast_seconds_left(plan, ranks);
}

static double the_same(const void *plan, size_t ranks) {
  (void)plan;
  (void)ranks;
  return 400.0 * (1 << 20);
}

/* 42 GiB, of which each rank has its share. */
static double dealt(const void *plan, size_t ranks) {
  (void)plan;
  return 42.0 * (1 << 30) / (double)ranks;
}

/* 8,000 tasks of 36 s in batches of 10, of which `done` are done: 80 hours on one rank. */
static void a_plan(ins_forecast *plan, ins_submit_left *left, size_t done) {
  *plan = (ins_forecast){.stages.n = 1,
                         .stage[0] = {.n_tasks = 8000, .n_batches = 800, .seconds = 8000 * 36.0},
                         .done[0] = done};
  *left = (ins_submit_left){.n_tasks = 8000,
                            .n_done = done,
                            .ranks = ins_forecast_ranks_left(plan),
                            .bytes_on = the_same,
                            .seconds_per_task = 36,
                            .seconds_on = shared_out,
                            .plan = plan};
}

static void the_request_follows_the_plan(void **state) {
  ins_forecast plan;
  ins_submit_left left;
  ins_submit_needs needs;
  ins_sbatch_options none = {0};
  ins_value *site = site_with(NULL, NULL);
  (void)state;
  a_plan(&plan, &left, 0);
  assert_int_equal(ins_submit_size(&left, &none, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 40); /* twenty batches a rank */
  assert_true(needs.seconds_left == 7200);
  assert_true(needs.seconds >= 7200 * 1.2 && needs.seconds <= 7200 * 2);
  assert_true(needs.mib_per_rank > 400 && needs.mib_per_rank < 1000);
  assert_int_equal(needs.signal_seconds, 120);
  ins_value_destroy(&site);
}

static void memory_is_asked_for_as_so_many_ranks_need_it(void **state) {
  ins_forecast plan;
  ins_submit_left left;
  ins_submit_needs needs;
  ins_sbatch_options options = {0};
  ins_value *site = site_with("max_ranks", ins_value_int(16));
  (void)state;
  a_plan(&plan, &left, 0);
  left.bytes_on = dealt;
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 16);
  assert_in_range(needs.mib_per_rank, 42 * 1024 / 16 * 1.1, 42 * 1024 / 16 * 1.5);
  give(&options, "--ntasks=128");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_in_range(needs.mib_per_rank, 42 * 1024 / 128 * 1.1, 42 * 1024 / 128 * 2.5);
  ins_sbatch_options_clear(&options);
  ins_value_destroy(&site);
}

static void finished_tasks_make_the_request_smaller(void **state) {
  ins_forecast plan;
  ins_submit_left left;
  ins_submit_needs all, half, none;
  ins_sbatch_options options = {0};
  ins_value *site = site_with(NULL, NULL);
  (void)state;
  a_plan(&plan, &left, 0);
  assert_int_equal(ins_submit_size(&left, &options, site, &all), INS_OK);
  a_plan(&plan, &left, 4000);
  assert_int_equal(ins_submit_size(&left, &options, site, &half), INS_OK);
  assert_int_equal(half.ranks, all.ranks / 2);
  a_plan(&plan, &left, 8000);
  assert_int_equal(ins_submit_size(&left, &options, site, &none), INS_OK);
  assert_int_equal(none.ranks, 1);
  assert_true(none.seconds_left == 0);
  assert_true(none.seconds == 600); /* min_time */
  ins_value_destroy(&site);
}

static void the_site_and_given_options_set_limits(void **state) {
  ins_forecast plan;
  ins_submit_left left;
  ins_submit_needs needs;
  ins_sbatch_options options = {0};
  ins_value *site = site_with("max_ranks", ins_value_int(10));
  (void)state;
  a_plan(&plan, &left, 0);
  assert_int_equal(ins_map_take(site, "max_time", ins_value_text("2:00:00")), INS_OK);
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 10);
  assert_true(needs.seconds == 7200);  /* 8 h of work: the rest by requeueing */
  assert_in_range(needs.links, 6, 10); /* or by a chain */
  give(&options, "--ntasks=3");
  give(&options, "--time=1");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 3);
  assert_true(needs.seconds == 60);
  assert_int_equal(needs.signal_seconds, 15); /* two minutes before would be before it began */
  give(&options, "--time=soon");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_ERR_ARGUMENT);
  ins_sbatch_options_clear(&options);
  give(&options, "--nodes=2");
  give(&options, "--ntasks-per-node=4");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 8);
  ins_sbatch_options_clear(&options);
  give(&options, "--nodes=150-200"); /* none of them idle */
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 150);
  ins_sbatch_options_clear(&options);
  give(&options, "--time=0"); /* Slurm: without end */
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_true(isinf(needs.seconds));
  ins_sbatch_options_clear(&options);
  give(&options, "--ntasks=1-4");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_ERR_ARGUMENT);
  ins_sbatch_options_clear(&options);
  give(&options, "--ntasks=none");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_ERR_ARGUMENT);
  ins_sbatch_options_clear(&options);
  ins_value_destroy(&site);
}

static void what_is_not_planned_is_taken_from_the_options(void **state) {
  const ins_submit_left left = {.ranks = 1};
  ins_submit_needs needs;
  ins_sbatch_options options = {0};
  ins_value *site = site_with(NULL, NULL);
  char missing[80];
  (void)state;
  assert_string_equal(ins_submit_missing(&options, missing, sizeof missing),
                      "--ntasks, --time and --mem-per-cpu");
  give(&options, "--time=2:00:00");
  assert_string_equal(ins_submit_missing(&options, missing, sizeof missing),
                      "--ntasks and --mem-per-cpu");
  give(&options, "--nodes=4");
  give(&options, "--ntasks-per-node=8");
  assert_string_equal(ins_submit_missing(&options, missing, sizeof missing), "--mem-per-cpu");
  give(&options, "--mem=3G");
  assert_string_equal(ins_submit_missing(&options, missing, sizeof missing), "");
  assert_int_equal(ins_submit_size(&left, &options, site, &needs), INS_OK);
  assert_int_equal(needs.ranks, 32);
  assert_true(needs.seconds == 7200 && needs.seconds_left == 0);
  assert_int_equal(needs.links, 0); /* nobody knows how many it takes */
  ins_sbatch_options_clear(&options);
  ins_value_destroy(&site);
}

static void how_a_job_goes_on_is_what_was_typed_else_what_the_site_says(void **state) {
  ins_sbatch_options none = {0}, once = {0}, again = {0};
  ins_value *site = site_with(NULL, NULL), *chains = site_with("requeue", ins_value_text("chain"));
  ins_value *never = site_with("requeue", ins_value_text("no"));
  (void)state;
  give(&once, "--no-requeue");
  give(&again, "--requeue");
  assert_int_equal(ins_submit_mode_of(site, &none, false), INS_SUBMIT_REQUEUE);
  assert_int_equal(ins_submit_mode_of(site, &none, true), INS_SUBMIT_CHAIN);
  assert_int_equal(ins_submit_mode_of(site, &once, false), INS_SUBMIT_ONCE);
  assert_int_equal(ins_submit_mode_of(never, &none, false), INS_SUBMIT_ONCE);
  assert_int_equal(ins_submit_mode_of(never, &again, false), INS_SUBMIT_REQUEUE);
  assert_int_equal(ins_submit_mode_of(chains, &once, false), INS_SUBMIT_CHAIN);
  ins_sbatch_options_clear(&once);
  ins_sbatch_options_clear(&again);
  ins_value_destroy(&site);
  ins_value_destroy(&chains);
  ins_value_destroy(&never);
}

static void requeue_and_no_requeue_are_one_option(void **state) {
  ins_sbatch_options options = {0};
  (void)state;
  give(&options, "--no-requeue");
  give(&options, "--requeue");
  assert_int_equal(options.n, 1);
  assert_int_equal(ins_sbatch_options_default(&options, "--no-requeue"), INS_OK);
  assert_int_equal(options.n, 1);
  assert_string_equal(options.text[0], "--requeue");
  ins_sbatch_options_clear(&options);
}

static void the_number_of_a_job_is_found_in_what_sbatch_says(void **state) {
  static const struct {
    const char *said, *number;
  } cases[] = {{"17\n", "17"},
               {"17;cluster\n", "17"},
               {"sbatch: 3 jobs left of 10\n12 credits\n17\n", "17"},
               {"17\nThank you for using 4711\n", "17"},
               {"17", "17"}};
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *number = ins_submit_number(cases[i].said);
    assert_string_equal(number, cases[i].number);
    free(number);
  }
  assert_null(ins_submit_number(""));
  assert_null(ins_submit_number("Submitted batch job 17\n"));
}

/* ---- templates ---- */

static void gaps_are_filled_once(void **state) {
  static const char *const names[] = {"A", "B_C"}, *const values[] = {"@B_C@", "x"};
  ins_text out = {0};
  (void)state;
  assert_int_equal(ins_template_fill("@A@-@B_C@ a@b @ @@ @low@", "t", names, values, 2, &out),
                   INS_OK);
  assert_string_equal(out.data, "@B_C@-x a@b @ @@ @low@");
  assert_int_equal(ins_template_fill("@NONE@", "t.sh", names, values, 2, &out), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "t.sh: nothing is called @NONE@; there are A, B_C"));
  ins_text_free(&out);
}

/* What a shell makes of it is tested in tests/system/submit.sh, with a shell. */
static void quotes_leave_nothing_to_the_shell(void **state) {
  ins_text out = {0};
  (void)state;
  ins_text_add_quoted(&out, "a'b $(c) \"d\" \\ %s\n");
  assert_string_equal(out.data, "'a'\\''b $(c) \"d\" \\ %s\n'");
  ins_text_free(&out);
}

/* ---- paths ---- */

static void a_path_is_the_same_however_it_is_written(void **state) {
  char folder[] = "/tmp/insilico-submit-XXXXXX", path[200];
  (void)state;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(chdir(folder), 0);
  char *a = ins_submit_canonical("x.h5"), *b = ins_submit_canonical("./x.h5");
  snprintf(path, sizeof path, "%s/../%s/x.h5", folder, strrchr(folder, '/') + 1);
  char *c = ins_submit_canonical(path), *d = ins_submit_canonical("none/yet/x.h5");
  assert_string_equal(a, b);
  assert_string_equal(a, c);
  snprintf(path, sizeof path, "%s/none/yet/x.h5", folder);
  assert_string_equal(d, path);
  char *e = ins_submit_canonical("none/./yet//no/../x.h5");
  assert_string_equal(e, path);
  free(e);
  free(a);
  free(b);
  free(c);
  free(d);
  assert_int_equal(chdir("/"), 0);
  assert_int_equal(rmdir(folder), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(times_are_read_as_slurm_writes_them),
      cmocka_unit_test(times_are_written_so_that_they_read_back),
      cmocka_unit_test(letters_stand_for_their_options_and_the_last_one_counts),
      cmocka_unit_test(jobs_overrides_and_options_are_told_apart),
      cmocka_unit_test(wrong_command_lines_are_refused_with_a_hint),
      cmocka_unit_test(the_request_follows_the_plan),
      cmocka_unit_test(memory_is_asked_for_as_so_many_ranks_need_it),
      cmocka_unit_test(finished_tasks_make_the_request_smaller),
      cmocka_unit_test(the_site_and_given_options_set_limits),
      cmocka_unit_test(what_is_not_planned_is_taken_from_the_options),
      cmocka_unit_test(how_a_job_goes_on_is_what_was_typed_else_what_the_site_says),
      cmocka_unit_test(requeue_and_no_requeue_are_one_option),
      cmocka_unit_test(the_number_of_a_job_is_found_in_what_sbatch_says),
      cmocka_unit_test(gaps_are_filled_once),
      cmocka_unit_test(quotes_leave_nothing_to_the_shell),
      cmocka_unit_test(a_path_is_the_same_however_it_is_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
