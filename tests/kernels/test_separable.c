/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/reference.h"
#include "kernels/separable.h"
#include "kernels_paths.h"

/* Sums of up to some thousand float32 products of mixed sign: rounding grows with the root of their
 * number, 2e-6 of the largest value leaves a factor of about 5. Slopes are exponentials of such
 * sums. */
static const double TOLERANCE = 2e-6, SLOPE_TOLERANCE = 6e-6;

/* ---- one layer and everything around it ----------------------------------------------------- */

typedef struct layer {
  ins_conv_shape shape;
  ins_separable conv;
  size_t n_x, n_y, n_lanes_x, n_lanes_y, x_plane, y_plane;
  float *wt, *ws, *x, *scale, *shift, *memory;
  float *lanes, *planar, *slope, *g, *dy, *dx, *dx_lanes;
} layer;

static size_t product(int a, int b, int c, int d) {
  return (size_t)a * (size_t)b * (size_t)c * (size_t)d;
}

static layer make(const ins_kernels *kernels, const ins_conv_shape *s, uint64_t seed) {
  layer l = {.shape = *s,
             .x_plane = product(s->in_h, s->in_w, 1, 1),
             .y_plane = product(s->out_h, s->out_w, 1, 1)};
  const size_t pairs = product(s->in_channels, s->out_channels, 1, 1);
  const size_t n_wt = pairs * (size_t)s->kernel_t,
               n_ws = pairs * product(s->kernel_h, s->kernel_w, 1, 1);
  l.n_x = product(s->in_channels, s->in_t, s->in_h, s->in_w);
  l.n_y = product(s->out_channels, s->out_t, s->out_h, s->out_w);
  l.wt = zeros(n_wt, sizeof *l.wt);
  l.ws = zeros(n_ws, sizeof *l.ws);
  l.x = zeros(l.n_x + INS_TILE_PIXELS, sizeof *l.x);
  normal(seed, n_wt, l.wt);
  normal(seed + 1, n_ws, l.ws);
  normal(seed + 2, l.n_x, l.x);
  l.memory = zeros(ins_separable_floats(s, kernels, true), sizeof *l.memory);
  ins_separable_init(&l.conv, s, kernels, true, l.wt, l.ws, l.memory);
  const size_t lanes = (size_t)kernels->lanes, out = (size_t)l.conv.out_blocks * lanes;
  l.n_lanes_x = (size_t)l.conv.in_blocks * lanes * (size_t)s->in_t * l.x_plane;
  l.n_lanes_y = out * (size_t)s->out_t * l.y_plane;
  l.scale = zeros(out, sizeof(float));
  l.shift = zeros(out, sizeof(float));
  normal(seed + 3, (size_t)s->out_channels, l.scale);
  normal(seed + 4, (size_t)s->out_channels, l.shift);
  const float spread =
      1.0f / sqrtf((float)n_wt * (float)n_ws / (float)pairs / (float)s->out_channels);
  for (int o = 0; o < s->out_channels; o++) l.scale[o] *= spread;
  l.lanes = zeros(l.n_lanes_y, sizeof(float));
  l.slope = zeros(l.n_lanes_y, sizeof(float));
  l.g = zeros(l.n_lanes_y, sizeof(float));
  l.planar = zeros(l.n_y, sizeof(float));
  l.dy = zeros(ins_separable_dy_floats(&l.conv), sizeof(float));
  l.dx = zeros(l.n_x, sizeof(float));
  l.dx_lanes = zeros(l.n_lanes_x, sizeof(float));
  return l;
}

static void unmake(layer *l) {
  float *all[] = {l->wt,    l->ws,     l->x, l->scale, l->shift, l->memory,  l->lanes,
                  l->slope, l->planar, l->g, l->dy,    l->dx,    l->dx_lanes};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
}

static void forward(layer *l) {
  const ins_activation to = {.scale = l->scale,
                             .shift = l->shift,
                             .lanes = l->lanes,
                             .planar = l->planar,
                             .planar_channel = (size_t)l->shape.out_t * l->y_plane,
                             .planar_frame = l->y_plane,
                             .slope = l->slope};
  ins_separable_forward(&l->conv, l->x, (size_t)l->shape.in_t * l->x_plane, l->x_plane, &to);
}

static void backward(layer *l) {
  ins_separable_set_dy(&l->conv, l->g, l->slope, l->dy);
  ins_separable_backward_planar(&l->conv, l->dy, l->dx, (size_t)l->shape.in_t * l->x_plane,
                                l->x_plane);
  ins_separable_backward_lanes(&l->conv, l->dy, NULL, l->dx_lanes);
}

/* Where channel c, frame t, pixel p of a lanes layout is. */
static size_t at(const ins_kernels *kernels, int c, int t, size_t p, int n_t, size_t plane) {
  const size_t lanes = (size_t)kernels->lanes, block = (size_t)c / lanes;
  return ((block * (size_t)n_t + (size_t)t) * plane + p) * lanes + (size_t)c % lanes;
}

/* ---- against the reference ------------------------------------------------------------------ */

typedef struct error {
  double worst, largest;
} error;

static void compare(error *e, double is, double should) {
  e->worst = fmax(e->worst, isfinite(is) ? fabs(is - should) : (double)INFINITY);
  e->largest = fmax(e->largest, fabs(should));
}

static void expect(const char *what, const ins_kernels *kernels, const ins_conv_shape *s,
                   const error *e, double tolerance) {
  if (e->worst <= tolerance * e->largest) return;
  fail_msg("%s, %s: off by %g of %g; channels %d->%d kernel %dx%dx%d zeros %d,%d,%d in %dx%dx%d "
           "out %dx%dx%d",
           kernels->name, what, e->worst, e->largest, s->in_channels, s->out_channels, s->kernel_t,
           s->kernel_h, s->kernel_w, s->shift_t, s->pad_h, s->pad_w, s->in_t, s->in_h, s->in_w,
           s->out_t, s->out_h, s->out_w);
}

static void check_forward(layer *l, const double *x, double *plane, double *dy) {
  const ins_conv_shape *s = &l->shape;
  const ins_kernels *kernels = l->conv.kernels;
  double *y = zeros(l->n_y, sizeof *y);
  error act = {0}, planar = {0}, slope = {0};
  ins_reference_separable(s, l->wt, l->ws, x, plane, y);
  for (size_t i = 0; i < l->n_y; i++) {
    const size_t p = i % l->y_plane, t = i / l->y_plane % (size_t)s->out_t;
    const int c = (int)(i / l->y_plane / (size_t)s->out_t);
    const double z = (double)l->scale[c] * y[i] + (double)l->shift[c];
    const size_t lane = at(kernels, c, (int)t, p, s->out_t, l->y_plane);
    compare(&act, (double)l->lanes[lane], ins_reference_elu(z));
    compare(&planar, (double)l->planar[i], ins_reference_elu(z));
    compare(&slope, (double)l->slope[lane], (double)l->scale[c] * ins_reference_elu_slope(z));
    dy[i] = (double)l->g[lane] * (double)l->slope[lane];
  }
  expect("activation in lanes", kernels, s, &act, TOLERANCE);
  expect("planar activation", kernels, s, &planar, TOLERANCE);
  expect("slope", kernels, s, &slope, SLOPE_TOLERANCE);
  ins_free(&y);
}

static void check_backward(const layer *l, const double *dy, double *plane) {
  const ins_conv_shape *s = &l->shape;
  const ins_kernels *kernels = l->conv.kernels;
  double *dx = zeros(l->n_x, sizeof *dx);
  error planar = {0}, lanes = {0};
  ins_reference_separable_backward(s, l->wt, l->ws, dy, plane, dx);
  for (size_t i = 0; i < l->n_x; i++) {
    const size_t p = i % l->x_plane, t = i / l->x_plane % (size_t)s->in_t;
    const int c = (int)(i / l->x_plane / (size_t)s->in_t);
    compare(&planar, (double)l->dx[i], dx[i]);
    compare(&lanes, (double)l->dx_lanes[at(kernels, c, (int)t, p, s->in_t, l->x_plane)], dx[i]);
  }
  expect("planar gradient", kernels, s, &planar, TOLERANCE);
  expect("gradient in lanes", kernels, s, &lanes, TOLERANCE);
  ins_free(&dx);
}

typedef struct geometry {
  ins_conv_shape shape;
  uint64_t seed;
} geometry;

static void check_layer(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  layer l = make(kernels, &g->shape, g->seed);
  double *x = zeros(l.n_x, sizeof *x), *dy = zeros(l.n_y, sizeof *dy),
         *plane = zeros(l.x_plane, sizeof *plane);
  for (size_t i = 0; i < l.n_x; i++) x[i] = (double)l.x[i];
  normal(g->seed + 5, l.n_lanes_y, l.g);
  forward(&l);
  backward(&l);
  check_forward(&l, x, plane, dy);
  check_backward(&l, dy, plane);
  ins_free(&x);
  ins_free(&dy);
  ins_free(&plane);
  unmake(&l);
}

/* Any geometry: also output frames that reach before and beyond the input, and maps larger than the
 * padding accounts for (they see zeros). */
static ins_conv_shape random_shape(uint64_t seed, int largest_plane) {
  ins_conv_shape s = {.in_channels = pick(seed, 0, 1, 33),
                      .out_channels = pick(seed, 1, 1, 33),
                      .kernel_t = pick(seed, 2, 1, 11),
                      .kernel_h = pick(seed, 3, 1, 11),
                      .kernel_w = pick(seed, 4, 1, 11),
                      .shift_t = pick(seed, 5, -3, 6),
                      .in_t = pick(seed, 6, 1, 9),
                      .in_h = pick(seed, 7, 1, largest_plane),
                      .in_w = pick(seed, 8, 1, largest_plane),
                      .out_t = pick(seed, 9, 1, 7)};
  if (pick(seed, 10, 0, 3) == 0) s.in_channels = pick(seed, 11, 1, 3);
  s.pad_h = pick(seed, 12, 0, s.kernel_h);
  s.pad_w = pick(seed, 13, 0, s.kernel_w);
  const int after_h = pick(seed, 14, 0, s.kernel_h), after_w = pick(seed, 15, 0, s.kernel_w);
  s.out_h = s.in_h + s.pad_h + after_h - s.kernel_h + 1;
  s.out_w = s.in_w + s.pad_w + after_w - s.kernel_w + 1;
  return s;
}

static void run_random(uint64_t first, int n, int largest_plane) {
  for (int done = 0; done < n; first++) {
    geometry g = {random_shape(first, largest_plane), 10 * first};
    if (g.shape.out_h < 1 || g.shape.out_w < 1) continue;
    for_each_path(check_layer, &g);
    done++;
  }
}

static void random_small_layers_match_the_reference(void **state) {
  (void)state;
  run_random(1, 100, 9);
}

static void random_larger_layers_match_the_reference(void **state) {
  (void)state;
  run_random(1001, 8, 40);
}

static void layers_of_the_mouse_model_match_the_reference(void **state) {
  (void)state;
  geometry first = {{2, 16, 21, 11, 11, 0, 0, 0, 40, 18, 16, 20, 8, 6}, 1};
  geometry second = {{16, 16, 11, 5, 5, 0, 2, 2, 20, 8, 6, 10, 8, 6}, 2};
  for_each_path(check_layer, &first);
  for_each_path(check_layer, &second);
}

/* ---- bits ----------------------------------------------------------------------------------- */

/* Output frames [2, 5) alone against all seven: a frame's bits do not depend on which others are
 * live. */
static void check_window(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  const int first = 2, n = 3;
  ins_conv_shape part = g->shape;
  part.out_t = n;
  part.shift_t = g->shape.shift_t - first;
  layer whole = make(kernels, &g->shape, g->seed), few = make(kernels, &part, g->seed);
  const size_t frame = whole.y_plane * (size_t)kernels->lanes;
  forward(&whole);
  forward(&few);
  for (int block = 0; block < whole.conv.out_blocks; block++) {
    float *all = whole.lanes + ((size_t)block * (size_t)g->shape.out_t + (size_t)first) * frame;
    assert_memory_equal(few.lanes + (size_t)block * (size_t)n * frame, all,
                        (size_t)n * frame * sizeof(float));
  }
  /* With no gradient from the other frames, the stimulus gradient is the same, bit for bit. */
  for (int block = 0; block < whole.conv.out_blocks; block++) {
    float *to = few.g + (size_t)block * (size_t)n * frame;
    normal(g->seed + 7 + (uint64_t)block, (size_t)n * frame, to);
    memcpy(whole.g + ((size_t)block * (size_t)g->shape.out_t + (size_t)first) * frame, to,
           (size_t)n * frame * sizeof(float));
  }
  backward(&whole);
  backward(&few);
  for (size_t i = 0; i < whole.n_x; i++) assert_true(whole.dx[i] == few.dx[i]);
  unmake(&whole);
  unmake(&few);
}

static void bits_do_not_depend_on_the_live_window(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 8; seed++) {
    geometry g = {{(int)(seed % 2) ? 3 : 18, 20, 4, 3, 3, 1, 1, 1, 8, 7, 6, 7, 7, 6}, seed};
    for_each_path(check_window, &g);
  }
}

static void check_nan(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  layer l = make(kernels, &g->shape, 1);
  l.x[l.n_x / 2] = NAN;
  forward(&l);
  int n = 0;
  for (size_t i = 0; i < l.n_y; i++) n += isnan(l.planar[i]);
  assert_true(n > 0);
  unmake(&l);
}

static void a_value_that_is_not_a_number_is_not_hidden(void **state) {
  (void)state;
  geometry g = {{2, 5, 3, 3, 3, 1, 1, 1, 5, 6, 6, 5, 6, 6}, 1};
  for_each_path(check_nan, &g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_small_layers_match_the_reference),
      cmocka_unit_test(random_larger_layers_match_the_reference),
      cmocka_unit_test(layers_of_the_mouse_model_match_the_reference),
      cmocka_unit_test(bits_do_not_depend_on_the_live_window),
      cmocka_unit_test(a_value_that_is_not_a_number_is_not_hidden),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
