/* SPDX-License-Identifier: MIT */
/* Generator `difference_of_gaussians`: a centre and its surround of the other sign. */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "wave.h"

const ins_key ins_difference_of_gaussians_keys[] = {
    INS_GENERATOR_KEYS,
    {.name = "center_sigma_um",
     .type = INS_KEY_REAL,
     .fallback = "50.0",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "SD of the centre"},
    {.name = "surround_sigma_um",
     .type = INS_KEY_REAL,
     .fallback = "150.0",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "SD of the surround, larger than that of the centre"},
    {.name = "surround_weight",
     .type = INS_KEY_REAL,
     .fallback = "1.0",
     .flags = INS_KEY_QUANTITY,
     .min = 0,
     .max = 1e4,
     .doc = "light that the surround takes over light that the centre adds; 1: balanced, 0: the "
            "centre alone"},
    INS_DURATION_KEY("0.5"),
    {0},
};

typedef struct scene {
  size_t n;
  float *q; /* [H,W] */
} scene;

/* Mean over the pixel i of exp(-d^2 / (2 sigma^2)) along one axis: a Gaussian in two dimensions is
 * the product of two. */
static double pixel_mean(double i, double middle, double sigma) {
  const double s = sigma * M_SQRT2, d = i - middle;
  return sigma * sqrt(M_PI / 2) * (erf((d + 0.5) / s) - erf((d - 0.5) / s));
}

static void add_gaussian(const ins_screen *screen, const double middle[2], double sigma,
                         double weight, float *q) {
  for (size_t i = 0; i < screen->height; i++) {
    const double row = weight * pixel_mean((double)i, middle[1], sigma);
    for (size_t j = 0; j < screen->width; j++)
      q[i * screen->width + j] += (float)(row * pixel_mean((double)j, middle[0], sigma));
  }
}

/* q(r) = (exp(-r^2 / 2 c^2) - k exp(-r^2 / 2 s^2)) / (1 - k), k = weight c^2 / s^2: then the
 * integrals of the two have the ratio `weight`, and the middle is 1. */
static ins_status make(const ins_value *settings, const ins_screen *screen, float *q) {
  const double um = screen->pixel_um, weight = ins_setting_real(settings, "surround_weight");
  const double center = ins_setting_real(settings, "center_sigma_um") / um;
  const double surround = ins_setting_real(settings, "surround_sigma_um") / um;
  const double most = surround * surround / (center * center), k = weight / most;
  double middle[2];
  ins_setting_middle(settings, screen, middle);
  if (weight > 0 && surround <= center)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: surround_sigma_um %g must be larger than center_sigma_um, %g",
                    ins_setting_kind(settings), surround * um, center * um);
  if (k >= 1)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: a surround_weight of %g takes away more light in the middle than the "
                    "centre adds; it must be below (surround_sigma_um / center_sigma_um)^2, %.4g",
                    ins_setting_kind(settings), weight, most);
  ins_status status = ins_sigma_check(screen, settings, "center_sigma_um", center, middle);
  if (status != INS_OK) return status;
  add_gaussian(screen, middle, center, 1 / (1 - k), q);
  if (k > 0) add_gaussian(screen, middle, surround, -k / (1 - k), q);
  return INS_OK;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **out,
                        double *duration_s) {
  scene *s = NULL;
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK) status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *out = s;
  s->n = screen->height * screen->width;
  status = ins_alloc(s->n, sizeof *s->q, &s->q);
  return status == INS_OK ? make(settings, screen, s->q) : status;
}

static void paint(void *state, double t_s, float *q) {
  const scene *s = state;
  (void)t_s;
  memcpy(q, s->q, s->n * sizeof *q);
}

/* Light that is added to and taken from what is there: nothing is covered. */
static void cover(void *state, double t_s, float *a) {
  (void)state;
  (void)t_s;
  (void)a;
}

static double until(void *state, double t_s) {
  (void)state;
  (void)t_s;
  return INFINITY;
}

static void end(void **state) {
  scene *s = *state;
  if (s) ins_free(&s->q);
  ins_free(state);
}

const ins_generator ins_difference_of_gaussians_generator = {.still = true,
                                                             .begin = begin,
                                                             .paint = paint,
                                                             .cover = cover,
                                                             .until = until,
                                                             .end = end,
                                                             .measure = "evoked"};
