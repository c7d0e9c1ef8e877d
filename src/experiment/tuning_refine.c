/* SPDX-License-Identifier: MIT */
/* The best stimulus of a family: from a neuron's best condition a search without derivatives goes
 * on between the listed values. One task a neuron. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning_parts.h"

/** The parameters that are numbers, in order: what the search moves. */
typedef struct search_box {
  size_t n, parameter[INS_TUNING_PARAMETERS];
  double low[INS_TUNING_PARAMETERS], high[INS_TUNING_PARAMETERS], step[INS_TUNING_PARAMETERS],
      period[INS_TUNING_PARAMETERS];
} search_box;

static double value_of(const ins_parameter *p, size_t i) {
  return ins_value_real_or(p->values->children.items[i], 0);
}

static search_box box_of(const ins_tuned_stimulus *s) {
  search_box b = {0};
  for (size_t p = 0; p < s->n_parameters; p++) {
    const ins_parameter *parameter = &s->parameters[p];
    if (parameter->key->type != INS_KEY_REAL) continue;
    const bool angle = !strcmp(parameter->key->name, "direction_deg") ||
                       !strcmp(parameter->key->name, "phase_deg");
    double low = value_of(parameter, 0), high = low;
    for (size_t i = 1; i < parameter->n; i++) {
      low = fmin(low, value_of(parameter, i));
      high = fmax(high, value_of(parameter, i));
    }
    b.low[b.n] = low;
    b.high[b.n] = high;
    b.period[b.n] = angle ? 360 : 0;
    b.step[b.n] = (high - low) / (double)(parameter->n - 1) / 2; /* half way to the next value */
    b.parameter[b.n++] = p;
  }
  return b;
}

/* ---- declaring ------------------------------------------------------------------------------- */

static ins_status add(ins_layout *layout, const char *name, ins_dtype dtype, const char *units,
                      const char *long_name, int *index) {
  const ins_variable variable = {
      .name = name, .units = units, .long_name = long_name, .scope = INS_PER_TASK, .dtype = dtype};
  return ins_layout_variable(layout, &variable, index);
}

static ins_status declare_numbers(ins_tuned_stimulus *s, ins_layout *layout) {
  const ins_selection *selection = &s->tuning->selection;
  ins_status status = ins_selection_task_axis(selection, layout);
  for (size_t p = 0; status == INS_OK && p < s->n_parameters; p++) {
    const ins_key *key = s->parameters[p].key;
    if (ins_parameter_is_text(&s->parameters[p]))
      status = add(layout, key->name, INS_I32, NULL, "best value, as a number in the list",
                   &s->v_refined[p]);
    else
      status = add(layout, key->name, INS_F64, key->units, key->doc, &s->v_refined[p]);
  }
  if (status == INS_OK)
    status = add(layout, "response", INS_F64, "1", "response to the best stimulus found",
                 &s->v_refined_response);
  if (status == INS_OK)
    status = add(layout, "grid_response", INS_F64, "1", "response to the best listed condition",
                 &s->v_grid_response);
  if (status == INS_OK)
    status =
        add(layout, "presentations", INS_I32, "1", "stimuli that were tried", &s->v_presentations);
  return status;
}

ins_status ins_refine_declare(ins_tuned_stimulus *s, ins_layout **layout) {
  if (box_of(s).n == 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "stimulus %s: refine searches between listed values, and no number lists "
                    "several; list them, or leave refine out",
                    s->name);
  char *group = ins_format("%s_refined", s->name);
  ins_status status = group ? ins_layout_create_in(group, s->kind->doc, layout) : INS_ERR_MEMORY;
  free(group);
  if (status == INS_OK) status = declare_numbers(s, *layout);
  if (status != INS_OK) ins_layout_destroy(layout);
  return status;
}

/* ---- searching ------------------------------------------------------------------------------- */

typedef struct search {
  ins_tuned_stimulus *stimulus;
  const search_box *box;
  ins_value *settings; /* of the best condition; the searched keys are overwritten */
  int64_t neuron;
  float *trace;
  double *work;
  const ins_pulse *pulse;
} search;

/* What cannot be shown is no better than anything. */
static ins_status present_at(void *context, const double *x, double *value) {
  search *q = context;
  ins_tuned_stimulus *s = q->stimulus;
  size_t shown;
  ins_status status = ins_pulse_beat(q->pulse);
  for (size_t d = 0; status == INS_OK && d < q->box->n; d++)
    status = ins_map_take(q->settings, s->parameters[q->box->parameter[d]].key->name,
                          ins_value_real(x[d]));
  if (status != INS_OK) return status;
  *value = -(double)INFINITY;
  status = ins_present_one(s, q->settings, q->neuron, q->trace, &shown);
  if (status == INS_ERR_ARGUMENT) return INS_OK;
  if (status != INS_OK) return status;
  ins_window window;
  *value = ins_window_find(s, q->settings, shown, q->trace, q->work, &window);
  return INS_OK;
}

static void keep(const ins_tuned_stimulus *s, const ins_batch *batch, size_t b,
                 const search_box *box, const size_t *index, const double *x, double best,
                 double grid, size_t n_used) {
  for (size_t p = 0; p < s->n_parameters; p++)
    if (ins_parameter_is_text(&s->parameters[p]))
      ((int32_t *)batch->rows[s->v_refined[p]])[b] = (int32_t)index[p];
    else
      ((double *)batch->rows[s->v_refined[p]])[b] = value_of(&s->parameters[p], index[p]);
  for (size_t d = 0; d < box->n; d++)
    ((double *)batch->rows[s->v_refined[box->parameter[d]]])[b] = x[d];
  ((double *)batch->rows[s->v_refined_response])[b] = best;
  ((double *)batch->rows[s->v_grid_response])[b] = grid;
  ((int32_t *)batch->rows[s->v_presentations])[b] = (int32_t)n_used;
}

static ins_status settings_of(const ins_tuned_stimulus *s, size_t i, size_t k, ins_value **out) {
  double used[INS_TUNING_REFERENCES];
  ins_status status = ins_condition_settings(s, k, out);
  if (status != INS_OK || !s->at_cell) return status;
  status = ins_references_read(s, i, used);
  return status == INS_OK ? ins_references_set(s, i, *out, used) : status;
}

static ins_status search_for(search *q, const ins_batch *batch, size_t b) {
  ins_tuned_stimulus *s = q->stimulus;
  const size_t i = batch->task[b];
  const search_box *box = q->box;
  size_t index[INS_TUNING_PARAMETERS], n_used = 0;
  double x[INS_TUNING_PARAMETERS], best = (double)NAN;
  ins_answers answers;
  ins_status status = ins_answers_read(s, i, 1, false, &answers);
  if (status != INS_OK) return status;
  const size_t k = ins_answers_best(&answers, 0, false);
  const double grid = ins_answers_curve(&answers, k, 0);
  ins_answers_clear(&answers);
  ins_condition_index(s, k, index);
  for (size_t d = 0; d < box->n; d++)
    x[d] = value_of(&s->parameters[box->parameter[d]], index[box->parameter[d]]);
  q->neuron = s->tuning->selection.neurons[i];
  status = settings_of(s, i, k, &q->settings);
  if (status == INS_OK)
    status = ins_compass_search(present_at, q, box->n, box->low, box->high, box->period, box->step,
                                s->n_search, x, &best, &n_used);
  ins_value_destroy(&q->settings);
  if (status == INS_OK) keep(s, batch, b, box, index, x, best, grid, n_used);
  return status;
}

ins_status ins_refine_compute(ins_tuned_stimulus *s, const ins_batch *batch,
                              const ins_pulse *pulse) {
  const search_box box = box_of(s);
  search q = {.stimulus = s, .box = &box, .pulse = pulse};
  ins_status status = ins_alloc(s->n_kept, sizeof *q.trace, &q.trace);
  if (status == INS_OK) status = ins_alloc(s->n_kept, sizeof *q.work, &q.work);
  for (size_t b = 0; status == INS_OK && b < batch->n; b++) {
    batch->status[b] = search_for(&q, batch, b);
    if (batch->status[b] == INS_OK) continue;
    status = batch->status[b];
  }
  ins_free(&q.trace);
  ins_free(&q.work);
  return status;
}
