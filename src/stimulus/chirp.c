/* SPDX-License-Identifier: MIT */
/* The chirp of Baden et al. (2016), "The functional diversity of retinal ganglion cells in the
 * mouse", Nature 529: a bright step of 3 s, a dark one of 3 s, 2 s of grey, a sweep up to 8 Hz in
 * 8 s at full contrast, 2 s of grey, a sweep to full contrast in 8 s at 2 Hz, 2 s of grey. They had
 * 2 s of dark around it: background -1, before_s and after_s 2. */
#include <math.h>

#include "generator_parts.h"
#include "insilico/memory.h"

#define TIME_KEY(key, default, what)                                                               \
  {                                                                                                \
    .name = key, .type = INS_KEY_REAL, .fallback = default, .flags = INS_KEY_PARAMETER, .min = 0,  \
    .max = 1000, .units = "s", .doc = what                                                         \
  }
#define RATE_KEY(key, default, what)                                                               \
  {                                                                                                \
    .name = key, .type = INS_KEY_REAL, .fallback = default, .flags = INS_KEY_QUANTITY, .min = 0,   \
    .max = 1000, .units = "Hz", .doc = what                                                        \
  }

const ins_key ins_chirp_keys[] = {
    INS_GENERATOR_KEYS,
    TIME_KEY("step_s", "3",
             "length of the bright step, from the onset, and of the dark one after it"),
    TIME_KEY("pause_s", "2",
             "grey before the frequency sweep, before the contrast sweep, and after"),
    RATE_KEY("frequency_low_hz", "0.5", "frequency at the beginning of the frequency sweep"),
    RATE_KEY("frequency_high_hz", "8", "frequency at its end; it grows evenly with time"),
    TIME_KEY("frequency_s", "8", "length of the frequency sweep, a sine at full contrast"),
    TIME_KEY("contrast_s", "8",
             "length of the contrast sweep, a sine whose contrast grows evenly from 0"),
    RATE_KEY("contrast_hz", "2", "frequency of the contrast sweep"),
    INS_APERTURE_KEY,
    {0}};

typedef struct chirp {
  ins_chirp_parts at;
  double low_hz, high_hz, contrast_hz;
  size_t n_pixels;
  float *aperture; /* [H,W]; NULL: the whole screen */
} chirp;

void ins_chirp_times(const ins_value *settings, ins_chirp_parts *parts) {
  double step = ins_setting_real(settings, "step_s"), pause = ins_setting_real(settings, "pause_s");
  parts->bright_s = 0;
  parts->dark_s = step;
  parts->first_pause_s = parts->dark_s + step;
  parts->frequency_s = parts->first_pause_s + pause;
  parts->second_pause_s = parts->frequency_s + ins_setting_real(settings, "frequency_s");
  parts->contrast_s = parts->second_pause_s + pause;
  parts->last_pause_s = parts->contrast_s + ins_setting_real(settings, "contrast_s");
  parts->end_s = parts->last_pause_s + pause;
}

static ins_status check(const ins_value *settings, const ins_screen *screen) {
  static const char *const rates[] = {"frequency_low_hz", "frequency_high_hz", "contrast_hz"};
  ins_status status = ins_screen_need_time(screen, settings, "kind chirp");
  for (size_t k = 0; status == INS_OK && k < sizeof rates / sizeof rates[0]; k++)
    status = ins_frequency_check_time(screen, settings, rates[k]);
  return status;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  ins_status status = check(settings, screen);
  if (status == INS_OK) status = ins_alloc(1, sizeof(chirp), scene);
  if (status != INS_OK) return status;
  chirp *s = *scene;
  s->low_hz = ins_setting_real(settings, "frequency_low_hz");
  s->high_hz = ins_setting_real(settings, "frequency_high_hz");
  s->contrast_hz = ins_setting_real(settings, "contrast_hz");
  s->n_pixels = screen->height * screen->width;
  ins_chirp_times(settings, &s->at);
  *duration_s = s->at.end_s;
  return ins_aperture_create(settings, screen, &s->aperture);
}

/* Phase is the integral of frequency, so both sweeps begin at grey and rise first. */
static double level(const chirp *s, double t_s) {
  const ins_chirp_parts *at = &s->at;
  if (t_s < at->dark_s) return 1;
  if (t_s < at->first_pause_s) return -1;
  if (t_s >= at->frequency_s && t_s < at->second_pause_s) {
    double t = t_s - at->frequency_s, length = at->second_pause_s - at->frequency_s;
    return sin(2 * M_PI * t * (s->low_hz + (s->high_hz - s->low_hz) * t / (2 * length)));
  }
  if (t_s >= at->contrast_s && t_s < at->last_pause_s) {
    double t = t_s - at->contrast_s, length = at->last_pause_s - at->contrast_s;
    return t / length * sin(2 * M_PI * s->contrast_hz * t);
  }
  return 0;
}

static void fill(const chirp *s, float value, float *x) {
  for (size_t i = 0; i < s->n_pixels; i++) x[i] = s->aperture ? value * s->aperture[i] : value;
}

static void paint(void *scene, double t_s, float *q) {
  const chirp *s = scene;
  fill(s, (float)level(s, t_s), q);
}

static void cover(void *scene, double t_s, float *a) {
  (void)t_s;
  fill(scene, 1, a);
}

static double until(void *scene, double t_s) {
  const ins_chirp_parts *at = &((const chirp *)scene)->at;
  if (t_s < at->dark_s) return at->dark_s;
  if (t_s < at->first_pause_s) return at->first_pause_s;
  if (t_s < at->frequency_s) return at->frequency_s;
  if (t_s < at->second_pause_s) return t_s;
  if (t_s < at->contrast_s) return at->contrast_s;
  return t_s < at->last_pause_s ? t_s : (double)INFINITY;
}

static void end(void **scene) {
  chirp *s = *scene;
  if (s) ins_free(&s->aperture);
  ins_free(scene);
}

const ins_generator ins_chirp_generator = {
    .begin = begin, .paint = paint, .cover = cover, .until = until, .end = end, .measure = "mean"};
