/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "tuning_parts.h"

/* Repeats of all conditions at once take this many numbers at most; with more, what needs their
 * time courses (the quality index) is not valid. */
static const size_t most_trial_numbers = (size_t)1 << 25;

/* ---- reading --------------------------------------------------------------------------------- */

/* Where condition k of neuron i lies: rows come as their tasks do. */
static size_t at(const ins_answers *a, size_t k, size_t i) {
  return a->stimulus->at_cell ? i * a->stimulus->n_conditions + k : k * a->n + i;
}

/* Rows of `length` numbers a neuron and condition, in the order of at(). */
static ins_status read_rows(const ins_answers *a, int variable, size_t length, const size_t *task,
                            float **out) {
  const ins_tuned_stimulus *s = a->stimulus;
  const ins_results *results = s->tuning->results;
  const size_t n_conditions = s->n_conditions;
  ins_status status = ins_alloc(n_conditions * a->n * length, sizeof **out, out);
  if (status != INS_OK) return status;
  if (s->at_cell)
    return results->read(results->self, s->stage, variable, n_conditions * a->n, task, 0, length,
                         *out);
  return results->read(results->self, s->stage, variable, n_conditions, task, a->first * length,
                       a->n * length, *out);
}

ins_status ins_answers_read(const ins_tuned_stimulus *s, size_t first, size_t n, bool whole,
                            ins_answers *out) {
  const ins_tuning *t = s->tuning;
  const size_t n_tasks = s->n_conditions * (s->at_cell ? n : 1),
               first_task = s->at_cell ? first * s->n_conditions : 0;
  size_t *task = NULL;
  *out = (ins_answers){.stimulus = s, .first = first, .n = n};
  ins_status status = ins_alloc(n_tasks, sizeof *task, &task);
  for (size_t k = 0; status == INS_OK && k < n_tasks; k++) task[k] = first_task + k;
  if (status == INS_OK) status = read_rows(out, s->v_curve, 1, task, &out->curves);
  if (status == INS_OK) status = read_rows(out, s->v_response, s->n_kept, task, &out->traces);
  if (status == INS_OK && whole && t->n_repeats)
    status = read_rows(out, s->v_trials, t->n_repeats, task, &out->trials);
  if (status == INS_OK && whole && t->n_members)
    status = read_rows(out, s->v_member_curve, t->n_members, task, &out->member_curves);
  if (status == INS_OK && whole && t->n_members)
    status =
        read_rows(out, s->v_member_response, t->n_members * s->n_kept, task, &out->member_traces);
  ins_free(&task);
  if (status != INS_OK) ins_answers_clear(out);
  return status;
}

void ins_answers_clear(ins_answers *a) {
  ins_free(&a->traces);
  ins_free(&a->curves);
  ins_free(&a->trials);
  ins_free(&a->member_curves);
  ins_free(&a->member_traces);
}

size_t ins_answers_best(const ins_answers *a, size_t i, bool moving) {
  const ins_tuned_stimulus *s = a->stimulus;
  size_t best = 0;
  float most = -INFINITY;
  for (size_t k = 0; k < s->n_conditions; k++) {
    const float y = a->curves[at(a, k, i)];
    if ((moving && !s->moves[k]) || !(y > most)) continue;
    most = y;
    best = k;
  }
  return best;
}

double ins_answers_curve(const ins_answers *a, size_t k, size_t i) {
  return (double)a->curves[at(a, k, i)];
}

/* ---- the data of an analysis ----------------------------------------------------------------- */

/** One curve of one neuron, and the memory that its data point into. */
typedef struct gathered {
  ins_tuning_data data;
  size_t *condition; /* [n] */
  const char **labels;
  double *x, *y, *trials, *traces, *trial_traces;
  ins_value *settings;
} gathered;

static void gathered_clear(gathered *g) {
  ins_free(&g->condition);
  ins_free(&g->labels);
  ins_free(&g->x);
  ins_free(&g->y);
  ins_free(&g->trials);
  ins_free(&g->traces);
  ins_free(&g->trial_traces);
  ins_value_destroy(&g->settings);
}

static size_t length_of(const ins_tuned_stimulus *s, int parameter) {
  return parameter >= 0                      ? s->parameters[parameter].n
         : parameter == INS_CURVE_CONDITIONS ? s->n_conditions
                                             : 1;
}

/* The conditions of a curve: along one parameter, with all others as in condition `best`. */
static void choose_conditions(const ins_tuned_stimulus *s, int parameter, size_t best,
                              gathered *g) {
  size_t index[INS_TUNING_PARAMETERS];
  ins_condition_index(s, best, index);
  for (size_t c = 0; c < g->data.n; c++) {
    g->condition[c] = parameter == INS_CURVE_CONDITIONS ? c : best;
    g->x[c] = (double)c;
    if (parameter < 0) continue;
    index[parameter] = c;
    g->condition[c] = ins_condition_number(s, index);
    const ins_value *value = s->parameters[parameter].values->children.items[c];
    if (value->kind == INS_TEXT)
      g->labels[c] = value->text;
    else
      g->x[c] = ins_value_real_or(value, 0);
  }
}

static ins_status gather_memory(const ins_answers *a, const ins_tuning_curve *curve, bool repeats,
                                gathered *g) {
  const ins_tuned_stimulus *s = a->stimulus;
  const size_t n = g->data.n, n_trials = repeats ? s->tuning->n_repeats : 0;
  size_t n_numbers;
  ins_status status = ins_alloc(n, sizeof *g->condition, &g->condition);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->labels, &g->labels);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->x, &g->x);
  if (status == INS_OK) status = ins_alloc(n, sizeof *g->y, &g->y);
  if (status == INS_OK) status = ins_alloc(n * s->n_kept, sizeof *g->traces, &g->traces);
  if (status != INS_OK || !n_trials) return status;
  status = ins_alloc(n * n_trials, sizeof *g->trials, &g->trials);
  const bool courses = curve->analysis->courses && ins_mul(n * n_trials, s->n_kept, &n_numbers) &&
                       n_numbers <= most_trial_numbers;
  if (status == INS_OK && courses)
    status = ins_alloc(n_numbers, sizeof *g->trial_traces, &g->trial_traces);
  return status;
}

double ins_answers_bytes(const ins_tuned_stimulus *s) {
  const double n = (double)s->n_conditions, n_trials = (double)s->tuning->n_repeats;
  const double courses = n * n_trials * (double)s->n_kept;
  return sizeof(double) * (n * ((double)s->n_kept + n_trials + 3) +
                           (courses <= (double)most_trial_numbers ? courses : 0));
}

/* Response, trials and time courses of conditions; of member `member`, or of the mean of all. */
static void fill(const ins_answers *a, size_t i, int64_t neuron, size_t member, gathered *g) {
  const ins_tuned_stimulus *s = a->stimulus;
  const size_t n_kept = s->n_kept, n_members = s->tuning->n_members,
               n_trials = s->tuning->n_repeats;
  for (size_t c = 0; c < g->data.n; c++) {
    const size_t k = g->condition[c], row = at(a, k, i);
    const bool one = member != SIZE_MAX;
    const float *trace =
        one ? a->member_traces + (row * n_members + member) * n_kept : a->traces + row * n_kept;
    g->y[c] = (double)(one ? a->member_curves[row * n_members + member] : a->curves[row]);
    for (size_t t = 0; t < n_kept; t++) g->traces[c * n_kept + t] = (double)trace[t];
    for (size_t r = 0; g->trials && r < n_trials; r++)
      g->trials[c * n_trials + r] = (double)a->trials[row * n_trials + r];
    for (size_t r = 0; g->trial_traces && r < n_trials; r++)
      ins_present_noise(s, k, neuron, r, trace, g->trial_traces + (c * n_trials + r) * n_kept);
  }
}

static ins_statistics statistics_of(const ins_tuned_stimulus *s, const ins_tuning_curve *curve,
                                    int64_t neuron) {
  const ins_tuning *t = s->tuning;
  const char *analysis = curve->analysis->name;
  const int64_t where[] = {neuron, (int64_t)ins_xxh3(s->name, strlen(s->name), 0),
                           (int64_t)ins_xxh3(analysis, strlen(analysis), 0), curve->parameter};
  return (ins_statistics){.stream = ins_stream_at(t->seed, "tuning statistics", where, 4),
                          .n_permutations = t->n_permutations,
                          .n_resamples = t->n_resamples,
                          .level = t->level};
}

ins_status ins_answers_analyse(const ins_answers *a, size_t i, int64_t neuron,
                               const ins_tuning_curve *curve, size_t member, bool statistics,
                               ins_measure *out) {
  const ins_tuned_stimulus *s = a->stimulus;
  const size_t best = ins_answers_best(a, i, curve->moving);
  const bool text =
      curve->parameter >= 0 && ins_parameter_is_text(&s->parameters[curve->parameter]);
  gathered g = {.data = {.n = length_of(s, curve->parameter),
                         .n_frames = s->n_kept,
                         .rate_hz = s->tuning->screen.rate_hz,
                         .onset = s->before,
                         .offset = s->before + s->shown}};
  ins_status status = gather_memory(a, curve, statistics, &g);
  if (status == INS_OK) status = ins_condition_settings(s, best, &g.settings);
  if (status != INS_OK) goto done;
  choose_conditions(s, curve->parameter, best, &g);
  if (curve->parameter == INS_CURVE_BEST)
    g.x[0] = ins_value_real_or(ins_map_get(g.settings, "contrast"), 1);
  fill(a, i, neuron, member, &g);
  g.data.x = g.x;
  g.data.y = g.y;
  g.data.labels = text ? g.labels : NULL;
  g.data.n_trials = g.trials ? s->tuning->n_repeats : 0;
  g.data.trials = g.trials;
  g.data.traces = g.traces;
  g.data.trial_traces = g.trial_traces;
  g.data.settings = g.settings;
  if (statistics) g.data.statistics = statistics_of(s, curve, neuron);
  status = curve->analysis->run(&g.data, out);
done:
  gathered_clear(&g);
  return status;
}
