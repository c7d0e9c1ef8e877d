/* SPDX-License-Identifier: MIT */
/* Most exciting stimuli of cells whose truth is known: where they are, and of which polarity. */
#include <math.h>

#include "serial_run.h"

enum { C = 2, T = 50, H = 36, W = 32, N = 32 }; /* 32 neurons hold every kind of cell once */

static double truth_of(const serial_run *r, const char *name, size_t neuron) {
  return ins_array_get(&ins_map_get(r->source->truth, name)->array, neuron);
}

/* Energy of a stimulus at each pixel, summed over channels and frames, smoothed by [1 2 1]/4 twice.
 */
static void energy(const float *x, double e[H][W]) {
  static double next[H][W];
  for (int i = 0; i < H * W; i++) {
    e[i / W][i % W] = 0;
    for (int k = 0; k < C * T; k++)
      e[i / W][i % W] += (double)x[k * H * W + i] * (double)x[k * H * W + i];
  }
  for (int pass = 0; pass < 2; pass++) {
    for (int y = 0; y < H; y++)
      for (int w = 0; w < W; w++) {
        int up = y > 0 ? y - 1 : y, down = y < H - 1 ? y + 1 : y;
        int left = w > 0 ? w - 1 : w, right = w < W - 1 ? w + 1 : w;
        next[y][w] = (4 * e[y][w] + 2 * (e[up][w] + e[down][w] + e[y][left] + e[y][right]) +
                      e[up][left] + e[up][right] + e[down][left] + e[down][right]) /
                     16;
      }
    memcpy(e, next, sizeof next);
  }
}

/* Centre of the energy above half its peak. */
static void centre_of(const float *x, double *cx, double *cy) {
  static double e[H][W];
  double peak = 0, sum = 0;
  energy(x, e);
  for (int i = 0; i < H * W; i++) peak = fmax(peak, e[i / W][i % W]);
  *cx = *cy = 0;
  for (int y = 0; y < H; y++)
    for (int w = 0; w < W; w++) {
      double weight = fmax(e[y][w] - peak / 2, 0);
      sum += weight;
      *cx += weight * w;
      *cy += weight * y;
    }
  *cx /= sum;
  *cy /= sum;
}

/* Mean contrast of a channel over 3 x 3 pixels around the cell in the frames that drive the end of
 * the response: the sign of the last phase is the polarity, also of a transient cell. */
static double late_contrast(const float *x, int channel, double cx, double cy) {
  int px = (int)lround(cx), py = (int)lround(cy);
  double sum = 0;
  for (int t = 36; t < 46; t++)
    for (int y = py - 1; y <= py + 1; y++)
      for (int w = px - 1; w <= px + 1; w++) sum += (double)x[((channel * T + t) * H + y) * W + w];
  return sum;
}

static void check_cell(const serial_run *r, size_t neuron, double *worst, double *worst_moving) {
  const float *x = serial_row(r, "best_stimulus", neuron);
  double direction = truth_of(r, "preferred_direction_deg", neuron), cx, cy;
  double dx = -truth_of(r, "x_px", neuron), dy = -truth_of(r, "y_px", neuron);
  centre_of(x, &cx, &cy);
  dx += cx;
  dy += cy;
  double away = hypot(dx, dy), polarity = truth_of(r, "polarity", neuron);
  if (!isnan(direction)) {
    /* Its excitation lies where preferred motion comes from: rows count downwards, angles upwards.
     */
    double a = direction * M_PI / 180, upstream = -(dx * cos(a) - dy * sin(a));
    *worst_moving = fmax(*worst_moving, away);
    assert_true(away < 1.5 && upstream > 0);
    return;
  }
  *worst = fmax(*worst, away);
  if (away >= 1) fail_msg("neuron %zu: the stimulus is %.2f px away", neuron, away);
  int channel = truth_of(r, "colour_preference", neuron) >= 0 ? 0 : 1;
  double late = late_contrast(x, channel, truth_of(r, "x_px", neuron), truth_of(r, "y_px", neuron));
  if (polarity != 0 && late * polarity <= 0) fail_msg("neuron %zu: polarity %g", neuron, polarity);
}

static void stimuli_lie_on_their_cells_and_have_their_polarity(void **state) {
  (void)state;
  double worst = 0, worst_moving = 0;
  serial_run r = serial_run_job(
      "experiment: stimulus_optimization\noutput: x.h5\nmodel: builtin:ground_truth?neurons=32\n"
      "stimulus: {frames: 50, init: {std: 0.1, postprocess: true}}\n"
      "objective: {kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}\n"
      "optimizer: {kind: sgd, lr: 10}\nstop: {max_iterations: 30}\n"
      "postprocess: [{kind: norm_clip, norm: 5, "
      "range: {green: [-0.654, 6.269], uv: [-0.913, 6.269]}}]\n");
  assert_int_equal(r.n_tasks, N);
  for (size_t k = 0; k < N; k++) check_cell(&r, k, &worst, &worst_moving);
  print_message(
      "farthest from its cell: %.2f px; of direction-selective cells, upstream: %.2f px\n", worst,
      worst_moving);
  serial_clear(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stimuli_lie_on_their_cells_and_have_their_polarity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
