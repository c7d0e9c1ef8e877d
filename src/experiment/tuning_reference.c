/* SPDX-License-Identifier: MIT */
/* "diameter_um: 2 * sigma_um": a setting that stands for a number of each neuron. It is read from
 * the stage of the receptive fields, or computed from the responses to an earlier stimulus. */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning_parts.h"

/* ---- finding --------------------------------------------------------------------------------- */

static bool find_in_field(const ins_tuning *t, const char *name, ins_reference *r) {
  for (size_t k = 0; t->field && k < ins_n_field_indices; k++) {
    if (strcmp(ins_field_indices[k].name, name) != 0) continue;
    r->field = k;
    r->low = r->high = (double)NAN;
    return true;
  }
  return false;
}

/* NAME, with its prefix where it has one, or STIMULUS.NAME. */
static bool is_called(const ins_tuned_stimulus *s, const ins_tuning_curve *curve, size_t k,
                      const char *name) {
  const char *index = curve->analysis->indices[k].name;
  const size_t n = strlen(curve->prefix), m = strlen(s->name);
  return (strncmp(name, curve->prefix, n) == 0 && strcmp(name + n, index) == 0) ||
         (strncmp(name, s->name, m) == 0 && name[m] == '.' && strcmp(name + m + 1, index) == 0);
}

/* An index of a curve lies among the listed values of its parameter, or it is not valid. */
static void find_bounds(const ins_tuned_stimulus *s, const ins_tuning_curve *curve,
                        ins_reference *r) {
  r->low = r->high = (double)NAN;
  if (curve->parameter < 0 || ins_parameter_is_text(&s->parameters[curve->parameter])) return;
  const ins_parameter *p = &s->parameters[curve->parameter];
  for (size_t i = 0; i < p->n; i++) {
    const double x = r->factor * ins_value_real_or(p->values->children.items[i], (double)NAN);
    r->low = fmin(r->low, x);
    r->high = fmax(r->high, x);
  }
}

static bool find_in_stimuli(const ins_tuning *t, const ins_tuned_stimulus *before, const char *name,
                            ins_reference *r) {
  for (const ins_tuned_stimulus *s = t->stimuli; s < before; s++)
    for (size_t c = 0; c < s->n_curves; c++)
      for (size_t k = 0; k < s->curves[c].analysis->n_indices; k++) {
        if (!is_called(s, &s->curves[c], k, name)) continue;
        r->stimulus = s;
        r->curve = c;
        r->index = k;
        find_bounds(s, &s->curves[c], r);
        return true;
      }
  return false;
}

static ins_status unknown_index(const ins_tuning *t, const ins_tuned_stimulus *s,
                                const ins_reference *r, const char *name) {
  const char *names[256], *near;
  size_t n = 0;
  char place[512];
  const ins_value *value = ins_map_get(s->settings, r->key->name);
  for (size_t k = 0; t->field && k < ins_n_field_indices; k++)
    names[n++] = ins_field_indices[k].name;
  for (const ins_tuned_stimulus *other = t->stimuli; other < s; other++)
    for (size_t c = 0; c < other->n_curves; c++)
      for (size_t k = 0; k < other->curves[c].analysis->n_indices && n < 256; k++)
        names[n++] = other->curves[c].analysis->indices[k].name;
  near = ins_text_nearest(name, names, n);
  return ins_fail(INS_ERR_ARGUMENT,
                  "%sstimulus %s: %s stands for '%s', which neither the receptive field nor an "
                  "earlier stimulus of the list measures%s%s%s",
                  ins_value_place(value, place, sizeof place), s->name, r->key->name, name,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const char *units_of(const ins_reference *r) {
  const ins_index *index = r->field != SIZE_MAX
                               ? &ins_field_indices[r->field]
                               : &r->stimulus->curves[r->curve].analysis->indices[r->index];
  const char *units = index->units ? index->units : "";
  return strcmp(units, "degree") == 0 ? "deg" : units;
}

/* A diameter of so many seconds is a mistake. */
static ins_status check_units(const ins_tuned_stimulus *s, const ins_reference *r,
                              const char *name) {
  char place[512];
  const char *ours = r->key->units ? r->key->units : "", *theirs = units_of(r);
  if (!*ours || strcmp(ours, theirs) == 0) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%sstimulus %s: %s is in %s, but '%s' is in %s",
                  ins_value_place(ins_map_get(s->settings, r->key->name), place, sizeof place),
                  s->name, r->key->name, ours, name, *theirs ? theirs : "no unit");
}

ins_status ins_references_find(ins_tuning *t, ins_tuned_stimulus *s) {
  char name[128];
  for (size_t k = 0; k < s->n_references; k++) {
    ins_reference *r = &s->references[k];
    if (!ins_reference_parse(ins_map_get(s->settings, r->key->name), &r->factor, name, sizeof name))
      return ins_fail(INS_ERR_INTERNAL, "stimulus %s: %s is no reference", s->name, r->key->name);
    if (!find_in_field(t, name, r) && !find_in_stimuli(t, s, name, r))
      return unknown_index(t, s, r, name);
    ins_status status = check_units(s, r, name);
    if (status != INS_OK) return status;
    if (isnan(r->otherwise) && !(r->key->flags & INS_KEY_NULLABLE))
      return ins_fail(INS_ERR_ARGUMENT,
                      "stimulus %s: %s has no default for neurons without '%s'; give it a number",
                      s->name, r->key->name, name);
  }
  return INS_OK;
}

/* ---- places ---------------------------------------------------------------------------------- */

void ins_reference_place(const ins_tuned_stimulus *s, size_t i, double *x_um, double *y_um) {
  const ins_tuning *t = s->tuning;
  const bool found = t->x_um && !isnan(t->x_um[i]) && !isnan(t->y_um[i]);
  *x_um = found ? t->x_um[i] : ins_screen_middle_x(&t->screen);
  *y_um = found ? t->y_um[i] : ins_screen_middle_y(&t->screen);
}

/* ---- numbers --------------------------------------------------------------------------------- */

ins_status ins_field_index_read(const ins_tuning *t, size_t k, size_t n, const size_t *task,
                                double *value, int8_t *valid) {
  const ins_results *results = t->results;
  ins_status status = results->read(results->self, t->field_stage,
                                    ins_field_stage_value(t->field, k), n, task, 0, 1, value);
  if (status != INS_OK) return status;
  return results->read(results->self, t->field_stage, ins_field_stage_valid(t->field, k), n, task,
                       0, 1, valid);
}

static ins_status read_field(const ins_tuning *t, size_t i, size_t index, ins_measure *out) {
  int8_t valid;
  ins_status status = ins_field_index_read(t, index, 1, &i, &out->value, &valid);
  if (status == INS_OK) out->valid = valid == 1;
  return status;
}

static ins_status read_stimulus(const ins_reference *r, size_t i, ins_measure *out) {
  const ins_tuning_curve *curve = &r->stimulus->curves[r->curve];
  ins_measure *measures = NULL;
  ins_answers answers = {0};
  ins_status status = ins_alloc(curve->analysis->n_indices, sizeof *measures, &measures);
  if (status == INS_OK) status = ins_answers_read(r->stimulus, i, 1, false, &answers);
  if (status == INS_OK)
    status = ins_answers_analyse(&answers, 0, r->stimulus->tuning->selection.neurons[i], curve,
                                 SIZE_MAX, false, measures);
  if (status == INS_OK) *out = measures[r->index];
  ins_answers_clear(&answers);
  ins_free(&measures);
  return status;
}

ins_status ins_references_set(const ins_tuned_stimulus *s, size_t i, ins_value *settings,
                              const double *used) {
  double x_um, y_um;
  ins_reference_place(s, i, &x_um, &y_um);
  ins_status status = ins_map_take(settings, "x_um", ins_value_real(x_um));
  if (status == INS_OK) status = ins_map_take(settings, "y_um", ins_value_real(y_um));
  for (size_t r = 0; status == INS_OK && r < s->n_references; r++)
    status = ins_map_take(settings, s->references[r].key->name, ins_number_or_null(used[r]));
  return status;
}

/* Can every condition be shown with these numbers, and in the time of the clip? A neuron's own
 * number may ask for what the screen cannot do. */
static ins_status can_be_shown(const ins_tuned_stimulus *s, size_t i, const double *used,
                               bool *shows) {
  ins_status status = INS_OK;
  *shows = true;
  for (size_t k = 0; status == INS_OK && *shows && k < s->n_conditions; k++) {
    ins_value *settings = NULL;
    ins_scene *scene = NULL;
    status = ins_condition_settings(s, k, &settings);
    if (status == INS_OK) status = ins_references_set(s, i, settings, used);
    if (status == INS_OK) status = ins_scene_create(settings, &s->tuning->screen, &scene);
    if (status == INS_ERR_ARGUMENT) {
      *shows = false;
      status = INS_OK;
    }
    if (scene && ins_scene_frames(scene) > s->shown) *shows = false;
    ins_scene_destroy(&scene);
    ins_value_destroy(&settings);
  }
  return status;
}

ins_status ins_references_read(const ins_tuned_stimulus *s, size_t i, double *used) {
  ins_status status = INS_OK;
  bool shows = true;
  for (size_t k = 0; status == INS_OK && k < s->n_references; k++) {
    const ins_reference *r = &s->references[k];
    ins_measure measure = {0};
    status = r->field != SIZE_MAX ? read_field(s->tuning, i, r->field, &measure)
                                  : read_stimulus(r, i, &measure);
    const double number = r->factor * measure.value;
    const bool within =
        r->key->min >= r->key->max || (number >= r->key->min && number <= r->key->max);
    used[k] = measure.valid && isfinite(number) && within ? number : r->otherwise;
  }
  if (status == INS_OK && s->n_references) status = can_be_shown(s, i, used, &shows);
  for (size_t k = 0; k < s->n_references && !shows; k++) used[k] = s->references[k].otherwise;
  return status;
}
