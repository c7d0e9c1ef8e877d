/* SPDX-License-Identifier: MIT */
/* Good jobs: defaults, canonical form, sweeps, what goes between ranks and into files. */
#include "registry.h"

static void defaults_are_filled_in_and_shorthand_is_spelt_out(void **state) {
  (void)state;
  ins_job *job = good_job(short_job, NULL);
  ins_text json = {0};
  assert_string_equal(job->experiment->name, "stimulus_optimization");
  assert_json(
      job->settings, "model",
      "{\"file\":\"m.ckpt\",\"files\":null,\"member\":null,\"center_readout\":null,\"sha256\":null,"
      "\"units\":{\"stimulus_rate_hz\":null,\"response_rate_hz\":null,\"retina_pixel_size_um\":"
      "null},\"architecture\":null}");
  assert_json(job->settings, "session", "null");
  assert_json(job->settings, "neurons", "\"all\"");
  assert_json(job->settings, "seed", "0");
  assert_json(job->settings, "compat", "false");
  assert_json(job->settings, "seeds", "0");
  assert_json(job->settings, "stimulus", "{\"frames\":50,\"init\":{\"file\":null,\"std\":0.1}}");
  assert_json(job->settings, "objective", "{\"kind\":\"increase\",\"reduce\":{\"kind\":\"mean\"}}");
  assert_json(job->settings, "optimizer.kind", "\"sgd\"");
  assert_json(job->settings, "optimizer.nesterov", "false");
  assert_json(job->settings, "stop", "{\"max_iterations\":10,\"patience\":null}");
  assert_json(job->settings, "postprocess", "[]");
  assert_json(job->settings, "filters",
              "[{\"kind\":\"temporal_gaussian\",\"sigma\":0.5,\"size\":5}]");
  assert_json(job->settings, "mask", "null");
  assert_json(job->settings, "layers", "null");
  assert_json(job->settings, "sweep", "absent");
  assert_int_equal(ins_value_at(job->settings, "optimizer.lr")->kind, INS_REAL);
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  assert_null(strstr(json.data, "o.h5"));
  assert_int_equal(job->n_sweeps, 0);
  ins_text_free(&json);
  ins_job_destroy(&job);
}

static void every_setting_remembers_its_place(void **state) {
  (void)state;
  ins_job *job = good_job(full_job, OVERRIDES("stop.patience=7"));
  const ins_value *norm = ins_value_at(job->settings, "postprocess.0.norm");
  assert_int_equal(norm->line, 11);
  assert_int_equal(norm->column, 29);
  const ins_value *patience = ins_value_at(job->settings, "stop.patience");
  assert_string_equal(patience->origin, "override 1 (stop.patience=7)");
  assert_int_equal(patience->line, 0);
  ins_job_destroy(&job);
}

/* The order of keys and the way of writing numbers do not change what a job is. */
static void equal_jobs_have_equal_hashes(void **state) {
  (void)state;
  static const char shuffled[] = "output: elsewhere.h5\n"
                                 "postprocess:\n"
                                 "- range: {green: [-0.654, 6.269], uv: [-0.913, ~]}\n"
                                 "  norm: 5\n"
                                 "  kind: norm_clip\n"
                                 "stop: {patience: 10.0, max_iterations: 1e2}\n"
                                 "sweep:\n  optimizer.lr:\n  - 1.0\n  - 0x0A\n"
                                 "optimizer: sgd\n"
                                 "objective: {reduce: {length: 10, start: 10, kind: slice_mean}}\n"
                                 "objective2: 1\n"
                                 "stimulus: {init: {std: 1e-1}}\n"
                                 "seeds: '0:10'\n"
                                 "neurons: \"0:50\"\n"
                                 "session: '1_ventral1_20200226'\n"
                                 "model: {file: hoefling_2024_low_res}\n"
                                 "experiment: stimulus_optimization\n";
  ins_job *job = good_job(full_job, NULL), *other = NULL;
  other = good_job(shuffled, OVERRIDES("~objective2", "objective.kind=increase"));
  assert_string_equal(job->hash, other->hash);
  assert_true(ins_value_equal(ins_map_get(job->settings, "postprocess"),
                              ins_map_get(other->settings, "postprocess")));
  ins_job_destroy(&other);
  other = good_job(full_job, OVERRIDES("stop.patience=11"));
  assert_string_not_equal(job->hash, other->hash);
  ins_job_destroy(&other);
  other = good_job(full_job, OVERRIDES("output=there.h5"));
  assert_string_equal(job->hash, other->hash);
  ins_job_destroy(&other);
  other = good_job(full_job, OVERRIDES("io.stripe_count=8", "io.hints={romio_no_indep_rw: true}"));
  assert_string_equal(job->hash, other->hash);
  ins_job_destroy(&other);
  other = good_job(full_job, OVERRIDES("room=3"));
  assert_json(other->settings, "room", "3.0");
  assert_string_equal(job->hash, other->hash);
  ins_job_destroy(&other);
  other = good_job(full_job, OVERRIDES("io.alignment=65536")); /* the one that the bytes show */
  assert_string_not_equal(job->hash, other->hash);
  ins_job_destroy(&other);
  ins_job_destroy(&job);
}

/* The recorded job, given an output, is a job file for the same job. */
static void recorded_json_is_a_job_file(void **state) {
  (void)state;
  ins_text json = {0};
  ins_job *job = good_job(full_job, NULL);
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  ins_job *again = good_job(json.data, OVERRIDES("output=o.h5"));
  assert_string_equal(job->hash, again->hash);
  ins_text_free(&json);
  ins_job_destroy(&again);
  ins_job_destroy(&job);
}

static void an_experiment_without_keys_has_the_common_ones(void **state) {
  (void)state;
  ins_job *job =
      good_job("experiment: response\nmodel: m\noutput: o.h5\nneurons: {group: [28, 30]}\n", NULL);
  assert_int_equal(ins_value_count(job->settings), 8);
  assert_json(job->settings, "neurons", "{\"group\":[28,30]}");
  ins_job_destroy(&job);
}

static void a_map_without_kind_stands_on_the_default(void **state) {
  (void)state;
  ins_job *job = good_job("experiment: stimulus_optimization\nmodel: m\noutput: o.h5\n"
                          "objective: {kind: inner_neuron, channel: 3, reduce: {length: 7}}\n"
                          "optimizer: {momentum: 0.5}\n",
                          NULL);
  assert_json(job->settings, "objective.reduce",
              "{\"kind\":\"slice_mean\",\"start\":5,\"length\":7}");
  assert_json(job->settings, "optimizer.kind", "\"sgd\"");
  assert_json(job->settings, "optimizer.momentum", "0.5");
  ins_job_destroy(&job);
}

static void bounds_may_be_open_and_common_to_all_channels(void **state) {
  (void)state;
  ins_job *job =
      good_job(short_job, OVERRIDES("postprocess={kind: norm_clip, norm: 1, range: [-1, .5]}"));
  assert_json(job->settings, "postprocess.0.range", "[-1.0,0.5]");
  ins_job_destroy(&job);
  job = good_job(full_job, NULL);
  assert_json(job->settings, "postprocess.0.range.uv", "[-0.913,null]");
  ins_job_destroy(&job);
}

/* Substituting swept values gives the tree of a file with these values, kinds included. */
static void a_point_of_a_sweep_is_the_job_written_out(void **state) {
  (void)state;
  static const char swept[] = "experiment: stimulus_optimization\nmodel: m.ckpt\noutput: o.h5\n"
                              "objective: {kind: increase, reduce: {kind: slice_mean, start: 1}}\n"
                              "postprocess: [temporal_gaussian, {kind: norm_clip, norm: 1}]\n"
                              "sweep:\n"
                              "  postprocess.1.norm: range(1, 3, 0.5)\n"
                              "  optimizer.kind: [sgd, adam]\n"
                              "  objective.reduce.start: [3, 0]\n"
                              "  note: ['a', 'b c']\n";
  static const char *const optimizers_[] = {"sgd", "adam"}, *const notes[] = {"a", "b c"};
  ins_job *job = good_job(swept, NULL);
  assert_int_equal(job->n_sweeps, 4);
  assert_string_equal(job->sweeps[0].key, "postprocess.1.norm");
  assert_string_equal(job->sweeps[3].key, "note");
  assert_int_equal(ins_value_count(job->sweeps[0].values), 4);
  assert_json(job->settings, "objective.reduce.start", "3");
  for (size_t i = 0; i < 32; i++) {
    size_t index[] = {i % 4, i / 4 % 2, i / 8 % 2, i / 16};
    char text[1000];
    snprintf(text, sizeof text,
             "experiment: stimulus_optimization\nmodel: m.ckpt\noutput: o.h5\n"
             "objective: {kind: increase, reduce: {kind: slice_mean, start: %d}}\n"
             "postprocess: [temporal_gaussian, {kind: norm_clip, norm: %g}]\n"
             "optimizer: %s\nnote: %s\n",
             index[2] ? 0 : 3, 1 + 0.5 * (double)index[0], optimizers_[index[1]], notes[index[3]]);
    ins_job *plain = good_job(text, NULL);
    ins_value *settings;
    assert_int_equal(ins_job_at(job, index, &settings), INS_OK);
    assert_true(ins_value_equal(settings, plain->settings));
    if (i == 0) assert_true(ins_value_equal(settings, job->settings));
    ins_value_destroy(&settings);
    ins_job_destroy(&plain);
  }
  ins_value *settings;
  assert_int_equal(ins_job_at(job, (size_t[]){4, 0, 0, 0}, &settings), INS_ERR_INTERNAL);
  assert_null(settings);
  ins_job_destroy(&job);
}

static void swept_numbers_take_the_type_of_their_key(void **state) {
  (void)state;
  ins_job *job = good_job(short_job, OVERRIDES("optimizer.lr=1,2.5", "stop.patience=1e1,2"));
  assert_int_equal(job->sweeps[0].values->children.items[0]->kind, INS_REAL);
  assert_int_equal(job->sweeps[1].values->children.items[0]->kind, INS_INT);
  ins_job_destroy(&job);
}

static void a_job_travels_between_ranks(void **state) {
  (void)state;
  ins_text bytes = {0};
  ins_job *job = good_job(full_job, OVERRIDES("optimizer.kind=sgd,adam")), *copy;
  assert_int_equal(ins_job_pack(job, &bytes), INS_OK);
  assert_int_equal(ins_job_unpack(bytes.data, bytes.length, test_experiments, &copy), INS_OK);
  assert_string_equal(copy->hash, job->hash);
  assert_string_equal(copy->path, job->path);
  assert_ptr_equal(copy->experiment, job->experiment);
  assert_true(ins_value_equal(copy->settings, job->settings));
  assert_int_equal(copy->n_sweeps, 2);
  assert_string_equal(copy->sweeps[1].key, "optimizer.kind");
  assert_int_equal(ins_value_at(copy->settings, "stop.patience")->line, 9);
  ins_value *a, *b;
  assert_int_equal(ins_job_at(job, (size_t[]){1, 1}, &a), INS_OK);
  assert_int_equal(ins_job_at(copy, (size_t[]){1, 1}, &b), INS_OK);
  assert_true(ins_value_equal(a, b));
  ins_value_destroy(&a);
  ins_value_destroy(&b);
  ins_job_destroy(&copy);
  assert_int_equal(ins_job_unpack(bytes.data, bytes.length, test_experiments + 1, &copy),
                   INS_ERR_MISSING);
  for (size_t n = 0; n < bytes.length; n += 97) {
    ins_status status = ins_job_unpack(bytes.data, n, test_experiments, &copy);
    assert_int_equal(status, INS_ERR_FORMAT);
    assert_null(copy);
  }
  ins_text_free(&bytes);
  ins_job_destroy(&job);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_filled_in_and_shorthand_is_spelt_out),
      cmocka_unit_test(every_setting_remembers_its_place),
      cmocka_unit_test(equal_jobs_have_equal_hashes),
      cmocka_unit_test(recorded_json_is_a_job_file),
      cmocka_unit_test(an_experiment_without_keys_has_the_common_ones),
      cmocka_unit_test(a_map_without_kind_stands_on_the_default),
      cmocka_unit_test(bounds_may_be_open_and_common_to_all_channels),
      cmocka_unit_test(a_point_of_a_sweep_is_the_job_written_out),
      cmocka_unit_test(swept_numbers_take_the_type_of_their_key),
      cmocka_unit_test(a_job_travels_between_ranks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
