/* SPDX-License-Identifier: MIT */
/* The stage of one stimulus. At one place for all (`field`), a task is a condition and the core
 * runs once for all neurons; at each cell (`cell`), a task is a neuron and a condition. The model
 * answers without noise, so repeats are drawn from one response and cost no pass of their own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/clock.h"
#include "insilico/hash.h"
#include "insilico/memory.h"
#include "tuning_parts.h"

static const size_t row_bytes = (size_t)1 << 19;

static size_t neurons_of(const ins_tuned_stimulus *s) {
  return s->at_cell ? 1 : s->tuning->selection.n;
}

/* ---- repeats --------------------------------------------------------------------------------- */

void ins_present_noise(const ins_tuned_stimulus *s, size_t k, int64_t neuron, size_t repeat,
                       const float *trace, double *out) {
  int64_t at[3 + INS_TUNING_PARAMETERS] = {neuron, (int64_t)repeat,
                                           (int64_t)ins_xxh3(s->name, strlen(s->name), 0)};
  ins_condition_coordinates(s, k, at + 3);
  const ins_stream stream =
      ins_stream_at(s->tuning->seed, "response noise", at, 3 + s->n_parameters);
  ins_noise_add(&s->tuning->noise, &stream, s->n_kept, trace, out);
}

/* ---- declaring ------------------------------------------------------------------------------- */

static ins_value *coordinates_of(const ins_parameter *p) {
  if (ins_parameter_is_text(p)) return ins_value_copy(p->values);
  ins_value *out = ins_value_array(INS_F64, 1, &p->n);
  for (size_t i = 0; out && i < p->n; i++)
    ((double *)out->array.data)[i] = ins_value_real_or(p->values->children.items[i], 0);
  return out;
}

static ins_status declare_parameters(const ins_tuned_stimulus *s, ins_layout *layout) {
  ins_status status = INS_OK;
  for (size_t p = 0; status == INS_OK && p < s->n_parameters; p++) {
    const ins_parameter *parameter = &s->parameters[p];
    ins_value *values = coordinates_of(parameter);
    status = values ? ins_layout_task_axis(layout, parameter->key->name, parameter->n, values,
                                           parameter->key->units, parameter->key->doc)
                    : INS_ERR_MEMORY;
  }
  return status;
}

static ins_status add_times(const ins_tuned_stimulus *s, ins_layout *layout, int *axis) {
  const double rate = s->tuning->screen.rate_hz;
  ins_value *times = ins_value_array(INS_F64, 1, &s->n_kept);
  if (!times) return INS_ERR_MEMORY;
  for (size_t i = 0; i < s->n_kept; i++)
    ((double *)times->array.data)[i] = ((double)i - (double)s->before) / (isnan(rate) ? 1 : rate);
  return ins_layout_axis(layout, "response_frame", s->n_kept, times, isnan(rate) ? "frame" : "s",
                         "time of the stimulus frame that is answered, from the onset", axis);
}

/** Own axes of a stage; -1 where it has none. */
typedef struct own_axes {
  int neuron, frame, repeat, member;
} own_axes;

static ins_status declare_own(const ins_tuned_stimulus *s, ins_layout *layout, own_axes *own) {
  const ins_tuning *t = s->tuning;
  const ins_selection *selection = &t->selection;
  ins_status status = INS_OK;
  *own = (own_axes){-1, -1, -1, -1};
  if (!s->at_cell) status = ins_selection_axis(selection, layout, &own->neuron);
  if (status == INS_OK) status = add_times(s, layout, &own->frame);
  if (status == INS_OK && t->n_repeats)
    status = ins_count_axis(layout, "repeat", t->n_repeats, "number of the repeat", &own->repeat);
  if (status == INS_OK && t->n_members)
    status = ins_count_axis(layout, "member", t->n_members, "number of the member in the ensemble",
                            &own->member);
  return status;
}

/* A variable over the given own axes, without those that are -1. */
static ins_status add(ins_layout *layout, const char *name, const char *units,
                      const char *long_name, const char *source, int a, int b, int c, int *index) {
  const int axes[] = {a, b, c};
  ins_variable variable = {.name = name,
                           .units = units,
                           .long_name = long_name,
                           .source = source,
                           .scope = INS_PER_TASK,
                           .dtype = INS_F32};
  for (int d = 0; d < 3; d++)
    if (axes[d] >= 0) variable.axes[variable.n_axes++] = axes[d];
  return ins_layout_variable(layout, &variable, index);
}

static ins_status declare_responses(ins_tuned_stimulus *s, const own_axes *own,
                                    ins_layout *layout) {
  const char *source = ins_window_formula(s->measure);
  ins_status status = add(layout, "tuning_curve", "1", "response to the condition, without noise",
                          source, own->neuron, -1, -1, &s->v_curve);
  if (status == INS_OK && own->repeat >= 0)
    status = add(layout, "trial_response", "1", "response to the condition in each repeat", source,
                 own->neuron, own->repeat, -1, &s->v_trials);
  if (status == INS_OK && own->member >= 0)
    status = add(layout, "member_tuning_curve", "1",
                 "response to the condition of each member of the ensemble", source, own->neuron,
                 own->member, -1, &s->v_member_curve);
  if (status == INS_OK)
    status = add(layout, "response", "1", "response of the model neuron, without noise",
                 "r[t,n] = readout_n(core(x))[t], in the units the model was trained on",
                 own->neuron, own->frame, -1, &s->v_response);
  if (status == INS_OK && own->member >= 0)
    status = add(layout, "member_response", "1", "response of each member of the ensemble", NULL,
                 own->neuron, own->member, own->frame, &s->v_member_response);
  return status;
}

/* Where each cell's stimulus lay, and the numbers that stood for references. */
static ins_status declare_places(ins_tuned_stimulus *s, ins_layout *layout) {
  if (!s->at_cell) return INS_OK;
  ins_status status = add(layout, "used_x_um", "um", "column of the middle of the stimulus", NULL,
                          -1, -1, -1, &s->v_x);
  if (status == INS_OK)
    status = add(layout, "used_y_um", "um", "row of the middle of the stimulus", NULL, -1, -1, -1,
                 &s->v_y);
  for (size_t r = 0; status == INS_OK && r < s->n_references; r++) {
    const ins_key *key = s->references[r].key;
    char *name = ins_format("used_%s", key->name);
    status =
        name ? add(layout, name, key->units, key->doc, NULL, -1, -1, -1, &s->references[r].v_used)
             : INS_ERR_MEMORY;
    free(name);
  }
  return status;
}

static size_t bytes_of_row(const ins_tuned_stimulus *s) {
  const ins_tuning *t = s->tuning;
  return neurons_of(s) * ((s->n_kept + 1) * (1 + t->n_members) + t->n_repeats) * sizeof(float);
}

static size_t batch_of(const ins_tuned_stimulus *s) {
  size_t n = row_bytes / bytes_of_row(s);
  if (n > s->n_conditions) n = s->n_conditions;
  return n < 1 ? 1 : n > 16 ? 16 : n;
}

ins_status ins_present_declare(ins_tuned_stimulus *s, ins_layout **layout) {
  const ins_selection *selection = &s->tuning->selection;
  own_axes own;
  ins_status status = ins_layout_create_in(s->name, s->kind->doc, layout);
  if (status == INS_OK && s->at_cell) status = ins_selection_task_axis(selection, *layout);
  if (status == INS_OK) status = declare_parameters(s, *layout);
  if (status == INS_OK) status = declare_own(s, *layout, &own);
  if (status == INS_OK) status = declare_places(s, *layout);
  if (status == INS_OK) status = declare_responses(s, &own, *layout);
  if (status != INS_OK) {
    ins_layout_destroy(layout);
    return ins_within(status, "stimulus %s", s->name);
  }
  (*layout)->batch = batch_of(s);
  s->layout = *layout;
  return INS_OK;
}

/* ---- presenting ------------------------------------------------------------------------------ */

ins_status ins_present_begin(ins_tuned_stimulus *s) {
  const ins_tuning *t = s->tuning;
  const ins_screen *screen = &t->screen;
  const size_t n = neurons_of(s), pixels = screen->n_channels * screen->height * screen->width;
  if (s->plan) return INS_OK;
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = s->n_frames,
                        .height = screen->height,
                        .width = screen->width,
                        .first_frame = s->first_kept,
                        .n_read = s->n_kept,
                        .n_neurons = n,
                        .kernels = t->context->kernels};
  ins_status status = ins_plan_create(t->context->model, &spec, &s->plan);
  if (status == INS_OK) status = ins_alloc(s->n_frames * pixels, sizeof *s->clip, &s->clip);
  if (status == INS_OK) status = ins_alloc(n * s->n_kept, sizeof *s->response, &s->response);
  if (status == INS_OK) status = ins_alloc(t->n_members * n * s->n_kept, sizeof *s->each, &s->each);
  if (status == INS_OK && !s->at_cell)
    status = ins_plan_select(s->plan, 0, t->selection.neurons, n);
  return ins_within(status, "stimulus %s", s->name);
}

void ins_present_end(ins_tuned_stimulus *s) {
  ins_plan_destroy(&s->plan);
  ins_free(&s->clip);
  ins_free(&s->response);
  ins_free(&s->each);
}

/* The clip of a condition through the model: response [n_kept,n]. */
static ins_status present(ins_tuned_stimulus *s, const ins_value *settings, size_t *shown) {
  ins_scene *scene = NULL;
  ins_status status = ins_scene_create(settings, &s->tuning->screen, &scene);
  if (status != INS_OK) return status;
  *shown = ins_scene_frames(scene);
  ins_scene_render(scene, s->onset, s->n_frames, s->clip);
  ins_scene_destroy(&scene);
  if (s->tuning->n_members)
    ins_plan_forward_members(s->plan, 0, s->clip, s->each, s->response);
  else
    ins_plan_forward(s->plan, 0, s->clip, s->response);
  return INS_OK;
}

ins_status ins_present_one(ins_tuned_stimulus *s, const ins_value *settings, int64_t neuron,
                           float *trace, size_t *shown) {
  ins_status status = ins_plan_select(s->plan, 0, &neuron, 1);
  if (status == INS_OK) status = present(s, settings, shown);
  if (status == INS_OK) memcpy(trace, s->response, s->n_kept * sizeof *trace);
  return status;
}

/** Where the numbers of one neuron and condition go. */
typedef struct place {
  float *trace, *curve, *trials, *member_trace, *member_curve;
} place;

/* Row k of the batch, element i of its neurons. */
static place place_of(const ins_tuned_stimulus *s, const ins_batch *batch, size_t k, size_t i) {
  const size_t at = k * neurons_of(s) + i, n_members = s->tuning->n_members,
               n_repeats = s->tuning->n_repeats;
  place p = {.trace = (float *)batch->rows[s->v_response] + at * s->n_kept,
             .curve = (float *)batch->rows[s->v_curve] + at};
  if (n_repeats) p.trials = (float *)batch->rows[s->v_trials] + at * n_repeats;
  if (!n_members) return p;
  p.member_trace = (float *)batch->rows[s->v_member_response] + at * n_members * s->n_kept;
  p.member_curve = (float *)batch->rows[s->v_member_curve] + at * n_members;
  return p;
}

/* What neuron i of `response` did in condition k, into its place; work [n_kept]. */
static void keep(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown, size_t k,
                 size_t i, int64_t neuron, const place *p, double *work) {
  const size_t n = neurons_of(s), n_members = s->tuning->n_members;
  ins_window window;
  for (size_t m = 0; m < n_members; m++) {
    float *trace = p->member_trace + m * s->n_kept;
    for (size_t t = 0; t < s->n_kept; t++) trace[t] = s->each[(m * s->n_kept + t) * n + i];
    p->member_curve[m] = (float)ins_window_find(s, settings, shown, trace, work, &window);
  }
  for (size_t t = 0; t < s->n_kept; t++) p->trace[t] = s->response[t * n + i];
  *p->curve = (float)ins_window_find(s, settings, shown, p->trace, work, &window);
  for (size_t r = 0; r < s->tuning->n_repeats; r++) {
    ins_present_noise(s, k, neuron, r, p->trace, work);
    p->trials[r] = (float)ins_window_measure(s, &window, work);
  }
}

/* One condition for all neurons. */
static ins_status present_to_field(ins_tuned_stimulus *s, const ins_batch *batch, size_t b,
                                   double *work) {
  const ins_selection *selection = &s->tuning->selection;
  const size_t k = batch->task[b];
  ins_value *settings = NULL;
  size_t shown;
  ins_status status = ins_condition_settings(s, k, &settings);
  if (status == INS_OK) status = present(s, settings, &shown);
  for (size_t i = 0; status == INS_OK && i < selection->n; i++) {
    const place p = place_of(s, batch, b, i);
    keep(s, settings, shown, k, i, selection->neurons[i], &p, work);
  }
  ins_value_destroy(&settings);
  return status;
}

/* The references of the neuron last asked about: tasks of one neuron follow each other. */
typedef struct last_neuron {
  size_t neuron;
  double used[INS_TUNING_REFERENCES];
} last_neuron;

/* One condition for one neuron, where its field is and as its references say. */
static ins_status present_to_cell(ins_tuned_stimulus *s, const ins_batch *batch, size_t b,
                                  last_neuron *last, double *work) {
  const size_t i = batch->task[b] / s->n_conditions, k = batch->task[b] % s->n_conditions;
  const int64_t neuron = s->tuning->selection.neurons[i];
  const place p = place_of(s, batch, b, 0);
  ins_value *settings = NULL;
  ins_status status = INS_OK;
  size_t shown;
  double x_um, y_um;
  if (last->neuron != i) status = ins_references_read(s, i, last->used);
  last->neuron = i;
  if (status == INS_OK) status = ins_condition_settings(s, k, &settings);
  if (status == INS_OK) status = ins_references_set(s, i, settings, last->used);
  if (status == INS_OK) status = ins_present_one(s, settings, neuron, p.trace, &shown);
  if (status == INS_OK) keep(s, settings, shown, k, 0, neuron, &p, work);
  ins_value_destroy(&settings);
  ins_reference_place(s, i, &x_um, &y_um);
  ((float *)batch->rows[s->v_x])[b] = (float)x_um;
  ((float *)batch->rows[s->v_y])[b] = (float)y_um;
  for (size_t r = 0; r < s->n_references; r++)
    ((float *)batch->rows[s->references[r].v_used])[b] = (float)last->used[r];
  return status;
}

ins_status ins_present_compute(ins_tuned_stimulus *s, const ins_batch *batch,
                               const ins_pulse *pulse) {
  double *work = NULL;
  last_neuron last = {.neuron = SIZE_MAX};
  ins_status status = ins_alloc(s->n_kept, sizeof *work, &work);
  for (size_t b = 0; status == INS_OK && b < batch->n; b++) {
    status = ins_pulse_beat(pulse);
    if (status != INS_OK) break;
    batch->status[b] = s->at_cell ? present_to_cell(s, batch, b, &last, work)
                                  : present_to_field(s, batch, b, work);
    if (batch->status[b] == INS_OK) continue;
    if (batch->status[b] == INS_ERR_IO || batch->status[b] == INS_ERR_MEMORY)
      status = batch->status[b];
    snprintf(batch->message[b], INS_MESSAGE_MAX, "%s", ins_message());
  }
  ins_free(&work);
  return status;
}

ins_status ins_present_cost(ins_tuned_stimulus *s, double *bytes, double *seconds) {
  ins_value *settings = NULL;
  size_t shown;
  ins_status status = ins_present_begin(s);
  if (status == INS_OK && s->at_cell)
    status = ins_plan_select(s->plan, 0, s->tuning->selection.neurons, 1);
  if (status == INS_OK) status = ins_condition_settings(s, 0, &settings);
  const double start = ins_clock_s();
  if (status == INS_OK) status = present(s, settings, &shown);
  *seconds = ins_clock_s() - start;
  ins_value_destroy(&settings);
  if (status != INS_OK) return status;
  const ins_tuning *t = s->tuning;
  const size_t pixels = t->screen.n_channels * t->screen.height * t->screen.width;
  *bytes = (double)ins_plan_bytes(s->plan) + (double)(s->n_frames * pixels * sizeof(float)) +
           (double)bytes_of_row(s) * (double)(batch_of(s) + 1);
  return INS_OK;
}
