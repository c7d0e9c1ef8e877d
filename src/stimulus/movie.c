/* SPDX-License-Identifier: MIT */
/* Generator `movie`: frames from a file, at their own rate. */
#include <math.h>
#include <string.h>

#include "film.h"
#include "insilico/memory.h"

const ins_key ins_movie_keys[] = {
    INS_GENERATOR_KEYS,
    INS_FILM_KEYS("movie", "an array [T,H,W], [C,T,H,W] or [B,C,T,H,W] (.npy, or FILE.h5:DATASET), "
                           "or a folder of PNG files, its frames sorted by name"),
    {.name = "rate_hz",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,
     .min = 1e-3,
     .max = 1e5,
     .units = "Hz",
     .doc = "its frames a second; null: the model's"},
    {0},
};

typedef struct scene {
  const ins_film *film;
  ins_projection *projection;
  double rate_hz, frame_s; /* of the film; how long a frame of the screen stands */
  float *mean;             /* [H,W] of the film */
  size_t n;
} scene;

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **out,
                        double *duration_s) {
  scene *s = NULL;
  ins_status status = ins_screen_need_rate(screen, settings);
  if (status == INS_OK) status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *out = s;
  s->n = screen->height * screen->width;
  s->frame_s = 1 / screen->rate_hz;
  s->rate_hz = ins_setting_real(settings, "rate_hz");
  if (isnan(s->rate_hz)) s->rate_hz = screen->rate_hz;
  status = ins_film_open(settings, screen, "movie", true, &s->film);
  if (status != INS_OK) return status;
  *duration_s = (double)s->film->n_frames / s->rate_hz;
  status = ins_projection_create(settings, screen, s->film->height, s->film->width, &s->projection);
  if (status != INS_OK) return status;
  return ins_alloc(s->film->height * s->film->width, sizeof *s->mean, &s->mean);
}

/* Rounding must not show a sliver of the neighbouring frame. */
static double snapped(double frame) {
  const double whole = round(frame);
  return fabs(frame - whole) < 1e-6 ? whole : frame;
}

/* The film's frames [*low, *high) that the screen's frame around t_s stands for. Beyond its end the
 * last one stands. */
static void window(const scene *s, double t_s, double *low, double *high) {
  const double last = (double)s->film->n_frames;
  *low = fmin(fmax(snapped((t_s - s->frame_s / 2) * s->rate_hz), 0), last);
  *high = fmin(snapped((t_s + s->frame_s / 2) * s->rate_hz), last);
  if (*high > *low) return;
  *low = fmin(floor(*low), last - 1);
  *high = *low + 1;
}

/* mean[] = the film's channel c over [low, high). */
static const float *average(scene *s, size_t c, double low, double high) {
  const size_t n = s->film->height * s->film->width;
  const float *frames = s->film->x + c * s->film->n_frames * n;
  if (high - low == 1 && low == floor(low)) return frames + (size_t)low * n;
  memset(s->mean, 0, n * sizeof *s->mean);
  for (size_t k = (size_t)floor(low); (double)k < high; k++) {
    const double share = (fmin((double)k + 1, high) - fmax((double)k, low)) / (high - low);
    for (size_t i = 0; i < n; i++) s->mean[i] += (float)share * frames[k * n + i];
  }
  return s->mean;
}

static void paint(void *state, double t_s, float *q) {
  scene *s = state;
  double low, high;
  window(s, t_s, &low, &high);
  for (size_t c = 0; c < s->film->n_channels; c++)
    ins_projection_apply(s->projection, average(s, c, low, high), q + c * s->n);
}

static void cover(void *state, double t_s, float *a) {
  (void)t_s;
  ins_projection_cover(((const scene *)state)->projection, a);
}

static void end(void **state) {
  scene *s = *state;
  if (!s) return;
  ins_film_close(&s->film);
  ins_projection_destroy(&s->projection);
  ins_free(&s->mean);
  ins_free(state);
}

const ins_generator ins_movie_generator = {.begin = begin,
                                           .paint = paint,
                                           .cover = cover,
                                           .end = end,
                                           .coloured = true,
                                           .measure = "mean"};
