/* SPDX-License-Identifier: MIT */
#include "readout_parameters.h"

#include <stdio.h>
#include <string.h>

enum { NAME = 512 };

static void name_of(const char *session, const char *leaf, char out[NAME]) {
  snprintf(out, NAME, "readout.%.400s.%.80s", session, leaf);
}

/* Says whether the session has parameters of its own. */
static bool weights_name(const ins_builder *b, const ins_session *session, const char *leaf,
                         char out[NAME]) {
  const char *of = ins_builder_weights_of(b, session->name);
  name_of(of, leaf, out);
  return strcmp(of, session->name) == 0;
}

static ins_status check_name(const ins_session *session) {
  if (strlen(session->name) <= 400) return INS_OK;
  return ins_fail(INS_ERR_FORMAT, "the name of session '%.60s...' is too long", session->name);
}

ins_status ins_readout_take(ins_builder *b, const ins_session *session, const char *leaf,
                            bool trained, int n_dims, const size_t *shape, float **out) {
  char name[NAME];
  const bool own = weights_name(b, session, leaf, name);
  ins_status status = check_name(session);
  if (status != INS_OK) return status;
  return ins_builder_take(b, name, trained && own, n_dims, shape, out);
}

ins_status ins_readout_view(ins_builder *b, const ins_session *session, const char *leaf,
                            bool trained, int n_dims, const size_t *shape, const float **out) {
  char name[NAME];
  const bool own = weights_name(b, session, leaf, name);
  ins_status status = check_name(session);
  if (status != INS_OK) return status;
  return ins_builder_view(b, name, trained && own, n_dims, shape, out);
}

bool ins_readout_has(const ins_builder *b, const ins_session *session, const char *leaf) {
  char name[NAME];
  weights_name(b, session, leaf, name);
  return ins_builder_has(b, name);
}

ins_status ins_readout_shape(const ins_builder *b, const ins_session *session, const char *leaf,
                             int n_dims, size_t *shape) {
  char name[NAME];
  weights_name(b, session, leaf, name);
  return ins_builder_shape(b, name, n_dims, shape);
}

ins_dtype ins_readout_dtype(const ins_builder *b, const ins_session *session, const char *leaf) {
  char name[NAME];
  weights_name(b, session, leaf, name);
  return ins_builder_dtype(b, name);
}

ins_status ins_readout_each(ins_builder *b, const ins_session *session, const char *leaf,
                            const char *path, bool trained_by_default, float constant, float *out) {
  const bool trained = ins_value_bool_or(ins_value_at(b->architecture, path), trained_by_default);
  const size_t shape[1] = {session->n_neurons};
  float *values;
  out += session->first;
  if (!trained && !ins_readout_has(b, session, leaf)) {
    for (size_t i = 0; i < session->n_neurons; i++) out[i] = constant;
    return INS_OK;
  }
  ins_status status = ins_readout_take(b, session, leaf, trained, 1, shape, &values);
  if (status == INS_OK) memcpy(out, values, session->n_neurons * sizeof *out);
  return status;
}

ins_status ins_readout_ignore(ins_builder *b, const ins_session *session, const char *leaf,
                              int n_dims) {
  size_t shape[INS_MAX_DIMS];
  const float *values;
  if (!ins_readout_has(b, session, leaf)) return INS_OK;
  ins_status status = ins_readout_shape(b, session, leaf, n_dims, shape);
  return status == INS_OK ? ins_readout_view(b, session, leaf, false, n_dims, shape, &values)
                          : status;
}

ins_status ins_readout_scalar(ins_builder *b, const char *name, bool trained, double *out) {
  const size_t none[1] = {0};
  float *value;
  ins_status status = ins_builder_take(b, name, trained, 0, none, &value);
  if (status == INS_OK) *out = (double)*value;
  return status;
}

ins_status ins_readout_fold_clone(ins_builder *b, const ins_session *session, float *scale,
                                  float *bias) {
  const size_t shape[1] = {session->n_neurons};
  char name[NAME];
  float *alpha, *beta;
  if (strcmp(ins_builder_weights_of(b, session->name), session->name) == 0) return INS_OK;
  name_of(session->name, "alpha", name);
  ins_status status = ins_builder_take(b, name, true, 1, shape, &alpha);
  name_of(session->name, "beta", name);
  if (status == INS_OK) status = ins_builder_take(b, name, true, 1, shape, &beta);
  for (size_t i = 0; i < session->n_neurons && status == INS_OK; i++) {
    scale[session->first + i] *= alpha[i];
    bias[session->first + i] = alpha[i] * bias[session->first + i] + beta[i];
  }
  return status;
}

/* ---- settings ------------------------------------------------------------------------------- */

ins_status ins_readout_nonlinearity(const ins_builder *b, ins_nonlinearity fallback,
                                    ins_nonlinearity *out) {
  const ins_value *value = ins_value_at(b->architecture, "readout.nonlinearity");
  *out = fallback;
  if (!value || value->kind == INS_NULL) return INS_OK;
  const char *name = ins_value_text_or(value, NULL);
  if (!name)
    return ins_fail(INS_ERR_FORMAT,
                    "readout.nonlinearity of the architecture must be the name of a "
                    "torch function");
  if (!ins_nonlinearity_find(name, out))
    return ins_fail(INS_ERR_UNSUPPORTED, "insilico cannot compute the readout's nonlinearity '%s'",
                    name);
  return INS_OK;
}

ins_status ins_readout_check_filter(size_t n_taps, size_t h, size_t w) {
  enum { MOST = 1 << 24 };
  if (n_taps >= 1 && n_taps <= MOST && h >= 1 && w >= 1) return INS_OK;
  return ins_fail(INS_ERR_SHAPE,
                  "the readout's filter of %zu frames and %zu x %zu pixels makes no sense", n_taps,
                  h, w);
}

ins_status ins_readout_crop(const ins_builder *b, size_t map_h, size_t map_w, size_t h, size_t w,
                            ins_patch *out) {
  const ins_value *crop = ins_value_at(b->architecture, "readout.crop");
  long corner[2] = {0, 0};
  if (crop && crop->kind != INS_NULL) {
    ins_status status = ins_builder_ints(b, "readout.crop", 2, 0, 1 << 14, corner);
    if (status != INS_OK) return status;
  } else if (h != map_h || w != map_w) {
    return ins_fail(INS_ERR_SHAPE,
                    "the readout's filter is %zu x %zu pixels, but what it sees is %zu x %zu: the "
                    "architecture must say where it lies (readout.crop: [top, left])",
                    h, w, map_h, map_w);
  }
  *out = (ins_patch){(size_t)corner[0], (size_t)corner[1], h, w};
  if (out->top + h > map_h || out->left + w > map_w)
    return ins_fail(INS_ERR_SHAPE,
                    "the readout's filter of %zu x %zu pixels at row %zu, column %zu "
                    "(readout.crop) lies beyond the %zu x %zu that it sees",
                    h, w, out->top, out->left, map_h, map_w);
  return INS_OK;
}
