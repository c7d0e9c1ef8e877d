/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "tuning_parts.h"

enum { MAX_CONDITIONS = 1000000, RANGE_CHECKED = 200 };

/* ---- parameters and conditions --------------------------------------------------------------- */

bool ins_parameter_is_text(const ins_parameter *p) {
  return p->key->type == INS_KEY_TEXT;
}

void ins_condition_index(const ins_tuned_stimulus *s, size_t k, size_t *index) {
  for (size_t p = s->n_parameters; p-- > 0;) {
    index[p] = k % s->parameters[p].n;
    k /= s->parameters[p].n;
  }
}

size_t ins_condition_number(const ins_tuned_stimulus *s, const size_t *index) {
  size_t k = 0;
  for (size_t p = 0; p < s->n_parameters; p++) k = k * s->parameters[p].n + index[p];
  return k;
}

void ins_condition_coordinates(const ins_tuned_stimulus *s, size_t k, int64_t *out) {
  size_t index[INS_TUNING_PARAMETERS];
  ins_condition_index(s, k, index);
  for (size_t p = 0; p < s->n_parameters; p++) {
    const ins_value *value = s->parameters[p].values->children.items[index[p]];
    const double number = ins_value_real_or(value, 0);
    if (value->kind == INS_TEXT)
      out[p] = (int64_t)ins_xxh3(value->text, strlen(value->text), 0);
    else
      memcpy(&out[p], &number, sizeof number);
  }
}

/* The number a reference stands for where the cell has none: the key's own default. */
static double default_of(const ins_key *key) {
  return key->fallback ? strtod(key->fallback, NULL) : (double)NAN;
}

/* Where null is a value, it is that of a key without default. */
ins_value *ins_number_or_null(double x) {
  return isnan(x) ? ins_value_null() : ins_value_real(x);
}

/* 0 and 360 degrees are one direction: shown twice, it would weigh twice. */
static ins_status check_angles(const ins_key *key, const ins_value *listed) {
  if (!key->units || strcmp(key->units, "deg") != 0) return INS_OK;
  for (size_t i = 0; i < ins_value_count(listed); i++)
    for (size_t k = 0; k < i; k++) {
      const double a = ins_value_real_or(listed->children.items[k], 0),
                   b = ins_value_real_or(listed->children.items[i], 0);
      if (fabs(remainder(a - b, 360)) < 1e-6)
        return ins_fail(INS_ERR_ARGUMENT,
                        "%s lists %g and %g, which are the same direction; leave one out (range(0, "
                        "360, 30) excludes its end)",
                        key->name, a, b);
    }
  return INS_OK;
}

static ins_status take_key(ins_tuned_stimulus *s, const ins_key *key) {
  const ins_value *value = ins_map_get(s->settings, key->name);
  if ((key->flags & INS_KEY_REFERENCE) && value && value->kind == INS_TEXT) {
    if (s->n_references == INS_TUNING_REFERENCES)
      return ins_fail(INS_ERR_ARGUMENT, "stimulus %s refers to more than %d indices", s->name,
                      INS_TUNING_REFERENCES);
    s->references[s->n_references++] =
        (ins_reference){.key = key, .otherwise = default_of(key), .field = SIZE_MAX};
    return INS_OK;
  }
  if (!(key->flags & INS_KEY_MANY) || !value || value->kind != INS_LIST || value->children.n < 2)
    return INS_OK;
  if (s->n_parameters == INS_TUNING_PARAMETERS)
    return ins_fail(INS_ERR_ARGUMENT, "stimulus %s lists several values of more than %d keys",
                    s->name, INS_TUNING_PARAMETERS);
  s->parameters[s->n_parameters++] =
      (ins_parameter){.key = key, .n = value->children.n, .values = value};
  size_t n;
  if (!ins_mul(s->n_conditions, value->children.n, &n) || n > MAX_CONDITIONS)
    return ins_fail(INS_ERR_ARGUMENT,
                    "stimulus %s has more than %d conditions; list fewer values, or make it two "
                    "stimuli",
                    s->name, MAX_CONDITIONS);
  s->n_conditions = n;
  return check_angles(key, value);
}

static ins_status set_single(const ins_tuned_stimulus *s, const ins_key *key, const size_t *index,
                             ins_value *settings) {
  const ins_value *value = ins_map_get(s->settings, key->name);
  if (!(key->flags & INS_KEY_MANY) || !value || value->kind != INS_LIST) return INS_OK;
  size_t at = 0;
  for (size_t p = 0; p < s->n_parameters; p++)
    if (s->parameters[p].key == key) at = index[p];
  return ins_map_take(settings, key->name, ins_value_copy(value->children.items[at]));
}

ins_status ins_condition_settings(const ins_tuned_stimulus *s, size_t k, ins_value **out) {
  size_t index[INS_TUNING_PARAMETERS];
  ins_condition_index(s, k, index);
  *out = ins_value_copy(s->settings);
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (const ins_key *key = s->kind->keys; status == INS_OK && key->name; key++)
    status = set_single(s, key, index, *out);
  for (size_t r = 0; status == INS_OK && r < s->n_references; r++)
    status = ins_map_take(*out, s->references[r].key->name,
                          ins_number_or_null(s->references[r].otherwise));
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* ---- times ----------------------------------------------------------------------------------- */

static ins_status try_at(ins_tuned_stimulus *s, const ins_value *settings) {
  ins_scene *scene = NULL;
  ins_status status = ins_scene_create(settings, &s->tuning->screen, &scene);
  if (status != INS_OK) return status;
  if (ins_scene_frames(scene) > s->shown) s->shown = ins_scene_frames(scene);
  ins_scene_destroy(&scene);
  return INS_OK;
}

/* A stimulus that goes to the cells may last longest for those in the corners. */
static ins_status try_corners(ins_tuned_stimulus *s, ins_value *settings) {
  const ins_screen *screen = &s->tuning->screen;
  ins_status status = INS_OK;
  const double half = screen->pixel_um / 2; /* a field may lie up to the edge of the last pixel */
  for (int corner = 0; status == INS_OK && corner < 4; corner++) {
    const double x = corner % 2 ? 2 * ins_screen_middle_x(screen) + half : -half,
                 y = corner / 2 ? 2 * ins_screen_middle_y(screen) + half : -half;
    status = ins_map_take(settings, "x_um", ins_value_real(x));
    if (status == INS_OK) status = ins_map_take(settings, "y_um", ins_value_real(y));
    if (status == INS_OK) status = try_at(s, settings);
  }
  return status;
}

/* What stands for a number of each neuron may make the stimulus longer: a slow bar. Numbers that
 * cannot be shown are not used either. */
static ins_status try_references(ins_tuned_stimulus *s, ins_value *settings) {
  ins_status status = INS_OK;
  for (size_t k = 0; status == INS_OK && k < 2 * s->n_references; k++) {
    const ins_reference *r = &s->references[k / 2];
    const double number = k % 2 ? r->high : r->low;
    if (isnan(number)) continue;
    status = ins_map_take(settings, r->key->name, ins_value_real(number));
    if (status == INS_OK) status = try_corners(s, settings);
    if (status == INS_ERR_ARGUMENT) status = INS_OK;
    if (status == INS_OK)
      status = ins_map_take(settings, r->key->name, ins_number_or_null(r->otherwise));
  }
  return status;
}

static ins_status try_conditions(ins_tuned_stimulus *s) {
  ins_status status = INS_OK;
  for (size_t k = 0; status == INS_OK && k < s->n_conditions; k++) {
    ins_value *settings = NULL;
    status = ins_condition_settings(s, k, &settings);
    if (status == INS_OK) status = try_at(s, settings);
    if (status == INS_OK && s->at_cell) status = try_corners(s, settings);
    if (status == INS_OK && s->at_cell) status = try_references(s, settings);
    ins_value_destroy(&settings);
  }
  return status;
}

static void set_times(ins_tuned_stimulus *s) {
  const ins_tuning *t = s->tuning;
  const size_t after =
      ins_screen_frames(&t->screen, ins_value_real_or(ins_map_get(s->settings, "after_s"), 0));
  const size_t least = ins_model_least_frames(t->context->model);
  size_t lead = t->screen.still ? t->lag : t->lag > t->history ? t->lag : t->history;
  s->before =
      ins_screen_frames(&t->screen, ins_value_real_or(ins_map_get(s->settings, "before_s"), 0));
  s->n_kept = s->before + s->shown + after;
  if (lead + s->n_kept < least) lead = least - s->n_kept;
  s->onset = lead + s->before;
  s->n_frames = lead + s->n_kept + (t->screen.still ? 0 : t->ahead);
  s->first_kept = lead - t->lag;
}

/* Some models take clips of certain lengths only; they say so now. */
static ins_status try_model(const ins_tuned_stimulus *s) {
  const ins_screen *screen = &s->tuning->screen;
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = s->n_frames,
                              .height = screen->height,
                              .width = screen->width,
                              .first_frame = s->first_kept,
                              .n_read = 1,
                              .n_neurons = 1,
                              .kernels = s->tuning->context->kernels};
  ins_plan *plan = NULL;
  ins_status status = ins_plan_create(s->tuning->context->model, &spec, &plan);
  ins_plan_destroy(&plan);
  return ins_within(status,
                    "with before_s, after_s and what the model looks back it has %zu frames",
                    s->n_frames);
}

/* ---- frequencies ----------------------------------------------------------------------------- */

/* Seconds that the measure of a stimulus at `hz` covers. */
static double window_s(const ins_tuned_stimulus *s, double hz, ins_value *settings) {
  if (ins_map_take(settings, "temporal_frequency_hz", ins_value_real(hz)) != INS_OK) return 0;
  return (double)(s->shown - ins_window_settling(s, settings, s->shown)) /
         s->tuning->screen.rate_hz;
}

/* `refuse`: by a failure, else by a warning. */
static ins_status check_frequencies(const ins_tuned_stimulus *s, bool refuse) {
  const ins_value *listed = ins_map_get(s->settings, "temporal_frequency_hz");
  ins_value *settings = NULL;
  ins_status status = ins_condition_settings(s, 0, &settings);
  for (size_t i = 0; status == INS_OK && i < ins_value_count(listed); i++) {
    const double hz = ins_value_real_or(listed->children.items[i], 0);
    const double seconds = window_s(s, hz, settings);
    if (hz * seconds >= 0.999 || (hz == 0 && !refuse)) continue;
    if (refuse)
      status = ins_fail(INS_ERR_ARGUMENT,
                        "measure f1 needs a whole cycle, and %g Hz makes %.2f in the %.3g s that "
                        "are measured (duration_s less settle_s); give it longer, or another "
                        "measure",
                        hz, hz * seconds, seconds);
    else if (s->tuning->context->speaks && strcmp(s->measure, "peak") != 0)
      ins_log(INS_LOG_WARNING,
              "stimulus %s: %g Hz makes %.2f cycles in the %.3g s that are measured (duration_s "
              "less settle_s); its responses are to part of a cycle",
              s->name, hz, hz * seconds, seconds);
  }
  ins_value_destroy(&settings);
  return status;
}

/* ---- warnings -------------------------------------------------------------------------------- */

/* Numbers that are likely in another unit: millimetres, milliseconds, percent. */
static void warn_of_units(const ins_tuned_stimulus *s) {
  const ins_screen *screen = &s->tuning->screen;
  const double seconds = (double)s->shown / screen->rate_hz, um = screen->pixel_um;
  static const char *const sizes[] = {"diameter_um", "width_um", "length_um", "outer_diameter_um",
                                      "sigma_um"};
  if (seconds > 60)
    ins_log(INS_LOG_WARNING,
            "stimulus %s lasts %.0f s, %zu frames a condition; are its times in "
            "seconds and its speeds in um/s?",
            s->name, seconds, s->shown);
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    const ins_value *listed = ins_map_get(s->settings, sizes[k]);
    for (size_t i = 0; i < ins_value_count(listed); i++) {
      const double size = ins_value_real_or(listed->children.items[i], (double)INFINITY);
      if (size < um / 4)
        ins_log(INS_LOG_WARNING, "stimulus %s: %s is %g, and a pixel has %g um", s->name, sizes[k],
                size, um);
    }
  }
  const ins_value *contrasts = ins_map_get(s->settings, "contrast");
  for (size_t i = 0; i < ins_value_count(contrasts); i++) {
    const double contrast = ins_value_real_or(contrasts->children.items[i], 0);
    if (fabs(contrast) > 5)
      ins_log(INS_LOG_WARNING, "stimulus %s: contrast is %g, and full contrast is 1", s->name,
              contrast);
  }
}

static void widen(size_t n_channels, float (*extent)[2], float (*range)[2]) {
  for (size_t c = 0; c < n_channels; c++) {
    extent[c][0] = fminf(extent[c][0], range[c][0]);
    extent[c][1] = fmaxf(extent[c][1], range[c][1]);
  }
}

/* Least and greatest number of each channel. Of very many conditions, some two hundred throughout
 * are looked at. */
static ins_status find_range(const ins_tuned_stimulus *s, float (*extent)[2]) {
  const ins_tuning *t = s->tuning;
  const size_t n = t->screen.n_channels, step = (s->n_conditions - 1) / RANGE_CHECKED + 1;
  float range[INS_MAX_CHANNELS][2];
  ins_status status = INS_OK;
  for (size_t c = 0; c < n; c++) {
    extent[c][0] = INFINITY;
    extent[c][1] = -INFINITY;
  }
  for (size_t k = 0; status == INS_OK && k < s->n_conditions; k += step) {
    ins_value *settings = NULL;
    ins_scene *scene = NULL;
    status = ins_condition_settings(s, k, &settings);
    if (status == INS_OK) status = ins_scene_create(settings, &t->screen, &scene);
    if (status == INS_OK) {
      ins_scene_range(scene, range);
      widen(n, extent, range);
    }
    ins_scene_destroy(&scene);
    ins_value_destroy(&settings);
  }
  return status;
}

/* One sentence for all stimuli: most of a battery have the same contrast. */
ins_status ins_tuning_warn_of_range(const ins_tuning *t) {
  const size_t n = t->screen.n_channels;
  float all[INS_MAX_CHANNELS][2], extent[INS_MAX_CHANNELS][2], trained[INS_MAX_CHANNELS][2];
  size_t n_beyond = 0;
  ins_text names = {0}, text = {0};
  ins_status status = INS_OK;
  memcpy(trained, t->trained, sizeof trained);
  for (size_t i = 0; status == INS_OK && i < t->n_stimuli; i++) {
    ins_text own = {0};
    status = find_range(&t->stimuli[i], extent);
    if (status == INS_OK && ins_range_warning(n, extent, trained, &own)) {
      if (n_beyond == 0) memcpy(all, extent, sizeof all);
      widen(n, all, extent);
      ins_text_add(&names, "%s%s", n_beyond++ ? ", " : "", t->stimuli[i].name);
    }
    ins_text_free(&own);
  }
  if (status == INS_OK && n_beyond && ins_range_warning(n, all, trained, &text))
    ins_log(INS_LOG_WARNING,
            "beyond what the model was trained on go %zu of %zu stimuli (%s): %s; a lower "
            "intensity.contrast keeps them within",
            n_beyond, t->n_stimuli, names.data, text.data);
  ins_text_free(&names);
  ins_text_free(&text);
  return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static ins_status take_keys(ins_tuned_stimulus *s) {
  ins_status status = INS_OK;
  for (const ins_key *key = s->kind->keys; status == INS_OK && key->name; key++)
    status = take_key(s, key);
  if (status != INS_OK) return status;
  const bool placed = ins_value_count(ins_map_get(s->settings, "x_um")) ||
                      ins_value_count(ins_map_get(s->settings, "y_um"));
  if (s->at_cell && placed)
    return ins_fail(INS_ERR_ARGUMENT,
                    "it has place: cell and a place of its own (x_um, y_um); leave one out");
  if (s->n_references && !s->at_cell)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s stands for a number of each neuron, which needs place: cell",
                    s->references[0].key->name);
  return INS_OK;
}

static ins_status within_stimulus(ins_status status, const ins_tuned_stimulus *s) {
  char place[512];
  return ins_within(status, "%sstimulus %s", ins_value_place(s->settings, place, sizeof place),
                    s->name);
}

ins_status ins_tuned_stimulus_create(const ins_tuning *tuning, const ins_value *settings,
                                     ins_tuned_stimulus *out) {
  const char *kind = ins_value_text_or(ins_map_get(settings, "kind"), "");
  *out = (ins_tuned_stimulus){.tuning = tuning, .settings = settings, .n_conditions = 1};
  out->kind = ins_variant_find(ins_generators, kind);
  if (!out->kind) return ins_fail(INS_ERR_INTERNAL, "there is no stimulus '%s'", kind);
  out->generator = out->kind->ops;
  out->name = ins_value_text_or(ins_map_get(settings, "name"), kind);
  out->at_cell = !strcmp(ins_value_text_or(ins_map_get(settings, "place"), "field"), "cell");
  out->measure = ins_value_text_or(ins_map_get(settings, "measure"), out->generator->measure);
  out->n_search = (size_t)ins_value_int_or(ins_map_get(settings, "refine"), 0);
  return within_stimulus(take_keys(out), out);
}

ins_status ins_tuned_stimulus_resolve(ins_tuned_stimulus *s) {
  const bool f1 = strcmp(s->measure, "f1") == 0;
  ins_status status = INS_OK;
  if (f1 && !ins_map_get(s->settings, "temporal_frequency_hz"))
    status = ins_fail(INS_ERR_ARGUMENT, "measure f1 needs a stimulus with temporal_frequency_hz");
  if (status == INS_OK) status = try_conditions(s);
  if (status == INS_OK && s->tuning->context->speaks) warn_of_units(s);
  if (status == INS_OK && !s->tuning->screen.still) status = check_frequencies(s, f1);
  if (status == INS_OK) {
    set_times(s);
    status = try_model(s);
  }
  return within_stimulus(status, s);
}

void ins_tuned_stimulus_clear(ins_tuned_stimulus *s) {
  for (size_t c = 0; c < s->n_curves; c++) {
    free(s->curves[c].prefix);
    ins_free(&s->curves[c].root);
  }
  ins_free(&s->moves);
  ins_present_end(s);
}
