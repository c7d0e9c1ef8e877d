/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/dense.h"
#include "kernels/reference.h"
#include "kernels_paths.h"

/* Sums of up to some ten thousand float32 products of mixed sign: rounding grows with the root of
 * their number, 4e-6 of the largest value leaves a factor of about 5. */
static const double TOLERANCE = 4e-6;
/* What may stand, and must stay, between the frames of a map. */
enum { GAP = 3 };
static const float UNTOUCHED = 1234.5f;

typedef struct geometry {
  ins_conv_shape shape;
  int groups;
  uint64_t seed;
} geometry;

typedef struct map {
  int c, t;
  size_t plane, frame, channel, n;
  float *data;
} map;

typedef struct problem {
  geometry g;
  float *w, *memory;
  ins_dense conv;
  map x, y, dy, dx;
} problem;

static map map_of(int c, int t, int h, int w) {
  map m = {.c = c, .t = t, .plane = (size_t)h * (size_t)w};
  m.frame = m.plane + GAP;
  m.channel = (size_t)t * m.frame + GAP;
  m.n = (size_t)c * m.channel;
  m.data = zeros(m.n, sizeof *m.data);
  for (size_t i = 0; i < m.n; i++) m.data[i] = UNTOUCHED;
  return m;
}

static float *frame_of(const map *m, int c, int t) {
  return m->data + (size_t)c * m->channel + (size_t)t * m->frame;
}

/* Numbers that depend on channel and `first + frame` alone, so that windows can share them. */
static void fill(const map *m, uint64_t seed, int first) {
  for (int c = 0; c < m->c; c++) {
    for (int t = 0; t < m->t; t++)
      normal(seed + 1000 * (uint64_t)(first + t) + (uint64_t)c, m->plane, frame_of(m, c, t));
  }
}

static double *contiguous(const map *m) {
  double *out = zeros((size_t)m->c * (size_t)m->t * m->plane, sizeof *out), *to = out;
  for (int c = 0; c < m->c; c++) {
    for (int t = 0; t < m->t; t++) {
      for (size_t p = 0; p < m->plane; p++) *to++ = (double)frame_of(m, c, t)[p];
    }
  }
  return out;
}

static size_t n_weights(const geometry *g) {
  const ins_conv_shape *s = &g->shape;
  return (size_t)s->out_channels * (size_t)(s->in_channels / g->groups) * (size_t)s->kernel_t *
         (size_t)s->kernel_h * (size_t)s->kernel_w;
}

static problem make(const ins_kernels *kernels, const geometry *g) {
  const ins_conv_shape *s = &g->shape;
  problem p = {.g = *g, .w = zeros(n_weights(g), sizeof(float))};
  normal(g->seed, n_weights(g), p.w);
  p.memory = zeros(ins_dense_floats(s, g->groups, kernels, true), sizeof *p.memory);
  ins_dense_init(&p.conv, s, g->groups, kernels, true, p.w, p.memory);
  p.x = map_of(s->in_channels, s->in_t, s->in_h, s->in_w);
  p.dx = map_of(s->in_channels, s->in_t, s->in_h, s->in_w);
  p.y = map_of(s->out_channels, s->out_t, s->out_h, s->out_w);
  p.dy = map_of(s->out_channels, s->out_t, s->out_h, s->out_w);
  fill(&p.x, g->seed + 1, 0);
  fill(&p.dy, g->seed + 2, 0);
  return p;
}

static void unmake(problem *p) {
  float *all[] = {p->w, p->memory, p->x.data, p->y.data, p->dx.data, p->dy.data};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
}

static void run(problem *p) {
  ins_dense_forward(&p->conv, p->x.data, p->x.channel, p->x.frame, p->y.data, p->y.channel,
                    p->y.frame);
  ins_dense_backward(&p->conv, p->dy.data, p->dy.channel, p->dy.frame, p->dx.data, p->dx.channel,
                     p->dx.frame);
}

static void describe(const char *what, const ins_kernels *kernels, const geometry *g, double off,
                     double largest) {
  const ins_conv_shape *s = &g->shape;
  fail_msg("%s, %s: off by %g of %g; channels %d->%d in %d groups, kernel %dx%dx%d zeros %d,%d,%d "
           "in %dx%dx%d out %dx%dx%d",
           kernels->name, what, off, largest, s->in_channels, s->out_channels, g->groups,
           s->kernel_t, s->kernel_h, s->kernel_w, s->shift_t, s->pad_h, s->pad_w, s->in_t, s->in_h,
           s->in_w, s->out_t, s->out_h, s->out_w);
}

static void compare(const char *what, const ins_kernels *kernels, const geometry *g, const map *m,
                    const double *should) {
  const size_t n = (size_t)m->c * (size_t)m->t * m->plane;
  double *is = contiguous(m), worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(is[i]) ? fabs(is[i] - should[i]) : (double)INFINITY);
    largest = fmax(largest, fabs(should[i]));
  }
  ins_free(&is);
  if (worst > TOLERANCE * largest) describe(what, kernels, g, worst, largest);
  for (int c = 0; c < m->c; c++) {
    for (int t = 0; t < m->t; t++) {
      for (int i = 0; i < GAP; i++)
        assert_true(frame_of(m, c, t)[m->plane + (size_t)i] == UNTOUCHED);
    }
  }
}

static void check_geometry(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  problem p = make(kernels, g);
  run(&p);
  double *x = contiguous(&p.x), *dy = contiguous(&p.dy), *y = contiguous(&p.y),
         *dx = contiguous(&p.dx);
  ins_reference_dense(&g->shape, g->groups, p.w, x, y);
  ins_reference_dense_backward(&g->shape, g->groups, p.w, dy, dx);
  compare("output", kernels, g, &p.y, y);
  compare("gradient", kernels, g, &p.dx, dx);
  run(&p); /* the workspace carries nothing over */
  compare("output of a second run", kernels, g, &p.y, y);
  compare("gradient of a second run", kernels, g, &p.dx, dx);
  double **all[] = {&x, &dy, &y, &dx};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(all[i]);
  unmake(&p);
}

/* Any geometry: paddings beyond the kernel, output frames that reach before and beyond the input,
 * maps larger or smaller than the padding accounts for. */
static geometry random_geometry(uint64_t seed, int largest_plane) {
  geometry g = {.groups = pick(seed, 0, 0, 2) ? 1 : pick(seed, 1, 2, 4), .seed = 10 * seed};
  g.shape = (ins_conv_shape){.in_channels = g.groups * pick(seed, 2, 1, 9),
                             .out_channels = g.groups * pick(seed, 3, 1, 11),
                             .kernel_t = pick(seed, 4, 1, 6),
                             .kernel_h = pick(seed, 5, 1, 8),
                             .kernel_w = pick(seed, 6, 1, 8),
                             .shift_t = pick(seed, 7, -3, 6),
                             .in_t = pick(seed, 8, 1, 7),
                             .in_h = pick(seed, 9, 1, largest_plane),
                             .in_w = pick(seed, 10, 1, largest_plane),
                             .out_t = pick(seed, 11, 1, 6)};
  ins_conv_shape *s = &g.shape;
  s->pad_h = pick(seed, 12, 0, s->kernel_h + 2);
  s->pad_w = pick(seed, 13, 0, s->kernel_w + 2);
  s->out_h = s->in_h + s->pad_h + pick(seed, 14, 0, s->kernel_h + 2) - s->kernel_h + 1;
  s->out_w = s->in_w + s->pad_w + pick(seed, 15, 0, s->kernel_w + 2) - s->kernel_w + 1;
  return g;
}

static void run_random(uint64_t first, int n, int largest_plane) {
  for (int done = 0; done < n; first++) {
    geometry g = random_geometry(first, largest_plane);
    if (g.shape.out_h < 1 || g.shape.out_w < 1) continue;
    for_each_path(check_geometry, &g);
    done++;
  }
}

static void random_small_maps_match_the_reference(void **state) {
  (void)state;
  run_random(1, 150, 9);
}

static void random_larger_maps_match_the_reference(void **state) {
  (void)state;
  run_random(1001, 6, 50);
}

static void chosen_shapes_match_the_reference(void **state) {
  (void)state;
  geometry all[] = {
      /* {in, out, kernel t h w, zeros t h w, in t h w, out t h w}, groups, seed */
      {{5, 7, 1, 1, 1, 0, 0, 0, 3, 4, 5, 3, 4, 5}, 1, 1},    /* 1x1 */
      {{5, 7, 1, 1, 1, 0, 2, 3, 3, 4, 5, 3, 8, 11}, 1, 2},   /* 1x1 with zeros around */
      {{3, 2, 2, 4, 4, 1, 1, 1, 5, 7, 7, 5, 7, 7}, 1, 3},    /* even, "same" */
      {{2, 3, 1, 3, 3, 2, 1, 1, 4, 5, 6, 8, 5, 6}, 1, 4},    /* more frames than it was given */
      {{2, 8, 5, 9, 9, 0, 0, 0, 8, 15, 13, 4, 7, 5}, 1, 5},  /* narrow output of a wide kernel */
      {{6, 6, 1, 3, 3, 0, 1, 1, 2, 9, 8, 2, 9, 8}, 6, 6},    /* a group a channel */
      {{4, 12, 1, 5, 5, 0, 2, 2, 1, 6, 7, 1, 6, 7}, 2, 7},   /* groups of unlike sizes */
      {{2, 3, 2, 5, 5, 0, 2, 2, 3, 6, 1, 2, 6, 1}, 1, 8},    /* width 1 */
      {{1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1}, 1, 9},    /* one number */
      {{2, 2, 1, 3, 3, 0, 6, 7, 2, 3, 3, 2, 13, 15}, 1, 10}, /* zeros beyond the kernel */
      {{3, 4, 3, 2, 2, 0, 0, 0, 5, 3, 3, 3, 1, 1}, 1, 11},   /* cropped */
      {{3, 4, 3, 3, 3, 40, 1, 1, 5, 4, 4, 2, 4, 4}, 1, 12},  /* nothing but zeros */
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) for_each_path(check_geometry, &all[i]);
}

/* ---- bits ----------------------------------------------------------------------------------- */

/* Frames [first, first + n) of a against all of b, bit for bit. */
static void same_frames(const map *a, int first, const map *b) {
  for (int c = 0; c < b->c; c++) {
    for (int t = 0; t < b->t; t++)
      assert_memory_equal(frame_of(a, c, first + t), frame_of(b, c, t), b->plane * sizeof(float));
  }
}

/* Output frames [2, 5) alone, from the input frames that they need, against all seven; and the
 * gradient, when nothing comes from the other frames. */
static void check_window(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  const int first = 2, n = 3;
  geometry part = *g;
  const int before =
      g->shape.shift_t - first; /* zeros before its first frame, or frames to spare */
  const int first_in = before < 0 ? -before : 0;
  part.shape.out_t = n;
  part.shape.shift_t = before < 0 ? 0 : before;
  part.shape.in_t = g->shape.in_t - first_in;
  if (part.shape.in_t > n + g->shape.kernel_t - 1 - part.shape.shift_t)
    part.shape.in_t = n + g->shape.kernel_t - 1 - part.shape.shift_t;
  problem whole = make(kernels, g), few = make(kernels, &part);
  fill(&few.x, g->seed + 1, first_in);
  for (int c = 0; c < whole.dy.c; c++) {
    for (int t = 0; t < whole.dy.t; t++) memset(frame_of(&whole.dy, c, t), 0, whole.dy.plane * 4);
    for (int t = 0; t < n; t++)
      memcpy(frame_of(&whole.dy, c, first + t), frame_of(&few.dy, c, t), few.dy.plane * 4);
  }
  run(&whole);
  run(&few);
  same_frames(&whole.y, first, &few.y);
  same_frames(&whole.dx, first_in, &few.dx);
  unmake(&whole);
  unmake(&few);
}

static void bits_do_not_depend_on_the_live_window(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 12; seed++) {
    const int kernel_t = pick(seed, 0, 1, 5), shift = pick(seed, 1, 0, 3),
              groups = pick(seed, 2, 1, 3);
    geometry g = {{6, 12, kernel_t, 3, 3, shift, 1, 1, 8, 7, 6, 7, 7, 6}, groups, seed};
    for_each_path(check_window, &g);
  }
}

static void check_nan(const ins_kernels *kernels, void *arg) {
  const geometry *g = arg;
  problem p = make(kernels, g);
  frame_of(&p.x, 1, 2)[5] = NAN;
  run(&p);
  int n = 0;
  for (size_t i = 0; i < p.y.n; i++) n += isnan(p.y.data[i]) != 0;
  assert_int_equal(n, 4 * 3 * 9); /* every channel, frame and pixel that sees it */
  unmake(&p);
}

static void a_value_that_is_not_a_number_reaches_what_sees_it_and_no_more(void **state) {
  (void)state;
  geometry g = {{2, 4, 3, 3, 3, 1, 1, 1, 5, 4, 4, 5, 4, 4}, 1, 1};
  for_each_path(check_nan, &g);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_small_maps_match_the_reference),
      cmocka_unit_test(random_larger_maps_match_the_reference),
      cmocka_unit_test(chosen_shapes_match_the_reference),
      cmocka_unit_test(bits_do_not_depend_on_the_live_window),
      cmocka_unit_test(a_value_that_is_not_a_number_reaches_what_sees_it_and_no_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
