/* SPDX-License-Identifier: MIT */
/* Generator `image`: a still image from a file. */
#include <math.h>
#include <string.h>

#include "film.h"
#include "insilico/memory.h"

const ins_key ins_image_keys[] = {
    INS_GENERATOR_KEYS,
    INS_FILM_KEYS("image", "a PNG file, a folder of them (sorted by name), or an array [H,W], "
                           "[C,H,W] or [B,C,H,W]: .npy, or FILE.h5:DATASET"),
    INS_DURATION_KEY("1.0"),
    {0},
};

typedef struct scene {
  size_t n_channels, n;
  float *q, *cover; /* [C,H,W], [H,W] */
} scene;

static ins_status project(const ins_value *settings, const ins_screen *screen, const ins_film *film,
                          scene *s) {
  ins_projection *projection = NULL;
  ins_status status =
      ins_projection_create(settings, screen, film->height, film->width, &projection);
  if (status == INS_OK) status = ins_alloc(s->n_channels * s->n, sizeof *s->q, &s->q);
  if (status == INS_OK) status = ins_alloc(s->n, sizeof *s->cover, &s->cover);
  if (status == INS_OK) {
    for (size_t c = 0; c < s->n_channels; c++)
      ins_projection_apply(projection, film->x + c * film->height * film->width, s->q + c * s->n);
    ins_projection_cover(projection, s->cover);
  }
  ins_projection_destroy(&projection);
  return status;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **out,
                        double *duration_s) {
  const ins_film *film = NULL;
  scene *s = NULL;
  ins_status status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *out = s;
  s->n_channels = screen->n_channels;
  s->n = screen->height * screen->width;
  status = ins_film_open(settings, screen, "image", false, &film);
  if (status == INS_OK) status = project(settings, screen, film, s);
  ins_film_close(&film);
  return status;
}

static void paint(void *state, double t_s, float *q) {
  const scene *s = state;
  (void)t_s;
  memcpy(q, s->q, s->n_channels * s->n * sizeof *q);
}

static void cover(void *state, double t_s, float *a) {
  const scene *s = state;
  (void)t_s;
  memcpy(a, s->cover, s->n * sizeof *a);
}

static double until(void *state, double t_s) {
  (void)state;
  (void)t_s;
  return INFINITY;
}

static void end(void **state) {
  scene *s = *state;
  if (!s) return;
  ins_free(&s->q);
  ins_free(&s->cover);
  ins_free(state);
}

const ins_generator ins_image_generator = {.still = true,
                                           .begin = begin,
                                           .paint = paint,
                                           .cover = cover,
                                           .until = until,
                                           .end = end,
                                           .coloured = true,
                                           .measure = "evoked"};
