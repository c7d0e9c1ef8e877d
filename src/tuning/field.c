/* SPDX-License-Identifier: MIT */
/* Indices of a linear receptive field. The field is split into one image and one time course a
 * channel (first singular pair); the image is described by Gaussians, the time courses by their
 * lobes. docs/receptive-fields.md says the same for readers. */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/tuning.h"
#include "tuning/first_component.h"
#include "tuning/gaussian_2d.h"

#define FIT      "least-squares fit to the spatial profile, no offset"
#define CIRCULAR "circular Gaussian, " FIT
#define ROTATED  "rotated Gaussian, " FIT

const ins_index ins_field_indices[] = {
    [INS_FIELD_X_UM] = {.name = "x_um",
                        .units = "um",
                        .long_name = "column of the middle of the receptive field",
                        .source = CIRCULAR "; from the middle of the first pixel"},
    [INS_FIELD_Y_UM] = {.name = "y_um",
                        .units = "um",
                        .long_name = "row of the middle of the receptive field, downwards",
                        .source = CIRCULAR "; from the middle of the first pixel"},
    [INS_FIELD_X_PX] = {.name = "x_px",
                        .units = "pixel",
                        .long_name = "column of the middle of the receptive field",
                        .source = CIRCULAR "; 0 is the middle of the first pixel"},
    [INS_FIELD_Y_PX] = {.name = "y_px",
                        .units = "pixel",
                        .long_name = "row of the middle of the receptive field, downwards",
                        .source = CIRCULAR "; 0 is the middle of the first pixel"},
    [INS_FIELD_SIGMA_UM] = {.name = "sigma_um",
                            .units = "um",
                            .long_name = "standard deviation of the receptive field",
                            .source = CIRCULAR},
    [INS_FIELD_SIGMA_PX] = {.name = "sigma_px",
                            .units = "pixel",
                            .long_name = "standard deviation of the receptive field",
                            .source = CIRCULAR},
    [INS_FIELD_SIGMA_MAJOR_UM] =
        {.name = "sigma_major_um",
         .units = "um",
         .long_name = "standard deviation of the receptive field along its long axis",
         .source = ROTATED},
    [INS_FIELD_SIGMA_MINOR_UM] =
        {.name = "sigma_minor_um",
         .units = "um",
         .long_name = "standard deviation of the receptive field across its long axis",
         .source = ROTATED},
    [INS_FIELD_ANGLE_DEG] = {.name = "angle_deg",
                             .units = "degree",
                             .long_name = "direction of the long axis of the receptive field, 0 to "
                                          "180: 0 along rows, 90 along columns, counter-clockwise",
                             .source = ROTATED "; valid from 5 % of elongation on"},
    [INS_FIELD_AREA_UM2] = {.name = "area_um2",
                            .units = "um^2",
                            .long_name = "area of the receptive field within 2 standard deviations",
                            .source = "4 pi sigma_major sigma_minor; " ROTATED},
    [INS_FIELD_EXPLAINED_VARIANCE] =
        {.name = "field_explained_variance",
         .units = "1",
         .long_name = "share of the spatial profile's variance that a Gaussian explains",
         .source = "1 - sum (s - fit)^2 / sum (s - mean s)^2; " ROTATED},
    [INS_FIELD_SURROUND_INDEX] =
        {.name = "surround_index",
         .units = "1",
         .long_name = "strength of the surround relative to the centre",
         .source = "sum of the spatial profile's pixels of opposite sign to the largest one / sum "
                   "of those of its sign, as magnitudes"},
    [INS_FIELD_POLARITY] = {.name = "field_polarity",
                            .units = "1",
                            .long_name = "polarity of the receptive field's centre: 1 ON, -1 OFF",
                            .source = "sign of spatial * temporal where both are largest"},
    [INS_FIELD_COLOR_PREFERENCE] =
        {.name = "field_colour_preference",
         .units = "1",
         .long_name = "colour preference of the receptive field: 1 first channel, -1 second",
         .source = "(g - uv) / (|g| + |uv|), strengths: projections of the two time courses on "
                   "that with the largest peak"},
    [INS_FIELD_TIME_TO_PEAK_S] = {.name = "time_to_peak_s",
                                  .units = "s",
                                  .long_name =
                                      "time from the stimulus to the answer at the largest lobe",
                                  .source = "lag of the largest element of temporal"},
    [INS_FIELD_BIPHASIC_INDEX] =
        {.name = "biphasic_index",
         .units = "1",
         .long_name = "largest lobe of opposite sign relative to the largest lobe",
         .source = "-min / max of the time course with the largest peak; 0 without such a lobe"},
    [INS_FIELD_SEPARABILITY] =
        {.name = "separability",
         .units = "1",
         .long_name = "how far the field is one image times one time course",
         .source = "s_1^2 / sum_i s_i^2 over singular values of [channel and lag, pixel]; 1 - "
                   "alpha_SVD of Depireux et al. (2001)"},
};
const size_t ins_n_field_indices = INS_N_FIELD_INDICES;

/* An axis shorter than the other by less than this has no direction to speak of. */
static const double least_elongation = 1.05;
/* Largest singular value of noise, in units of the bound that it comes to in large matrices: small
 * ones scatter around it. */
static const double above_noise = 1.1;

static void set(ins_measure *out, double value, bool valid) {
  valid = valid && isfinite(value);
  *out = (ins_measure){.value = valid ? value : (double)NAN,
                       .low = (double)NAN,
                       .high = (double)NAN,
                       .p = (double)NAN,
                       .valid = valid};
}

static bool all_finite(const double *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static void fill(double *x, size_t n, double value) {
  for (size_t i = 0; i < n; i++) x[i] = value;
}

static size_t largest(const double *x, size_t n) {
  size_t at = 0;
  for (size_t i = 1; i < n; i++)
    if (fabs(x[i]) > fabs(x[at])) at = i;
  return at;
}

static void scale(double *x, size_t n, double by) {
  for (size_t i = 0; i < n; i++) x[i] *= by;
}

/* Splits the field; *peak: the row of temporal's largest element. The largest singular value of a
 * matrix of independent noise is about noise * (sqrt(rows) + sqrt(columns)) (Marchenko & Pastur
 * 1967), so a field shows only above that. */
static ins_status split(const ins_field *field, double *spatial, double *temporal, size_t *peak,
                        double *separability, bool *found) {
  const size_t rows = field->n_channels * field->n_lags, columns = field->height * field->width;
  double value;
  ins_status status =
      ins_first_component(rows, columns, field->w, temporal, &value, spatial, separability);
  if (status != INS_OK) return status;
  *found = value > 0 && isfinite(value) &&
           value > above_noise * field->noise * (sqrt((double)rows) + sqrt((double)columns));
  if (!(value > 0)) return INS_OK;
  const double most = spatial[largest(spatial, columns)];
  scale(spatial, columns, 1 / most);
  scale(temporal, rows, value * most);
  *peak = largest(temporal, rows);
  if (temporal[*peak] >= 0) return INS_OK;
  scale(spatial, columns, -1);
  scale(temporal, rows, -1);
  return INS_OK;
}

/* ---- space ----------------------------------------------------------------------------------- */

static void describe_circle(const ins_gaussian_2d *g, double pixel_um, ins_measure *out) {
  const bool valid = g->converged && g->r2 >= INS_FIELD_LEAST_VARIANCE;
  set(&out[INS_FIELD_X_PX], g->x, valid);
  set(&out[INS_FIELD_Y_PX], g->y, valid);
  set(&out[INS_FIELD_SIGMA_PX], g->sigma_major, valid);
  set(&out[INS_FIELD_X_UM], g->x * pixel_um, valid);
  set(&out[INS_FIELD_Y_UM], g->y * pixel_um, valid);
  set(&out[INS_FIELD_SIGMA_UM], g->sigma_major * pixel_um, valid);
}

static void describe_ellipse(const ins_gaussian_2d *g, double pixel_um, ins_measure *out) {
  const bool valid = g->converged && g->r2 >= INS_FIELD_LEAST_VARIANCE;
  const double major = g->sigma_major * pixel_um, minor = g->sigma_minor * pixel_um;
  /* Rows run downwards, angles count counter-clockwise. */
  const double turned = fmod(180 - g->angle * (180 / M_PI), 180);
  set(&out[INS_FIELD_SIGMA_MAJOR_UM], major, valid);
  set(&out[INS_FIELD_SIGMA_MINOR_UM], minor, valid);
  set(&out[INS_FIELD_ANGLE_DEG], turned,
      valid && g->sigma_major >= least_elongation * g->sigma_minor);
  set(&out[INS_FIELD_AREA_UM2], 4 * M_PI * major * minor, valid);
  set(&out[INS_FIELD_EXPLAINED_VARIANCE], g->r2, g->converged);
}

static void describe_surround(const double *spatial, size_t n, bool valid, ins_measure *out) {
  const double sign = spatial[largest(spatial, n)];
  double centre = 0, surround = 0;
  for (size_t i = 0; i < n; i++) {
    if (spatial[i] * sign > 0)
      centre += fabs(spatial[i]);
    else
      surround += fabs(spatial[i]);
  }
  set(&out[INS_FIELD_SURROUND_INDEX], surround / centre, valid);
}

static ins_status describe_space(const ins_field *field, const double *spatial, ins_measure *out) {
  ins_gaussian_2d circle, ellipse;
  ins_status status =
      ins_gaussian_2d_fit(field->height, field->width, spatial, INS_GAUSSIAN_CIRCULAR, &circle);
  if (status == INS_OK)
    status = ins_gaussian_2d_fit(field->height, field->width, spatial, 0, &ellipse);
  if (status != INS_OK) return status;
  describe_circle(&circle, field->pixel_um, out);
  describe_ellipse(&ellipse, field->pixel_um, out);
  describe_surround(spatial, field->height * field->width, out[INS_FIELD_X_PX].valid, out);
  return INS_OK;
}

/* ---- time and colour ------------------------------------------------------------------------- */

/* Of two channels: (g - uv) / (|g| + |uv|), each counted in the polarity of the stronger. */
static void describe_colour(const ins_field *field, const double *temporal, const double *main,
                            ins_measure *out) {
  double strength[2] = {0};
  for (size_t c = 0; field->n_channels == 2 && c < 2; c++)
    for (size_t l = 0; l < field->n_lags; l++)
      strength[c] += temporal[c * field->n_lags + l] * main[l];
  const double all = fabs(strength[0]) + fabs(strength[1]);
  set(&out[INS_FIELD_COLOR_PREFERENCE], (strength[0] - strength[1]) / all, all > 0);
}

static void describe_time(const ins_field *field, const double *temporal, size_t peak,
                          ins_measure *out) {
  const size_t lag = peak % field->n_lags;
  const double *main = temporal + (peak - lag);
  double least = 0;
  for (size_t l = 0; l < field->n_lags; l++) least = fmin(least, main[l]);
  const double frames = (double)(field->n_lags - 1 - lag) - (double)field->last_lag;
  set(&out[INS_FIELD_TIME_TO_PEAK_S], frames / field->rate_hz, field->n_lags > 1);
  set(&out[INS_FIELD_BIPHASIC_INDEX], fabs(least) / main[lag], field->n_lags > 1);
  describe_colour(field, temporal, main, out);
}

/* ---- all ------------------------------------------------------------------------------------- */

ins_status ins_field_analyse(const ins_field *field, double *spatial, double *temporal, bool *found,
                             ins_measure *out) {
  const size_t rows = field->n_channels * field->n_lags, columns = field->height * field->width;
  size_t peak = 0;
  double separability;
  *found = false;
  for (size_t k = 0; k < ins_n_field_indices; k++) set(&out[k], (double)NAN, false);
  if (!all_finite(field->w, rows * columns)) {
    fill(spatial, columns, (double)NAN);
    fill(temporal, rows, (double)NAN);
    return INS_OK;
  }
  ins_status status = split(field, spatial, temporal, &peak, &separability, found);
  if (status == INS_OK && *found) status = describe_space(field, spatial, out);
  if (status != INS_OK || !*found) return status;
  describe_time(field, temporal, peak, out);
  set(&out[INS_FIELD_POLARITY], spatial[largest(spatial, columns)] > 0 ? 1 : -1, true);
  set(&out[INS_FIELD_SEPARABILITY], separability, true);
  return INS_OK;
}
