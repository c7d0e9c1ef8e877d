/* SPDX-License-Identifier: MIT */
/* A plug-in: how much every neuron's response changes when the whole screen steps from the mean to
 * a contrast c, s[c,n] = mean over frames after the step of r[t,n] - r[last frame before it,n].
 *
 * cc -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -Iinclude contrast_step.c -o contrast_step.so
 */
#include "insilico/plugin.h"

#include "insilico/clock.h"

typedef struct step {
  ins_selection cells;
  ins_plan *plan;
  const ins_value *contrasts; /* the job's: a list of numbers */
  size_t n_channels, n_pixels, before, after;
  float *x, *r; /* stimulus [C,T,H,W]; responses [1 + after, cell] */
  int v_step;
} step;

static const ins_key keys[] = {{.name = "contrasts",
                                .type = INS_KEY_REAL,
                                .fallback = "[-1.0, -0.5, 0.5, 1.0]",
                                .flags = INS_KEY_MANY | INS_KEY_SHAPES,
                                .min = -10,
                                .max = 10,
                                .doc = "contrasts to step to, in units of the stimulus"},
                               {.name = "before",
                                .type = INS_KEY_INT,
                                .fallback = "40",
                                .flags = INS_KEY_SHAPES,
                                .min = 1,
                                .max = 10000,
                                .units = "frames",
                                .doc = "how long the screen is at the mean"},
                               {.name = "after",
                                .type = INS_KEY_INT,
                                .fallback = "20",
                                .flags = INS_KEY_SHAPES,
                                .min = 1,
                                .max = 10000,
                                .units = "frames",
                                .doc = "how long it is at the contrast"},
                               {0}};

static ins_status make_plan(const ins_experiment_context *context, step *s) {
  const ins_model_info *info = ins_model_describe(context->model);
  const size_t n_frames = s->before + s->after;
  size_t n_output; /* the last ones: one before the step is asked for, and all after it */
  ins_status status = ins_model_output_frames(context->model, n_frames, &n_output);
  if (status != INS_OK) return status;
  if (n_output <= s->after)
    return ins_fail(INS_ERR_SHAPE, "before is %zu frames, but the model needs %zu", s->before,
                    n_frames - n_output + 1);
  ins_plan_spec spec = {.n_slots = 1,
                        .n_frames = n_frames,
                        .height = info->height,
                        .width = info->width,
                        .first_frame = n_output - s->after - 1,
                        .n_read = s->after + 1,
                        .n_neurons = s->cells.n,
                        .kernels = context->kernels};
  s->n_channels = info->n_channels;
  s->n_pixels = info->height * info->width;
  status = ins_plan_create(context->model, &spec, &s->plan);
  if (status == INS_OK) status = ins_plan_select(s->plan, 0, s->cells.neurons, s->cells.n);
  if (status == INS_OK)
    status = ins_alloc(s->n_channels * n_frames * s->n_pixels, sizeof *s->x, &s->x);
  return status == INS_OK ? ins_alloc((s->after + 1) * s->cells.n, sizeof *s->r, &s->r) : status;
}

/* One task a contrast, and for each a number of every neuron. */
static ins_status declare(const ins_experiment_context *context, step *s, ins_layout *layout) {
  const size_t n = ins_value_count(s->contrasts);
  ins_value *levels = ins_value_array(INS_F64, 1, &n);
  ins_variable change = {.name = "step_response",
                         .long_name = "change of the response at a step of contrast",
                         .units = "1",
                         .source = "mean over frames after the step - last frame before it",
                         .dtype = INS_F64,
                         .n_axes = 1};
  if (!levels) return INS_ERR_MEMORY;
  for (size_t k = 0; k < n; k++)
    ((double *)levels->array.data)[k] = ins_value_real_or(s->contrasts->children.items[k], 0);
  ins_status status = ins_layout_task_axis(layout, "contrast", n, levels, "1", "contrast after it");
  if (status == INS_OK) status = ins_selection_axis(&s->cells, layout, &change.axes[0]);
  if (status == INS_OK) status = ins_selection_describe(context, &s->cells, layout, change.axes[0]);
  return status == INS_OK ? ins_layout_variable(layout, &change, &s->v_step) : status;
}

static void teardown(void **state) {
  step *s = *state;
  if (!s) return;
  ins_selection_clear(&s->cells);
  ins_plan_destroy(&s->plan);
  ins_free(&s->x);
  ins_free(&s->r);
  ins_free(state);
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  const ins_value *settings = context->job->settings;
  step *s;
  ins_layout *layout = NULL;
  *stages = (ins_stages){0};
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  s->contrasts = ins_map_get(settings, "contrasts");
  s->before = (size_t)ins_value_int_or(ins_map_get(settings, "before"), 0);
  s->after = (size_t)ins_value_int_or(ins_map_get(settings, "after"), 0);
  status = ins_selection_create(context, &s->cells);
  if (status == INS_OK) status = make_plan(context, s);
  if (status == INS_OK) status = ins_layout_create("Responses to steps of contrast", &layout);
  if (status == INS_OK) status = declare(context, s, layout);
  *state = s;
  if (status == INS_OK)
    *stages = (ins_stages){.n = 1, .layout = {layout}};
  else
    ins_layout_destroy(&layout);
  if (status != INS_OK) teardown(state);
  return status;
}

static void present(step *s, float contrast, double *change) {
  const size_t n = s->cells.n, n_frames = s->before + s->after;
  for (size_t c = 0; c < s->n_channels; c++)
    for (size_t i = 0; i < n_frames * s->n_pixels; i++)
      s->x[c * n_frames * s->n_pixels + i] = i < s->before * s->n_pixels ? 0 : contrast;
  ins_plan_forward(s->plan, 0, s->x, s->r);
  for (size_t k = 0; k < n; k++) {
    double sum = 0;
    for (size_t t = 1; t <= s->after; t++) sum += (double)s->r[t * n + k];
    change[k] = sum / (double)s->after - (double)s->r[k];
  }
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  step *s = state;
  double *rows = batch->rows[s->v_step];
  for (size_t k = 0; k < batch->n; k++) {
    if (ins_pulse_beat(pulse) != INS_OK) return INS_ERR_STOPPED;
    const ins_value *contrast = s->contrasts->children.items[batch->task[k]];
    present(s, (float)ins_value_real_or(contrast, 0), rows + k * s->cells.n);
    batch->status[k] = INS_OK;
  }
  return INS_OK;
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  step *s = state;
  double *change;
  ins_status status = ins_alloc(s->cells.n, sizeof *change, &change);
  (void)stage;
  if (status != INS_OK) return status;
  const double start = ins_clock_s();
  present(s, 1, change);
  *seconds = ins_clock_s() - start;
  *bytes = (double)ins_plan_bytes(s->plan);
  ins_free(&change);
  return INS_OK;
}

static const ins_experiment operations = {
    .setup = setup, .compute = compute, .teardown = teardown, .cost = cost};

const ins_plugin insilico_plugin = {
    INS_PLUGIN_INTERFACE,
    {"contrast_step", "responses to steps of contrast of the whole screen", keys, &operations}};
