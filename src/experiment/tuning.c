/* SPDX-License-Identifier: MIT */
/* Experiment `tuning`: the battery. Receptive fields first, then every stimulus of the job's list,
 * at one place for all neurons or centred on each, then all indices of each neuron. */
#include <math.h>
#include <string.h>

#include "insilico/log.h"
#include "insilico/memory.h"
#include "kinds.h"
#include "screen.h"
#include "tuning_parts.h"

/* ---- keys ------------------------------------------------------------------------------------ */

static const ins_key statistics_keys[] = {
    {.name = "permutations",
     .type = INS_KEY_INT,
     .fallback = "1000",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = 10000000,
     .doc = "of each test; 0: no p-values"},
    {.name = "resamples",
     .type = INS_KEY_INT,
     .fallback = "200",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = 10000000,
     .doc = "bootstrap resamples of each interval; 0: no intervals"},
    {.name = "level",
     .type = INS_KEY_REAL,
     .fallback = "0.95",
     .flags = INS_KEY_SHAPES,
     .min = 0.01,
     .max = 0.9999,
     .doc = "share of the truth that intervals are to hold"},
    {0}};

const ins_key ins_tuning_keys[] = {
    {.name = "stimuli",
     .type = INS_KEY_CHOICES,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES | INS_KEY_GROWS,
     .variants = ins_generators,
     .doc = "what to present; a key with several values becomes an axis (insilico list stimuli)"},
    {.name = "receptive_field",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_SHORTHAND | INS_KEY_SHAPES,
     .children = ins_field_keys,
     .doc = "how cells are located, for stimuli with place: cell and for references"},
    {.name = "locate",
     .type = INS_KEY_BOOL,
     .fallback = "true",
     .flags = INS_KEY_SHAPES,
     .doc = "false: no receptive fields are looked for; stimuli are shown at one place only"},
    {.name = "repeats",
     .type = INS_KEY_INT,
     .fallback = "0",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = 100000,
     .doc = "of every condition, with noise; 0: no statistics"},
    {.name = "noise",
     .type = INS_KEY_CHOICE,
     .fallback = "none",
     .flags = INS_KEY_SHAPES,
     .variants = ins_noises,
     .doc = "what makes repeats differ"},
    {.name = "statistics",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_SHAPES,
     .children = statistics_keys,
     .doc = "p-values and intervals over repeats"},
    {.name = "members",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "of an ensemble, tuning of each member too, and their disagreement"},
    {.name = "intensity",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_SHAPES,
     .children = ins_intensity_keys,
     .doc = "what contrast means in the model's numbers"},
    {0},
};

/* ---- set-up ---------------------------------------------------------------------------------- */

static ins_status check_repeats(const ins_tuning *t) {
  if (t->n_repeats && t->noise.kind == INS_NOISE_NONE)
    return ins_fail(INS_ERR_ARGUMENT,
                    "repeats is %zu, but without noise a model answers always in the same way; "
                    "give noise: {kind: poisson} or leave repeats out",
                    t->n_repeats);
  if (!t->n_repeats && t->noise.kind != INS_NOISE_NONE)
    return ins_fail(INS_ERR_ARGUMENT, "noise needs repeats, 10 for example");
  if (t->n_repeats == 1)
    return ins_fail(INS_ERR_ARGUMENT, "one repeat tells nothing of the noise; give 2 or more");
  return INS_OK;
}

static ins_status find_members(ins_tuning *t) {
  if (!ins_value_bool_or(ins_map_get(t->context->job->settings, "members"), false)) return INS_OK;
  t->n_members = ins_model_describe(t->context->model)->n_members;
  if (t->n_members > 1) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "members is true, but the model is no ensemble of two or more; leave it out, or "
                  "name several files in model.files");
}

/* Frames that a response looks back; of models that remember all, a second is let pass. */
static ins_status find_times(ins_tuning *t) {
  const ins_model *model = t->context->model;
  const size_t least = ins_model_least_frames(model), much = least + 1000;
  size_t n_output;
  long first, last;
  ins_status status = ins_model_output_frames(model, t->screen.still ? least : much, &n_output);
  if (status != INS_OK) return status;
  t->lag = (t->screen.still ? least : much) - n_output;
  ins_model_window(model, 0, &first, &last);
  t->history = (long)t->lag > first ? t->lag - (size_t)first : 0;
  if (first < 0) t->history = t->lag + (size_t)-first;
  t->ahead = last > (long)t->lag ? (size_t)last - t->lag : 0;
  if (ins_model_remembers(model) && !isnan(t->screen.rate_hz))
    t->history = t->lag + (size_t)lround(t->screen.rate_hz);
  return INS_OK;
}

static ins_status resolve(ins_tuning *t) {
  const ins_value *settings = t->context->job->settings;
  const ins_value *statistics = ins_map_get(settings, "statistics");
  t->seed = (uint64_t)ins_value_int_or(ins_map_get(settings, "seed"), 0);
  t->n_repeats = (size_t)ins_value_int_or(ins_map_get(settings, "repeats"), 0);
  ins_noise_read(ins_map_get(settings, "noise"), &t->noise);
  t->n_permutations = (size_t)ins_value_int_or(ins_map_get(statistics, "permutations"), 1000);
  t->n_resamples = (size_t)ins_value_int_or(ins_map_get(statistics, "resamples"), 200);
  t->level = ins_value_real_or(ins_map_get(statistics, "level"), 0.95);
  if (t->context->job->n_sweeps)
    return ins_fail(INS_ERR_ARGUMENT,
                    "experiment 'tuning' has no sweeps ('%s' is swept): list the values in the key "
                    "of the stimulus itself",
                    t->context->job->sweeps[0].key);
  ins_status status = check_repeats(t);
  if (status == INS_OK) status = find_members(t);
  if (status == INS_OK) status = ins_selection_create(t->context, &t->selection);
  if (status == INS_OK)
    status = ins_screen_of(t->context->model, t->context->source, settings, &t->screen);
  if (status == INS_OK)
    status = ins_screen_range(t->context->model, t->context->source, settings, t->trained);
  return status == INS_OK ? find_times(t) : status;
}

/* Fields are looked for unless the job says not to. */
static ins_status declare_field(ins_tuning *t, ins_stages *stages) {
  const ins_value *settings = ins_map_get(t->context->job->settings, "receptive_field");
  if (!ins_value_bool_or(ins_map_get(t->context->job->settings, "locate"), true)) return INS_OK;
  t->field_stage = stages->n;
  ins_status status = ins_field_stage_create(t->context, settings, &t->selection, "receptive_field",
                                             &t->field, &stages->layout[stages->n]);
  if (status == INS_OK) stages->n++;
  return ins_within(status, "receptive_field");
}

static bool is_name(const char *name) {
  const size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
  return n && n < 64 && !name[n] && !(name[0] >= '0' && name[0] <= '9');
}

static ins_status check_name(const ins_tuning *t, const ins_value *settings, const char *name) {
  char place[512];
  ins_value_place(settings, place, sizeof place);
  if (!is_name(name))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%sa stimulus is called '%s'; names have letters, digits and _, and do not "
                    "begin with a digit",
                    place, name);
  for (size_t k = 0; k < t->n_stimuli; k++)
    if (strcmp(t->stimuli[k].name, name) == 0)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%stwo stimuli are called '%s'; give one of them another name", place, name);
  return INS_OK;
}

/* Which stages before it the rows of a stimulus do not depend on: those other than its field and
 * what its references name. They stay when these change. (One that is shown at one place reads no
 * field, but its rows hold all neurons, so it is computed again with the fields when these grow.)
 */
static uint64_t unread_by(const ins_tuning *t, const ins_tuned_stimulus *s) {
  uint64_t unread = UINT64_MAX;
  if (t->field) unread &= ~((uint64_t)1 << t->field_stage);
  for (size_t r = 0; r < s->n_references; r++)
    if (s->references[r].stimulus) unread &= ~((uint64_t)1 << s->references[r].stimulus->stage);
  return unread;
}

static ins_status declare_stimulus(ins_tuning *t, const ins_value *settings, ins_stages *stages) {
  ins_tuned_stimulus *s = &t->stimuli[t->n_stimuli];
  const char *kind = ins_value_text_or(ins_map_get(settings, "kind"), "");
  ins_status status =
      check_name(t, settings, ins_value_text_or(ins_map_get(settings, "name"), kind));
  if (status != INS_OK) return status;
  status = ins_tuned_stimulus_create(t, settings, s);
  t->n_stimuli++;
  if (status == INS_OK && s->at_cell && !t->field)
    status =
        ins_fail(INS_ERR_ARGUMENT,
                 "stimulus %s has place: cell, but cells are not located (locate: false)", s->name);
  if (status == INS_OK) status = ins_references_find(t, s);
  if (status == INS_OK) status = ins_tuned_stimulus_resolve(s);
  if (status == INS_ERR_MISSING)
    status = ins_screen_explain(status, t->context->source, t->context->job->settings);
  if (status == INS_OK) status = ins_tuning_curves_find(s);
  if (status != INS_OK) return status;
  s->stage = stages->n;
  status = ins_present_declare(s, &stages->layout[stages->n]);
  if (status != INS_OK) return status;
  s->layout->unread = unread_by(t, s);
  stages->n++;
  if (!s->n_search) return INS_OK;
  s->refine_stage = stages->n;
  status = ins_refine_declare(s, &stages->layout[stages->n]);
  if (status == INS_OK)
    stages->layout[stages->n++]->unread = unread_by(t, s) & ~((uint64_t)1 << s->stage);
  return status;
}

static ins_status declare_stimuli(ins_tuning *t, ins_stages *stages) {
  const ins_value *list = ins_map_get(t->context->job->settings, "stimuli");
  const size_t n = ins_value_count(list);
  size_t n_stages = stages->n + 1;
  for (size_t i = 0; i < n; i++)
    n_stages += 1 + (ins_value_int_or(ins_map_get(list->children.items[i], "refine"), 0) > 0);
  if (n == 0) return ins_fail(INS_ERR_ARGUMENT, "stimuli is empty; list what to present");
  if (n_stages > INS_MAX_STAGES)
    return ins_fail(INS_ERR_ARGUMENT, "%zu stimuli are more than one job can have; make it two", n);
  ins_status status = ins_alloc(n, sizeof *t->stimuli, &t->stimuli);
  for (size_t i = 0; status == INS_OK && i < n; i++)
    status = declare_stimulus(t, list->children.items[i], stages);
  return status == INS_OK && t->context->speaks ? ins_tuning_warn_of_range(t) : status;
}

static void teardown(void **state) {
  ins_tuning *t = *state;
  if (!t) return;
  for (size_t i = 0; i < t->n_stimuli; i++) ins_tuned_stimulus_clear(&t->stimuli[i]);
  ins_free(&t->stimuli);
  ins_field_stage_destroy(&t->field);
  ins_free(&t->field_root);
  ins_selection_clear(&t->selection);
  ins_free(&t->x_um);
  ins_free(&t->y_um);
  ins_free(state);
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  ins_tuning *t = NULL;
  *state = NULL;
  *stages = (ins_stages){0};
  ins_status status = ins_alloc(1, sizeof *t, &t);
  if (status != INS_OK) return status;
  t->context = context;
  status = resolve(t);
  if (status == INS_OK) status = declare_field(t, stages);
  if (status == INS_OK) status = declare_stimuli(t, stages);
  t->root_stage = stages->n;
  if (status == INS_OK) status = ins_indices_declare(t, &stages->layout[stages->n]);
  if (status == INS_OK) {
    stages->n++;
    *state = t;
    return INS_OK;
  }
  ins_stages_clear(stages);
  void *gone = t;
  teardown(&gone);
  return status;
}

/* ---- running --------------------------------------------------------------------------------- */

static ins_tuned_stimulus *stimulus_of(const ins_tuning *t, size_t stage, bool *refines) {
  for (size_t i = 0; i < t->n_stimuli; i++) {
    ins_tuned_stimulus *s = &t->stimuli[i];
    *refines = s->refine_stage && stage == s->refine_stage;
    if (*refines || stage == s->stage) return s;
  }
  return NULL;
}

/* Places of all cells; NaN where none was found. */
static ins_status read_places(const ins_tuning *t, size_t index, double **out) {
  const size_t n = t->selection.n;
  size_t *task = NULL;
  int8_t *valid = NULL;
  ins_status status = ins_alloc(n, sizeof **out, out);
  if (status == INS_OK) status = ins_alloc(n, sizeof *task, &task);
  if (status == INS_OK) status = ins_alloc(n, sizeof *valid, &valid);
  for (size_t i = 0; status == INS_OK && i < n; i++) task[i] = i;
  if (status == INS_OK) status = ins_field_index_read(t, index, n, task, *out, valid);
  for (size_t i = 0; status == INS_OK && i < n; i++)
    if (valid[i] != 1) (*out)[i] = (double)NAN;
  ins_free(&task);
  ins_free(&valid);
  return status;
}

static void say_lost(const ins_tuning *t) {
  size_t n = 0;
  for (size_t i = 0; i < t->selection.n; i++) n += isnan(t->x_um[i]) || isnan(t->y_um[i]);
  if (n && t->context->speaks)
    ins_log(INS_LOG_WARNING,
            "%zu of %zu neurons have no receptive field that could be located: their stimuli are "
            "shown in the middle of the screen",
            n, t->selection.n);
}

static ins_status begin(void *state, size_t stage, const ins_results *results) {
  ins_tuning *t = state;
  bool refines;
  ins_tuned_stimulus *s = stimulus_of(t, stage, &refines);
  ins_status status = INS_OK;
  t->results = results;
  /* One plan at a time: a battery has many, and they are large. */
  for (size_t i = 0; i < t->n_stimuli; i++)
    if (&t->stimuli[i] != s) ins_present_end(&t->stimuli[i]);
  if (t->field && stage != t->field_stage) ins_field_stage_rest(t->field);
  if (!s) return INS_OK;
  if (s->at_cell && !t->x_um) {
    status = read_places(t, INS_FIELD_X_UM, &t->x_um);
    if (status == INS_OK) status = read_places(t, INS_FIELD_Y_UM, &t->y_um);
    if (status == INS_OK) say_lost(t);
  }
  return status == INS_OK ? ins_present_begin(s) : status;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  ins_tuning *t = state;
  bool refines;
  ins_tuned_stimulus *s = stimulus_of(t, batch->stage, &refines);
  if (batch->stage == t->root_stage) return ins_indices_compute(t, batch, pulse);
  if (!s) return ins_field_stage_compute(t->field, batch, pulse);
  return refines ? ins_refine_compute(s, batch, pulse) : ins_present_compute(s, batch, pulse);
}

static ins_status finish(void *state, const ins_group *group) {
  ins_tuning *t = state;
  return group->stage == t->root_stage ? ins_indices_finish(t, group) : INS_OK;
}

/* ---- for `insilico plan` --------------------------------------------------------------------- */

/* Analyses are not run for an estimate: about a millisecond each with statistics. */
static double analysis_seconds(const ins_tuning *t) {
  double n = 0;
  for (size_t i = 0; i < t->n_stimuli; i++)
    for (size_t c = 0; c < t->stimuli[i].n_curves; c++) n += 1;
  return n * (t->n_repeats ? 2e-3 : 2e-4) * (double)(1 + t->n_members);
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  ins_tuning *t = state;
  bool refines;
  ins_tuned_stimulus *s = stimulus_of(t, stage, &refines);
  *bytes = ins_indices_bytes(t);
  *seconds = analysis_seconds(t);
  if (stage == t->root_stage) return INS_OK;
  if (!s) return ins_field_stage_cost(t->field, bytes, seconds);
  ins_status status = ins_present_cost(s, bytes, seconds);
  if (refines) *seconds *= (double)s->n_search;
  ins_present_end(s);
  return status;
}

const ins_experiment ins_tuning_experiment = {.setup = setup,
                                              .begin = begin,
                                              .compute = compute,
                                              .finish = finish,
                                              .teardown = teardown,
                                              .cost = cost};
