/* SPDX-License-Identifier: MIT */
/* Generator `sequence`: stimuli one after the other. */
#include <math.h>
#include <string.h>

#include "generator_parts.h"
#include "insilico/memory.h"

const ins_key ins_sequence_keys[] = {
    INS_GENERATOR_KEYS,
    {.name = "parts",
     .type = INS_KEY_CHOICES,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,
     .variants = ins_generators,
     .doc = "stimuli in their order, each a map {kind, ...} with one value a key; name, place, "
            "measure, refine, before_s and after_s of parts are not used"},
    {.name = "pause_s",
     .type = INS_KEY_REAL,
     .fallback = "0.0",
     .flags = INS_KEY_PARAMETER,
     .min = 0,
     .max = 1000,
     .units = "s",
     .doc = "background between two parts"},
    {0},
};

typedef struct part {
  ins_scene *scene;
  double onset_s, offset_s;
} part;

typedef struct sequence {
  size_t n_parts, n;
  part *parts;
} sequence;

/* A key of a part as generators take it: one value. A list within it (the parts of a sequence in a
 * sequence) is left alone. */
static ins_status single(const ins_key *key, size_t k, const ins_value *value, ins_value **out) {
  const bool many = (key->flags & INS_KEY_MANY) && value->kind == INS_LIST;
  if (many && value->children.n != 1)
    return ins_fail(INS_ERR_ARGUMENT,
                    "sequence: parts.%zu.%s has %zu values; a part of a sequence has one", k,
                    key->name, value->children.n);
  if (many) value = value->children.items[0];
  if ((key->flags & INS_KEY_REFERENCE) && value->kind == INS_TEXT)
    return ins_fail(INS_ERR_ARGUMENT,
                    "sequence: parts.%zu.%s is '%s'; parts of a sequence take numbers, not what is "
                    "measured of each neuron",
                    k, key->name, value->text);
  *out = ins_value_copy(value);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

/* The sequence is what is placed: its parts are where it is, unless they say otherwise. */
static bool inherits(const ins_key *key, const ins_value *value) {
  const bool place = strcmp(key->name, "x_um") == 0 || strcmp(key->name, "y_um") == 0;
  return place && value->kind == INS_NULL;
}

static ins_status part_settings(const ins_value *settings, size_t k, ins_value **out) {
  const ins_value *given = ins_map_get(settings, "parts")->children.items[k];
  const ins_variant *kind = ins_variant_find(ins_generators, ins_setting_kind(given));
  *out = NULL;
  if (!kind) return ins_fail(INS_ERR_ARGUMENT, "sequence: parts.%zu has no known kind", k);
  *out = ins_value_map();
  ins_status status =
      *out ? ins_map_take(*out, "kind", ins_value_text(kind->name)) : INS_ERR_MEMORY;
  for (const ins_key *key = kind->keys; status == INS_OK && key && key->name; key++) {
    const ins_value *value = ins_map_get(given, key->name);
    ins_value *one = NULL;
    if (!value) continue;
    if (inherits(key, value) && ins_map_get(settings, key->name))
      value = ins_map_get(settings, key->name);
    status = single(key, k, value, &one);
    if (status == INS_OK) status = ins_map_take(*out, key->name, one);
  }
  return status;
}

/* Parts begin with a frame, as they do when they are shown alone. */
static ins_status add_part(const ins_value *settings, const ins_screen *screen, size_t k,
                           double onset_s, part *out) {
  /* Parts paint contrast; the sequence's own scene makes numbers of it. But a file with the model's
   * numbers must know them, so the screen stays as it is. */
  ins_value *one = NULL;
  ins_status status = part_settings(settings, k, &one);
  if (status == INS_OK) status = ins_scene_create(one, screen, &out->scene);
  ins_value_destroy(&one);
  if (status != INS_OK) return ins_within(status, "parts.%zu of a sequence", k);
  out->onset_s = onset_s;
  out->offset_s = onset_s + (double)ins_scene_frames(out->scene) / screen->rate_hz;
  return INS_OK;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  const ins_value *parts = ins_map_get(settings, "parts");
  const double pause_s =
      (double)ins_screen_frames(screen, ins_setting_real(settings, "pause_s")) / screen->rate_hz;
  double onset_s = 0;
  sequence *s = NULL;
  ins_status status = ins_screen_need_rate(screen, settings);
  if (status == INS_OK && ins_value_count(parts) == 0)
    status = ins_fail(INS_ERR_ARGUMENT, "sequence: parts is empty; it lists one stimulus at least");
  if (status == INS_OK) status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *scene = s;
  s->n = screen->height * screen->width;
  status = ins_alloc(ins_value_count(parts), sizeof *s->parts, &s->parts);
  for (size_t k = 0; status == INS_OK && k < ins_value_count(parts); k++) {
    status = add_part(settings, screen, k, onset_s, &s->parts[k]);
    s->n_parts++;
    *duration_s = s->parts[k].offset_s;
    onset_s = *duration_s + pause_s;
  }
  return status;
}

/* The part that is shown at t_s, or NULL in a pause. Frames lie in the middle of their time, far
 * from where rounding could move them into the next part. */
static const part *part_at(const sequence *s, double t_s) {
  for (size_t k = 0; k < s->n_parts; k++)
    if (t_s >= s->parts[k].onset_s && t_s < s->parts[k].offset_s) return &s->parts[k];
  return NULL;
}

static void paint(void *scene, double t_s, float *q) {
  const part *shown = part_at(scene, t_s);
  if (shown) ins_scene_contrast(shown->scene, t_s - shown->onset_s, q);
}

static void cover(void *scene, double t_s, float *a) {
  const sequence *s = scene;
  const bool covers = part_at(s, t_s) != NULL;
  for (size_t i = 0; i < s->n; i++) a[i] = covers;
}

static void end(void **scene) {
  sequence *s = *scene;
  if (!s) return;
  for (size_t k = 0; k < s->n_parts; k++) ins_scene_destroy(&s->parts[k].scene);
  ins_free(&s->parts);
  ins_free(scene);
}

const ins_generator ins_sequence_generator = {.begin = begin,
                                              .paint = paint,
                                              .cover = cover,
                                              .end = end,
                                              .coloured = true,
                                              .measure = "peak"};
