/* SPDX-License-Identifier: MIT */
/* Whole optimisations against the peer's own, from the same initial stimuli (tests/golden/trained).
 */
#include "golden.h"
#include "insilico/checkpoint.h"
#include "insilico/experiment.h"
#include "insilico/optimise.h"
#include "serial_run.h"

#define MOUSE "range: {green: [-0.654, 6.269], uv: [-0.913, 6.269]}"

/** One golden run: the neurons (numbers in the model) are optimised together. */
typedef struct golden_run {
  const char *name, *initial;
  const char *job;
  bool postprocess_first;
  size_t n_frames, n_neurons;
  int64_t neurons[3];
  /* How far the peer's own float32 is from its float64 at the end; a clipped or signed step (Adam)
   * makes single pixels of no influence go either way. */
  double final_tolerance;
} golden_run;

#define NOTEBOOK                                                                                   \
  "objective: {kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}\n"               \
  "optimizer: {kind: sgd, lr: 10}\nstop: {max_iterations: 10}\n"                                   \
  "postprocess: [{kind: norm_clip, norm: 5, " MOUSE "}]\n"

static const golden_run runs[] = {
    {"notebook_7", "initial_7", NOTEBOOK, true, 50, 1, {7}, 1e-4},
    {"notebook_15", "initial_15", NOTEBOOK, true, 50, 1, {15}, 1e-4},
    {"notebook_23", "initial_23", NOTEBOOK, true, 50, 1, {23}, 1e-4},
    {"cli_2",
     "initial_2",
     "objective: {kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}\n"
     "optimizer: {kind: sgd, lr: 100}\nstop: {max_iterations: 10}\n"
     "postprocess: [{kind: norm_clip, norm: 30, " MOUSE "}]\n"
     "penalties: [{kind: range, factor: 0.1, max_norm: 30, " MOUSE "}]\n",
     true,
     50,
     1,
     {2},
     1e-4},
    {"adam_range",
     "initial_adam_range",
     "objective: increase\noptimizer: {kind: adam, lr: 0.05}\n"
     "stop: {max_iterations: 30, patience: 3, delta: 0.001}\n"
     "postprocess: [{kind: clip, " MOUSE "}]\n"
     "penalties: [{kind: range, factor: 0.1, max_norm: 20,"
     " range: {green: [-0.5, 1.0], uv: [null, 0.8]}}]\n",
     false,
     50,
     1,
     {7},
     1e-3},
    {"momentum_lowpass",
     "initial_momentum_lowpass",
     "objective: {kind: increase, reduce: {kind: slice_mean, start: 5, length: 10}}\n"
     "optimizer: {kind: sgd, lr: 5, momentum: 0.9}\nstop: {max_iterations: 30, patience: 3}\n"
     "postprocess: [{kind: temporal_gaussian, sigma: 0.5, size: 5}, {kind: clip, " MOUSE "}]\n"
     "penalties: [{kind: range, factor: 0.05, max_norm: 10, " MOUSE "}]\n",
     true,
     45,
     3,
     {2, 21, 33},
     1e-4},
    {"decrease",
     "initial_decrease",
     "objective: {kind: decrease, reduce: {kind: slice_mean, start: 0, length: 20}}\n"
     "optimizer: {kind: sgd, lr: 30}\nstop: {max_iterations: 12}\n"
     "postprocess: [{kind: norm_clip, norm: 60, " MOUSE "}]\n",
     false,
     40,
     1,
     {15},
     1e-4},
};

/* A validated job around the lines of a run. */
static ins_job *load_job(const char *lines) {
  char yaml[2048];
  snprintf(yaml, sizeof yaml, "experiment: stimulus_optimization\nmodel: x\noutput: x.h5\n%s",
           lines);
  return job_of(yaml);
}

static ins_model *open_model(void) {
  ins_model_source *source = NULL;
  ins_model *model = NULL;
  MUST(ins_model_open(INS_TEST_DATA "/golden/trained/model.ckpt", NULL, &source));
  MUST(ins_model_create(source, &model));
  ins_model_source_destroy(&source);
  return model;
}

static ins_value *golden_of(const char *name, const char *part) {
  char path[256];
  snprintf(path, sizeof path, "trained/%s%s.npy", name, part);
  return golden(path);
}

static ins_plan *plan_of(const ins_model *model, const golden_run *run, const ins_shape *shape,
                         const ins_optimisation *optimisation) {
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = shape->n_frames,
                        .height = shape->height,
                        .width = shape->width,
                        .n_neurons = run->n_neurons,
                        .gradient = true};
  ins_plan *plan = NULL;
  ins_optimisation_window(optimisation, &spec.first_frame, &spec.n_read);
  if (ins_plan_create(model, &spec, &plan) != INS_OK ||
      ins_plan_select(plan, 0, run->neurons, run->n_neurons) != INS_OK)
    fail_msg("%s", ins_message());
  return plan;
}

static void compare(const golden_run *run, const ins_shape *shape, const float *x,
                    const ins_optimised *result) {
  ins_value *final = golden_of(run->name, "_final"), *trace = golden_of(run->name, "_trace");
  ins_value *loss = golden_of(run->name, "_loss");
  size_t n = ins_shape_count(shape), steps = trace->array.shape[0];
  double r = correlation(x, golden_data(final), n), e = relative_error(x, golden_data(final), n);
  double te = relative_error(result->objective_trace, golden_data(trace), steps);
  double le = relative_error(result->loss_trace, golden_data(loss), steps);
  print_message("%-18s correlation 1 - %.1e, final %.1e, trace %.1e, loss %.1e\n", run->name, 1 - r,
                e, te, le);
  assert_int_equal(result->n_iterations, steps);
  assert_true(r > 0.9999);
  assert_true(e < run->final_tolerance);
  assert_true(te < 1e-3 && le < 1e-3);
  ins_value_destroy(&final);
  ins_value_destroy(&trace);
  ins_value_destroy(&loss);
}

static void check_run(const ins_model *model, const golden_run *run) {
  ins_job *job = load_job(run->job);
  ins_value *initial = golden_of(run->initial, "");
  const ins_shape shape = {2, run->n_frames, 18, 16};
  size_t n = ins_shape_count(&shape), n_output;
  ins_optimisation *optimisation = NULL;
  assert_int_equal(ins_array_count(&initial->array), n);
  assert_int_equal(ins_model_output_frames(model, run->n_frames, &n_output), INS_OK);
  if (ins_optimisation_create(job->settings, &shape, n_output, run->n_neurons, false,
                              &optimisation) != INS_OK)
    fail_msg("%s", ins_message());
  size_t limit = ins_optimisation_limit(optimisation);
  ins_plan *plan = plan_of(model, run, &shape, optimisation);
  float *best = calloc(n, sizeof *best), *traces = calloc(2 * limit, sizeof *traces);
  ins_optimised result = {.best = best, .objective_trace = traces, .loss_trace = traces + limit};
  assert_int_equal(
      ins_optimise(optimisation, plan, run->postprocess_first, golden_data(initial), &result, NULL),
      INS_OK);
  compare(run, &shape, golden_data(initial), &result);
  free(best);
  free(traces);
  ins_plan_destroy(&plan);
  ins_optimisation_destroy(&optimisation);
  ins_value_destroy(&initial);
  ins_job_destroy(&job);
}

static void optimisations_end_where_the_peer_s_do(void **state) {
  (void)state;
  ins_model *model = open_model();
  for (size_t k = 0; k < sizeof runs / sizeof runs[0]; k++) check_run(model, &runs[k]);
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(optimisations_end_where_the_peer_s_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
