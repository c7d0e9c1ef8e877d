/* SPDX-License-Identifier: MIT */
/* Discs and rings. Every pixel has the share of its area that lies within, exactly, so that a spot
 * far smaller than a pixel keeps its area too. */
#include <math.h>
#include <string.h>

#include "generator_parts.h"
#include "insilico/memory.h"

#define SIZE_KEY(key, default, what)                                                               \
  {                                                                                                \
    .name = key, .type = INS_KEY_REAL, .fallback = default, .flags = INS_KEY_QUANTITY,             \
    .min = 1e-3, .max = 1e6, .units = "um", .doc = what                                            \
  }

const ins_key ins_spot_keys[] = {INS_GENERATOR_KEYS,
                                 SIZE_KEY("diameter_um", "300", "diameter of the disc"),
                                 INS_DURATION_KEY("1"),
                                 {0}};

const ins_key ins_annulus_keys[] = {INS_GENERATOR_KEYS,
                                    SIZE_KEY("inner_diameter_um", "300", "diameter of the hole"),
                                    SIZE_KEY("outer_diameter_um", "800", "diameter of the ring"),
                                    INS_DURATION_KEY("1"),
                                    {0}};

typedef struct shape {
  size_t n_pixels;
  float *cover; /* [H,W] */
} shape;

static ins_status make(const ins_value *settings, const ins_screen *screen, void **scene,
                       double *duration_s) {
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK) status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof(shape), scene);
  if (status != INS_OK) return status;
  shape *s = *scene;
  s->n_pixels = screen->height * screen->width;
  return ins_alloc(s->n_pixels, sizeof *s->cover, &s->cover);
}

static ins_status begin_spot(const ins_value *settings, const ins_screen *screen, void **scene,
                             double *duration_s) {
  double middle[2];
  ins_status status = make(settings, screen, scene, duration_s);
  if (status != INS_OK) return status;
  double radius = ins_setting_real(settings, "diameter_um") / 2 / screen->pixel_um;
  ins_setting_middle(settings, screen, middle);
  ins_disc_add(screen, middle, radius, 1, ((shape *)*scene)->cover);
  return ins_disc_check(screen, settings, middle, radius);
}

/* A ring whose hole holds the whole screen shows nothing. */
static ins_status check_ring(const shape *s, double inner_um, double outer_um) {
  for (size_t i = 0; i < s->n_pixels; i++)
    if (s->cover[i] > 0) return INS_OK;
  return ins_fail(
      INS_ERR_ARGUMENT,
      "annulus: no part of the ring from inner_diameter_um %g to outer_diameter_um %g is "
      "on the screen; the hole must be smaller than the screen",
      inner_um, outer_um);
}

static ins_status begin_annulus(const ins_value *settings, const ins_screen *screen, void **scene,
                                double *duration_s) {
  double middle[2], inner = ins_setting_real(settings, "inner_diameter_um"),
                    outer = ins_setting_real(settings, "outer_diameter_um");
  if (inner >= outer)
    return ins_fail(INS_ERR_ARGUMENT,
                    "annulus: inner_diameter_um %g must be below outer_diameter_um, %g", inner,
                    outer);
  ins_status status = make(settings, screen, scene, duration_s);
  if (status != INS_OK) return status;
  shape *s = *scene;
  ins_setting_middle(settings, screen, middle);
  status = ins_disc_check(screen, settings, middle, outer / 2 / screen->pixel_um);
  ins_disc_add(screen, middle, outer / 2 / screen->pixel_um, 1, s->cover);
  ins_disc_add(screen, middle, inner / 2 / screen->pixel_um, -1, s->cover);
  return status == INS_OK ? check_ring(s, inner, outer) : status;
}

static void paint(void *scene, double t_s, float *q) {
  const shape *s = scene;
  (void)t_s;
  memcpy(q, s->cover, s->n_pixels * sizeof *q);
}

static double until(void *scene, double t_s) {
  (void)scene, (void)t_s;
  return INFINITY;
}

static void end(void **scene) {
  shape *s = *scene;
  if (s) ins_free(&s->cover);
  ins_free(scene);
}

const ins_generator ins_spot_generator = {.still = true,
                                          .begin = begin_spot,
                                          .paint = paint,
                                          .cover = paint,
                                          .until = until,
                                          .end = end,
                                          .measure = "mean"};

const ins_generator ins_annulus_generator = {.still = true,
                                             .begin = begin_annulus,
                                             .paint = paint,
                                             .cover = paint,
                                             .until = until,
                                             .end = end,
                                             .measure = "mean"};
