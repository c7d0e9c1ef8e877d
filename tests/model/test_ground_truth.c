/* SPDX-License-Identifier: MIT */
/* The built-in retina says what it is, and is what it says: its truth table against responses and
 * gradients of the model made from it. */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/ground_truth.h"
#include "insilico/memory.h"
#include "insilico/plan.h"

enum { N = 64, C = 2, H = 36, W = 32, LAG = 30, AREA = H * W, N_DIRECTIONS = 12 };

static ins_model_source *make(size_t n, uint64_t seed) {
  ins_ground_truth_spec spec = {.n_neurons = n, .seed = seed};
  ins_model_source *source = NULL;
  assert_int_equal(ins_ground_truth_create(&spec, &source), INS_OK);
  return source;
}

static double truth(const ins_model_source *source, const char *name, size_t k) {
  const ins_value *value = ins_map_get(source->truth, name);
  assert_non_null(value);
  return ins_array_get(&value->array, k);
}

static const char *type(const ins_model_source *source, size_t k) {
  return ins_map_get(source->truth, "cell_type")->children.items[k]->text;
}

static const ins_array *parameter(const ins_model_source *source, const char *name) {
  const ins_value *value = ins_map_get(source->parameters, name);
  assert_non_null(value);
  return &value->array;
}

static bool direction_selective(const ins_model_source *source, size_t k) {
  return !isnan(truth(source, "preferred_direction_deg", k));
}

/* ---- the source ---------------------------------------------------------------------------------
 */

static void same_spec_gives_the_same_bytes(void **state) {
  (void)state;
  ins_model_source *a = make(40, 7), *b = make(40, 7), *c = make(40, 8);
  ins_text bytes_a = {0}, bytes_b = {0};
  assert_int_equal(ins_model_source_pack(a, &bytes_a), INS_OK);
  assert_int_equal(ins_model_source_pack(b, &bytes_b), INS_OK);
  assert_int_equal(bytes_a.length, bytes_b.length);
  assert_memory_equal(bytes_a.data, bytes_b.data, bytes_a.length);
  assert_false(ins_value_equal(a->truth, c->truth));
  ins_text_free(&bytes_a);
  ins_text_free(&bytes_b);
  ins_model_source_destroy(&a);
  ins_model_source_destroy(&b);
  ins_model_source_destroy(&c);
}

static void a_neuron_does_not_depend_on_how_many_there_are(void **state) {
  (void)state;
  static const char *const names[] = {"x_px", "y_px", "sigma_um", "colour_preference", "polarity"};
  ins_model_source *few = make(5, 3), *many = make(101, 3);
  for (size_t k = 0; k < 5; k++) {
    assert_string_equal(type(few, k), type(many, k));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      assert_true(truth(few, names[i], k) == truth(many, names[i], k));
  }
  ins_model_source_destroy(&few);
  ins_model_source_destroy(&many);
}

static void too_many_neurons_are_refused(void **state) {
  (void)state;
  ins_ground_truth_spec spec = {.n_neurons = SIZE_MAX};
  ins_model_source *source;
  assert_int_equal(ins_ground_truth_create(&spec, &source), INS_ERR_ARGUMENT);
  assert_null(source);
}

static void all_types_and_sixteen_directions_are_there(void **state) {
  (void)state;
  ins_model_source *source = make(0, 0);
  size_t at_direction[16] = {0}, on = 0, off = 0, transient = 0, green = 0, uv = 0, types = 0;
  assert_int_equal(ins_value_count(ins_map_get(source->truth, "cell_type")), N);
  for (size_t k = 0; k < N; k++) {
    double direction = truth(source, "preferred_direction_deg", k);
    bool first = true;
    for (size_t i = 0; i < k && first; i++) first = strcmp(type(source, i), type(source, k)) != 0;
    types += first;
    if (!isnan(direction)) at_direction[(size_t)lround(direction / 22.5)]++;
    on += truth(source, "polarity", k) > 0;
    off += truth(source, "polarity", k) < 0;
    transient += truth(source, "transient", k) > 0;
    green += truth(source, "colour_preference", k) > 0.25;
    uv += truth(source, "colour_preference", k) < -0.25;
  }
  for (size_t d = 0; d < 16; d++) assert_int_equal(at_direction[d], 2);
  assert_int_equal(types, 17);
  assert_in_range(on, 16, 20);
  assert_in_range(off, 8, 12);
  assert_in_range(transient, 40, 50);
  assert_true(green >= 6 && uv >= 6);
  ins_model_source_destroy(&source);
}

/* A mask's mean as a pixel of the last feature map, whose longer side has 22. */
static double map_pixel(double mean, size_t n) {
  double half = (double)n / 22;
  return (6 * mean + half) * (double)(n - 1) / (2 * half);
}

static void every_cell_is_well_inside_the_last_feature_map(void **state) {
  (void)state;
  ins_model_source *source = make(500, 11);
  const ins_array *mean = parameter(source, "readout.ground_truth.mask_mean");
  const ins_array *log_var = parameter(source, "readout.ground_truth.mask_log_var");
  bool quadrant[4] = {false};
  for (size_t k = 0; k < 500; k++) {
    double row = map_pixel(ins_array_get(mean, 2 * k), 22);
    double column = map_pixel(ins_array_get(mean, 2 * k + 1), 18);
    double sd = exp(2 * ins_array_get(log_var, k)) / (2.0 / 21);
    /* 2 % for the two axes' different steps */
    double margin = fmax(2, 2.5 * sd) * 0.98;
    assert_true(sd > 0.55 && sd < 1.3);
    assert_true(row >= margin && row <= 21 - margin);
    assert_true(column >= margin && column <= 17 - margin);
    assert_true(fabs(row + 7 - truth(source, "y_px", k)) < 0.25);
    assert_true(fabs(column + 7 - truth(source, "x_px", k)) < 0.25);
    quadrant[(row > 10.5) * 2 + (column > 8.5)] = true;
  }
  assert_true(quadrant[0] && quadrant[1] && quadrant[2] && quadrant[3]);
  ins_model_source_destroy(&source);
}

static void units_are_declared_and_consistent(void **state) {
  (void)state;
  ins_model_source *source = make(4, 1);
  double um = ins_value_real_or(ins_value_at(source->data_info, "retina_pixel_size_um"), 0);
  assert_true(um == 25);
  assert_int_equal(ins_value_int_or(ins_value_at(source->data_info, "model_cut_frames"), -1), LAG);
  assert_int_equal(
      ins_value_int_or(ins_value_at(source->data_info, "n_neurons_dict.ground_truth"), 0), 4);
  for (size_t k = 0; k < 4; k++) {
    assert_true(truth(source, "x_um", k) == um * truth(source, "x_px", k));
    assert_true(truth(source, "y_um", k) == um * truth(source, "y_px", k));
    assert_true(truth(source, "sigma_um", k) > um && truth(source, "sigma_um", k) < 2.5 * um);
  }
  ins_model_source_destroy(&source);
}

/* ---- the model ----------------------------------------------------------------------------------
 */

typedef struct retina {
  ins_model_source *source;
  ins_model *model;
} retina;

static int setup(void **state) {
  static retina r;
  r.source = make(N, 5);
  assert_int_equal(ins_model_create(r.source, &r.model), INS_OK);
  *state = &r;
  return 0;
}

static int teardown(void **state) {
  retina *r = *state;
  ins_model_destroy(&r->model);
  ins_model_source_destroy(&r->source);
  return 0;
}

static void the_model_is_causal_and_answers_frame_30(void **state) {
  retina *r = *state;
  const ins_model_info *info = ins_model_describe(r->model);
  long first, last;
  size_t n_frames;
  ins_model_window(r->model, 0, &first, &last);
  assert_int_equal(first, 0);
  assert_int_equal(last, LAG);
  assert_int_equal(ins_model_output_frames(r->model, 60, &n_frames), INS_OK);
  assert_int_equal(n_frames, 30);
  assert_int_equal(info->n_neurons, N);
  assert_int_equal(info->map_height, 22);
  assert_int_equal(info->map_width, 18);
}

/* The first pair of singular vectors of a gradient [n_rows, H*W], by power iteration: space has
 * norm 1 and its largest element is positive, time takes the rest. */
static void spatial_profile(const double *g, size_t n_rows, double *space, double *time) {
  for (size_t i = 0; i < AREA; i++) space[i] = 1 + (double)(i % 7) / 7;
  for (int n = 0; n < 200; n++) {
    double next[AREA] = {0}, norm = 0;
    for (size_t t = 0; t < n_rows; t++) {
      time[t] = 0;
      for (size_t i = 0; i < AREA; i++) time[t] += g[t * AREA + i] * space[i];
      for (size_t i = 0; i < AREA; i++) next[i] += time[t] * g[t * AREA + i];
    }
    for (size_t i = 0; i < AREA; i++) norm += next[i] * next[i];
    for (size_t i = 0; i < AREA; i++) space[i] = next[i] / sqrt(norm);
  }
  size_t peak = 0;
  for (size_t i = 0; i < AREA; i++)
    if (fabs(space[i]) > fabs(space[peak])) peak = i;
  double sign = space[peak] < 0 ? -1 : 1;
  for (size_t i = 0; i < AREA; i++) space[i] *= sign;
  for (size_t t = 0; t < n_rows; t++) time[t] *= sign;
}

/* Sub-pixel maximum: the parabola through the logarithms of three neighbours is exact for a
 * Gaussian. */
static double refine(double before, double at, double after) {
  double a = log(before), b = log(at), c = log(after);
  return (a - c) / (2 * (a - 2 * b + c));
}

/* SD of the circular Gaussian around (x,y) that leaves the least squared residual, by trying. */
static double best_sigma(const double *space, double x, double y) {
  double best = 0, best_explained = 0;
  for (double sigma = 0.6; sigma < 3; sigma += 0.01) {
    double product = 0, square = 0;
    for (size_t i = 0; i < AREA; i++) {
      double dx = (double)(i % W) - x, dy = (double)(i / W) - y;
      double g = exp(-(dx * dx + dy * dy) / (2 * sigma * sigma));
      product += g * space[i];
      square += g * g;
    }
    double explained = product * product / square;
    if (explained > best_explained) best = sigma, best_explained = explained;
  }
  return best;
}

static void check_field(const ins_model_source *source, size_t k, const double *gradient) {
  double space[AREA], time[C * (LAG + 1)], norm = 0;
  spatial_profile(gradient, C * (LAG + 1), space, time);
  size_t peak = 0, main_row = 0;
  for (size_t i = 0; i < AREA; i++)
    if (space[i] > space[peak]) peak = i;
  double x = (double)(peak % W) + refine(space[peak - 1], space[peak], space[peak + 1]);
  double y = (double)(peak / W) + refine(space[peak - W], space[peak], space[peak + W]);
  assert_true(fabs(x - truth(source, "x_px", k)) < 0.5);
  assert_true(fabs(y - truth(source, "y_px", k)) < 0.5);
  double sigma = best_sigma(space, truth(source, "x_px", k), truth(source, "y_px", k));
  assert_true(fabs(25 * sigma / truth(source, "sigma_um", k) - 1) < 0.05);

  for (size_t t = 0; t < C * (LAG + 1); t++) {
    norm += time[t] * time[t];
    if (fabs(time[t]) > fabs(time[main_row])) main_row = t;
  }
  assert_true(sqrt(norm) > 0.005); /* optimisation can start from grey */
  double polarity = truth(source, "polarity", k), colour = truth(source, "colour_preference", k);
  double here = time[main_row], other = time[(main_row + LAG + 1) % (C * (LAG + 1))];
  if (polarity != 0) assert_true(here * polarity > 0);
  bool green = main_row <= LAG;
  double expected = (here - other) / (fabs(here) + fabs(other)) * (here > 0 ? 1 : -1);
  assert_true(fabs((green ? expected : -expected) - colour) < 0.05);
}

static void fields_at_grey_are_where_the_truth_says(void **state) {
  retina *r = *state;
  enum { T = LAG + 1 };
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = T,
                        .height = H,
                        .width = W,
                        .n_read = 1,
                        .n_neurons = 1,
                        .gradient = true};
  ins_plan *plan;
  float *x, *dx, one = 1, response;
  double *gradient;
  assert_int_equal(ins_plan_create(r->model, &spec, &plan), INS_OK);
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *x, &x), INS_OK);
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *dx, &dx), INS_OK);
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *gradient, &gradient), INS_OK);
  for (int64_t k = 0; k < N; k++) {
    assert_int_equal(ins_plan_select(plan, 0, &k, 1), INS_OK);
    ins_plan_forward(plan, 0, x, &response);
    assert_true(response > 0.03f && response < 0.3f);
    ins_plan_backward(plan, 0, &one, dx);
    for (size_t i = 0; i < C * T * AREA; i++) gradient[i] = (double)dx[i];
    check_field(r->source, (size_t)k, gradient);
  }
  ins_free(&x);
  ins_free(&dx);
  ins_free(&gradient);
  ins_plan_destroy(&plan);
}

static void the_reference_agrees_on_fields(void **state) {
  retina *r = *state;
  enum { T = LAG + 1 };
  static const int64_t neurons[] = {0, 1,  2,
                                    8, 10, 13}; /* ON, direction, OFF, both opponents, direction */
  double *x, *dx, one = 1, response;
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *x, &x), INS_OK);
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *dx, &dx), INS_OK);
  for (size_t i = 0; i < sizeof neurons / sizeof *neurons; i++) {
    assert_int_equal(ins_reference_run(r->model, T, x, &neurons[i], 1, &response, &one, dx),
                     INS_OK);
    assert_true(response > 0.03 && response < 0.3);
    check_field(r->source, (size_t)neurons[i], dx);
  }
  ins_free(&x);
  ins_free(&dx);
}

/* Runs all neurons on x [C,T,H,W]: r [T - LAG, N]. */
static float *run(const ins_model *model, size_t n_frames, const float *x) {
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = n_frames,
                        .height = H,
                        .width = W,
                        .n_read = n_frames - LAG,
                        .n_neurons = N};
  int64_t neurons[N];
  ins_plan *plan;
  float *r;
  for (int64_t k = 0; k < N; k++) neurons[k] = k;
  assert_int_equal(ins_plan_create(model, &spec, &plan), INS_OK);
  assert_int_equal(ins_alloc(spec.n_read * N, sizeof *r, &r), INS_OK);
  assert_int_equal(ins_plan_select(plan, 0, neurons, N), INS_OK);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_destroy(&plan);
  return r;
}

/* A white bar, 6 pixels wide and longer than the image, crosses it after LAG + 1 frames of grey. An
 * angle of 90 degrees is upwards: towards row 0. */
static float *bar_movie(double angle, double px_per_frame, size_t *n_frames) {
  const double width = 6, reach = 27 + width / 2;
  size_t n = (size_t)(2 * reach / px_per_frame) + 1, T = LAG + 1 + n;
  float *x;
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *x, &x), INS_OK);
  for (size_t t = LAG + 1; t < T; t++) {
    double middle = -reach + px_per_frame * (double)(t - LAG - 1);
    for (size_t i = 0; i < AREA; i++) {
      double column = (double)(i % W) - (W - 1) / 2.0, row = (double)(i / W) - (H - 1) / 2.0;
      double d = column * cos(angle) - row * sin(angle) - middle;
      double covered = fmin(d + 0.5, width / 2) - fmax(d - 0.5, -width / 2);
      x[t * AREA + i] = x[(T + t) * AREA + i] = (float)fmax(0, fmin(1, covered));
    }
  }
  *n_frames = T;
  return x;
}

/* Vector sum of the peak responses over directions that are none of the planted ones. */
static void direction_tuning(const ins_model *model, double px_per_frame, double index[N],
                             double direction[N]) {
  double re[N] = {0}, im[N] = {0}, sum[N] = {0};
  for (int d = 0; d < N_DIRECTIONS; d++) {
    double angle = (d * 360.0 / N_DIRECTIONS + 7.5) * M_PI / 180;
    size_t n_frames;
    float *x = bar_movie(angle, px_per_frame, &n_frames), *r = run(model, n_frames, x);
    for (size_t k = 0; k < N; k++) {
      double peak = 0;
      for (size_t t = 0; t < n_frames - LAG; t++) peak = fmax(peak, (double)r[t * N + k]);
      re[k] += peak * cos(angle);
      im[k] += peak * sin(angle);
      sum[k] += peak;
    }
    ins_free(&x);
    ins_free(&r);
  }
  for (size_t k = 0; k < N; k++) {
    index[k] = hypot(re[k], im[k]) / sum[k];
    direction[k] = atan2(im[k], re[k]) * 180 / M_PI;
  }
}

static void moving_bars_find_the_preferred_directions(void **state) {
  retina *r = *state;
  static const double speeds_px_s[] = {8, 15, 22};
  for (size_t s = 0; s < sizeof speeds_px_s / sizeof *speeds_px_s; s++) {
    double index[N], direction[N];
    direction_tuning(r->model, speeds_px_s[s] / 30, index, direction);
    for (size_t k = 0; k < N; k++) {
      if (direction_selective(r->source, k)) {
        double planted = truth(r->source, "preferred_direction_deg", k);
        assert_true(index[k] > 0.6);
        assert_true(fabs(remainder(direction[k] - planted, 360)) < 5);
      } else {
        assert_true(index[k] < 0.05);
      }
    }
  }
}

/* A full-field step in the cell's own polarity and better colour. */
static void steps_tell_sustained_from_transient(void **state) {
  retina *r = *state;
  enum { T = 90, ON = 45, LATER = 12 };
  float *x;
  assert_int_equal(ins_alloc(C * T * AREA, sizeof *x, &x), INS_OK);
  for (int sign = -1; sign <= 1; sign += 2) {
    for (int only = 0; only < C; only++) {
      for (size_t i = 0; i < C * T * AREA; i++)
        x[i] = i / AREA % T >= ON && i / AREA / T == (size_t)only ? (float)(2 * sign) : 0;
      float *y = run(r->model, T, x);
      for (size_t k = 0; k < N; k++) {
        double polarity = truth(r->source, "polarity", k);
        bool green = truth(r->source, "colour_preference", k) >= 0;
        if (green != (only == 0) || (polarity != 0 ? polarity : 1) * sign < 0) continue;
        size_t peak = ON - LAG;
        for (size_t t = peak; t < T - LAG - LATER; t++)
          if (y[t * N + k] > y[peak * N + k]) peak = t;
        double grey = (double)y[k], top = (double)y[peak * N + k] - grey;
        double transience = 1 - ((double)y[(peak + LATER) * N + k] - grey) / top;
        assert_true(top > 0.3);
        if (truth(r->source, "transient", k) > 0)
          assert_true(transience > 0.6);
        else
          assert_true(transience < 0.3);
      }
      ins_free(&y);
    }
  }
  ins_free(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_spec_gives_the_same_bytes),
      cmocka_unit_test(a_neuron_does_not_depend_on_how_many_there_are),
      cmocka_unit_test(too_many_neurons_are_refused),
      cmocka_unit_test(all_types_and_sixteen_directions_are_there),
      cmocka_unit_test(every_cell_is_well_inside_the_last_feature_map),
      cmocka_unit_test(units_are_declared_and_consistent),
      cmocka_unit_test_setup_teardown(the_model_is_causal_and_answers_frame_30, setup, teardown),
      cmocka_unit_test_setup_teardown(fields_at_grey_are_where_the_truth_says, setup, teardown),
      cmocka_unit_test_setup_teardown(the_reference_agrees_on_fields, setup, teardown),
      cmocka_unit_test_setup_teardown(moving_bars_find_the_preferred_directions, setup, teardown),
      cmocka_unit_test_setup_teardown(steps_tell_sustained_from_transient, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
