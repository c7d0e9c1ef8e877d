/* SPDX-License-Identifier: MIT */
/* Which changes of a job let its results be gone on with. */
#include "registry.h"

static const char *const none[] = {NULL};

/* Continues the job with overrides `before` as the one with overrides `after`. */
static ins_status go_on(const char *text, const char *const *before, const char *const *after) {
  ins_text json = {0};
  ins_job *old = good_job(text, before), *new = good_job(text, after);
  assert_int_equal(ins_job_json(old, &json), INS_OK);
  ins_message_clear();
  ins_status status = ins_job_continues(new, json.data);
  ins_text_free(&json);
  ins_job_destroy(&old);
  ins_job_destroy(&new);
  return status;
}

static void axes_may_grow(void **state) {
  (void)state;
  assert_int_equal(go_on(full_job, none, none), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("seeds=0:20")), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("neurons=all")), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("neurons={group: 3}")), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("optimizer.lr=100,1,10")), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("output=moved.h5")), INS_OK);
  assert_int_equal(go_on(full_job, none, OVERRIDES("io.alignment=65536")), INS_OK);
  assert_int_equal(go_on(full_job, OVERRIDES("io.alignment=65536"), none), INS_OK);
  assert_int_equal(go_on(short_job, OVERRIDES("sweep.optimizer.kind=[sgd]"),
                         OVERRIDES("optimizer.kind=sgd,adam")),
                   INS_OK);
  assert_int_equal(
      go_on(short_job, OVERRIDES("sweep.optimizer=[sgd]"), OVERRIDES("optimizer=sgd,adam")),
      INS_OK);
}

static void ways_of_writing_do_not_matter(void **state) {
  (void)state;
  assert_int_equal(go_on(short_job, OVERRIDES("optimizer.lr=10"), OVERRIDES("optimizer.lr=10.0")),
                   INS_OK);
  assert_int_equal(go_on(short_job, none, OVERRIDES("optimizer=sgd", "stop={}")), INS_OK);
  assert_int_equal(go_on(short_job, OVERRIDES("optimizer.momentum=-0.0"), none), INS_OK);
}

/* Files are known by their contents, which the job does not see: a moved model is no difference. */
static void a_model_under_another_path_is_no_difference(void **state) {
  (void)state;
  assert_int_equal(go_on(full_job, none, OVERRIDES("model=elsewhere/model.ckpt")), INS_OK);
}

static void the_first_difference_is_named_with_both_values(void **state) {
  (void)state;
  static const struct {
    const char *override, *message;
  } changes[] = {
      {"stop.patience=3",
       "override 1 (stop.patience=3): stop.patience is 3, but the results there were made with 10; "
       "choose another output, or start over with --fresh"},
      {"~stop.patience", "stop.patience is null, but the results there were made with 10"},
      {"objective=decrease", "objective.kind is \"decrease\", but"},
      {"optimizer.kind=adam", "optimizer.kind is \"adam\", but"},
      {"postprocess=[]", "postprocess is [], but"},
      {"postprocess.0.norm=6", "postprocess.0.norm is 6, but the results there were made with 5"},
      {"postprocess.0.range.uv=[0,1]",
       "postprocess.0.range.uv.0 is 0, but the results there were made with -0.913"},
      {"~postprocess.0.range.uv",
       "postprocess.0.range.uv is not set, but the results there were made with [-0.913,null]"},
      {"model.units.stimulus_rate_hz=30",
       "model.units.stimulus_rate_hz is 30, but the results there were made with null"},
      {"seed=1", "seed is 1, but the results there were made with 0"},
      {"optimizer.lr=5", "swept key 1 is none, but in the results there it is optimizer.lr"},
      {"stop.patience=1,2", "swept key 2 is stop.patience, but in the results there it is none"},
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    assert_int_equal(go_on(full_job, none, OVERRIDES(changes[i].override)), INS_ERR_ARGUMENT);
    if (!strstr(ins_message(), changes[i].message))
      fail_msg("'%s' does not say '%s'", ins_message(), changes[i].message);
    assert_non_null(strstr(ins_message(), "--fresh"));
  }
}

static void the_order_of_swept_keys_is_the_shape_of_the_file(void **state) {
  (void)state;
  assert_int_equal(go_on(short_job, OVERRIDES("stop.patience=1,2", "optimizer.lr=1,2"),
                         OVERRIDES("optimizer.lr=1,2", "stop.patience=1,2")),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "swept key 1 is optimizer.lr"));
}

/* Also where it was recorded once. */
static void what_is_not_recorded_may_change(void **state) {
  (void)state;
  ins_text json = {0};
  assert_int_equal(go_on(full_job, OVERRIDES("room=3"), OVERRIDES("room=4")), INS_OK);
  ins_job *job = good_job(short_job, OVERRIDES("room=4"));
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  assert_null(strstr(json.data, "room"));
  char *old = ins_format("{\"room\":3.0,%s", json.data + 1);
  assert_int_equal(ins_job_continues(job, old), INS_OK);
  free(old);
  ins_text_free(&json);
  ins_job_destroy(&job);
}

static void another_experiment_is_named_first(void **state) {
  (void)state;
  ins_job *job = good_job("experiment: response\nmodel: m.ckpt\noutput: o.h5\n", NULL);
  assert_int_equal(ins_job_continues(job, "{\"experiment\":\"tuning\",\"sweep\":{\"a\":[1]}}"),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(),
                         "experiment is \"response\", but the results there were made "
                         "with \"tuning\""));
  ins_job_destroy(&job);
}

/* ---- lists of stages ----------------------------------------------------------------------------
 */

static const char listing[] =
    "experiment: listing\nmodel: m.ckpt\noutput: o.h5\n"
    "analyses: [{kind: movie, file: a.npy}, {kind: clusters, name: types}, clusters]\n";

static void stages_may_be_added_anywhere(void **state) {
  (void)state;
  static const char *const longer[] = {
      "analyses=[{kind: clusters, name: new}, {kind: movie, file: a.npy}, "
      "{kind: clusters, name: types}, clusters]",
      "analyses=[{kind: movie, file: a.npy}, {kind: clusters, name: types}, "
      "{kind: clusters, name: new, k: 4}, clusters, {kind: clusters, name: last}]",
      "analyses=[{kind: movie, file: moved.npy}, {kind: clusters, name: types, seeds: 0:9}, "
      "clusters]"};
  for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
    assert_int_equal(go_on(listing, none, OVERRIDES(longer[i])), INS_OK);
}

static void a_stage_that_is_there_stays_as_it_is(void **state) {
  (void)state;
  static const struct {
    const char *override, *message;
  } changes[] = {
      {"analyses=[{kind: movie, file: a.npy}, clusters]",
       "'types' of analyses, whose results are there, is no longer listed; choose another output"},
      {"analyses=[{kind: movie, file: a.npy}, clusters, {kind: clusters, name: types}]",
       "'clusters' of analyses, whose results are there, has moved ahead of others; choose another "
       "output"},
      {"analyses=[{kind: clusters, name: new}, {kind: movie, file: a.npy}, "
       "{kind: clusters, name: types, k: 4}, clusters]",
       "'types' of analyses: override 1 (analyses=[{kind: clusters, name: new}"},
      {"analyses.1.k=4", "analyses.1.k is 4, but the results there were made with 3; choose "
                         "another output"},
  };
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    assert_int_equal(go_on(listing, none, OVERRIDES(changes[i].override)), INS_ERR_ARGUMENT);
    if (!strstr(ins_message(), changes[i].message))
      fail_msg("'%s' does not say '%s'", ins_message(), changes[i].message);
    assert_non_null(strstr(ins_message(), "--fresh"));
  }
}

/* Long lists look alike in a message. */
static void other_lists_are_compared_entry_by_entry(void **state) {
  (void)state;
  static const char entry[] = "{kind: clusters, k: 11}";
  char *four = ins_format("films=[%s, %s, %s, %s]", entry, entry, entry, entry);
  char *five = ins_format("films=[%s, %s, %s, %s, %s]", entry, entry, entry, entry, entry);
  assert_int_equal(go_on(listing, OVERRIDES(four), OVERRIDES(five)), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(),
                         "films has 5 entries, but the results there were made with 4; choose "
                         "another output"));
  free(four);
  free(five);
}

/* An input of an entry is found under the number that the entry has now. */
static void inputs_are_followed_to_their_new_numbers(void **state) {
  (void)state;
  static const char longer[] = "analyses=[{kind: clusters, name: new}, {kind: movie, file: a.npy}, "
                               "{kind: clusters, name: types}, clusters]";
  static const struct {
    const char *key, *now;
  } keys[] = {
      {"analyses.0.file", "analyses.1.file"},
      {"analyses.2.file.x", "analyses.3.file.x"},
      {"analyses.9.file", NULL},
      {"analyses.file", NULL},
      {"analyses", NULL},
      {"films.0.file", NULL},
      {"nothing.0.file", NULL},
  };
  ins_job *old = good_job(listing, none), *job = good_job(listing, OVERRIDES(longer));
  ins_text json = {0};
  char *now;
  assert_int_equal(ins_job_json(old, &json), INS_OK);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    assert_int_equal(ins_job_renumber(job, json.data, keys[i].key, &now), INS_OK);
    if (keys[i].now)
      assert_string_equal(now, keys[i].now);
    else
      assert_null(now);
    free(now);
  }
  assert_int_equal(ins_job_renumber(job, "[1]", "analyses.0.file", &now), INS_ERR_FORMAT);
  assert_null(now);
  ins_text_free(&json);
  ins_job_destroy(&old);
  ins_job_destroy(&job);
}

/* A key that came or went with another version of the program is a difference too. */
static void keys_that_came_or_went_are_differences(void **state) {
  (void)state;
  ins_job *job = good_job("experiment: response\nmodel: m.ckpt\noutput: o.h5\n", NULL);
  ins_text json = {0};
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  char *shorter = strdup(json.data), *seed = strstr(shorter, "\"seed\":0,");
  memmove(seed, seed + 9, strlen(seed + 9) + 1);
  assert_int_equal(ins_job_continues(job, shorter), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "seed is 0, but the results there were made with none"));
  char *longer = ins_format("{\"old\":1,%s", json.data + 1);
  assert_int_equal(ins_job_continues(job, longer), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "old is not set, but the results there were made with 1"));
  free(shorter);
  free(longer);
  ins_text_free(&json);
  ins_job_destroy(&job);
}

static void a_damaged_record_is_said_to_be_one(void **state) {
  (void)state;
  ins_job *job = good_job(short_job, NULL);
  static const char *const damaged[] = {"", "[1]", "{\"a\":", "3", "{\"a\":1}{"};
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(ins_job_continues(job, damaged[i]), INS_ERR_FORMAT);
    assert_non_null(strstr(ins_message(), "the job recorded in the results"));
  }
  ins_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(axes_may_grow),
      cmocka_unit_test(ways_of_writing_do_not_matter),
      cmocka_unit_test(a_model_under_another_path_is_no_difference),
      cmocka_unit_test(the_first_difference_is_named_with_both_values),
      cmocka_unit_test(the_order_of_swept_keys_is_the_shape_of_the_file),
      cmocka_unit_test(what_is_not_recorded_may_change),
      cmocka_unit_test(another_experiment_is_named_first),
      cmocka_unit_test(stages_may_be_added_anywhere),
      cmocka_unit_test(a_stage_that_is_there_stays_as_it_is),
      cmocka_unit_test(other_lists_are_compared_entry_by_entry),
      cmocka_unit_test(inputs_are_followed_to_their_new_numbers),
      cmocka_unit_test(keys_that_came_or_went_are_differences),
      cmocka_unit_test(a_damaged_record_is_said_to_be_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
