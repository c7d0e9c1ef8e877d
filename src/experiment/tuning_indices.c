/* SPDX-License-Identifier: MIT */
/* The last stage, in the root of the file: one task a neuron, one variable an index, so that
 * `insilico select` and everybody else find them side by side. False-discovery rates need the whole
 * population and are the summary of the stage. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning_parts.h"

enum { NEURON_AXIS = 0, MOST_NEURONS = 32 };
static const double answers_bytes = 64e6; /* of a batch's answers to one stimulus */

/* ---- declaring ------------------------------------------------------------------------------- */

/** An index under its name in the root, and the axes it may have. */
typedef struct entry {
  ins_layout *layout;
  const char *prefix;
  const ins_index *index;
  int member_axis; /* -1: no members */
} entry;

static ins_status add(const entry *e, const char *suffix, const char *what, const char *units,
                      const char *source, ins_dtype dtype, int own, ins_scope scope, int *number) {
  char *name = ins_format("%s%s%s", e->prefix, e->index->name, suffix);
  char *long_name = ins_format("%s%s", e->index->long_name, what);
  ins_variable variable = {.name = name,
                           .long_name = long_name,
                           .units = units,
                           .source = source,
                           .scope = scope,
                           .dtype = dtype};
  if (own >= 0) variable.axes[variable.n_axes++] = own;
  if (dtype == INS_I8) variable.flags = "0 not valid, 1 valid";
  ins_status status =
      name && long_name ? ins_layout_variable(e->layout, &variable, number) : INS_ERR_MEMORY;
  free(name);
  free(long_name);
  return status;
}

static ins_status declare_index(const entry *e, bool repeats, ins_root_index *out) {
  const ins_index *index = e->index;
  const char *units = index->units ? index->units : "1";
  *out = (ins_root_index){-1, -1, -1, -1, -1, -1, -1, -1};
  ins_status status = add(e, "", "", units, index->source, INS_F64, -1, INS_PER_TASK, &out->value);
  if (status == INS_OK)
    status = add(e, "_valid", ": can it be relied upon", NULL, NULL, INS_I8, -1, INS_PER_TASK,
                 &out->valid);
  if (status == INS_OK && index->interval && repeats)
    status = add(e, "_low", ": lower end of the interval", units,
                 "percentile bootstrap over repeats", INS_F64, -1, INS_PER_TASK, &out->low);
  if (status == INS_OK && index->interval && repeats)
    status = add(e, "_high", ": upper end of the interval", units,
                 "percentile bootstrap over repeats", INS_F64, -1, INS_PER_TASK, &out->high);
  if (status == INS_OK && index->test && repeats)
    status = add(e, "_p", ": p-value", "1", "permutation test, (1 + count) / (1 + n)", INS_F64, -1,
                 INS_PER_TASK, &out->p);
  if (status == INS_OK && out->p >= 0)
    status = add(e, "_q", ": false-discovery rate over the neurons", "1",
                 "Benjamini & Hochberg 1995", INS_F64, NEURON_AXIS, INS_SUMMARY, &out->q);
  if (status == INS_OK && out->p >= 0) e->layout->variables[out->p].summed = true;
  if (status == INS_OK && e->member_axis >= 0)
    status = add(e, "_by_member", ": of each member of the ensemble", units, NULL, INS_F64,
                 e->member_axis, INS_PER_TASK, &out->member);
  if (status == INS_OK && e->member_axis >= 0)
    status = add(e, "_member_sd", ": standard deviation over the members", units,
                 "sqrt(sum over members of (x_m - mean)^2 / (M - 1)); of directions circular",
                 INS_F64, -1, INS_PER_TASK, &out->member_sd);
  return status;
}

static ins_status declare_fields(ins_tuning *t, ins_layout *layout) {
  if (!t->field) return INS_OK;
  ins_status status = ins_alloc(ins_n_field_indices, sizeof *t->field_root, &t->field_root);
  for (size_t k = 0; status == INS_OK && k < ins_n_field_indices; k++) {
    const entry e = {layout, "", &ins_field_indices[k], -1};
    status = declare_index(&e, false, &t->field_root[k]);
  }
  return status;
}

/* The best listed value of each parameter: NAME_best_KEY. */
static ins_status declare_best(ins_tuned_stimulus *s, ins_layout *layout) {
  ins_status status = INS_OK;
  for (size_t p = 0; status == INS_OK && p < s->n_parameters; p++) {
    const ins_key *key = s->parameters[p].key;
    const bool text = ins_parameter_is_text(&s->parameters[p]);
    char *name = ins_format("%s_best_%s", s->name, key->name);
    char *long_name = ins_format("%s of the strongest response%s", key->name,
                                 text ? ", as a number in the list" : "");
    const ins_variable variable = {.name = name,
                                   .long_name = long_name,
                                   .units = text ? NULL : key->units,
                                   .scope = INS_PER_TASK,
                                   .dtype = INS_F64};
    status =
        name && long_name ? ins_layout_variable(layout, &variable, &s->v_best[p]) : INS_ERR_MEMORY;
    free(name);
    free(long_name);
  }
  return status;
}

static ins_status declare_stimulus(ins_tuned_stimulus *s, int member_axis, ins_layout *layout) {
  const bool repeats = s->tuning->n_repeats > 0;
  ins_status status = declare_best(s, layout);
  for (size_t c = 0; status == INS_OK && c < s->n_curves; c++) {
    ins_tuning_curve *curve = &s->curves[c];
    status = ins_alloc(curve->analysis->n_indices, sizeof *curve->root, &curve->root);
    for (size_t k = 0; status == INS_OK && k < curve->analysis->n_indices; k++) {
      const entry e = {layout, curve->prefix, &curve->analysis->indices[k], member_axis};
      status = declare_index(&e, repeats, &curve->root[k]);
    }
  }
  return ins_within(status, "stimulus %s", s->name);
}

/* A neuron's answers to the largest stimulus. */
static double bytes_of_neuron(const ins_tuning *t) {
  double most = 1;
  for (size_t i = 0; i < t->n_stimuli; i++) {
    const ins_tuned_stimulus *s = &t->stimuli[i];
    const double row = (double)(s->n_kept + 1) * (double)(1 + t->n_members) + (double)t->n_repeats;
    most = fmax(most, (double)s->n_conditions * row * sizeof(float));
  }
  return most;
}

static size_t batch_of(const ins_tuning *t) {
  const double n = answers_bytes / bytes_of_neuron(t);
  return n < 1 ? 1 : n > MOST_NEURONS ? MOST_NEURONS : (size_t)n;
}

double ins_indices_bytes(const ins_tuning *t) {
  double most = 0;
  for (size_t i = 0; i < t->n_stimuli; i++) most = fmax(most, ins_answers_bytes(&t->stimuli[i]));
  return bytes_of_neuron(t) * (double)batch_of(t) + most;
}

ins_status ins_indices_declare(ins_tuning *t, ins_layout **layout) {
  const ins_selection *selection = &t->selection;
  int member_axis = -1;
  ins_status status = ins_layout_create("Tuning of model neurons", layout);
  if (status == INS_OK) status = ins_selection_task_axis(selection, *layout);
  if (status == INS_OK && t->n_members)
    status = ins_count_axis(*layout, "member", t->n_members, "number of the member in the ensemble",
                            &member_axis);
  if (status == INS_OK) (*layout)->reduced = NEURON_AXIS;
  if (status == INS_OK)
    status = ins_selection_describe(t->context, selection, *layout, NEURON_AXIS);
  if (status == INS_OK) status = declare_fields(t, *layout);
  for (size_t i = 0; status == INS_OK && i < t->n_stimuli; i++)
    status = declare_stimulus(&t->stimuli[i], member_axis, *layout);
  if (status != INS_OK) {
    ins_layout_destroy(layout);
    return status;
  }
  (*layout)->batch = batch_of(t);
  return INS_OK;
}

/* ---- computing ------------------------------------------------------------------------------- */

static void put(const ins_batch *batch, int variable, size_t b, double value) {
  if (variable >= 0) ((double *)batch->rows[variable])[b] = value;
}

static void put_measure(const ins_batch *batch, const ins_root_index *root, size_t b,
                        const ins_measure *m) {
  put(batch, root->value, b, m->value);
  put(batch, root->low, b, m->low);
  put(batch, root->high, b, m->high);
  put(batch, root->p, b, m->p);
  ((int8_t *)batch->rows[root->valid])[b] = (int8_t)m->valid;
}

/* Standard deviation over members; of angles (in degrees) the circular one, sqrt(-2 ln R)
 * (Mardia 1972). NaN when fewer than two members have the index. */
static double spread_of(const double *x, size_t n, double period) {
  double sum = 0, squares = 0, c = 0, s = 0;
  size_t count = 0;
  for (size_t m = 0; m < n; m++) {
    if (isnan(x[m])) continue;
    count++;
    sum += x[m];
    c += cos(2 * M_PI * x[m] / period);
    s += sin(2 * M_PI * x[m] / period);
  }
  if (count < 2) return (double)NAN;
  if (period > 0) {
    const double r = fmin(1, hypot(c, s) / (double)count);
    return period / (2 * M_PI) * sqrt(-2 * log(r));
  }
  for (size_t m = 0; m < n; m++)
    if (!isnan(x[m])) squares += (x[m] - sum / (double)count) * (x[m] - sum / (double)count);
  return sqrt(squares / (double)(count - 1));
}

static double period_of(const ins_index *index) {
  if (strstr(index->name, "direction_deg")) return 360;
  return strstr(index->name, "orientation_deg") ? 180 : 0;
}

static ins_status analyse_members(const ins_answers *a, size_t i, int64_t neuron,
                                  const ins_tuning_curve *curve, const ins_batch *batch, size_t b,
                                  ins_measure *measures) {
  const size_t n_members = a->stimulus->tuning->n_members, n = curve->analysis->n_indices;
  ins_status status = INS_OK;
  for (size_t m = 0; status == INS_OK && m < n_members; m++) {
    status = ins_answers_analyse(a, i, neuron, curve, m, false, measures);
    for (size_t k = 0; status == INS_OK && k < n; k++)
      put(batch, curve->root[k].member, b * n_members + m,
          measures[k].valid ? measures[k].value : (double)NAN);
  }
  for (size_t k = 0; status == INS_OK && n_members && k < n; k++) {
    const double *each = (const double *)batch->rows[curve->root[k].member] + b * n_members;
    put(batch, curve->root[k].member_sd, b,
        spread_of(each, n_members, period_of(&curve->analysis->indices[k])));
  }
  return status;
}

static ins_status analyse_curve(const ins_answers *a, size_t i, int64_t neuron,
                                const ins_tuning_curve *curve, const ins_batch *batch, size_t b) {
  ins_measure *measures = NULL;
  const bool repeats = a->stimulus->tuning->n_repeats > 0;
  ins_status status = ins_alloc(curve->analysis->n_indices, sizeof *measures, &measures);
  if (status == INS_OK)
    status = ins_answers_analyse(a, i, neuron, curve, SIZE_MAX, repeats, measures);
  for (size_t k = 0; status == INS_OK && k < curve->analysis->n_indices; k++)
    put_measure(batch, &curve->root[k], b, &measures[k]);
  if (status == INS_OK) status = analyse_members(a, i, neuron, curve, batch, b, measures);
  ins_free(&measures);
  return status;
}

static void put_best(const ins_answers *a, size_t i, const ins_batch *batch, size_t b) {
  const ins_tuned_stimulus *s = a->stimulus;
  size_t index[INS_TUNING_PARAMETERS];
  ins_condition_index(s, ins_answers_best(a, i, false), index);
  for (size_t p = 0; p < s->n_parameters; p++) {
    const ins_parameter *parameter = &s->parameters[p];
    put(batch, s->v_best[p], b,
        ins_parameter_is_text(parameter)
            ? (double)index[p]
            : ins_value_real_or(parameter->values->children.items[index[p]], (double)NAN));
  }
}

/* What all neurons of the batch answered to one stimulus. */
static ins_status analyse_stimulus(const ins_tuned_stimulus *s, const ins_batch *batch,
                                   const ins_pulse *pulse) {
  const size_t first = batch->task[0], n = batch->task[batch->n - 1] - first + 1;
  ins_answers answers;
  ins_status status = ins_answers_read(s, first, n, true, &answers);
  for (size_t b = 0; status == INS_OK && b < batch->n; b++) {
    const size_t i = batch->task[b] - first;
    const int64_t neuron = s->tuning->selection.neurons[batch->task[b]];
    status = ins_pulse_beat(pulse);
    if (status == INS_OK) put_best(&answers, i, batch, b);
    for (size_t c = 0; status == INS_OK && c < s->n_curves; c++)
      status = analyse_curve(&answers, i, neuron, &s->curves[c], batch, b);
  }
  ins_answers_clear(&answers);
  return status;
}

static ins_status copy_fields(const ins_tuning *t, const ins_batch *batch) {
  ins_status status = INS_OK;
  for (size_t k = 0; t->field && status == INS_OK && k < ins_n_field_indices; k++)
    status = ins_field_index_read(t, k, batch->n, batch->task, batch->rows[t->field_root[k].value],
                                  batch->rows[t->field_root[k].valid]);
  return status;
}

ins_status ins_indices_compute(ins_tuning *t, const ins_batch *batch, const ins_pulse *pulse) {
  ins_status status = copy_fields(t, batch);
  for (size_t i = 0; status == INS_OK && i < t->n_stimuli; i++)
    status = analyse_stimulus(&t->stimuli[i], batch, pulse);
  for (size_t b = 0; status == INS_OK && b < batch->n; b++) batch->status[b] = INS_OK;
  return status;
}

/* ---- over the population --------------------------------------------------------------------- */

ins_status ins_indices_finish(ins_tuning *t, const ins_group *group) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < t->n_stimuli; i++)
    for (size_t c = 0; c < t->stimuli[i].n_curves; c++) {
      const ins_tuning_curve *curve = &t->stimuli[i].curves[c];
      for (size_t k = 0; status == INS_OK && k < curve->analysis->n_indices; k++)
        if (curve->root[k].q >= 0)
          status = ins_false_discovery(group->n, group->rows[curve->root[k].p],
                                       group->summary[curve->root[k].q]);
    }
  return status;
}
