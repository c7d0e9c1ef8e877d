/* SPDX-License-Identifier: MIT */
/* Linear receptive fields of the built-in retina at grey, from its weights: what a receptive-field
 * analysis with small contrasts should find. */
#include <math.h>
#include <string.h>

#include "ground_truth_design.h"
#include "insilico/memory.h"

enum {
  SIZE_0 = 11,
  SIZE_1 = 5,
  LENGTH_1 = 11,
  ROWS = GT_COLOURS * GT_FIELD_FRAMES,
  N_POWER = 60, /* iterations; the first two singular values differ by a factor of 1.8 or more */
  N_FIT = 60,
};

/* out[h,w] = full correlation of two square kernels: the field of one through the other. */
static void compose_space(const float *below, const float *above, double *out) {
  memset(out, 0, GT_FIELD_AREA * sizeof *out);
  for (size_t y = 0; y < SIZE_1; y++)
    for (size_t x = 0; x < SIZE_1; x++)
      for (size_t v = 0; v < SIZE_0; v++)
        for (size_t u = 0; u < SIZE_0; u++)
          out[(y + v) * GT_FIELD_SIZE + x + u] +=
              (double)above[y * SIZE_1 + x] * (double)below[v * SIZE_0 + u];
}

static void compose_time(const double *below, size_t n_below, const double *above, double *out) {
  memset(out, 0, GT_FIELD_FRAMES * sizeof *out);
  for (size_t t = 0; t < LENGTH_1; t++)
    for (size_t s = 0; s < n_below; s++) out[t + s] += above[t] * below[s];
}

/* field[colour,t, h,w] += strength * (path from a colour through subunit `in` to channel `out`). */
static void add_path(const gt_layer layers[GT_LAYERS], size_t out, size_t in, size_t colour,
                     double strength, double *field) {
  double below[GT_MAX_LENGTH], above[GT_MAX_LENGTH], time[GT_FIELD_FRAMES], space[GT_FIELD_AREA];
  gt_temporal_kernel(&layers[0], in, colour, below);
  gt_temporal_kernel(&layers[1], out, in, above);
  compose_time(below, layers[0].length, above, time);
  compose_space(layers[0].space + (in * GT_COLOURS + colour) * SIZE_0 * SIZE_0,
                layers[1].space + (out * layers[1].n_in + in) * SIZE_1 * SIZE_1, space);
  for (size_t t = 0; t < GT_FIELD_FRAMES; t++) {
    double *frame = field + (colour * GT_FIELD_FRAMES + t) * GT_FIELD_AREA;
    for (size_t i = 0; i < GT_FIELD_AREA; i++) frame[i] += strength * time[t] * space[i];
  }
}

static bool connected(const gt_layer *layer, size_t out, size_t in) {
  const float *space = layer->space + (out * layer->n_in + in) * SIZE_1 * SIZE_1;
  for (size_t i = 0; i < SIZE_1 * SIZE_1; i++)
    if (space[i] != 0) return true;
  return false;
}

/* d channel / d stimulus at grey, [colour,t, h,w]. */
static void linear_field(const gt_layer layers[GT_LAYERS], size_t out,
                         double slope[GT_LAYERS][GT_CHANNELS], double *field) {
  double gain_out, gain_in, shift;
  memset(field, 0, ROWS * GT_FIELD_AREA * sizeof *field);
  gt_layer_affine(&layers[1], out, &gain_out, &shift);
  for (size_t in = 0; in < layers[1].n_in; in++) {
    if (!connected(&layers[1], out, in)) continue;
    gt_layer_affine(&layers[0], in, &gain_in, &shift);
    double strength = slope[1][out] * gain_out * slope[0][in] * gain_in;
    for (size_t colour = 0; colour < GT_COLOURS; colour++)
      add_path(layers, out, in, colour, strength, field);
  }
}

static double normalise(double *v, size_t n) {
  double norm = 0;
  for (size_t i = 0; i < n; i++) norm += v[i] * v[i];
  norm = sqrt(norm);
  for (size_t i = 0; i < n; i++) v[i] /= norm;
  return norm;
}

/* Power iteration from a Gaussian in the middle: field = time[row] space[i] + less. */
static void first_singular_pair(const double *field, double *time, double *space) {
  for (int i = 0; i < GT_FIELD_AREA; i++) {
    int y = i / GT_FIELD_SIZE - GT_BORDER, x = i % GT_FIELD_SIZE - GT_BORDER;
    space[i] = exp(-(x * x + y * y) / 6.0);
  }
  for (int n = 0; n < N_POWER; n++) {
    double next[GT_FIELD_AREA] = {0};
    for (size_t r = 0; r < ROWS; r++) {
      const double *row = field + r * GT_FIELD_AREA;
      time[r] = 0;
      for (size_t i = 0; i < GT_FIELD_AREA; i++) time[r] += row[i] * space[i];
      for (size_t i = 0; i < GT_FIELD_AREA; i++) next[i] += row[i] * time[r];
    }
    normalise(next, GT_FIELD_AREA);
    memcpy(space, next, sizeof next);
  }
}

static size_t largest(const double *v, size_t n) {
  size_t at = 0;
  for (size_t i = 1; i < n; i++)
    if (fabs(v[i]) > fabs(v[at])) at = i;
  return at;
}

/* Strength of both colours: their time courses projected on that of the stronger, signed by its
 * main lobe (positive: light excites the centre). */
static void set_colours(gt_field *field, const double *time) {
  size_t peak = largest(time, ROWS);
  const double *main_course = time + peak / GT_FIELD_FRAMES * GT_FIELD_FRAMES;
  double strength[GT_COLOURS] = {0};
  for (size_t colour = 0; colour < GT_COLOURS; colour++)
    for (size_t t = 0; t < GT_FIELD_FRAMES; t++)
      strength[colour] += time[colour * GT_FIELD_FRAMES + t] * main_course[t];
  double sign = time[peak] < 0 ? -1 : 1;
  field->green = sign * strength[0];
  field->uv = sign * strength[1];
}

ins_status gt_fields_create(const gt_layer layers[GT_LAYERS], gt_field **out) {
  double activation[GT_LAYERS][GT_CHANNELS], slope[GT_LAYERS][GT_CHANNELS], time[ROWS];
  double *linear = NULL;
  *out = NULL;
  ins_status status = ins_alloc((size_t)ROWS * GT_FIELD_AREA, sizeof *linear, &linear);
  if (status == INS_OK) status = ins_alloc(GT_CHANNELS, sizeof **out, out);
  if (status != INS_OK) goto done;
  gt_grey(layers, activation, slope);
  for (size_t channel = 0; channel < GT_CHANNELS; channel++) {
    gt_field *field = *out + channel;
    linear_field(layers, channel, slope, linear);
    first_singular_pair(linear, time, field->space);
    if (field->space[largest(field->space, GT_FIELD_AREA)] < 0) {
      for (size_t i = 0; i < GT_FIELD_AREA; i++) field->space[i] = -field->space[i];
      for (size_t r = 0; r < ROWS; r++) time[r] = -time[r];
    }
    set_colours(field, time);
  }
done:
  ins_free(&linear);
  return status;
}

/* ---- neurons --------------------------------------------------------------------------------- */

/* image[h,w] of the stimulus = the field, spread by the mask. */
static void spread(const gt_field *field, const double *mask, double *image) {
  memset(image, 0, GT_AREA * sizeof *image);
  for (size_t m = 0; m < GT_MAP_HEIGHT * GT_MAP_WIDTH; m++) {
    size_t row = m / GT_MAP_WIDTH, column = m % GT_MAP_WIDTH;
    for (size_t i = 0; i < GT_FIELD_AREA; i++)
      image[(row + i / GT_FIELD_SIZE) * GT_WIDTH + column + i % GT_FIELD_SIZE] +=
          mask[m] * field->space[i];
  }
}

/* Sum of squared residuals of image - q[0] exp(-((x-q[1])^2 + (y-q[2])^2)/(2 q[3]^2)), and with
 * `normal` the normal equations of a Gauss-Newton step. */
static double residual(const double *image, const double q[4], double normal[16], double step[4]) {
  double total = 0;
  if (normal) memset(normal, 0, 16 * sizeof *normal), memset(step, 0, 4 * sizeof *step);
  for (int i = 0; i < GT_AREA; i++) {
    double x = i % GT_WIDTH - q[1], y = i / GT_WIDTH - q[2], s2 = q[3] * q[3];
    double shape = exp(-(x * x + y * y) / (2 * s2)), r = image[i] - q[0] * shape;
    total += r * r;
    if (!normal) continue;
    double d[4] = {shape, q[0] * shape * x / s2, q[0] * shape * y / s2,
                   q[0] * shape * (x * x + y * y) / (s2 * q[3])};
    for (int a = 0; a < 4; a++) {
      step[a] += d[a] * r;
      for (int b = 0; b < 4; b++) normal[4 * a + b] += d[a] * d[b];
    }
  }
  return total;
}

/* Levenberg-Marquardt from q. */
static void fit_gaussian(const double *image, double q[4]) {
  double damping = 1e-3, normal[16], step[4];
  double best = residual(image, q, normal, step);
  for (int n = 0; n < N_FIT && damping < 1e6; n++) {
    double damped[16], trial[4];
    memcpy(damped, normal, sizeof damped);
    for (int a = 0; a < 4; a++) {
      damped[5 * a] *= 1 + damping;
      trial[a] = step[a];
    }
    if (!gt_solve(4, damped, trial)) break;
    double change = 0;
    for (int a = 0; a < 4; a++) {
      change = fmax(change, fabs(trial[a]));
      trial[a] += q[a];
    }
    double error = residual(image, trial, NULL, NULL);
    if (error <= best) {
      memcpy(q, trial, sizeof trial);
      best = residual(image, q, normal, step);
      damping /= 10;
      if (change < 1e-9) break;
    } else {
      damping *= 10;
    }
  }
}

gt_receptive_field gt_receptive_field_of(const gt_field *field, const double *mask) {
  double image[GT_AREA], positive = 0, negative = 0;
  spread(field, mask, image);
  size_t peak = largest(image, GT_AREA);
  double q[4] = {image[peak], (double)(peak % GT_WIDTH), (double)(peak / GT_WIDTH), 1.8};
  fit_gaussian(image, q);
  for (size_t i = 0; i < GT_AREA; i++) *(image[i] > 0 ? &positive : &negative) += image[i];
  return (gt_receptive_field){
      .row = q[2], .column = q[1], .sigma = fabs(q[3]), .surround_index = -negative / positive};
}
