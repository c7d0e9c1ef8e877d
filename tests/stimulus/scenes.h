/* SPDX-License-Identifier: MIT */
/** Conditions from a line of YAML, shown on screens, for tests of generators. */
#ifndef INSILICO_TESTS_STIMULUS_SCENES_H
#define INSILICO_TESTS_STIMULUS_SCENES_H

#include <math.h>

#include "insilico/generator.h"
#include "settings.h"

/** Validated settings with single values, as the experiments pass them on. Destroy them. */
static inline ins_value *condition_of(const char *yaml) {
  ins_value *settings = settings_of(ins_generators, yaml);
  const char *kind = ins_value_text_or(ins_map_get(settings, "kind"), "");
  for (const ins_key *k = ins_variant_find(ins_generators, kind)->keys; k->name; k++) {
    const ins_value *value = ins_map_get(settings, k->name);
    if (!(k->flags & INS_KEY_MANY) || !value || value->kind != INS_LIST) continue;
    assert_int_equal(ins_value_count(value), 1);
    ins_value *only = ins_value_copy(value->children.items[0]);
    assert_int_equal(ins_map_take(settings, k->name, only), INS_OK);
  }
  return settings;
}

/** One channel whose numbers are contrasts. */
static inline ins_screen plain_screen(size_t height, size_t width, double pixel_um,
                                      double rate_hz) {
  return (ins_screen){.n_channels = 1,
                      .height = height,
                      .width = width,
                      .pixel_um = pixel_um,
                      .rate_hz = rate_hz,
                      .gain = {1}};
}

static inline ins_scene *scene_of(const char *yaml, const ins_screen *screen) {
  ins_value *settings = condition_of(yaml);
  ins_scene *scene = NULL;
  if (ins_scene_create(settings, screen, &scene) != INS_OK) fail_msg("%s: %s", yaml, ins_message());
  ins_value_destroy(&settings);
  return scene;
}

/** x [C,n,H,W], the frames of the stimulus alone. Free it. */
static inline float *movie_of(const char *yaml, const ins_screen *screen, size_t *n) {
  ins_scene *scene = scene_of(yaml, screen);
  *n = ins_scene_frames(scene);
  float *x = malloc(screen->n_channels * *n * screen->height * screen->width * sizeof *x);
  assert_non_null(x);
  ins_scene_render(scene, 0, *n, x);
  ins_scene_destroy(&scene);
  return x;
}

/** The stimulus cannot be shown, and the message says `why`. */
static inline void assert_refused(const char *yaml, const ins_screen *screen, ins_status status,
                                  const char *why) {
  ins_value *settings = condition_of(yaml);
  ins_scene *scene = NULL;
  assert_int_equal(ins_scene_create(settings, screen, &scene), status);
  assert_null(scene);
  if (!strstr(ins_message(), why))
    fail_msg("%s: the message is '%s', not '%s'", yaml, ins_message(), why);
  ins_value_destroy(&settings);
}

/** Sum of an image, and the place of its middle of mass in pixels. */
static inline double mass_of(const float *x, size_t height, size_t width, double middle[2]) {
  double sum = 0, sx = 0, sy = 0;
  for (size_t i = 0; i < height; i++)
    for (size_t j = 0; j < width; j++, x++) {
      sum += (double)*x;
      sx += (double)*x * (double)j;
      sy += (double)*x * (double)i;
    }
  middle[0] = sx / sum;
  middle[1] = sy / sum;
  return sum;
}

/** Largest difference between an image and the means of 2 x 2 pixels of a finer one. */
static inline double coarse_difference(const float *coarse, const float *fine, size_t height,
                                       size_t width) {
  double worst = 0;
  for (size_t i = 0; i < height; i++)
    for (size_t j = 0; j < width; j++) {
      const float *f = fine + 2 * i * 2 * width + 2 * j;
      double mean =
          ((double)f[0] + (double)f[1] + (double)f[2 * width] + (double)f[2 * width + 1]) / 4;
      worst = fmax(worst, fabs(mean - (double)coarse[i * width + j]));
    }
  return worst;
}

#endif
