/* SPDX-License-Identifier: MIT */
#include "stimulus_view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

enum { MOST_CONDITIONS = 100000 };

/* ---- conditions ---------------------------------------------------------------------------------
 */

static const ins_key *keys_of(const ins_value *settings) {
  const char *kind = ins_value_text_or(ins_map_get(settings, "kind"), "");
  const ins_variant *variant = ins_variant_find(ins_generators, kind);
  return variant ? variant->keys : NULL;
}

/* How many values a key has in the stimulus. */
static size_t n_values(const ins_key *key, const ins_value *settings) {
  const ins_value *value = ins_map_get(settings, key->name);
  return (key->flags & INS_KEY_MANY) && value && value->kind == INS_LIST ? value->children.n : 1;
}

static ins_status count_conditions(const ins_value *settings, size_t *n) {
  *n = 1;
  for (const ins_key *key = keys_of(settings); key && key->name; key++)
    if (!ins_mul(*n, n_values(key, settings), n) || *n > MOST_CONDITIONS)
      return ins_fail(INS_ERR_ARGUMENT, "these are more than %d conditions; list fewer values",
                      MOST_CONDITIONS);
  return INS_OK;
}

static void add_value(ins_text *text, const ins_value *value) {
  if (value->kind == INS_TEXT)
    ins_text_add(text, "%s", value->text);
  else if (ins_value_is_number(value))
    ins_text_add(text, "%.6g", ins_value_real_or(value, 0));
  else
    ins_value_json(value, 8, text);
}

/* What a number that is measured of each neuron stands at while there is no neuron. */
static ins_value *default_of(const ins_key *key) {
  char *end;
  const double x = key->fallback ? strtod(key->fallback, &end) : 0;
  return key->fallback && end != key->fallback ? ins_value_real(x) : ins_value_null();
}

/* Settings of condition k with single values; the last key that varies changes fastest. `label`
 * says the values of those that vary, *n_last is the number of the last one's. */
static ins_status condition(const ins_value *settings, size_t n, size_t k, ins_value **out,
                            ins_text *label, size_t *n_last) {
  *out = ins_value_copy(settings);
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (const ins_key *key = keys_of(settings); status == INS_OK && key && key->name; key++) {
    const ins_value *value = ins_map_get(settings, key->name);
    const size_t count = n_values(key, settings);
    n /= count;
    if (value && value->kind == INS_LIST && (key->flags & INS_KEY_MANY))
      value = value->children.items[k / n % count];
    if (value && value->kind == INS_TEXT && (key->flags & INS_KEY_REFERENCE))
      status = ins_map_take(*out, key->name, default_of(key));
    else if (value)
      status = ins_map_take(*out, key->name, ins_value_copy(value));
    if (!value || count == 1) continue;
    *n_last = count;
    ins_text_add(label, "%s%s ", label->length ? ", " : "", key->name);
    add_value(label, value);
  }
  return status == INS_OK ? ins_text_ok(label) : status;
}

/* A measured number is no list once it is validated, or is one within a list. */
static void note_references(const ins_value *settings, ins_text *notes) {
  for (const ins_key *key = keys_of(settings); key && key->name; key++) {
    const ins_value *value = ins_map_get(settings, key->name);
    if (!value || !(key->flags & INS_KEY_REFERENCE)) continue;
    for (size_t i = 0; i < (value->kind == INS_LIST ? value->children.n : 1); i++) {
      const ins_value *one = value->kind == INS_LIST ? value->children.items[i] : value;
      if (one->kind == INS_TEXT)
        ins_text_add(notes, "%s%s is '%s' of each neuron and shown at its default, %s",
                     notes->length ? "; " : "", key->name, one->text,
                     key->fallback ? key->fallback : "null");
    }
  }
}

/* ---- scenes -------------------------------------------------------------------------------------
 */

static size_t pixel_of(const ins_value *settings, const char *key, double pixel_um, size_t n) {
  const double um = ins_value_real_or(ins_map_get(settings, key), (double)NAN);
  const double at = isnan(um) ? ((double)n - 1) / 2 : um / pixel_um;
  return (size_t)fmin(fmax(round(at), 0), (double)n - 1);
}

static ins_status make_shown(const ins_value *settings, const ins_screen *screen, ins_text *label,
                             ins_scene *scene, ins_shown *out) {
  *out = (ins_shown){
      .scene = scene,
      .before = ins_screen_frames(screen, ins_value_real_or(ins_map_get(settings, "before_s"), 0)),
      .shown = ins_scene_frames(scene),
      .after = ins_screen_frames(screen, ins_value_real_or(ins_map_get(settings, "after_s"), 0)),
      .row = pixel_of(settings, "y_um", screen->pixel_um, screen->height),
      .column = pixel_of(settings, "x_um", screen->pixel_um, screen->width),
      .label = strdup(label->data ? label->data : "")};
  return out->label ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while showing a stimulus");
}

static void widen(ins_view *view, ins_scene *scene) {
  float range[INS_MAX_CHANNELS][2];
  ins_scene_range(scene, range);
  for (size_t c = 0; c < view->screen.n_channels; c++) {
    view->range[c][0] = fminf(view->range[c][0], range[c][0]);
    view->range[c][1] = fmaxf(view->range[c][1], range[c][1]);
    for (int side = 0; side < 2 && view->screen.gain[c] != 0; side++)
      view->brightest = fmax(view->brightest, fabs(((double)range[c][side] - view->screen.grey[c]) /
                                                   view->screen.gain[c]));
  }
}

/* Is condition k the next of those that are shown? */
static bool is_shown(const ins_view *view, size_t k) {
  const size_t n = view->n_conditions, most = n < INS_VIEW_MOST ? n : INS_VIEW_MOST;
  return view->n < most && k == (most > 1 ? view->n * (n - 1) / (most - 1) : 0);
}

static ins_status add_condition(const ins_value *settings, size_t k, ins_view *view) {
  ins_value *one = NULL;
  ins_scene *scene = NULL;
  ins_text label = {0};
  ins_status status = condition(settings, view->n_conditions, k, &one, &label, &view->n_last);
  if (status == INS_OK) {
    status = ins_scene_create(one, &view->screen, &scene);
    if (view->n_conditions > 1 && label.data) status = ins_within(status, "%s", label.data);
  }
  if (status == INS_OK) {
    widen(view, scene);
    if (ins_scene_frames(scene) > view->longest) view->longest = ins_scene_frames(scene);
  }
  if (status == INS_OK && is_shown(view, k)) {
    status = make_shown(one, &view->screen, &label, scene, &view->shown[view->n++]);
    scene = NULL; /* taken */
  }
  ins_scene_destroy(&scene);
  ins_value_destroy(&one);
  ins_text_free(&label);
  return status;
}

ins_status ins_view_create(const ins_value *settings, const ins_screen *screen, ins_view *out) {
  ins_text notes = {0};
  const char *kind = ins_value_text_or(ins_map_get(settings, "kind"), "");
  const char *name = ins_value_text_or(ins_map_get(settings, "name"), kind);
  *out = (ins_view){.screen = *screen, .title = strdup(name)};
  for (size_t c = 0; c < screen->n_channels; c++) {
    out->range[c][0] = INFINITY;
    out->range[c][1] = -INFINITY;
  }
  ins_status status = count_conditions(settings, &out->n_conditions);
  if (status == INS_OK) status = ins_alloc(INS_VIEW_MOST, sizeof *out->shown, &out->shown);
  for (size_t k = 0; status == INS_OK && k < out->n_conditions; k++)
    status = add_condition(settings, k, out);
  if (status == INS_OK) note_references(settings, &notes);
  if (status == INS_OK && (!out->title || ins_text_ok(&notes) != INS_OK))
    status = ins_fail(INS_ERR_MEMORY, "out of memory while showing a stimulus");
  out->notes = notes.data;
  if (status != INS_OK) ins_view_clear(out);
  return status;
}

void ins_view_clear(ins_view *view) {
  for (size_t k = 0; k < view->n; k++) {
    ins_scene_destroy(&view->shown[k].scene);
    free(view->shown[k].label);
  }
  ins_free(&view->shown);
  free(view->notes);
  free(view->title);
  *view = (ins_view){0};
}

/* ---- looking ------------------------------------------------------------------------------------
 */

double ins_view_time(const ins_view *view, const ins_shown *s, size_t frame) {
  return view->screen.still ? 0 : ((double)frame - (double)s->before + 0.5) / view->screen.rate_hz;
}

void ins_view_contrast(const ins_view *view, const ins_shown *s, size_t frame, float *contrast) {
  ins_scene_contrast(s->scene, ins_view_time(view, s, frame), contrast);
}

static double shade(float contrast) {
  return fmin(fmax((double)contrast / 2 + 0.5, 0), 1);
}

void ins_view_colors(size_t n_channels, size_t n, const float *contrast, uint8_t *rgb) {
  for (size_t i = 0; i < n; i++, rgb += 3) {
    double color[3] = {0};
    if (n_channels == 2) { /* violet has less red than blue; the parts of grey sum up to grey */
      const double green = shade(contrast[i]), uv = shade(contrast[n + i]);
      color[0] = 0.7 * uv + 0.3 * green;
      color[1] = green;
      color[2] = uv;
    } else if (n_channels == 3) {
      for (size_t c = 0; c < 3; c++) color[c] = shade(contrast[c * n + i]);
    } else {
      for (size_t c = 0; c < n_channels; c++)
        color[0] += shade(contrast[c * n + i]) / (double)n_channels;
      color[1] = color[2] = color[0];
    }
    for (int k = 0; k < 3; k++) rgb[k] = (uint8_t)lround(255 * color[k]);
  }
}

/* Looks at the first, the last and some frames between. */
static bool shown_stands(const ins_view *view, const ins_shown *s, float *first, float *other) {
  enum { LOOKS = 16 };
  const size_t n = view->screen.n_channels * view->screen.height * view->screen.width;
  ins_view_contrast(view, s, s->before, first);
  for (size_t k = 1; k <= LOOKS; k++) {
    ins_view_contrast(view, s, s->before + (s->shown - 1) * k / LOOKS, other);
    if (memcmp(first, other, n * sizeof *first) != 0) return false;
  }
  return true;
}

ins_status ins_view_stands(const ins_view *view, bool *stands) {
  const size_t n = view->screen.n_channels * view->screen.height * view->screen.width;
  float *first = NULL, *other = NULL;
  ins_status status = ins_alloc(n, sizeof *first, &first);
  if (status == INS_OK) status = ins_alloc(n, sizeof *other, &other);
  *stands = true;
  for (size_t k = 0; status == INS_OK && *stands && k < view->n; k++)
    *stands = shown_stands(view, &view->shown[k], first, other);
  ins_free(&first);
  ins_free(&other);
  return status;
}
