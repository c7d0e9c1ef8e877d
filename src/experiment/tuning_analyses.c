/* SPDX-License-Identifier: MIT */
/* Which analyses a stimulus gets: those of the parameters it varies, and those of its kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning_parts.h"

static int parameter_called(const ins_tuned_stimulus *s, const char *name) {
  for (size_t p = 0; p < s->n_parameters; p++)
    if (strcmp(s->parameters[p].key->name, name) == 0) return (int)p;
  return INS_CURVE_BEST;
}

static bool is_one_of(const char *name, const char *const *names) {
  for (; *names; names++)
    if (strcmp(name, *names) == 0) return true;
  return false;
}

/* ---- what each analysis asks for ------------------------------------------------------------- */

/* The value of a key in condition k; NULL: the kind has no such key. */
static const ins_value *value_in(const ins_tuned_stimulus *s, size_t k, const char *key) {
  const int parameter = parameter_called(s, key);
  const ins_value *value = ins_map_get(s->settings, key);
  size_t index[INS_TUNING_PARAMETERS];
  if (!value || value->kind != INS_LIST) return value;
  ins_condition_index(s, k, index);
  return value->children.items[parameter >= 0 ? index[parameter] : 0];
}

static bool condition_moves(const ins_tuned_stimulus *s, size_t k) {
  const ins_value *hz = value_in(s, k, "temporal_frequency_hz"), *motion = value_in(s, k, "motion");
  if (strcmp(s->kind->name, "moving_bar") == 0) return true;
  if (s->tuning->screen.still || !hz) return false;
  if (motion && strcmp(ins_value_text_or(motion, ""), "drifting") != 0) return false;
  return hz->kind == INS_TEXT || ins_value_real_or(hz, 0) != 0; /* a text stands for a number */
}

static bool moves(const ins_tuned_stimulus *s) {
  for (size_t k = 0; k < s->n_conditions; k++)
    if (s->moves[k]) return true;
  return false;
}

static bool stands(const ins_tuned_stimulus *s) {
  return !moves(s);
}

/* Three contrasts of one sign at least: two are a bright and a dark step. */
static bool has_contrasts(const ins_tuned_stimulus *s) {
  const ins_value *listed = ins_map_get(s->settings, "contrast");
  size_t n_bright = 0, n_dark = 0;
  for (size_t i = 0; i < ins_value_count(listed); i++) {
    const double c = ins_value_real_or(listed->children.items[i], 0);
    n_bright += c > 0;
    n_dark += c < 0;
  }
  return n_bright > 2 || n_dark > 2;
}

/* Shown to see how a neuron answers to light: nothing else about it varies. */
static bool is_step(const ins_tuned_stimulus *s) {
  static const char *const kinds[] = {"step", "flash", "spot", NULL};
  for (size_t p = 0; p < s->n_parameters; p++)
    if (strcmp(s->parameters[p].key->name, "contrast") != 0) return false;
  return is_one_of(s->kind->name, kinds) && !s->tuning->screen.still;
}

static bool is_chirp(const ins_tuned_stimulus *s) {
  return strcmp(s->kind->name, "chirp") == 0;
}

static bool has_time(const ins_tuned_stimulus *s) {
  return !s->tuning->screen.still;
}

static bool always(const ins_tuned_stimulus *s) {
  (void)s;
  return true;
}

/* ---- the rules ------------------------------------------------------------------------------- */

/** `parameter` NULL: all conditions in a row. `least`: of so many values of it at least; 0: also
 * when it has one. */
static const struct rule {
  const ins_analysis *analysis;
  const char *parameter;
  size_t least;
  bool (*applies)(const ins_tuned_stimulus *s);
} rules[] = {
    {&ins_direction_analysis, "direction_deg", 3, moves},
    {&ins_orientation_analysis, "direction_deg", 3, stands},
    {&ins_contrast_analysis, "contrast", 3, has_contrasts},
    {&ins_spatial_frequency_analysis, "spatial_frequency_cpmm", 3, always},
    {&ins_temporal_frequency_analysis, "temporal_frequency_hz", 3, has_time},
    {&ins_area_analysis, "diameter_um", 3, always},
    {&ins_speed_analysis, "speed_um_s", 3, has_time},
    {&ins_color_analysis, "color", 2, always},
    {&ins_step_analysis, "contrast", 0, is_step},
    {&ins_chirp_analysis, "", 0, is_chirp},
    {&ins_response_analysis, NULL, 0, always},
};
enum { N_RULES = sizeof rules / sizeof rules[0] };

static bool analysis_names(const ins_analysis *analysis, const char *name) {
  for (size_t k = 0; k < analysis->n_indices; k++)
    if (strcmp(analysis->indices[k].name, name) == 0) return true;
  return false;
}

static size_t length_of(const ins_tuned_stimulus *s, int parameter) {
  return parameter >= 0 ? s->parameters[parameter].n : 1;
}

/* Does an earlier curve, of this stimulus or of one before it, have one of these names? */
static bool is_taken(const ins_tuned_stimulus *s, const ins_analysis *analysis) {
  for (const ins_tuned_stimulus *other = s->tuning->stimuli; other <= s; other++)
    for (size_t c = 0; c < other->n_curves; c++)
      for (size_t k = 0; k < analysis->n_indices && !other->curves[c].prefix[0]; k++)
        if (analysis_names(other->curves[c].analysis, analysis->indices[k].name)) return true;
  return false;
}

ins_status ins_tuning_curves_find(ins_tuned_stimulus *s) {
  ins_status status = ins_alloc(s->n_conditions, sizeof *s->moves, &s->moves);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < s->n_conditions; k++) s->moves[k] = condition_moves(s, k);
  for (size_t i = 0; i < N_RULES; i++) {
    const struct rule *rule = &rules[i];
    const int parameter =
        rule->parameter ? parameter_called(s, rule->parameter) : INS_CURVE_CONDITIONS;
    if (!rule->applies(s) || length_of(s, parameter) < rule->least) continue;
    /* Every stimulus has its own quality; of all else, the first has the plain name. */
    const bool own = !rule->parameter || is_taken(s, rule->analysis);
    char *prefix = own ? ins_format("%s_", s->name) : ins_format("%s", "");
    if (!prefix) return INS_ERR_MEMORY;
    s->curves[s->n_curves++] = (ins_tuning_curve){.analysis = rule->analysis,
                                                  .parameter = parameter,
                                                  .prefix = prefix,
                                                  .moving = rule->applies == moves};
  }
  return INS_OK;
}
