/* SPDX-License-Identifier: MIT */
/* Fits curves from standard input for tuning_fits.py. A line: the name of an analysis, the number n
 * of conditions, x[n], y[n]; or `gaussian_2d`, flags, height, width, pixels. The answer: a line of
 * name=value, nan where it is not valid. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/tuning.h"
#include "tuning/gaussian_2d.h"

enum { CONDITIONS = 64, PIXELS = 4096, INDICES = 16 };

static bool read_numbers(size_t n, double *out) {
  for (size_t i = 0; i < n; i++)
    if (scanf("%lf", &out[i]) != 1) return false;
  return true;
}

static bool answer_curve(const ins_analysis *analysis) {
  double x[CONDITIONS], y[CONDITIONS];
  ins_measure out[INDICES];
  size_t n;
  if (scanf("%zu", &n) != 1 || n > CONDITIONS || !read_numbers(n, x) || !read_numbers(n, y))
    return false;
  ins_tuning_data data = {.n = n, .x = x, .y = y, .rate_hz = NAN};
  if (analysis->n_indices > INDICES || analysis->run(&data, out) != INS_OK) return false;
  for (size_t k = 0; k < analysis->n_indices; k++)
    printf("%s=%.17g ", analysis->indices[k].name, out[k].value);
  printf("\n");
  return true;
}

static bool answer_image(void) {
  static double pixels[PIXELS];
  ins_gaussian_2d g;
  unsigned flags;
  size_t height, width;
  if (scanf("%u %zu %zu", &flags, &height, &width) != 3 || height > 64 || width > 64) return false;
  if (!read_numbers(height * width, pixels)) return false;
  if (ins_gaussian_2d_fit(height, width, pixels, flags, &g) != INS_OK) return false;
  printf("amplitude=%.17g x=%.17g y=%.17g sigma_major=%.17g sigma_minor=%.17g angle=%.17g "
         "offset=%.17g r2=%.17g converged=%d\n",
         g.amplitude, g.x, g.y, g.sigma_major, g.sigma_minor, g.angle, g.offset, g.r2, g.converged);
  return true;
}

int main(void) {
  const ins_analysis *const analyses[] = {&ins_contrast_analysis, &ins_spatial_frequency_analysis,
                                          &ins_area_analysis, NULL};
  char name[64];
  while (scanf("%63s", name) == 1) {
    size_t k = 0;
    while (analyses[k] && strcmp(analyses[k]->name, name)) k++;
    if (analyses[k] ? !answer_curve(analyses[k]) : !answer_image()) return 1;
  }
  return 0;
}
