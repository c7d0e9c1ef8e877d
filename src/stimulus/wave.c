/* SPDX-License-Identifier: MIT */
#include "wave.h"

#include <math.h>

#include "insilico/memory.h"

/* Gauss-Legendre of order 4 on [-1/2, 1/2]: exact for polynomials of degree 7. Below the Nyquist
 * frequency, and for Gaussians wider than half a pixel, the error is below 1e-5. */
const double ins_pixel_points[4][2] = {{-0.4305681557970263, 0.1739274225687269},
                                       {-0.1699905217924281, 0.3260725774312731},
                                       {0.1699905217924281, 0.3260725774312731},
                                       {0.4305681557970263, 0.1739274225687269}};

ins_status ins_sigma_check(const ins_screen *screen, const ins_value *settings, const char *key,
                           double sigma, const double middle[2]) {
  const double um = screen->pixel_um, reach = 2 * sigma + 0.5;
  if (sigma < 0.5)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: %s %g is too small for pixels of %g um; it must be at least half a pixel, "
                    "%g um",
                    ins_setting_kind(settings), key, sigma * um, um, um / 2);
  if (middle[0] > -reach && middle[0] < (double)screen->width - 1 + reach && middle[1] > -reach &&
      middle[1] < (double)screen->height - 1 + reach)
    return INS_OK;
  return ins_fail(
      INS_ERR_ARGUMENT,
      "%s: around x_um %g, y_um %g it lies off the screen, which is %g um wide and %g um "
      "high",
      ins_setting_kind(settings), middle[0] * um, middle[1] * um, (double)screen->width * um,
      (double)screen->height * um);
}

static ins_status check_time(const ins_value *settings, const ins_screen *screen) {
  const char *const key = "temporal_frequency_hz";
  if (ins_setting_real(settings, key) == 0) return INS_OK;
  ins_status status = ins_screen_need_time(screen, settings, "a temporal frequency other than 0");
  return status == INS_OK ? ins_frequency_check_time(screen, settings, key) : status;
}

ins_status ins_waves_begin(const ins_value *settings, const ins_screen *screen, void **scene,
                           double *duration_s) {
  const size_t n = screen->height * screen->width;
  ins_waves *waves = NULL;
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK)
    status = ins_frequency_check_space(screen, settings, "spatial_frequency_cpmm");
  if (status == INS_OK) status = check_time(settings, screen);
  if (status == INS_OK) status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof *waves, &waves);
  if (status != INS_OK) return status;
  *scene = waves;
  waves->n = n;
  waves->cycles_per_s = ins_setting_real(settings, "temporal_frequency_hz");
  status = ins_alloc(n, sizeof *waves->cosine, &waves->cosine);
  if (status == INS_OK) status = ins_alloc(n, sizeof *waves->sine, &waves->sine);
  if (status == INS_OK) status = ins_alloc(n, sizeof *waves->cover, &waves->cover);
  return status;
}

/* What is integrated over a pixel: {cosine, sine, Gaussian} at (x, y) from the middle. */
static void sample(const ins_wave *wave, double x, double y, double out[3]) {
  const double *d = wave->direction;
  const double u = x * d[0] + y * d[1], v = (x * d[1] - y * d[0]) * wave->aspect;
  const double angle = 2 * M_PI * wave->frequency * u + wave->phase;
  out[2] = exp(-(u * u + v * v) / (2 * wave->sigma * wave->sigma));
  out[0] = out[2] * cos(angle);
  out[1] = out[2] * sin(angle);
}

static void pixel_mean(const ins_wave *wave, double x, double y, double out[3]) {
  double at[3];
  out[0] = out[1] = out[2] = 0;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const double *py = ins_pixel_points[i], *px = ins_pixel_points[j];
      sample(wave, x + px[0], y + py[0], at);
      for (int k = 0; k < 3; k++) out[k] += py[1] * px[1] * at[k];
    }
}

void ins_waves_add(ins_waves *waves, const ins_screen *screen, const ins_wave *wave, float weight) {
  double mean[3];
  for (size_t i = 0; i < screen->height; i++)
    for (size_t j = 0; j < screen->width; j++) {
      const size_t k = i * screen->width + j;
      pixel_mean(wave, (double)j - wave->middle[0], (double)i - wave->middle[1], mean);
      waves->cosine[k] += weight * (float)mean[0];
      waves->sine[k] += weight * (float)mean[1];
    }
}

void ins_waves_cover(ins_waves *waves, const ins_screen *screen, const ins_wave *wave) {
  double mean[3];
  for (size_t i = 0; i < screen->height; i++)
    for (size_t j = 0; j < screen->width; j++) {
      pixel_mean(wave, (double)j - wave->middle[0], (double)i - wave->middle[1], mean);
      waves->cover[i * screen->width + j] = (float)mean[2];
    }
}

/* cos(a - b) = cos a cos b + sin a sin b, with a of space and b of time. */
void ins_waves_paint(void *scene, double t_s, float *q) {
  const ins_waves *waves = scene;
  const double angle = 2 * M_PI * waves->cycles_per_s * t_s;
  const float c = (float)cos(angle), s = (float)sin(angle);
  for (size_t i = 0; i < waves->n; i++) q[i] = c * waves->cosine[i] + s * waves->sine[i];
}

void ins_waves_paint_cover(void *scene, double t_s, float *a) {
  const ins_waves *waves = scene;
  (void)t_s;
  for (size_t i = 0; i < waves->n; i++) a[i] = waves->cover[i];
}

double ins_waves_until(void *scene, double t_s) {
  return ((const ins_waves *)scene)->cycles_per_s == 0 ? (double)INFINITY : t_s;
}

void ins_waves_end(void **scene) {
  ins_waves *waves = *scene;
  if (!waves) return;
  ins_free(&waves->cosine);
  ins_free(&waves->sine);
  ins_free(&waves->cover);
  ins_free(scene);
}
