/* SPDX-License-Identifier: MIT */
/* Experiment `response`: r[stimulus, response_frame, neuron] for the stimuli of a file. */
#include <math.h>
#include <string.h>

#include "insilico/array_file.h"
#include "insilico/clock.h"
#include "insilico/memory.h"
#include "kinds.h"
#include "insilico/selection.h"

typedef struct response {
  const ins_experiment_context *context;
  ins_selection selection;
  ins_value *stimuli; /* float32 [B,C,T,H,W] */
  ins_shape shape;
  size_t n_output;
  ins_plan *plan;
  size_t n_members; /* of the ensemble, where each of them is asked for; else 0 */
  float *each;      /* [member, frame, neuron], of one stimulus */
  int v_response, v_member, v_sd;
} response;

static const ins_key stimulus_keys[] = {
    {.name = "file",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES | INS_KEY_CONTENTS,
     .doc = "stimuli [B,C,T,H,W], or one [C,T,H,W]: .npy, or FILE.h5:DATASET"},
    {0},
};

const ins_key ins_response_keys[] = {
    {.name = "stimulus",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHORTHAND,
     .children = stimulus_keys,
     .doc = "what to present"},
    {.name = "members",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "of an ensemble, keep the responses of each member and their standard deviation too"},
    {0},
};

static ins_status wrong_shape(const char *path, const ins_array *array,
                              const ins_model_info *info) {
  ins_text shape = {0};
  for (int d = 0; d < array->n_dims; d++)
    ins_text_add(&shape, "%s%zu", d ? ", " : "", array->shape[d]);
  ins_status status = ins_fail(INS_ERR_SHAPE,
                               "%s holds an array of shape [%s], but the model takes stimuli [B, "
                               "C=%zu, T, H=%zu, W=%zu] or one "
                               "[C, T, H, W]",
                               path, shape.data, info->n_channels, info->height, info->width);
  ins_text_free(&shape);
  return status;
}

/* Reads the file and turns it into float32 [B,C,T,H,W]. */
static ins_status read_stimuli(response *s, const char *path) {
  const ins_model_info *info = ins_model_describe(s->context->model);
  ins_value *read = NULL;
  ins_status status = ins_array_read(path, &read);
  if (status != INS_OK) return status;
  const ins_array *a = &read->array;
  size_t shape[5] = {1}, *tail = shape + 1;
  bool fits = a->n_dims == 5 || a->n_dims == 4;
  if (fits) memcpy(shape + 5 - a->n_dims, a->shape, (size_t)a->n_dims * sizeof *shape);
  fits = fits && tail[0] == info->n_channels && tail[2] == info->height && tail[3] == info->width &&
         shape[0] > 0 && tail[1] > 0;
  if (!fits) {
    status = wrong_shape(path, a, info);
    goto done;
  }
  s->shape = (ins_shape){tail[0], tail[1], tail[2], tail[3]};
  s->stimuli = ins_value_array(INS_F32, 5, shape);
  if (s->stimuli)
    ins_array_to_f32(a, s->stimuli->array.data);
  else
    status = INS_ERR_MEMORY;
done:
  ins_value_destroy(&read);
  return status;
}

static ins_status make_plan(response *s) {
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = s->shape.n_frames,
                        .height = s->shape.height,
                        .width = s->shape.width,
                        .n_read = s->n_output,
                        .n_neurons = s->selection.n,
                        .kernels = s->context->kernels};
  ins_status status = ins_plan_create(s->context->model, &spec, &s->plan);
  if (status != INS_OK) return status;
  return ins_plan_select(s->plan, 0, s->selection.neurons, s->selection.n);
}

/* How far the members of an ensemble disagree. */
static ins_status declare_members(response *s, ins_layout *layout, const ins_variable *mean) {
  const int frame_axis = mean->axes[0], neuron_axis = mean->axes[1];
  int member_axis;
  ins_status status = ins_count_axis(layout, "member", s->n_members,
                                     "number of the member in the ensemble", &member_axis);
  if (status != INS_OK) return status;
  ins_variable each = *mean, sd = *mean;
  each.name = "member_response";
  each.long_name = "response of the neuron in each member of the ensemble";
  each.n_axes = 3;
  each.axes[0] = member_axis;
  each.axes[1] = frame_axis;
  each.axes[2] = neuron_axis;
  sd.name = "response_sd";
  sd.long_name = "standard deviation of the response over the members of the ensemble";
  sd.source = "sqrt(sum over members of (r_m - mean r)^2 / (M - 1))";
  status = ins_layout_variable(layout, &each, &s->v_member);
  return status == INS_OK ? ins_layout_variable(layout, &sd, &s->v_sd) : status;
}

static ins_status declare(response *s, ins_layout *layout) {
  int frame_axis, neuron_axis;
  size_t n_stimuli = s->stimuli->array.shape[0];
  ins_value *numbers;
  ins_status status = ins_coordinates_count(n_stimuli, &numbers);
  if (status == INS_OK)
    status = ins_layout_task_axis(layout, "stimulus", n_stimuli, numbers, NULL,
                                  "number of the stimulus in its file");
  if (status == INS_OK)
    status = ins_response_axis(s->context, s->shape.n_frames, 0, s->n_output, layout, &frame_axis);
  if (status == INS_OK) status = ins_selection_axis(&s->selection, layout, &neuron_axis);
  if (status == INS_OK)
    status = ins_selection_describe(s->context, &s->selection, layout, neuron_axis);
  if (status != INS_OK) return status;
  ins_variable variable = {
      .name = "response",
      .long_name = "response of the model neuron",
      .units = "1",
      .source = "r[t,n] = readout_n(core(x))[t], in the units the model was trained on",
      .scope = INS_PER_TASK,
      .dtype = INS_F32,
      .n_axes = 2,
      .axes = {frame_axis, neuron_axis}};
  status = ins_layout_variable(layout, &variable, &s->v_response);
  return status == INS_OK && s->n_members ? declare_members(s, layout, &variable) : status;
}

static void teardown(void **state) {
  response *s = *state;
  if (!s) return;
  ins_selection_clear(&s->selection);
  ins_value_destroy(&s->stimuli);
  ins_plan_destroy(&s->plan);
  ins_free(&s->each);
  ins_free(state);
}

/* Finds the members whose responses are asked for. */
static ins_status find_members(response *s) {
  if (!ins_value_bool_or(ins_map_get(s->context->job->settings, "members"), false)) return INS_OK;
  s->n_members = ins_model_describe(s->context->model)->n_members;
  if (s->n_members > 1)
    return ins_alloc(s->n_members * s->n_output * s->selection.n, sizeof *s->each, &s->each);
  return ins_fail(INS_ERR_ARGUMENT,
                  "members is true, but the model is no ensemble of two or more; leave it out, or "
                  "name several files in model.files");
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  response *s = NULL;
  ins_layout *layout = NULL;
  *state = NULL;
  *stages = (ins_stages){0};
  if (context->job->n_sweeps)
    return ins_fail(INS_ERR_ARGUMENT, "experiment 'response' has nothing to sweep ('%s' is swept)",
                    context->job->sweeps[0].key);
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  s->context = context;
  status = ins_selection_create(context, &s->selection);
  if (status == INS_OK)
    status = read_stimuli(
        s, ins_value_text_or(ins_value_at(context->job->settings, "stimulus.file"), ""));
  if (status == INS_OK)
    status = ins_model_output_frames(context->model, s->shape.n_frames, &s->n_output);
  if (status == INS_OK) status = find_members(s);
  if (status == INS_OK) status = make_plan(s);
  if (status == INS_OK) status = ins_layout_create("Responses of model neurons", &layout);
  if (status == INS_OK) status = declare(s, layout);
  if (status == INS_OK) {
    *stages = (ins_stages){.n = 1, .layout = {layout}};
    *state = s;
    return INS_OK;
  }
  ins_layout_destroy(&layout);
  void *gone = s;
  teardown(&gone);
  return status;
}

/* The responses of each member, and their spread; r is their mean. */
static void present_to_members(response *s, const float *x, size_t k, const ins_batch *batch,
                               float *r) {
  const size_t count = s->n_output * s->selection.n;
  float *sd = (float *)batch->rows[s->v_sd] + k * count;
  ins_plan_forward_members(s->plan, 0, x, s->each, r);
  memcpy((float *)batch->rows[s->v_member] + k * s->n_members * count, s->each,
         s->n_members * count * sizeof *s->each);
  for (size_t i = 0; i < count; i++) {
    double mean = 0, sum = 0;
    for (size_t m = 0; m < s->n_members; m++) mean += (double)s->each[m * count + i];
    mean /= (double)s->n_members;
    for (size_t m = 0; m < s->n_members; m++) {
      const double off = (double)s->each[m * count + i] - mean;
      sum += off * off;
    }
    sd[i] = (float)sqrt(sum / (double)(s->n_members - 1));
  }
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  response *s = state;
  const float *x = s->stimuli->array.data;
  float *rows = batch->rows[s->v_response];
  for (size_t k = 0; k < batch->n; k++) {
    ins_status status = ins_pulse_beat(pulse);
    if (status != INS_OK) return status;
    const float *stimulus = x + batch->task[k] * ins_shape_count(&s->shape);
    float *r = rows + k * s->n_output * s->selection.n;
    if (s->n_members)
      present_to_members(s, stimulus, k, batch, r);
    else
      ins_plan_forward(s->plan, 0, stimulus, r);
    batch->status[k] = INS_OK;
  }
  return INS_OK;
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  (void)stage; /* there is one */
  response *s = state;
  float *row = NULL;
  ins_status status = ins_alloc(s->n_output * s->selection.n, sizeof *row, &row);
  if (status != INS_OK) return status;
  double start = ins_clock_s();
  ins_plan_forward(s->plan, 0, s->stimuli->array.data, row);
  *seconds = ins_clock_s() - start;
  *bytes =
      (double)ins_plan_bytes(s->plan) + (double)ins_array_count(&s->stimuli->array) * sizeof(float);
  ins_free(&row);
  return INS_OK;
}

const ins_experiment ins_response = {
    .setup = setup, .compute = compute, .teardown = teardown, .cost = cost};
