/* SPDX-License-Identifier: MIT */
/* Finding linear receptive fields: gradients, and spike-triggered averages. */
#include <math.h>
#include <string.h>

#include "insilico/random.h"
#include "receptive_field_parts.h"

/* Neurons without a gradient at grey are tried with that much noise when none was asked for. */
enum { FALLBACK_SAMPLES = 100 };

/* ---- the clip -------------------------------------------------------------------------------- */

/* Stimulus frames [*first, *last] that output frame f sees. */
static void sees(const ins_model *model, size_t f, long *first, long *last) {
  ins_model_window(model, f, first, last);
  *first += (long)f;
  *last += (long)f;
}

ins_status ins_field_clip_make(const ins_model *model, size_t n_frames, size_t n_outputs,
                               size_t n_clip, ins_field_clip *out) {
  const ins_model_info *info = ins_model_describe(model);
  const size_t far = (size_t)1 << 20;
  long start[2], first, last;
  size_t f = 0, n_output = 0, length = ins_model_least_frames(model);
  for (size_t k = 0; k < 2; k++) sees(model, far + k, &start[k], &last);
  /* Where the past has no end, half of the clip is for the state to settle at grey. */
  const bool endless = start[0] == start[1];
  const long settled = 2 * (long)n_frames - 1;
  for (sees(model, f, &first, &last); endless ? last < settled : first < 0;)
    sees(model, ++f, &first, &last);
  *out = (ins_field_clip){.first_output = f,
                          .n_outputs = n_outputs,
                          .n_lags = endless ? n_frames : (size_t)(last - first + 1),
                          .last_lag = last - (long)f};
  sees(model, f + n_outputs - 1, &first, &last);
  if (last >= (long)length) length = (size_t)last + 1;
  for (; n_output < f + n_outputs || out->shape.n_frames < n_clip; length++) {
    ins_status status = ins_model_output_frames(model, length, &n_output);
    if (status != INS_OK) return status;
    out->shape = (ins_shape){info->n_channels, length, info->height, info->width};
  }
  if (n_clip && out->shape.n_frames > n_clip)
    return ins_fail(INS_ERR_SHAPE,
                    "receptive_field.clip_frames is %zu, but the receptive field takes a stimulus "
                    "of %zu frames at least",
                    n_clip, out->shape.n_frames);
  out->last_lag -= (long)out->shape.n_frames - (long)n_output; /* output f answers f + T - T' */
  return INS_OK;
}

/* First stimulus frame of the field of an output frame. */
static size_t field_start(const ins_field_stage *s, size_t output) {
  long first, last;
  sees(s->context->model, s->clip.first_output + output, &first, &last);
  return (size_t)last + 1 - s->clip.n_lags;
}

/* ---- stimuli --------------------------------------------------------------------------------- */

/* Standard deviation of the noise of a channel, in the model's numbers. */
static double noise_sd(const ins_field_stage *s, size_t channel) {
  return fabs(s->screen.gain[channel] * s->contrast);
}

/* x = grey, plus noise of its own for each `number`, the same for all neurons; z = the noise with a
 * standard deviation of 1. */
static void draw(const ins_field_stage *s, const char *name, int64_t number) {
  const ins_shape *shape = &s->clip.shape;
  const size_t n = ins_shape_channel(shape);
  const ins_stream stream = ins_stream_at(s->seed, name, &number, 1);
  ins_stream_normal(&stream, 0, ins_shape_count(shape), s->work.z);
  for (size_t c = 0; c < shape->n_channels; c++) {
    const float grey = (float)s->screen.grey[c], sd = (float)noise_sd(s, c);
    for (size_t i = c * n; i < (c + 1) * n; i++) s->work.x[i] = grey + sd * s->work.z[i];
  }
}

static void draw_grey(const ins_field_stage *s) {
  const size_t n = ins_shape_channel(&s->clip.shape);
  for (size_t c = 0; c < s->clip.shape.n_channels; c++)
    for (size_t i = c * n; i < (c + 1) * n; i++) s->work.x[i] = (float)s->screen.grey[c];
}

/* ---- gradients ------------------------------------------------------------------------------- */

/* w += gradient at x. Each neuron has a forward pass of its own: one for all would be a third
 * faster, but then a neuron whose derivative is not finite would spoil the others'. */
static ins_status add_gradient(const ins_field_stage *s, int64_t neuron, double *w) {
  const ins_field_clip *clip = &s->clip;
  const size_t frame = ins_shape_frame(&clip->shape), n = clip->n_lags * frame;
  const float one = 1;
  ins_status status = ins_plan_select(s->work.plan, 0, &neuron, 1);
  if (status != INS_OK) return status;
  ins_plan_forward(s->work.plan, 0, s->work.x, s->work.r);
  ins_plan_backward(s->work.plan, 0, &one, s->work.dx);
  for (size_t c = 0; c < clip->shape.n_channels; c++) {
    const float *dx = s->work.dx + c * ins_shape_channel(&clip->shape) + field_start(s, 0) * frame;
    for (size_t i = 0; i < n; i++) w[c * n + i] += (double)dx[i];
  }
  return INS_OK;
}

static bool is_field(const double *w, size_t n) {
  bool any = false;
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(w[i])) return false;
    any = any || w[i] != 0;
  }
  return any;
}

static ins_status gradients_at_grey(ins_field_stage *s, size_t n, const int64_t *neurons,
                                    ins_field_finding *out, const ins_pulse *pulse) {
  const size_t size = ins_field_size(&s->clip);
  draw_grey(s);
  for (size_t k = 0; k < n; k++) {
    ins_status status = ins_pulse_beat(pulse);
    if (status == INS_OK) status = add_gradient(s, neurons[k], s->work.w + k * size);
    if (status != INS_OK) return status;
    if (!is_field(s->work.w + k * size, size)) out[k].method = INS_FIELD_OVER_NOISE;
  }
  return INS_OK;
}

/* Mean gradient over noise, of the neurons whose method that is. */
static ins_status gradients_over_noise(ins_field_stage *s, size_t n, const int64_t *neurons,
                                       const ins_field_finding *finding, const ins_pulse *pulse) {
  const size_t size = ins_field_size(&s->clip);
  const size_t n_samples = s->n_samples ? s->n_samples : FALLBACK_SAMPLES;
  size_t n_wanted = 0;
  for (size_t k = 0; k < n; k++) {
    if (finding[k].method != INS_FIELD_OVER_NOISE) continue;
    memset(s->work.w + k * size, 0, size * sizeof *s->work.w);
    n_wanted++;
  }
  for (size_t i = 0; n_wanted && i < n_samples; i++) {
    draw(s, "receptive field: samples", (int64_t)i);
    for (size_t k = 0; k < n; k++) {
      if (finding[k].method != INS_FIELD_OVER_NOISE) continue;
      ins_status status = ins_pulse_beat(pulse);
      if (status == INS_OK) status = add_gradient(s, neurons[k], s->work.w + k * size);
      if (status != INS_OK) return status;
    }
  }
  for (size_t k = 0; k < n; k++)
    for (size_t i = 0; finding[k].method == INS_FIELD_OVER_NOISE && i < size; i++)
      s->work.w[k * size + i] /= (double)n_samples;
  return INS_OK;
}

/* ---- spike-triggered averages ---------------------------------------------------------------- */

/* row[i] += sum over k of r[k * stride] * frame[k][i]: four frames at a time, so that the row is
 * fetched and stored less often than the noise. */
static void add_frames(const float *const frame[4], const float *r, size_t stride, size_t n,
                       float *row) {
  const float a = r[0], b = r[stride], c = r[2 * stride], d = r[3 * stride];
  for (size_t i = 0; i < n; i++)
    row[i] += a * frame[0][i] + b * frame[1][i] + (c * frame[2][i] + d * frame[3][i]);
}

/* w[c,lag,y,x] += sum over n_outputs output frames t of r[t * stride] z[c, t + lag, y,x]; single
 * precision within a clip, which is short. */
static void correlate(const ins_field_stage *s, size_t n_outputs, const float *r, size_t stride,
                      size_t channel, size_t lag, double *w) {
  const size_t n = ins_shape_frame(&s->clip.shape);
  const float *z = s->work.z + channel * ins_shape_channel(&s->clip.shape) + lag * n;
  const size_t *start = s->work.start;
  float *row = s->work.row;
  size_t t = 0;
  memset(row, 0, n * sizeof *row);
  for (; t + 4 <= n_outputs; t += 4) {
    const float *const frame[4] = {z + start[t] * n, z + start[t + 1] * n, z + start[t + 2] * n,
                                   z + start[t + 3] * n};
    add_frames(frame, r + t * stride, stride, n, row);
  }
  for (; t < n_outputs; t++)
    for (size_t i = 0; i < n; i++) row[i] += r[t * stride] * z[start[t] * n + i];
  w += (channel * s->clip.n_lags + lag) * n;
  for (size_t i = 0; i < n; i++) w[i] += (double)row[i];
}

/* Sums over the output frames of one clip: of all neurons, and behind them of the noise alone. */
static void add_clip(ins_field_stage *s, size_t n, size_t n_outputs, double (*sums)[2]) {
  const size_t size = ins_field_size(&s->clip);
  static const float one = 1;
  ins_plan_forward(s->work.plan, 0, s->work.x, s->work.r);
  for (size_t c = 0; c < s->clip.shape.n_channels; c++)
    for (size_t lag = 0; lag < s->clip.n_lags; lag++) {
      for (size_t k = 0; k < n; k++)
        correlate(s, n_outputs, s->work.r + k, n, c, lag, s->work.w + k * size);
      correlate(s, n_outputs, &one, 0, c, lag, s->work.w + n * size);
    }
  for (size_t k = 0; k < n; k++)
    for (size_t t = 0; t < n_outputs; t++) {
      const double r = (double)s->work.r[t * n + k];
      sums[k][0] += r;
      sums[k][1] += r * r;
    }
}

/* w = sum (r - mean r) z / (n sd): the derivative, averaged over the noise (Stein 1981). Returns
 * the standard error of its elements, that of the channel with the least noise. */
static double finish_average(const ins_field_stage *s, const double sums[2], const double *noise,
                             double *w) {
  const size_t size = ins_field_size(&s->clip), n_channel = size / s->clip.shape.n_channels;
  const double n = (double)s->n_noise_frames, mean = sums[0] / n;
  const double variance = fmax(sums[1] / n - mean * mean, 0);
  double error = 0;
  for (size_t i = 0; i < size; i++) {
    const double sd = noise_sd(s, i / n_channel);
    w[i] = sd > 0 ? (w[i] - mean * noise[i]) / (n * sd) : 0;
    if (sd > 0) error = fmax(error, sqrt(variance / n) / sd);
  }
  return error;
}

size_t ins_field_n_clips(const ins_field_stage *s) {
  return (s->n_noise_frames + s->clip.n_outputs - 1) / s->clip.n_outputs;
}

static ins_status averages(ins_field_stage *s, size_t n, const int64_t *neurons,
                           ins_field_finding *out, const ins_pulse *pulse) {
  const size_t size = ins_field_size(&s->clip), n_outputs = s->clip.n_outputs;
  memset(s->work.sums, 0, n * sizeof *s->work.sums);
  ins_status status = ins_plan_select(s->work.plan, 0, neurons, n);
  if (status != INS_OK) return status;
  for (size_t t = 0; t < n_outputs; t++) s->work.start[t] = field_start(s, t);
  for (size_t i = 0; i < ins_field_n_clips(s); i++) {
    const size_t left = s->n_noise_frames - i * n_outputs;
    status = ins_pulse_beat(pulse);
    if (status != INS_OK) return status;
    draw(s, "receptive field: white noise", (int64_t)i);
    add_clip(s, n, left < n_outputs ? left : n_outputs, s->work.sums);
  }
  for (size_t k = 0; k < n; k++) {
    double *w = s->work.w + k * size;
    out[k].noise = finish_average(s, s->work.sums[k], s->work.w + n * size, w);
  }
  return INS_OK;
}

/* ---- both ------------------------------------------------------------------------------------ */

ins_status ins_field_measure(ins_field_stage *s, size_t n, const int64_t *neurons,
                             ins_field_finding *out, const ins_pulse *pulse) {
  const int method = s->triggered   ? INS_FIELD_TRIGGERED
                     : s->n_samples ? INS_FIELD_OVER_NOISE
                                    : INS_FIELD_AT_GREY;
  for (size_t k = 0; k < n; k++) out[k] = (ins_field_finding){.method = method};
  memset(s->work.w, 0, (n + 1) * ins_field_size(&s->clip) * sizeof *s->work.w);
  if (s->triggered) return averages(s, n, neurons, out, pulse);
  ins_status status = INS_OK;
  if (!s->n_samples) status = gradients_at_grey(s, n, neurons, out, pulse);
  return status == INS_OK ? gradients_over_noise(s, n, neurons, out, pulse) : status;
}
