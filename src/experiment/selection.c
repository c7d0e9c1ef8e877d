/* SPDX-License-Identifier: MIT */
#include "insilico/selection.h"
#include "insilico/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/units.h"

/* ---- neurons --------------------------------------------------------------------------------- */

static ins_status unknown_session(const ins_value *value, const ins_model *model) {
  const ins_model_info *info = ins_model_describe(model);
  const char *name = ins_value_text_or(value, "");
  char place[256];
  ins_text list = {0};
  for (size_t s = 0; s < info->n_sessions && s < 12; s++)
    ins_text_add(&list, "%s%s", s ? ", " : "", info->sessions[s].name);
  if (info->n_sessions > 12) ins_text_add(&list, ", ... (%zu in all)", info->n_sessions);
  ins_status status = ins_fail(INS_ERR_ARGUMENT, "%sthe model has no session '%s'; it has %s",
                               ins_value_place(value, place, sizeof place), name, list.data);
  ins_text_free(&list);
  return status;
}

static const ins_session *session_of(const ins_model_info *info, int64_t neuron) {
  size_t s = 0;
  while ((size_t)neuron >= info->sessions[s].first + info->sessions[s].n_neurons) s++;
  return &info->sessions[s];
}

/* Cell type of a neuron by data_info.sessions_kwargs.SESSION.group_assignment; false: not given. */
static bool group_of(const ins_experiment_context *context, int64_t neuron, int32_t *group) {
  const ins_session *session = session_of(ins_model_describe(context->model), neuron);
  const ins_value *sessions = ins_map_get(context->source->data_info, "sessions_kwargs");
  const ins_value *given = ins_map_get(ins_map_get(sessions, session->name), "group_assignment");
  if (!given || given->kind != INS_ARRAY || ins_array_count(&given->array) != session->n_neurons)
    return false;
  *group = (int32_t)ins_array_get(&given->array, (size_t)neuron - session->first);
  return true;
}

static bool contains(const int64_t *values, size_t n, int64_t value) {
  for (size_t i = 0; i < n; i++)
    if (values[i] == value) return true;
  return false;
}

/* All neurons of [first, first + total) whose cell type is among `group`. */
static ins_status select_groups(const ins_experiment_context *context, const ins_value *group,
                                size_t first, size_t total, ins_selection *out) {
  int64_t *wanted = NULL;
  size_t n_wanted;
  char place[512];
  ins_status status = ins_range_parse(group, SIZE_MAX, "neurons.group", &wanted, &n_wanted);
  if (status == INS_OK) status = ins_alloc(total, sizeof *out->neurons, &out->neurons);
  for (size_t k = first; status == INS_OK && k < first + total; k++) {
    int32_t type;
    if (!group_of(context, (int64_t)k, &type))
      status = ins_fail(INS_ERR_ARGUMENT,
                        "%sthe model says no cell types (group_assignment) for session '%s'; name "
                        "neurons by number",
                        ins_value_place(group, place, sizeof place),
                        session_of(ins_model_describe(context->model), (int64_t)k)->name);
    else if (contains(wanted, n_wanted, type))
      out->neurons[out->n++] = (int64_t)k;
  }
  if (status == INS_OK && out->n == 0)
    status = ins_fail(INS_ERR_ARGUMENT, "%sno neuron has one of these cell types",
                      ins_value_place(group, place, sizeof place));
  ins_free(&wanted);
  return status;
}

ins_status ins_selection_create(const ins_experiment_context *context, ins_selection *out) {
  const ins_value *settings = context->job->settings, *session = ins_map_get(settings, "session");
  const ins_value *neurons = ins_map_get(settings, "neurons");
  size_t first = 0, total = ins_model_describe(context->model)->n_neurons;
  *out = (ins_selection){0};
  if (session && session->kind == INS_TEXT) {
    const ins_session *found = ins_model_session(context->model, session->text);
    if (!found) return unknown_session(session, context->model);
    first = found->first;
    total = found->n_neurons;
  }
  if (neurons && neurons->kind == INS_MAP)
    return select_groups(context, ins_map_get(neurons, "group"), first, total, out);
  ins_status status = ins_range_parse(neurons, total, "neurons", &out->neurons, &out->n);
  for (size_t i = 0; i < out->n; i++) out->neurons[i] += (int64_t)first;
  return status;
}

void ins_selection_clear(ins_selection *selection) {
  ins_free(&selection->neurons);
  selection->n = 0;
}

ins_status ins_coordinates_int(const int64_t *values, size_t n, ins_value **out) {
  *out = ins_value_array(INS_I64, 1, &n);
  if (!*out) return INS_ERR_MEMORY;
  if (n) memcpy((*out)->array.data, values, n * sizeof *values);
  return INS_OK;
}

ins_status ins_coordinates_count(size_t n, ins_value **out) {
  *out = ins_value_array(INS_I64, 1, &n);
  if (!*out) return INS_ERR_MEMORY;
  for (size_t i = 0; i < n; i++) ((int64_t *)(*out)->array.data)[i] = (int64_t)i;
  return INS_OK;
}

ins_status ins_count_axis(ins_layout *layout, const char *name, size_t n, const char *long_name,
                          int *axis) {
  ins_value *numbers;
  ins_status status = ins_coordinates_count(n, &numbers);
  if (status != INS_OK) return status;
  return ins_layout_axis(layout, name, n, numbers, NULL, long_name, axis);
}

static const char neuron_axis[] = "number of the neuron in the model";

ins_status ins_selection_task_axis(const ins_selection *selection, ins_layout *layout) {
  ins_value *numbers;
  ins_status status = ins_coordinates_int(selection->neurons, selection->n, &numbers);
  if (status != INS_OK) return status;
  return ins_layout_task_axis(layout, "neuron", selection->n, numbers, NULL, neuron_axis);
}

ins_status ins_selection_axis(const ins_selection *selection, ins_layout *layout, int *axis) {
  ins_value *numbers;
  ins_status status = ins_coordinates_int(selection->neurons, selection->n, &numbers);
  if (status != INS_OK) return status;
  return ins_layout_axis(layout, "neuron", selection->n, numbers, NULL, neuron_axis, axis);
}

static ins_status add_constant(ins_layout *layout, const char *name, const char *long_name,
                               const char *units, ins_dtype dtype, int axis, ins_value *data) {
  if (!data) return ins_fail(INS_ERR_MEMORY, "out of memory while describing neurons");
  ins_variable variable = {.name = name,
                           .units = units,
                           .long_name = long_name,
                           .scope = INS_CONSTANT,
                           .dtype = dtype,
                           .n_axes = 1,
                           .axes = {axis},
                           .data = data};
  int index;
  return ins_layout_variable(layout, &variable, &index);
}

static ins_status describe_sessions(const ins_experiment_context *context,
                                    const ins_selection *selection, ins_layout *layout, int axis) {
  const ins_model_info *info = ins_model_describe(context->model);
  ins_value *names = ins_value_list(), *numbers = ins_value_array(INS_I32, 1, &selection->n);
  ins_status status = names && numbers ? INS_OK : INS_ERR_MEMORY;
  for (size_t i = 0; status == INS_OK && i < selection->n; i++) {
    const ins_session *session = session_of(info, selection->neurons[i]);
    ((int32_t *)numbers->array.data)[i] = (int32_t)((size_t)selection->neurons[i] - session->first);
    status = ins_list_take(names, ins_value_text(session->name));
  }
  if (status == INS_OK) {
    status = add_constant(layout, "session", "session the neuron was recorded in", NULL, INS_U8,
                          axis, names);
    names = NULL;
  }
  if (status == INS_OK) {
    status = add_constant(layout, "neuron_in_session", "number of the neuron within its session",
                          "1", INS_I32, axis, numbers);
    numbers = NULL;
  }
  ins_value_destroy(&names);
  ins_value_destroy(&numbers);
  return status;
}

static ins_status describe_groups(const ins_experiment_context *context,
                                  const ins_selection *selection, ins_layout *layout, int axis) {
  ins_value *groups = ins_value_array(INS_I32, 1, &selection->n);
  if (!groups) return INS_ERR_MEMORY;
  for (size_t i = 0; i < selection->n; i++)
    if (!group_of(context, selection->neurons[i], &((int32_t *)groups->array.data)[i])) {
      ins_value_destroy(&groups); /* not all sessions say it */
      return INS_OK;
    }
  return add_constant(layout, "group_assignment",
                      "cell type, as the model's data_info numbers them", "1", INS_I32, axis,
                      groups);
}

/* One property of a synthetic retina, for the chosen neurons: numbers as float64, or texts. */
static ins_value *chosen(const ins_value *property, const ins_selection *selection) {
  bool texts = property->kind == INS_LIST;
  ins_value *out = texts ? ins_value_list() : ins_value_array(INS_F64, 1, &selection->n);
  for (size_t i = 0; out && i < selection->n; i++) {
    size_t k = (size_t)selection->neurons[i];
    if (!texts)
      ((double *)out->array.data)[i] = ins_array_get(&property->array, k);
    else if (ins_list_take(out, ins_value_copy(property->children.items[k])) != INS_OK)
      ins_value_destroy(&out);
  }
  return out;
}

static ins_status describe_truth(const ins_experiment_context *context,
                                 const ins_selection *selection, ins_layout *layout, int axis) {
  const ins_value *truth = context->source->truth;
  size_t n_neurons = ins_model_describe(context->model)->n_neurons;
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_value_count(truth); i++) {
    const ins_value *property = truth->children.items[i];
    size_t n =
        property->kind == INS_ARRAY ? ins_array_count(&property->array) : ins_value_count(property);
    if (n != n_neurons) continue;
    char *name = ins_format("truth_%s", truth->children.keys[i]);
    if (!name) return INS_ERR_MEMORY;
    status = add_constant(layout, name, "planted property of the synthetic retina", NULL,
                          property->kind == INS_LIST ? INS_U8 : INS_F64, axis,
                          chosen(property, selection));
    ins_free(&name);
  }
  return status;
}

ins_status ins_selection_describe(const ins_experiment_context *context,
                                  const ins_selection *selection, ins_layout *layout, int axis) {
  ins_status status = describe_sessions(context, selection, layout, axis);
  if (status == INS_OK) status = describe_groups(context, selection, layout, axis);
  if (status == INS_OK) status = describe_truth(context, selection, layout, axis);
  return status;
}

/* ---- units and axes -------------------------------------------------------------------------- */

static ins_units units_of(const ins_experiment_context *context) {
  ins_units units;
  ins_units_read(context->source, ins_value_at(context->job->settings, "model.units"), &units);
  return units;
}

/* A doubtful unit is no unit: axes then count frames and pixels. */
static double relied_upon(const ins_unit *unit) {
  return unit->doubt[0] ? (double)NAN : unit->value;
}

double ins_rate_hz(const ins_experiment_context *context) {
  const ins_units units = units_of(context);
  return relied_upon(&units.stimulus_rate_hz);
}

double ins_pixel_um(const ins_experiment_context *context) {
  const ins_units units = units_of(context);
  return relied_upon(&units.pixel_size_um);
}

/* Coordinates (first + i) * step, or the numbers first + i in `otherwise` when the step is not
 * known. */
static ins_status add_scaled_axis(ins_layout *layout, const char *name, size_t n, double first,
                                  double step, const char *units, const char *otherwise,
                                  const char *long_name, int *axis) {
  ins_value *values = ins_value_array(INS_F64, 1, &n);
  for (size_t i = 0; values && i < n; i++)
    ((double *)values->array.data)[i] = (first + (double)i) * (isnan(step) ? 1 : step);
  if (!values) return INS_ERR_MEMORY;
  return ins_layout_axis(layout, name, n, values, isnan(step) ? otherwise : units, long_name, axis);
}

ins_status ins_stimulus_axes(const ins_experiment_context *context, const ins_shape *shape,
                             ins_layout *layout, int axes[4]) {
  double dt_s = 1 / ins_rate_hz(context), pixel_um = ins_pixel_um(context);
  ins_value *channels = ins_value_list();
  ins_status status = channels ? INS_OK : INS_ERR_MEMORY;
  char name[32];
  for (size_t c = 0; status == INS_OK && c < shape->n_channels; c++)
    status = ins_list_take(
        channels, ins_value_text(ins_channel_name(c, shape->n_channels, name, sizeof name)));
  if (status != INS_OK) {
    ins_value_destroy(&channels);
    return status;
  }
  status = ins_layout_axis(layout, "channel", shape->n_channels, channels, NULL,
                           "colour channel of the stimulus", &axes[0]);
  if (status == INS_OK && shape->n_frames)
    status = add_scaled_axis(layout, "frame", shape->n_frames, 0, dt_s, "s", "frame",
                             "time of the stimulus frame", &axes[1]);
  if (status == INS_OK)
    status = add_scaled_axis(layout, "y", shape->height, 0, pixel_um, "um", "pixel",
                             "row of the stimulus, from the top; centre of the pixel", &axes[2]);
  if (status == INS_OK)
    status =
        add_scaled_axis(layout, "x", shape->width, 0, pixel_um, "um", "pixel",
                        "column of the stimulus, from the left; centre of the pixel", &axes[3]);
  return status;
}

ins_status ins_response_axis(const ins_experiment_context *context, size_t n_frames, size_t first,
                             size_t n, ins_layout *layout, int *axis) {
  size_t n_output;
  ins_status status = ins_model_output_frames(context->model, n_frames, &n_output);
  if (status != INS_OK) return status;
  double lag = (double)n_frames - (double)n_output;
  return add_scaled_axis(layout, "response_frame", n, lag + (double)first, 1 / ins_rate_hz(context),
                         "s", "frame", "time of the stimulus frame that the response frame answers",
                         axis);
}

/* Swept numbers as float64 or int64, anything else as text. */
static ins_value *sweep_coordinates(const ins_sweep *sweep) {
  size_t n = ins_value_count(sweep->values), n_ints = 0, n_numbers = 0;
  for (size_t i = 0; i < n; i++) {
    n_ints += sweep->values->children.items[i]->kind == INS_INT;
    n_numbers += ins_value_is_number(sweep->values->children.items[i]);
  }
  bool numbers = n_numbers == n;
  ins_value *out =
      !numbers ? ins_value_list() : ins_value_array(n_ints == n ? INS_I64 : INS_F64, 1, &n);
  for (size_t i = 0; out && i < n; i++) {
    const ins_value *item = sweep->values->children.items[i];
    ins_text text = {0};
    if (numbers && n_ints == n) {
      ((int64_t *)out->array.data)[i] = item->integer;
      continue;
    }
    if (numbers) {
      ((double *)out->array.data)[i] = ins_value_real_or(item, 0);
      continue;
    }
    if (item->kind == INS_TEXT)
      ins_text_add(&text, "%s", item->text);
    else
      ins_value_json(item, 16, &text);
    if (ins_list_take(out, ins_value_text(text.data ? text.data : "")) != INS_OK)
      ins_value_destroy(&out);
    ins_text_free(&text);
  }
  return out;
}

ins_status ins_sweep_axes(const ins_job *job, ins_layout *layout) {
  ins_status status = INS_OK;
  for (size_t s = 0; status == INS_OK && s < job->n_sweeps; s++) {
    const ins_sweep *sweep = &job->sweeps[s];
    /* A sweep of kinds ("objective") must not take the name of a variable. */
    char *name = ins_format("%s%s", sweep->key, strchr(sweep->key, '.') ? "" : ".kind");
    ins_value *values = name ? sweep_coordinates(sweep) : NULL;
    status = values ? ins_layout_task_axis(layout, name, ins_value_count(sweep->values), values,
                                           NULL, "swept setting of the job")
                    : INS_ERR_MEMORY;
    free(name);
  }
  return status;
}
