/* SPDX-License-Identifier: MIT */
/* A condition on a screen: the generator paints patterns, this file turns them into numbers. */
#include <math.h>
#include <string.h>

#include "generator_parts.h"
#include "insilico/memory.h"

enum { MOST_FRAMES = 1000000 };

/* x = base + slope * q - cover * a, in single precision. */
typedef struct shade {
  float base, slope, cover;
} shade;

struct ins_scene {
  const ins_generator *generator;
  void *state; /* the generator's */
  ins_screen screen;
  size_t n_frames, n_pixels;
  double contrast, background, weight[INS_MAX_CHANNELS];
  shade shades[INS_MAX_CHANNELS];
  float *pattern; /* [H,W], or [C,H,W] of coloured generators: of the last frame painted */
  float *cover;   /* [H,W]; all 1 where the generator does not say otherwise */
};

/* ---- making ---------------------------------------------------------------------------------- */

static ins_status count_frames(ins_scene *scene, const char *kind, double duration_s) {
  const ins_screen *screen = &scene->screen;
  scene->n_frames = screen->still ? 1 : ins_screen_frames(screen, duration_s);
  if (scene->n_frames == 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: %g s is less than half a frame; at %g frames a second the shortest that "
                    "can be shown is %.4g s",
                    kind, duration_s, screen->rate_hz, 0.5 / screen->rate_hz);
  if (scene->n_frames > MOST_FRAMES)
    return ins_fail(INS_ERR_ARGUMENT, "%s: %g s are %zu frames; a stimulus has %d at most", kind,
                    duration_s, scene->n_frames, MOST_FRAMES);
  return INS_OK;
}

/* contrast = background + weight (contrast q - background a), and from there to numbers. */
static shade shade_of(const ins_scene *scene, size_t c, double grey, double gain) {
  return (shade){.base = (float)(grey + gain * scene->background),
                 .slope = (float)(gain * scene->weight[c] * scene->contrast),
                 .cover = (float)(gain * scene->weight[c] * scene->background)};
}

static ins_status make_buffers(ins_scene *scene) {
  size_t planes = scene->generator->coloured ? scene->screen.n_channels : 1, n = scene->n_pixels;
  ins_status status = ins_alloc(planes * n, sizeof(float), &scene->pattern);
  if (status == INS_OK) status = ins_alloc(n, sizeof(float), &scene->cover);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) scene->cover[i] = 1;
  return INS_OK;
}

static ins_status set_up(ins_scene *scene, const ins_value *settings) {
  const ins_screen *screen = &scene->screen;
  const char *kind = ins_setting_kind(settings);
  double duration_s = 0;
  if (screen->n_channels > INS_MAX_CHANNELS)
    return ins_fail(INS_ERR_UNSUPPORTED, "%s: the model has %zu channels; at most %d are supported",
                    kind, screen->n_channels, INS_MAX_CHANNELS);
  if (screen->still && !scene->generator->still)
    return ins_fail(INS_ERR_ARGUMENT, "kind %s needs time, but the model sees single frames", kind);
  scene->n_pixels = screen->height * screen->width;
  scene->contrast = ins_setting_real(settings, "contrast");
  scene->background = ins_setting_real(settings, "background");
  if (isnan(scene->contrast) || isnan(scene->background))
    return ins_fail(INS_ERR_INTERNAL, "%s: contrast or background is not one number", kind);
  ins_status status = ins_color_parse(ins_value_text_or(ins_map_get(settings, "color"), "white"),
                                      screen->n_channels, scene->weight);
  if (status != INS_OK) return ins_within(status, "%s", kind);
  status = scene->generator->begin(settings, screen, &scene->state, &duration_s);
  if (status == INS_OK) status = count_frames(scene, kind, duration_s);
  if (status == INS_OK) status = make_buffers(scene);
  for (size_t c = 0; c < screen->n_channels; c++)
    scene->shades[c] = shade_of(scene, c, screen->grey[c], screen->gain[c]);
  return status;
}

ins_status ins_scene_create(const ins_value *settings, const ins_screen *screen, ins_scene **out) {
  ins_scene *scene;
  const char *kind = ins_setting_kind(settings);
  const ins_variant *entry = ins_variant_find(ins_generators, kind);
  *out = NULL;
  if (!entry) return ins_fail(INS_ERR_ARGUMENT, "there is no stimulus of kind '%s'", kind);
  ins_status status = ins_alloc(1, sizeof *scene, &scene);
  if (status != INS_OK) return status;
  scene->generator = entry->ops;
  scene->screen = *screen;
  status = set_up(scene, settings);
  if (status != INS_OK) {
    ins_scene_destroy(&scene);
    return status;
  }
  *out = scene;
  return INS_OK;
}

void ins_scene_destroy(ins_scene **scene) {
  if (!*scene) return;
  if ((*scene)->generator->end) (*scene)->generator->end(&(*scene)->state);
  ins_free(&(*scene)->pattern);
  ins_free(&(*scene)->cover);
  ins_free(scene);
}

size_t ins_scene_frames(const ins_scene *scene) {
  return scene->n_frames;
}

/* ---- painting -------------------------------------------------------------------------------- */

/* Pattern and cover at t_s; returns until when they hold. */
static double paint(ins_scene *scene, double t_s) {
  const ins_generator *generator = scene->generator;
  size_t planes = generator->coloured ? scene->screen.n_channels : 1;
  memset(scene->pattern, 0, planes * scene->n_pixels * sizeof *scene->pattern);
  generator->paint(scene->state, t_s, scene->pattern);
  /* On grey the cover does not matter: there is no background to take away. */
  if (generator->cover && scene->background != 0) {
    memset(scene->cover, 0, scene->n_pixels * sizeof *scene->cover);
    generator->cover(scene->state, t_s, scene->cover);
  }
  return generator->until ? generator->until(scene->state, t_s) : t_s;
}

static const float *plane(const ins_scene *scene, size_t c) {
  return scene->pattern + (scene->generator->coloured ? c * scene->n_pixels : 0);
}

static void fill(float value, size_t n, float *x) {
  for (size_t i = 0; i < n; i++) x[i] = value;
}

/* One channel of the painted frame in numbers. */
static void compose(const ins_scene *scene, size_t c, const shade *s, float *x) {
  const float *q = plane(scene, c), *a = scene->cover;
  const float base = s->base, slope = s->slope, cover = s->cover;
  if (cover == 0)
    for (size_t i = 0; i < scene->n_pixels; i++) x[i] = base + slope * q[i];
  else
    for (size_t i = 0; i < scene->n_pixels; i++) x[i] = base + (slope * q[i] - cover * a[i]);
}

static double frame_time(const ins_scene *scene, size_t frame) {
  return scene->screen.still ? 0 : ((double)frame + 0.5) / scene->screen.rate_hz;
}

void ins_scene_render(ins_scene *scene, size_t onset, size_t n_frames, float *x) {
  size_t n = scene->n_pixels, n_channels = scene->screen.n_channels;
  double until = -INFINITY;
  for (size_t i = 0; i < n_frames; i++) {
    bool shown = i >= onset && i - onset < scene->n_frames;
    double t_s = shown ? frame_time(scene, i - onset) : 0;
    bool same = shown && i > onset && t_s < until;
    if (shown && !same) until = paint(scene, t_s);
    for (size_t c = 0; c < n_channels; c++) {
      float *frame = x + (c * n_frames + i) * n;
      if (!shown)
        fill(scene->shades[c].base, n, frame);
      else if (same)
        memcpy(frame, frame - n, n * sizeof *frame);
      else
        compose(scene, c, &scene->shades[c], frame);
    }
  }
}

void ins_scene_contrast(ins_scene *scene, double t_s, float *contrast) {
  size_t n = scene->n_pixels;
  bool still = scene->screen.still;
  bool shown = still || (t_s >= 0 && t_s * scene->screen.rate_hz < (double)scene->n_frames);
  if (shown) paint(scene, still ? 0 : t_s);
  for (size_t c = 0; c < scene->screen.n_channels; c++) {
    shade s = shade_of(scene, c, 0, 1);
    if (shown)
      compose(scene, c, &s, contrast + c * n);
    else
      fill(s.base, n, contrast + c * n);
  }
}

static void widen(const ins_scene *scene, size_t c, float range[2]) {
  const float *q = plane(scene, c), *a = scene->cover;
  const shade s = scene->shades[c];
  for (size_t i = 0; i < scene->n_pixels; i++) {
    float x = s.base + (s.slope * q[i] - s.cover * a[i]);
    range[0] = fminf(range[0], x);
    range[1] = fmaxf(range[1], x);
  }
}

void ins_scene_range(ins_scene *scene, float (*range)[2]) {
  double until = -INFINITY;
  for (size_t c = 0; c < scene->screen.n_channels; c++)
    range[c][0] = range[c][1] = scene->shades[c].base;
  for (size_t k = 0; k < scene->n_frames; k++) {
    double t_s = frame_time(scene, k);
    if (k > 0 && t_s < until) continue;
    until = paint(scene, t_s);
    for (size_t c = 0; c < scene->screen.n_channels; c++) widen(scene, c, range[c]);
  }
}
