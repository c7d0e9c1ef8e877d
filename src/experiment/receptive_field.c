/* SPDX-License-Identifier: MIT */
/* The stage that finds receptive fields: its keys, what it leaves behind, its tasks. */
#include "receptive_field.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/clock.h"
#include "insilico/memory.h"
#include "receptive_field_parts.h"

enum {
  GRADIENT_BATCH = 16,
  AVERAGE_BATCH = 64,   /* neurons that share the noise and the core's answers to it */
  AVERAGE_OUTPUTS = 100 /* output frames of a clip of noise */
};
static const size_t most_bytes = (size_t)128 << 20; /* of the fields of a batch */

/* ---- keys ------------------------------------------------------------------------------------ */

static const ins_variant methods[] = {
    {.name = "gradient",
     .doc = "derivative of the response to the stimulus at grey, or averaged over noise"},
    {.name = "sta", .doc = "spike-triggered average of white noise"},
    {0},
};

const ins_key ins_field_keys[] = {
    {.name = "method",
     .type = INS_KEY_TEXT,
     .fallback = "gradient",
     .variants = methods,
     .doc = "how fields are found"},
    {.name = "samples",
     .type = INS_KEY_INT,
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .doc = "gradient: average it over that many noise stimuli; 0: at grey, and over 100 for "
            "neurons that have none there"},
    {.name = "noise_frames",
     .type = INS_KEY_INT,
     .fallback = "20000",
     .min = 2,
     .max = 1e9,
     .units = "frames",
     .doc = "sta: response frames that are averaged"},
    {.name = "contrast",
     .type = INS_KEY_REAL,
     .fallback = "0.1",
     .min = 1e-6,
     .max = 100,
     .doc = "standard deviation of the noise, Gaussian and independent in all pixels and frames"},
    {.name = "frames",
     .type = INS_KEY_INT,
     .fallback = "30",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 100000,
     .units = "frames",
     .doc = "how far a field goes back in time in models that remember everything; in others as "
            "far as they see"},
    {.name = "clip_frames",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE,
     .min = 1,
     .max = 1e6,
     .units = "frames",
     .doc = "length of the stimulus, for models that take no other; null: as long as needed"},
    {0},
};

/* ---- declaring ------------------------------------------------------------------------------- */

static ins_status add(ins_layout *layout, const char *name, const char *long_name,
                      const char *units, const char *source, ins_dtype dtype, int n_axes,
                      const int *axes, int *index) {
  ins_variable variable = {.name = name,
                           .long_name = long_name,
                           .units = units,
                           .source = source,
                           .scope = INS_PER_TASK,
                           .dtype = dtype,
                           .n_axes = n_axes};
  for (int d = 0; d < n_axes; d++) variable.axes[d] = axes[d];
  return ins_layout_variable(layout, &variable, index);
}

/* Times of the stimulus frames of a field, from the one that the response answers. */
static ins_status add_lags(const ins_field_stage *s, ins_layout *layout, int *axis) {
  const size_t n = s->clip.n_lags;
  const double rate = s->screen.rate_hz, step = isnan(rate) ? 1 : 1 / rate;
  ins_value *times = ins_value_array(INS_F64, 1, &n);
  if (!times) return INS_ERR_MEMORY;
  for (size_t l = 0; l < n; l++)
    ((double *)times->array.data)[l] = (double)(s->clip.last_lag - (long)(n - 1) + (long)l) * step;
  return ins_layout_axis(layout, "lag", n, times, isnan(rate) ? "frame" : "s",
                         "time of the stimulus frame, from the one that the response answers",
                         axis);
}

static ins_status add_fields(ins_field_stage *s, ins_layout *layout) {
  int axes[4], lag;
  const ins_shape frame = {s->clip.shape.n_channels, 0, s->clip.shape.height, s->clip.shape.width};
  ins_status status = ins_stimulus_axes(s->context, &frame, layout, axes);
  if (status == INS_OK) status = add_lags(s, layout, &lag);
  if (status != INS_OK) return status;
  const int space[] = {axes[2], axes[3]}, time[] = {axes[0], lag};
  status = add(layout, "spatial", "spatial profile of the receptive field, 1 or -1 at its peak",
               "1", "first singular vector of w as [channel and lag, pixel]", INS_F32, 2, space,
               &s->v_spatial);
  if (status == INS_OK)
    status = add(layout, "temporal",
                 "time course of the receptive field: spatial * temporal comes closest to it",
                 "response per unit of stimulus",
                 "first singular vector of w as [channel and lag, pixel]", INS_F32, 2, time,
                 &s->v_temporal);
  if (status != INS_OK) return status;
  const ins_variable method = {
      .name = "field_method",
      .long_name = "how the receptive field was found",
      .flags = "0 gradient at grey, 1 gradient averaged over noise, 2 spike-triggered average, 3 "
               "nothing found",
      .source = s->triggered ? "w = sum_t (r_t - mean r) x_(t-lag) / (n sd^2), over white noise x"
                             : "w = d r / d x",
      .scope = INS_PER_TASK,
      .dtype = INS_I8};
  return ins_layout_variable(layout, &method, &s->v_method);
}

static ins_status add_indices(ins_field_stage *s, ins_layout *layout) {
  ins_status status = INS_OK;
  char name[64], long_name[96];
  for (size_t k = 0; status == INS_OK && k < ins_n_field_indices; k++) {
    const ins_index *index = &ins_field_indices[k];
    status = add(layout, index->name, index->long_name, index->units, index->source, INS_F64, 0,
                 NULL, &s->v_value[k]);
    if (status != INS_OK) return status;
    snprintf(name, sizeof name, "%s_valid", index->name);
    snprintf(long_name, sizeof long_name, "whether %s means something", index->name);
    const ins_variable valid = {.name = name,
                                .long_name = long_name,
                                .flags = "0 not valid, 1 valid",
                                .scope = INS_PER_TASK,
                                .dtype = INS_I8};
    status = ins_layout_variable(layout, &valid, &s->v_valid[k]);
  }
  return status;
}

static ins_status declare(ins_field_stage *s, const char *group, ins_layout **out) {
  const ins_selection *selection = s->selection;
  ins_status status = ins_layout_create_in(group, "Receptive fields of model neurons", out);
  if (status == INS_OK) status = ins_selection_task_axis(selection, *out);
  if (status == INS_OK) status = add_fields(s, *out);
  if (status == INS_OK) status = add_indices(s, *out);
  if (status == INS_OK) (*out)->batch = s->batch;
  return status;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Neurons that are measured together. */
static size_t most_neurons(const ins_field_stage *s) {
  return s->selection->n < s->batch ? s->selection->n : s->batch;
}

static ins_status take_memory(ins_field_stage *s) {
  ins_field_work *work = &s->work;
  const ins_shape *shape = &s->clip.shape;
  const size_t n_x = ins_shape_count(shape), n_w = ins_field_size(&s->clip), n = most_neurons(s);
  const ins_plan_spec spec = {.n_slots = 1,
                              .n_frames = shape->n_frames,
                              .height = shape->height,
                              .width = shape->width,
                              .first_frame = s->clip.first_output,
                              .n_read = s->clip.n_outputs,
                              .n_neurons = s->triggered ? n : 1,
                              .gradient = !s->triggered,
                              .kernels = s->context->kernels};
  ins_status status = ins_plan_create(s->context->model, &spec, &work->plan);
  if (status == INS_OK) status = ins_alloc(n_x, sizeof *work->x, &work->x);
  if (status == INS_OK) status = ins_alloc(n_x, sizeof *work->z, &work->z);
  if (status == INS_OK) status = ins_alloc(n_x, sizeof *work->dx, &work->dx);
  if (status == INS_OK) status = ins_alloc(s->clip.n_outputs * n, sizeof *work->r, &work->r);
  if (status == INS_OK) status = ins_alloc(ins_shape_frame(shape), sizeof *work->row, &work->row);
  if (status == INS_OK) status = ins_alloc((n + 1) * n_w, sizeof *work->w, &work->w);
  if (status == INS_OK) status = ins_alloc(n, sizeof *work->sums, &work->sums);
  if (status == INS_OK) status = ins_alloc(s->clip.n_outputs, sizeof *work->start, &work->start);
  if (status == INS_OK) status = ins_alloc(n, sizeof *work->neurons, &work->neurons);
  if (status == INS_OK) status = ins_alloc(n, sizeof *work->finding, &work->finding);
  if (status == INS_OK)
    status = ins_alloc(ins_shape_frame(shape), sizeof *work->spatial, &work->spatial);
  if (status == INS_OK)
    status = ins_alloc(shape->n_channels * s->clip.n_lags, sizeof *work->temporal, &work->temporal);
  return status;
}

void ins_field_stage_rest(ins_field_stage *s) {
  ins_field_work *work = &s->work;
  ins_plan_destroy(&work->plan);
  ins_free(&work->x);
  ins_free(&work->z);
  ins_free(&work->dx);
  ins_free(&work->r);
  ins_free(&work->row);
  ins_free(&work->w);
  ins_free(&work->sums);
  ins_free(&work->start);
  ins_free(&work->neurons);
  ins_free(&work->finding);
  ins_free(&work->spatial);
  ins_free(&work->temporal);
}

static ins_status be_ready(ins_field_stage *s) {
  if (s->work.temporal) return INS_OK; /* the last that is taken */
  ins_status status = take_memory(s);
  if (status != INS_OK) ins_field_stage_rest(s);
  return status;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* Neurons of a batch: numbers do not depend on it, memory and time do. */
static size_t batch_size(const ins_field_stage *s) {
  const size_t most = s->triggered ? AVERAGE_BATCH : GRADIENT_BATCH;
  const size_t fit = most_bytes / (ins_field_size(&s->clip) * sizeof(double));
  return fit < 1 ? 1 : fit < most ? fit : most;
}

ins_status ins_field_stage_create(const ins_experiment_context *context, const ins_value *settings,
                                  const ins_selection *selection, const char *group,
                                  ins_field_stage **out, ins_layout **layout) {
  const ins_value *job = context->job->settings;
  const char *method = ins_value_text_or(ins_map_get(settings, "method"), "gradient");
  ins_field_stage *s = NULL;
  *out = NULL;
  *layout = NULL;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  s->context = context;
  s->selection = selection;
  s->seed = (uint64_t)ins_value_int_or(ins_map_get(job, "seed"), 0);
  s->triggered = strcmp(method, "sta") == 0;
  s->n_samples = (size_t)ins_value_int_or(ins_map_get(settings, "samples"), 0);
  s->n_noise_frames = (size_t)ins_value_int_or(ins_map_get(settings, "noise_frames"), 20000);
  s->contrast = ins_value_real_or(ins_map_get(settings, "contrast"), 0.1);
  status = ins_screen_of(context->model, context->source, job, &s->screen);
  if (status == INS_OK)
    status = ins_field_clip_make(
        context->model, (size_t)ins_value_int_or(ins_map_get(settings, "frames"), 30),
        s->triggered ? AVERAGE_OUTPUTS : 1,
        (size_t)ins_value_int_or(ins_map_get(settings, "clip_frames"), 0), &s->clip);
  s->batch = status == INS_OK ? batch_size(s) : 1;
  /* What the model cannot do is refused now, and not when the stage is computed. */
  if (status == INS_OK) status = be_ready(s);
  if (status == INS_OK) status = declare(s, group, layout);
  if (status == INS_OK) {
    ins_field_stage_rest(s);
    *out = s;
    return INS_OK;
  }
  ins_layout_destroy(layout);
  ins_field_stage_destroy(&s);
  return status;
}

void ins_field_stage_destroy(ins_field_stage **stage) {
  if (!*stage) return;
  ins_field_stage_rest(*stage);
  ins_free(stage);
}

int ins_field_stage_value(const ins_field_stage *stage, size_t k) {
  return stage->v_value[k];
}

int ins_field_stage_valid(const ins_field_stage *stage, size_t k) {
  return stage->v_valid[k];
}

/* ---- computing ------------------------------------------------------------------------------- */

/* Analyses field k of those measured; `out` holds the indices. */
static ins_status analyse(ins_field_stage *s, size_t k, ins_field_finding *finding,
                          ins_measure *out) {
  const ins_field field = {.n_channels = s->clip.shape.n_channels,
                           .n_lags = s->clip.n_lags,
                           .height = s->clip.shape.height,
                           .width = s->clip.shape.width,
                           .w = s->work.w + k * ins_field_size(&s->clip),
                           .last_lag = s->clip.last_lag,
                           .noise = finding->noise,
                           .pixel_um = s->screen.pixel_um,
                           .rate_hz = s->screen.rate_hz};
  bool found;
  ins_status status = ins_field_analyse(&field, s->work.spatial, s->work.temporal, &found, out);
  if (!found) finding->method = INS_FIELD_NONE;
  return status;
}

static void to_floats(const double *from, size_t n, float *to) {
  for (size_t i = 0; i < n; i++) to[i] = (float)from[i];
}

/* Row k of the batch from field `at` of those measured. */
static ins_status write_rows(ins_field_stage *s, const ins_batch *batch, size_t k, size_t at,
                             ins_field_finding *finding) {
  const size_t n_space = ins_shape_frame(&s->clip.shape),
               n_time = s->clip.shape.n_channels * s->clip.n_lags;
  ins_measure measures[INS_N_FIELD_INDICES];
  ins_status status = analyse(s, at, finding, measures);
  if (status != INS_OK) return status;
  to_floats(s->work.spatial, n_space, (float *)batch->rows[s->v_spatial] + k * n_space);
  to_floats(s->work.temporal, n_time, (float *)batch->rows[s->v_temporal] + k * n_time);
  ((int8_t *)batch->rows[s->v_method])[k] = (int8_t)finding->method;
  for (size_t i = 0; i < ins_n_field_indices; i++) {
    ((double *)batch->rows[s->v_value[i]])[k] = measures[i].value;
    ((int8_t *)batch->rows[s->v_valid[i]])[k] = measures[i].valid;
  }
  batch->status[k] = INS_OK;
  return INS_OK;
}

static ins_status compute_part(ins_field_stage *s, const ins_batch *batch, size_t first, size_t n,
                               const ins_pulse *pulse) {
  for (size_t k = 0; k < n; k++) s->work.neurons[k] = s->selection->neurons[batch->task[first + k]];
  ins_status status = ins_field_measure(s, n, s->work.neurons, s->work.finding, pulse);
  for (size_t k = 0; status == INS_OK && k < n; k++)
    status = write_rows(s, batch, first + k, k, &s->work.finding[k]);
  return status;
}

ins_status ins_field_stage_compute(ins_field_stage *s, const ins_batch *batch,
                                   const ins_pulse *pulse) {
  const size_t most = most_neurons(s);
  ins_status status = be_ready(s);
  for (size_t first = 0; status == INS_OK && first < batch->n; first += most) {
    const size_t left = batch->n - first;
    status = compute_part(s, batch, first, left < most ? left : most, pulse);
  }
  return status;
}

/* ---- cost ------------------------------------------------------------------------------------ */

static double bytes_of(const ins_field_stage *s) {
  return (double)ins_plan_bytes(s->work.plan) +
         3 * (double)ins_shape_count(&s->clip.shape) * sizeof(float) +
         ((double)most_neurons(s) + 1) * (double)ins_field_size(&s->clip) * sizeof(double);
}

/* One pass of each kind over a batch, of which a task has its share. */
ins_status ins_field_stage_cost(ins_field_stage *s, double *bytes, double *seconds) {
  const size_t n = s->triggered ? most_neurons(s) : 1;
  const size_t n_samples = s->n_samples, n_noise_frames = s->n_noise_frames;
  const double passes = s->triggered   ? (double)ins_field_n_clips(s)
                        : s->n_samples ? (double)s->n_samples
                                       : 1;
  ins_measure measures[INS_N_FIELD_INDICES];
  ins_status status = be_ready(s);
  if (status != INS_OK) return status;
  s->n_samples = s->n_samples ? 1 : 0;
  if (s->triggered && n_noise_frames > s->clip.n_outputs) s->n_noise_frames = s->clip.n_outputs;
  const double start = ins_clock_s();
  status = ins_field_measure(s, n, s->selection->neurons, s->work.finding, NULL);
  const double measured = ins_clock_s();
  if (status == INS_OK) status = analyse(s, 0, &s->work.finding[0], measures);
  s->n_samples = n_samples;
  s->n_noise_frames = n_noise_frames;
  *seconds = (measured - start) / (double)n * passes + ins_clock_s() - measured;
  *bytes = bytes_of(s);
  return status;
}
