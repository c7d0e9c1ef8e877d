/* SPDX-License-Identifier: MIT */
/* What overrides do to a job. */
#include "registry.h"

static void check(const char *const *overrides, const char *path, const char *expected) {
  ins_job *job = good_job(full_job, overrides);
  assert_json(job->settings, path, expected);
  ins_job_destroy(&job);
}

static void values_are_yaml(void **state) {
  (void)state;
  check(OVERRIDES("optimizer.momentum=.5"), "optimizer.momentum", "0.5");
  check(OVERRIDES("optimizer.nesterov=true"), "optimizer.nesterov", "true");
  check(OVERRIDES("stop.patience=null"), "stop.patience", "null");
  check(OVERRIDES("session='2_x'"), "session", "\"2_x\"");
  check(OVERRIDES("session=two words"), "session", "\"two words\"");
  check(OVERRIDES("note=a=b"), "note", "\"a=b\"");
  check(OVERRIDES("note = padded "), "note", "\"padded\"");
  check(OVERRIDES("model=https://host/a?b=1#c"), "model.file", "\"https://host/a?b=1#c\"");
  check(OVERRIDES("note='a,b'"), "note", "\"a,b\"");
  check(OVERRIDES("stop={patience: 3}"), "stop", "{\"max_iterations\":10,\"patience\":3}");
  check(OVERRIDES("objective=decrease"), "objective",
        "{\"kind\":\"decrease\",\"reduce\":{\"kind\":\"mean\"}}");
}

static void keys_reach_into_lists_groups_and_shorthand(void **state) {
  (void)state;
  check(OVERRIDES("postprocess.0.norm=3"), "postprocess.0.norm", "3.0");
  check(OVERRIDES("postprocess.0.range.green=[0, 1]"), "postprocess.0.range.green", "[0.0,1.0]");
  check(OVERRIDES("model.architecture={rate_hz: 30}"), "model",
        "{\"file\":\"hoefling_2024_low_res\",\"files\":null,\"member\":null,\"center_readout\":"
        "null,\"sha256\":null,\"units\":{\"stimulus_rate_hz\":null,\"response_rate_hz\":null,"
        "\"retina_pixel_size_um\":null},"
        "\"architecture\":{\"rate_hz\":30}}");
  check(OVERRIDES("model.architecture.rate_hz=30", "model.architecture.px.x=2"),
        "model.architecture", "{\"rate_hz\":30,\"px\":{\"x\":2}}");
  check(OVERRIDES("filters.0.size=7"), "filters",
        "[{\"kind\":\"temporal_gaussian\",\"sigma\":0.5,\"size\":7}]");
  check(OVERRIDES("objective.reduce.start=3"), "objective.reduce.start", "3");
  check(OVERRIDES("optimizer=adam", "optimizer.eps=0.5"), "optimizer.eps", "0.5");
  check(OVERRIDES("mask.std=2"), "mask", "{\"file\":null,\"std\":2.0}");
  check(OVERRIDES("postprocess=temporal_gaussian", "postprocess.0.size=3"), "postprocess.0.size",
        "3");
  check(OVERRIDES("neurons={group: 28}"), "neurons", "{\"group\":28}");
  check(OVERRIDES("neurons=[1, 2]", "neurons.1=5"), "neurons", "[1,5]");
}

static void the_last_of_several_counts(void **state) {
  (void)state;
  check(OVERRIDES("stop.patience=1", "stop.patience=2"), "stop.patience", "2");
  ins_job *job = good_job(short_job, OVERRIDES("optimizer.lr=1,2", "optimizer.lr=3"));
  assert_int_equal(job->n_sweeps, 0);
  assert_json(job->settings, "optimizer.lr", "3.0");
  ins_job_destroy(&job);
}

static void plus_adds_and_tilde_deletes(void **state) {
  (void)state;
  check(OVERRIDES("+optimizer.momentum=0.25"), "optimizer.momentum", "0.25");
  check(OVERRIDES("++optimizer.lr=2"), "optimizer.lr", "2.0");
  check(OVERRIDES("+postprocess.1=temporal_gaussian"), "postprocess.1.kind",
        "\"temporal_gaussian\"");
  check(OVERRIDES("+postprocess.1={kind: norm_clip, norm: 2}", "~postprocess.0"), "postprocess",
        "[{\"kind\":\"norm_clip\",\"norm\":2.0,\"range\":null}]");
  check(OVERRIDES("~stop.patience"), "stop.patience", "null");
  check(OVERRIDES("~postprocess"), "postprocess", "[]");
  check(OVERRIDES("~neurons"), "neurons", "\"all\"");
}

static void the_experiment_itself_can_be_chosen(void **state) {
  (void)state;
  ins_job *job = good_job("model: m\noutput: o.h5\n", OVERRIDES("seed=3", "+experiment=response"));
  assert_string_equal(job->experiment->name, "response");
  ins_job_destroy(&job);
}

/* The one sweep of a job with such an override. */
static void check_sweep(const char *override, const char *key, const char *values) {
  ins_text json = {0};
  ins_job *job = good_job(
      short_job,
      OVERRIDES("objective={kind: increase, reduce: {kind: slice_mean, start: 0}}", override));
  assert_int_equal(job->n_sweeps, 1);
  assert_string_equal(job->sweeps[0].key, key);
  ins_value_json(job->sweeps[0].values, 100, &json);
  assert_string_equal(json.data, values);
  assert_true(
      ins_value_equal(ins_value_at(job->settings, key), job->sweeps[0].values->children.items[0]));
  ins_text_free(&json);
  ins_job_destroy(&job);
}

static void commas_and_ranges_sweep(void **state) {
  (void)state;
  check_sweep("optimizer.lr=1,3,2", "optimizer.lr", "[1.0,3.0,2.0]");
  check_sweep("optimizer.nesterov=true,false", "optimizer.nesterov", "[true,false]");
  check_sweep("note=a,'b,c'", "note", "[\"a\",\"b,c\"]");
  check_sweep("stop.patience=range(1,10,3)", "stop.patience", "[1,4,7]");
  check_sweep("stop.patience=range(5,0,-2)", "stop.patience", "[5,3,1]");
  check_sweep("stop.patience=range(1, 3)", "stop.patience", "[1,2]");
  check_sweep("objective.reduce.start=range(3)", "objective.reduce.start", "[0,1,2]");
  check_sweep("stop.patience=range(start=2,stop=7,step=3)", "stop.patience", "[2,5]");
  check_sweep("sweep.optimizer.lr=4,5", "optimizer.lr", "[4.0,5.0]");
  check_sweep("sweep.optimizer.lr=[4]", "optimizer.lr", "[4.0]");
  check_sweep("sweep={optimizer.lr: [4, 5]}", "optimizer.lr", "[4.0,5.0]");
}

/* Neither do sums of steps drift nor does rounding let the excluded end in. */
static void ranges_of_reals_are_exact_decimals(void **state) {
  (void)state;
  check_sweep("optimizer.momentum=range(0.1,0.4,0.1)", "optimizer.momentum", "[0.1,0.2,0.3]");
  check_sweep("optimizer.momentum=range(0,0.3,0.1)", "optimizer.momentum", "[0.0,0.1,0.2]");
  check_sweep("optimizer.momentum=range(0.3,-0.05,-0.1)", "optimizer.momentum",
              "[0.3,0.2,0.1,0.0]");
  check_sweep("optimizer.momentum=range(1e-3,4e-3,1e-3)", "optimizer.momentum",
              "[0.001,0.002,0.003]");
  ins_job *job = good_job(short_job, OVERRIDES("optimizer.momentum=range(0,1,0.001)"));
  assert_int_equal(ins_value_count(job->sweeps[0].values), 1000);
  for (size_t i = 0; i < 1000; i++) {
    char digits[16];
    snprintf(digits, sizeof digits, "0.%03zu", i);
    assert_true(job->sweeps[0].values->children.items[i]->real == strtod(digits, NULL));
  }
  ins_job_destroy(&job);
}

/* Where a key holds a list, commas make a list. */
static void lists_are_no_sweeps(void **state) {
  (void)state;
  check(OVERRIDES("neurons=1,2,3"), "neurons", "[1,2,3]");
  check(OVERRIDES("neurons=0:10,20:25"), "neurons", "[\"0:10\",\"20:25\"]");
  check(OVERRIDES("seeds=0:10"), "seeds", "\"0:10\"");
  check(OVERRIDES("seeds=range(0,9,3)"), "seeds", "[0,3,6]");
  check(OVERRIDES("layers=4,2"), "layers", "[4,2]");
  check(OVERRIDES("postprocess.0.range=-1,1"), "postprocess.0.range", "[-1.0,1.0]");
  check(OVERRIDES("filters=temporal_gaussian,{kind: norm_clip, norm: 1}"), "filters.1.kind",
        "\"norm_clip\"");
  check(OVERRIDES("model.architecture=1,2"), "model.architecture", "[1,2]");
}

static void sweeps_keep_their_order_file_first(void **state) {
  (void)state;
  ins_job *job = good_job(
      full_job, OVERRIDES("stop.patience=1,2", "optimizer.lr=5,6,7", "optimizer.momentum=0,1"));
  assert_int_equal(job->n_sweeps, 3);
  assert_string_equal(job->sweeps[0].key, "optimizer.lr");
  assert_int_equal(ins_value_count(job->sweeps[0].values), 3);
  assert_string_equal(job->sweeps[1].key, "stop.patience");
  assert_string_equal(job->sweeps[2].key, "optimizer.momentum");
  ins_job_destroy(&job);
}

static void a_single_value_ends_a_sweep(void **state) {
  (void)state;
  static const char *const endings[] = {"optimizer.lr=4", "~optimizer.lr", "~sweep.optimizer.lr",
                                        "~sweep",         "sweep=null",    "sweep={}"};
  static const char *const values[] = {"4.0", NULL, NULL, NULL, NULL, NULL};
  for (size_t i = 0; i < 6; i++) {
    ins_job *job = good_job(full_job, OVERRIDES(endings[i]));
    assert_int_equal(job->n_sweeps, 0);
    if (values[i]) assert_json(job->settings, "optimizer.lr", values[i]);
    ins_job_destroy(&job);
  }
}

static void a_swept_kind_brings_its_own_keys(void **state) {
  (void)state;
  ins_job *job = good_job(short_job, OVERRIDES("optimizer.eps=0.1,0.2", "optimizer=adam"));
  assert_json(job->settings, "optimizer.eps", "0.1");
  ins_job_destroy(&job);
  job = good_job(short_job, OVERRIDES("optimizer=adam,sgd"));
  assert_string_equal(job->sweeps[0].key, "optimizer");
  assert_json(job->settings, "optimizer.kind", "\"adam\"");
  ins_value *settings;
  assert_int_equal(ins_job_at(job, (size_t[]){1}, &settings), INS_OK);
  assert_json(settings, "optimizer.nesterov", "false");
  ins_value_destroy(&settings);
  ins_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_are_yaml),
      cmocka_unit_test(keys_reach_into_lists_groups_and_shorthand),
      cmocka_unit_test(the_last_of_several_counts),
      cmocka_unit_test(plus_adds_and_tilde_deletes),
      cmocka_unit_test(the_experiment_itself_can_be_chosen),
      cmocka_unit_test(commas_and_ranges_sweep),
      cmocka_unit_test(ranges_of_reals_are_exact_decimals),
      cmocka_unit_test(lists_are_no_sweeps),
      cmocka_unit_test(sweeps_keep_their_order_file_first),
      cmocka_unit_test(a_single_value_ends_a_sweep),
      cmocka_unit_test(a_swept_kind_brings_its_own_keys),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
