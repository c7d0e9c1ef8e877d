/* SPDX-License-Identifier: MIT */
/* openretina's PointGaussianReadout: r = f(sum_c feature[c] x[c](mu) + bias), where x[c](mu) is the
 * feature map at one point, interpolated between the (at most four) pixels around it. When a model
 * is run, the point is the mean of the Gaussian, so its sigma plays no part. The nonlinearity
 * stands outside openretina's readout, after alpha and beta of a clone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "readout_masked.h"
#include "readout_parameters.h"

typedef struct readout {
  ins_masked_readout masked;
  float *mean; /* [N,2], x and y from -1 to 1 */
  bool align_corners;
} readout;

/* ---- masks ---------------------------------------------------------------------------------- */

/* The place from -1 to 1 in pixels. -1 and 1 are the centres of the outermost pixels, or else their
 * outer edges. In float32, as torch's grid_sample. */
static float in_pixels(float place, long n, bool align_corners) {
  return align_corners ? (place + 1) * ((float)(n - 1) / 2) : (place + 1) * ((float)n / 2) - 0.5f;
}

/* What lies outside the map counts as zero. */
static void mask(const void *state, size_t neuron, float *out) {
  const readout *r = state;
  const ins_extent map = r->masked.map;
  const float x = in_pixels(r->mean[2 * neuron], map.w, r->align_corners),
              y = in_pixels(r->mean[2 * neuron + 1], map.h, r->align_corners);
  memset(out, 0, (size_t)(map.h * map.w) * sizeof *out);
  if (isnan(x) || isnan(y)) {
    out[0] = NAN; /* and so is the response */
    return;
  }
  const long left = (long)floorf(x), top = (long)floorf(y);
  const float right_part = x - floorf(x), lower_part = y - floorf(y);
  for (long h = top; h < top + 2; h++) {
    for (long w = left; w < left + 2; w++) {
      if (h < 0 || h >= map.h || w < 0 || w >= map.w) continue;
      out[h * map.w + w] =
          (w > left ? right_part : 1 - right_part) * (h > top ? lower_part : 1 - lower_part);
    }
  }
}

/* ---- means ---------------------------------------------------------------------------------- */

/* Numbers of the neurons of a session (or of those that they share), [n,width]. */
typedef struct table {
  float *values;
  size_t n, width;
} table;

/* y = W x + b by the layer "mu_transform[.K]" with weight [out,in]. */
static ins_status linear(ins_builder *b, const ins_session *session, const char *layer, table *t) {
  char leaf[64];
  size_t shape[2];
  float *weight, *bias, *y;
  snprintf(leaf, sizeof leaf, "%s.weight", layer);
  ins_status status = ins_readout_shape(b, session, leaf, 2, shape);
  if (status == INS_OK && shape[1] != t->width)
    return ins_fail(INS_ERR_SHAPE,
                    "readout.%s.%s takes %zu numbers a neuron, but the layer before it gives %zu",
                    session->name, leaf, shape[1], t->width);
  if (status == INS_OK) status = ins_readout_take(b, session, leaf, true, 2, shape, &weight);
  snprintf(leaf, sizeof leaf, "%s.bias", layer);
  if (status == INS_OK) status = ins_readout_take(b, session, leaf, true, 1, shape, &bias);
  if (status == INS_OK) status = ins_arena_take(b->arena, t->n * shape[0], sizeof *y, &y);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < t->n; i++) {
    for (size_t o = 0; o < shape[0]; o++) {
      double sum = (double)bias[o];
      for (size_t k = 0; k < t->width; k++)
        sum += (double)weight[o * t->width + k] * (double)t->values[i * t->width + k];
      y[i * shape[0] + o] = (float)sum;
    }
  }
  t->values = y;
  t->width = shape[0];
  return INS_OK;
}

/* Means predicted from where the neurons lie: linear layers with ELUs between, perhaps a tanh. */
static ins_status predicted(ins_builder *b, const ins_session *session, table *t) {
  const size_t n = session->n_neurons;
  size_t shape[2];
  char layer[64];
  ins_status status = ins_readout_shape(b, session, "source_grid", 2, shape);
  shape[0] = n;
  if (status == INS_OK)
    status = ins_readout_take(b, session, "source_grid", false, 2, shape, &t->values);
  t->n = n;
  t->width = shape[1];
  for (int k = 0; status == INS_OK; k += 2) {
    snprintf(layer, sizeof layer, "mu_transform.%d.weight", k);
    if (k > 0 && !ins_readout_has(b, session, layer)) break;
    if (k > 0) ins_nonlinearity_run(INS_ELU, n * t->width, t->values, t->values, NULL);
    snprintf(layer, sizeof layer, "mu_transform.%d", k);
    status = linear(b, session, layer, t);
  }
  const ins_value *predictor = ins_value_at(b->architecture, "readout.grid_mean_predictor");
  if (status == INS_OK && ins_value_bool_or(ins_map_get(predictor, "final_tanh"), false))
    ins_nonlinearity_run(INS_TANH, n * t->width, t->values, t->values, NULL);
  return status;
}

/* Means stored for each neuron, or for groups that share one. */
static ins_status stored(ins_builder *b, const ins_session *session, bool shared, table *t) {
  size_t shape[4] = {1, session->n_neurons, 1, 2};
  ins_status status = shared ? ins_readout_shape(b, session, "_mu", 4, shape) : INS_OK;
  shape[0] = shape[2] = 1;
  shape[3] = 2;
  if (status == INS_OK) status = ins_readout_take(b, session, "_mu", true, 4, shape, &t->values);
  t->n = shape[1];
  t->width = 2;
  if (status == INS_OK && ins_readout_has(b, session, "mu_transform.weight"))
    status = linear(b, session, "mu_transform", t);
  return status;
}

/* Which of n shared things each neuron uses: *index [N], or NULL when they are not shared. */
static ins_status sharing(ins_builder *b, const ins_session *session, const char *leaf,
                          float **index) {
  const size_t shape[1] = {session->n_neurons};
  *index = NULL;
  return ins_readout_has(b, session, leaf)
             ? ins_readout_take(b, session, leaf, false, 1, shape, index)
             : INS_OK;
}

static ins_status shared_at(const float *index, size_t i, size_t n, const char *what, size_t *out) {
  *out = i;
  if (!index) return INS_OK;
  if (!(index[i] >= 0 && index[i] < (float)n))
    return ins_fail(INS_ERR_FORMAT, "the readout's %s of neuron %zu is %g, but must be below %zu",
                    what, i, (double)index[i], n);
  *out = (size_t)index[i];
  return INS_OK;
}

static ins_status take_means(ins_builder *b, const ins_session *session, readout *r) {
  table t = {0};
  float *index;
  ins_status status = sharing(b, session, "grid_sharing_index", &index);
  if (status == INS_OK)
    status = ins_readout_has(b, session, "source_grid") ? predicted(b, session, &t)
                                                        : stored(b, session, index != NULL, &t);
  if (status == INS_OK && t.width != 2)
    return ins_fail(INS_ERR_SHAPE,
                    "readout.%s.mu_transform gives %zu numbers a neuron, but needs 2",
                    session->name, t.width);
  for (size_t i = 0; i < session->n_neurons && status == INS_OK; i++) {
    size_t from;
    status = shared_at(index, i, t.n, "grid_sharing_index", &from);
    for (size_t d = 0; d < 2 && status == INS_OK; d++) {
      const float place = t.values[2 * from + d];
      r->mean[2 * (session->first + i) + d] = place < -1 ? -1 : place > 1 ? 1 : place;
    }
  }
  return status;
}

/* ---- making --------------------------------------------------------------------------------- */

static ins_status take_features(ins_builder *b, const ins_session *session, readout *r) {
  const size_t n = session->n_neurons, n_features = r->masked.n_features;
  size_t shape[4] = {1, n_features, 1, n};
  const size_t scale_shape[4] = {1, 1, 1, n};
  float *index, *values, *scales = NULL;
  ins_status status = sharing(b, session, "feature_sharing_index", &index);
  if (status == INS_OK && index) status = ins_readout_shape(b, session, "_features", 4, shape);
  shape[0] = shape[2] = 1;
  shape[1] = n_features;
  if (status == INS_OK) status = ins_readout_take(b, session, "_features", true, 4, shape, &values);
  if (status == INS_OK && index)
    status = ins_readout_take(b, session, "scales", true, 4, scale_shape, &scales);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    size_t from;
    status = shared_at(index, i, shape[3], "feature_sharing_index", &from);
    for (size_t c = 0; c < n_features && status == INS_OK; c++)
      r->masked.feature[(session->first + i) * n_features + c] =
          (scales ? scales[i] : 1) * values[c * shape[3] + from];
  }
  return status;
}

static ins_status take_session(ins_builder *b, const ins_session *session, readout *r) {
  const ins_value *setting = ins_value_at(b->architecture, "readout.bias");
  const bool with_bias = ins_value_bool_or(setting, ins_readout_has(b, session, "bias"));
  const size_t shape[1] = {session->n_neurons};
  float *bias;
  ins_status status = take_means(b, session, r);
  if (status == INS_OK) status = take_features(b, session, r);
  if (status == INS_OK) status = ins_readout_ignore(b, session, "sigma", 4);
  if (status == INS_OK && with_bias) {
    status = ins_readout_take(b, session, "bias", true, 1, shape, &bias);
    if (status == INS_OK)
      memcpy(r->masked.bias + session->first, bias, session->n_neurons * sizeof *bias);
  }
  if (status == INS_OK)
    status = ins_readout_fold_clone(b, session, r->masked.scale, r->masked.bias);
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->masked.mask = mask;
  r->align_corners =
      ins_value_bool_or(ins_value_at(b->architecture, "readout.align_corners"), true);
  status = ins_readout_nonlinearity(b, INS_SOFTPLUS, &r->masked.nonlinearity);
  if (status == INS_OK) status = ins_masked_create(b, info, map, &r->masked);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, 2 * info->n_neurons, sizeof(float), &r->mean);
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

const ins_readout_ops ins_readout_point_gaussian = {
    .kind = "point_gaussian",
    .clones = true,
    .create = create,
    .plan = ins_masked_plan,
    .select = ins_masked_select,
    .forward = ins_masked_forward,
    .backward = ins_masked_backward,
    .mask = mask,
    .reference = ins_masked_reference,
};
