/* SPDX-License-Identifier: MIT */
/* The whole screen at one contrast: a step, and its brief form, the flash. */
#include <math.h>

#include "generator_parts.h"
#include "insilico/memory.h"

const ins_key ins_step_keys[] = {INS_GENERATOR_KEYS, INS_DURATION_KEY("2"), {0}};
const ins_key ins_flash_keys[] = {INS_GENERATOR_KEYS, INS_DURATION_KEY("0.2"), {0}};

typedef struct field {
  size_t n_pixels;
} field;

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  field *f;
  ins_status status = ins_setting_duration(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof *f, &f);
  if (status != INS_OK) return status;
  f->n_pixels = screen->height * screen->width;
  *scene = f;
  return INS_OK;
}

static void paint(void *scene, double t_s, float *q) {
  const field *f = scene;
  (void)t_s;
  for (size_t i = 0; i < f->n_pixels; i++) q[i] = 1;
}

static double until(void *scene, double t_s) {
  (void)scene, (void)t_s;
  return INFINITY;
}

static void end(void **scene) {
  ins_free(scene);
}

const ins_generator ins_step_generator = {
    .still = true, .begin = begin, .paint = paint, .until = until, .end = end, .measure = "mean"};

const ins_generator ins_flash_generator = {
    .still = true, .begin = begin, .paint = paint, .until = until, .end = end, .measure = "peak"};
