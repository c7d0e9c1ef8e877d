/* SPDX-License-Identifier: MIT */
/* Receptive fields of models: against the planted truth, against finite differences of the
 * reference, and of models of all kinds. */
#include <math.h>

#include "experiment/receptive_field_parts.h"
#include "serial_run.h"

#define FIELD         "experiment: receptive_field\noutput: x.h5\n"
#define GROUND_TRUTH  FIELD "model: builtin:ground_truth\n"
#define TRAINED       FIELD "model: " INS_TEST_DATA "/golden/trained/model.ckpt\n"
#define VARIANT(name) FIELD "model: " INS_TEST_DATA "/golden/variants/" name "/model.ckpt\n"
#define KIND(name)    FIELD "model: " INS_TEST_DATA "/golden/kinds/" name "/model.ckpt\n"

static double truth_of(const serial_run *r, const char *name, size_t neuron) {
  return ins_array_get(&ins_map_get(r->source->truth, name)->array, neuron);
}

static double number(const serial_run *r, const char *name, size_t task) {
  return *(double *)serial_row(r, name, task);
}

static bool is_valid(const serial_run *r, const char *name, size_t task) {
  char valid[64];
  snprintf(valid, sizeof valid, "%s_valid", name);
  return *(int8_t *)serial_row(r, valid, task);
}

static int method_of(const serial_run *r, size_t task) {
  return *(int8_t *)serial_row(r, "field_method", task);
}

static double distance(const serial_run *r, size_t task, size_t neuron) {
  return hypot(number(r, "x_px", task) - truth_of(r, "x_px", neuron),
               number(r, "y_px", task) - truth_of(r, "y_px", neuron));
}

/* ---- the planted truth ----------------------------------------------------------------------- */

/* The truth is the same derivative, computed from the weights in double precision; where it has a
 * second component, power iteration was stopped earlier there. */
static void the_planted_truth_is_found(void **state) {
  (void)state;
  serial_run r = serial_run_job(GROUND_TRUTH);
  double centre = 0, size = 0, colour = 0, surround = 0;
  assert_int_equal(r.n_tasks, 64);
  for (size_t k = 0; k < r.n_tasks; k++) {
    assert_int_equal(r.status[k], INS_OK);
    assert_int_equal(method_of(&r, k), INS_FIELD_AT_GREY);
    assert_true(is_valid(&r, "x_um", k) && is_valid(&r, "sigma_um", k));
    const double polarity = truth_of(&r, "polarity", k), scale = truth_of(&r, "sigma_um", k);
    centre = fmax(centre, distance(&r, k, k));
    size = fmax(size, fabs(number(&r, "sigma_um", k) / scale - 1));
    colour = fmax(colour, fabs(number(&r, "field_colour_preference", k) -
                               truth_of(&r, "colour_preference", k)));
    surround =
        fmax(surround, fabs(number(&r, "surround_index", k) - truth_of(&r, "surround_index", k)));
    if (polarity != 0) assert_true(number(&r, "field_polarity", k) == polarity);
    assert_true(number(&r, "x_um", k) == 25 * number(&r, "x_px", k));
  }
  print_message("worst: centre %.3f px, size %.2f %%, colour %.1e, surround %.1e\n", centre,
                100 * size, colour, surround);
  assert_true(centre < 0.2 && size < 0.02 && colour < 1e-3 && surround < 0.01);
  serial_clear(&r);
}

static void averaging_over_weak_noise_changes_little(void **state) {
  (void)state;
  serial_run r = serial_run_job(GROUND_TRUTH "neurons: '0:8'\n"
                                             "receptive_field: {samples: 10, contrast: 0.1}\n");
  for (size_t k = 0; k < r.n_tasks; k++) {
    assert_int_equal(method_of(&r, k), INS_FIELD_OVER_NOISE);
    assert_true(distance(&r, k, k) < 0.5);
    assert_true(fabs(number(&r, "sigma_um", k) / truth_of(&r, "sigma_um", k) - 1) < 0.1);
  }
  serial_clear(&r);
}

static void spike_triggered_averages_lie_where_the_cells_are(void **state) {
  (void)state;
  const size_t neurons[] = {0, 2, 4, 8};
  serial_run r =
      serial_run_job(GROUND_TRUTH "neurons: [0, 2, 4, 8]\n"
                                  "receptive_field: {method: sta, noise_frames: 7000}\n");
  for (size_t k = 0; k < r.n_tasks; k++) {
    const double polarity = truth_of(&r, "polarity", neurons[k]);
    assert_int_equal(method_of(&r, k), INS_FIELD_TRIGGERED);
    assert_true(is_valid(&r, "x_um", k) && distance(&r, k, neurons[k]) < 1);
    if (polarity != 0) assert_true(number(&r, "field_polarity", k) == polarity);
  }
  serial_clear(&r);
}

/* The average estimates the derivative itself, with its units. */
static void a_spike_triggered_average_has_the_size_of_the_derivative(void **state) {
  (void)state;
  serial_run g = serial_run_job(GROUND_TRUTH "neurons: [8]\n");
  serial_run a =
      serial_run_job(GROUND_TRUTH "neurons: [8]\n"
                                  "receptive_field: {method: sta, noise_frames: 4000}\n");
  const size_t n = ins_layout_row(g.layout, ins_layout_find(g.layout, "temporal"));
  const float *slope = serial_row(&g, "temporal", 0), *average = serial_row(&a, "temporal", 0);
  double both = 0, square = 0;
  for (size_t i = 0; i < n; i++) {
    both += (double)slope[i] * (double)average[i];
    square += (double)slope[i] * (double)slope[i];
  }
  /* The profile's peak is scaled to 1, also where noise made it larger: hence 20 %. */
  assert_true(fabs(both / square - 1) < 0.2);
  serial_clear(&g);
  serial_clear(&a);
}

/* ---- finite differences ---------------------------------------------------------------------- */

/* A stage of its own, whose fields stay in memory after its tasks were computed. */
typedef struct bench {
  serial_run run;
  ins_selection selection;
  ins_field_stage *stage;
  ins_layout *layout;
  void *rows[INS_MAX_VARIABLES];
} bench;

static void bench_create(const char *yaml, int64_t *neurons, size_t n, bench *b) {
  *b = (bench){.selection = {neurons, n}};
  MUST(serial_setup(&b->run, yaml));
  const ins_value *settings = ins_map_get(b->run.job->settings, "receptive_field");
  MUST(ins_field_stage_create(&b->run.memory->context, settings, &b->selection, NULL, &b->stage,
                              &b->layout));
  size_t task[8];
  ins_status status[8];
  char message[8][INS_MESSAGE_MAX];
  double merit[8];
  for (size_t k = 0; k < n; k++) task[k] = k;
  for (int v = 0; v < b->layout->n_variables; v++)
    if (b->layout->variables[v].scope == INS_PER_TASK)
      MUST(ins_alloc(n, ins_layout_row_bytes(b->layout, v), &b->rows[v]));
  const ins_batch batch = {.n = n,
                           .task = task,
                           .rows = (void *const *)b->rows,
                           .status = status,
                           .message = message,
                           .merit = merit};
  MUST(ins_field_stage_compute(b->stage, &batch, NULL));
}

static void bench_clear(bench *b) {
  for (int v = 0; v < b->layout->n_variables; v++) ins_free(&b->rows[v]);
  ins_field_stage_destroy(&b->stage);
  ins_layout_destroy(&b->layout);
  serial_clear(&b->run);
}

/* The response that a field belongs to, from the reference, with element i of the stimulus moved.
 */
static double response_at(const bench *b, int64_t neuron, double grey, size_t i, double step) {
  const ins_field_clip *clip = &b->stage->clip;
  const size_t n = ins_shape_count(&clip->shape);
  double *x, *r, value;
  size_t n_output;
  MUST(ins_model_output_frames(b->run.model, clip->shape.n_frames, &n_output));
  MUST(ins_alloc(n, sizeof *x, &x));
  MUST(ins_alloc(n_output, sizeof *r, &r));
  for (size_t k = 0; k < n; k++) x[k] = grey;
  x[i] += step;
  MUST(ins_reference_run(b->run.model, clip->shape.n_frames, x, &neuron, 1, r, NULL, NULL));
  value = r[clip->first_output];
  ins_free(&x);
  ins_free(&r);
  return value;
}

/* The largest element of the field of neuron k, and `n_more` others, are the slope of the response.
 */
static void check_slopes(const bench *b, size_t k, double grey, size_t n_more) {
  const ins_field_clip *clip = &b->stage->clip;
  const size_t size = ins_field_size(clip), frame = ins_shape_frame(&clip->shape);
  const size_t n_channel = clip->n_lags * frame;
  const double *w = b->stage->work.w + k * size, step = 1e-3;
  long first, last;
  ins_model_window(b->run.model, clip->first_output, &first, &last);
  const size_t start = (size_t)((long)clip->first_output + last) + 1 - clip->n_lags;
  size_t at = 0;
  for (size_t i = 1; i < size; i++)
    if (fabs(w[i]) > fabs(w[at])) at = i;
  const double scale = fabs(w[at]);
  assert_true(scale > 0);
  for (size_t e = 0; e <= n_more; e++, at = (at + 7919) % size) {
    const size_t i =
        at / n_channel * ins_shape_channel(&clip->shape) + start * frame + at % n_channel;
    const int64_t neuron = b->selection.neurons[k];
    const double slope =
        (response_at(b, neuron, grey, i, step) - response_at(b, neuron, grey, i, -step)) /
        (2 * step);
    /* Single precision, and the curvature over the step. */
    if (!(fabs(slope - w[at]) < 1e-4 * scale))
      fail_msg("element %zu: %g, but the slope is %g (scale %g)", at, w[at], slope, scale);
  }
}

static void fields_are_derivatives(void **state) {
  (void)state;
  int64_t neurons[] = {3, 0, 30};
  bench b;
  bench_create(TRAINED, neurons, 3, &b);
  for (size_t k = 0; k < 3; k++) check_slopes(&b, k, 0, 3);
  bench_clear(&b);
  bench_create(TRAINED "intensity: {grey: 0.5}\n", neurons, 3, &b);
  for (size_t k = 0; k < 3; k++) check_slopes(&b, k, 0.5, 3);
  bench_clear(&b);
  bench_create(GROUND_TRUTH, neurons, 2, &b);
  check_slopes(&b, 0, 0, 0);
  bench_clear(&b);
}

static void fields_of_models_that_remember_are_derivatives(void **state) {
  (void)state;
  int64_t neurons[] = {1, 0};
  bench b;
  bench_create(VARIANT("gru_core"), neurons, 2, &b);
  assert_int_equal(b.stage->clip.n_lags, 30);
  assert_int_equal(b.stage->clip.shape.n_frames, 60);
  for (size_t k = 0; k < 2; k++) check_slopes(&b, k, 0, 12);
  bench_clear(&b);
  bench_create(VARIANT("gru_core") "receptive_field: {frames: 7}\n", neurons, 2, &b);
  assert_int_equal(b.stage->clip.n_lags, 7);
  check_slopes(&b, 1, 0, 12);
  bench_clear(&b);
}

/* An output frame of a padded model sees padding unless it is chosen well inside. */
static void padded_models_are_looked_at_where_they_see_real_frames_only(void **state) {
  (void)state;
  int64_t neurons[] = {1, 0};
  bench b;
  long first, last;
  bench_create(VARIANT("even_kernels_same"), neurons, 2, &b);
  const ins_field_clip clip = b.stage->clip;
  ins_model_window(b.run.model, clip.first_output, &first, &last);
  assert_true(clip.last_lag > 0); /* it sees ahead */
  assert_true((long)clip.first_output + first >= 0);
  assert_true((long)clip.first_output + last < (long)clip.shape.n_frames);
  assert_int_equal(clip.n_lags, last - first + 1);
  check_slopes(&b, 0, 0, 12);
  bench_clear(&b);
}

/* ---- models of all kinds --------------------------------------------------------------------- */

static void single_frames_have_one_lag_and_no_times(void **state) {
  (void)state;
  serial_run r = serial_run_job(VARIANT("image_model"));
  const ins_layout *layout = r.layout;
  const ins_variable *temporal = &layout->variables[ins_layout_find(layout, "temporal")];
  assert_int_equal(layout->axes[temporal->axes[1]].length, 1);
  for (size_t k = 0; k < r.n_tasks; k++) {
    assert_int_equal(method_of(&r, k), INS_FIELD_AT_GREY);
    assert_true(is_valid(&r, "field_polarity", k));
    assert_false(is_valid(&r, "time_to_peak_s", k) || is_valid(&r, "biphasic_index", k));
  }
  serial_clear(&r);
}

/* Its nonlinearity is flat at grey. */
static void neurons_without_a_gradient_at_grey_are_tried_with_noise(void **state) {
  (void)state;
  serial_run r = serial_run_job(KIND("point_partial"));
  for (size_t k = 0; k < r.n_tasks; k++) {
    assert_int_equal(method_of(&r, k), INS_FIELD_OVER_NOISE);
    assert_true(is_valid(&r, "field_polarity", k));
  }
  serial_clear(&r);
}

/* One neuron of this model does not hear anything. */
static void a_neuron_that_answers_nothing_has_no_field(void **state) {
  (void)state;
  serial_run r = serial_run_job(VARIANT("gru_core_prelu"));
  size_t n_silent = 0;
  for (size_t k = 0; k < r.n_tasks; k++) {
    const float *spatial = serial_row(&r, "spatial", k);
    assert_int_equal(r.status[k], INS_OK);
    if (method_of(&r, k) != INS_FIELD_NONE) continue;
    n_silent++;
    assert_false(is_valid(&r, "field_polarity", k) || is_valid(&r, "x_px", k));
    assert_true(isnan(number(&r, "x_px", k)) && spatial[0] == 0);
  }
  assert_int_equal(n_silent, 1);
  serial_clear(&r);
}

static void axes_have_units_where_the_model_says_them(void **state) {
  (void)state;
  serial_run r = serial_run_job(GROUND_TRUTH "neurons: [0]\n");
  for (int a = 0; a < r.layout->n_axes; a++) {
    const ins_axis *axis = &r.layout->axes[a];
    assert_string_not_equal(axis->name, "frame");
    if (strcmp(axis->name, "lag")) continue;
    assert_int_equal(axis->length, 31);
    assert_string_equal(axis->units, "s");
    assert_true(fabs(ins_array_get(&axis->coordinates->array, 0) + 1) < 1e-12);
    assert_true(ins_array_get(&axis->coordinates->array, 30) == 0);
  }
  serial_clear(&r);
  r = serial_run_job(GROUND_TRUTH "neurons: [0]\nsession: ground_truth\n");
  assert_true(ins_layout_find(r.layout, "truth_x_px") >= 0);
  serial_clear(&r);
}

/* ---- bits ------------------------------------------------------------------------------------ */

static void assert_same_rows(const serial_run *a, size_t i, const serial_run *b, size_t j) {
  for (int v = 0; v < a->layout->n_variables; v++) {
    const char *name = a->layout->variables[v].name;
    if (a->layout->variables[v].scope != INS_PER_TASK) continue;
    if (memcmp(serial_row(a, name, i), serial_row(b, name, j), ins_layout_row_bytes(a->layout, v)))
      fail_msg("%s differs", name);
  }
}

static void check_bits(const char *settings) {
  char yaml[1024];
  snprintf(yaml, sizeof yaml, GROUND_TRUTH "neurons: '0:20'\n%s", settings);
  serial_run all = serial_run_job(yaml), parts;
  MUST(serial_setup(&parts, yaml));
  serial_buffers(&parts);
  MUST(serial_batch(&parts, 13, 7, NULL));
  MUST(serial_batch(&parts, 0, 1, NULL));
  MUST(serial_batch(&parts, 1, 12, NULL));
  for (size_t k = 0; k < 20; k++) assert_same_rows(&all, k, &parts, k);
  snprintf(yaml, sizeof yaml, GROUND_TRUTH "neurons: [18, 3]\n%s", settings);
  serial_run some = serial_run_job(yaml);
  assert_same_rows(&all, 18, &some, 0);
  assert_same_rows(&all, 3, &some, 1);
  serial_clear(&all);
  serial_clear(&parts);
  serial_clear(&some);
}

static void bits_depend_neither_on_the_batch_nor_on_other_neurons(void **state) {
  (void)state;
  check_bits("");
  check_bits("receptive_field: {samples: 2}\n");
  check_bits("receptive_field: {method: sta, noise_frames: 250}\n");
}

static void the_seed_of_the_job_is_the_seed_of_the_noise(void **state) {
  (void)state;
  const char *sta =
      GROUND_TRUTH "neurons: [0]\nreceptive_field: {method: sta, noise_frames: 200}\n";
  char yaml[1024];
  snprintf(yaml, sizeof yaml, "%sseed: 1\n", sta);
  serial_run a = serial_run_job(sta), b = serial_run_job(yaml);
  const float *x = serial_row(&a, "spatial", 0), *y = serial_row(&b, "spatial", 0);
  assert_true(memcmp(x, y, 36 * 32 * sizeof *x) != 0);
  serial_clear(&a);
  serial_clear(&b);
}

/* ---- refusals, stopping, cost ---------------------------------------------------------------- */

static void refused(const char *yaml, ins_status expected, const char *says) {
  serial_run r;
  assert_int_equal(serial_setup(&r, yaml), expected);
  if (!strstr(ins_message(), says)) fail_msg("%s", ins_message());
  serial_clear(&r);
}

static void what_cannot_be_done_is_refused_before_anything_is_written(void **state) {
  (void)state;
  refused(GROUND_TRUTH "receptive_field: {clip_frames: 20}\n", INS_ERR_SHAPE, "31 frames");
  refused(GROUND_TRUTH "sweep: {receptive_field.contrast: [0.1, 0.2]}\n", INS_ERR_ARGUMENT,
          "nothing to sweep");
  refused(KIND("gru_scalar_kernels"), INS_ERR_SHAPE, "exactly 8 frames");
  serial_run r = serial_run_job(KIND("gru_scalar_kernels") "receptive_field: {clip_frames: 18}\n");
  assert_int_equal(r.status[0], INS_OK);
  serial_clear(&r);
}

static bool never(void *context) {
  (void)context;
  return false;
}

static void it_stops_when_it_is_told_to(void **state) {
  (void)state;
  const ins_pulse stop = {never, NULL};
  const char *const methods[] = {"{method: gradient}", "{samples: 5}", "sta"};
  for (size_t m = 0; m < 3; m++) {
    char yaml[1024];
    serial_run r;
    snprintf(yaml, sizeof yaml, GROUND_TRUTH "receptive_field: %s\n", methods[m]);
    MUST(serial_setup(&r, yaml));
    serial_buffers(&r);
    assert_int_equal(serial_batch(&r, 0, 2, &stop), INS_ERR_STOPPED);
    assert_int_equal(r.status[0], INS_ERR_STOPPED);
    serial_clear(&r);
  }
}

static void measuring_the_cost_changes_no_result(void **state) {
  (void)state;
  const char *const methods[] = {"gradient", "{samples: 3}", "{method: sta, noise_frames: 300}"};
  for (size_t m = 0; m < 3; m++) {
    char yaml[1024];
    double bytes = 0, seconds = 0;
    serial_run r;
    snprintf(yaml, sizeof yaml, GROUND_TRUTH "neurons: [0, 5]\nreceptive_field: %s\n", methods[m]);
    serial_run plain = serial_run_job(yaml);
    MUST(serial_setup(&r, yaml));
    serial_buffers(&r);
    MUST(r.experiment->cost(r.state, 0, &bytes, &seconds));
    assert_true(bytes > 1e5 && bytes < 1e9 && seconds > 0 && seconds < 60);
    MUST(serial_batch(&r, 0, 2, NULL));
    for (size_t k = 0; k < 2; k++) assert_same_rows(&plain, k, &r, k);
    serial_clear(&plain);
    serial_clear(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_planted_truth_is_found),
      cmocka_unit_test(averaging_over_weak_noise_changes_little),
      cmocka_unit_test(spike_triggered_averages_lie_where_the_cells_are),
      cmocka_unit_test(a_spike_triggered_average_has_the_size_of_the_derivative),
      cmocka_unit_test(fields_are_derivatives),
      cmocka_unit_test(fields_of_models_that_remember_are_derivatives),
      cmocka_unit_test(padded_models_are_looked_at_where_they_see_real_frames_only),
      cmocka_unit_test(single_frames_have_one_lag_and_no_times),
      cmocka_unit_test(neurons_without_a_gradient_at_grey_are_tried_with_noise),
      cmocka_unit_test(a_neuron_that_answers_nothing_has_no_field),
      cmocka_unit_test(axes_have_units_where_the_model_says_them),
      cmocka_unit_test(bits_depend_neither_on_the_batch_nor_on_other_neurons),
      cmocka_unit_test(the_seed_of_the_job_is_the_seed_of_the_noise),
      cmocka_unit_test(what_cannot_be_done_is_refused_before_anything_is_written),
      cmocka_unit_test(it_stops_when_it_is_told_to),
      cmocka_unit_test(measuring_the_cost_changes_no_result),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
