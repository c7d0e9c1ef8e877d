/* SPDX-License-Identifier: MIT */
/* The two kinds of spatial contrast readout: openretina's SpatialContrastReadout (many cells, whose
 * filters cover the stimulus) and its SingleCellSpatialContrast (one cell, whose filter may cover a
 * patch). */
#include "readout_contrast.h"

/* ---- many cells ----------------------------------------------------------------------------- */

/* All sessions are read with one lag: openretina cannot put responses of different lengths side by
 * side either. */
static ins_status take_time(ins_builder *b, const ins_session *session, ins_contrast_readout *r,
                            const float **time) {
  size_t shape[2];
  ins_status status = ins_readout_shape(b, session, "temporal_filters", 2, shape);
  if (status != INS_OK) return status;
  if (r->n_taps && shape[1] != r->n_taps)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "the temporal filters of session '%s' have %zu frames, those of the sessions "
                    "before it %zu: insilico can only compute sessions of one length together",
                    session->name, shape[1], r->n_taps);
  r->n_taps = shape[1];
  shape[0] = session->n_neurons;
  status = ins_readout_check_filter(r->n_taps, r->map_h, r->map_w);
  if (status != INS_OK) return status;
  return ins_readout_view(b, session, "temporal_filters", false, 2, shape, time);
}

static ins_status take_session(ins_builder *b, const ins_session *session,
                               ins_contrast_readout *r) {
  enum { SUM, W, A, B, C, N_NUMBERS };
  static const char *const names[N_NUMBERS] = {"sf_sums", "w", "nl_a", "nl_b", "nl_c"};
  const size_t n = session->n_neurons, space_shape[3] = {n, r->map_h, r->map_w}, shape[1] = {n};
  const float *space, *time, *number[N_NUMBERS];
  ins_status status =
      ins_readout_view(b, session, "spatial_filters", false, 3, space_shape, &space);
  if (status == INS_OK) status = take_time(b, session, r, &time);
  for (int k = 0; k < N_NUMBERS && status == INS_OK; k++)
    status = ins_readout_view(b, session, names[k], k != SUM, 1, shape, &number[k]);
  if (status == INS_OK) status = ins_readout_ignore(b, session, "bias", 1);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    ins_contrast_cell *cell = &r->cells[session->first + i];
    *cell = (ins_contrast_cell){.space = space + i * r->map_h * r->map_w,
                                .time = time + i * r->n_taps,
                                .w = (double)number[W][i],
                                .a = (double)number[A][i],
                                .b = (double)number[B][i],
                                .c = (double)number[C][i]};
    ins_contrast_set_sums(r, number[SUM][i], cell);
  }
  return status;
}

static ins_status create(ins_builder *b, const ins_model_info *info, ins_extent map, void **out) {
  ins_contrast_readout *r;
  ins_status status = ins_contrast_create(b, info, map, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->floored = true;
  r->patch = (ins_patch){0, 0, r->map_h, r->map_w};
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = take_session(b, &info->sessions[s], r);
  return status;
}

/* ---- a single cell -------------------------------------------------------------------------- */

static ins_status take_filters(ins_builder *b, ins_contrast_readout *r, ins_contrast_cell *cell) {
  size_t space[2], time[1];
  ins_status status = ins_builder_shape(b, "spatial_filter", 2, space);
  if (status == INS_OK) status = ins_builder_shape(b, "temporal_filter", 1, time);
  if (status == INS_OK) status = ins_readout_check_filter(time[0], space[0], space[1]);
  if (status == INS_OK)
    status = ins_readout_crop(b, r->map_h, r->map_w, space[0], space[1], &r->patch);
  if (status != INS_OK) return status;
  r->n_taps = time[0];
  status = ins_builder_view(b, "spatial_filter", false, 2, space, &cell->space);
  return status == INS_OK ? ins_builder_view(b, "temporal_filter", false, 1, time, &cell->time)
                          : status;
}

static ins_status take_cell(ins_builder *b, ins_contrast_readout *r, ins_contrast_cell *cell) {
  double sum = 0;
  ins_status status = take_filters(b, r, cell);
  if (status == INS_OK) status = ins_readout_scalar(b, "spatial_filter_sum", false, &sum);
  if (status == INS_OK) status = ins_readout_scalar(b, "w", true, &cell->w);
  if (status == INS_OK) status = ins_readout_scalar(b, "nl_a", true, &cell->a);
  if (status == INS_OK) status = ins_readout_scalar(b, "nl_b", true, &cell->b);
  if (status == INS_OK) status = ins_readout_scalar(b, "nl_c", true, &cell->c);
  if (status == INS_OK) ins_contrast_set_sums(r, (float)sum, cell);
  return status;
}

static ins_status create_single(ins_builder *b, const ins_model_info *info, ins_extent map,
                                void **out) {
  ins_contrast_readout *r;
  if (info->n_neurons != 1)
    return ins_fail(INS_ERR_SHAPE,
                    "a readout of kind single_spatial_contrast has one neuron, not %zu",
                    info->n_neurons);
  ins_status status = ins_contrast_create(b, info, map, &r);
  if (status != INS_OK) return status;
  *out = r;
  return take_cell(b, r, &r->cells[0]);
}

const ins_readout_ops ins_readout_spatial_contrast = {
    .kind = "spatial_contrast",
    .planar = true,
    .create = create,
    .lag = ins_contrast_lag,
    .plan = ins_contrast_plan,
    .select = ins_contrast_select,
    .forward = ins_contrast_forward,
    .backward = ins_contrast_backward,
    .mask = ins_contrast_mask,
    .reference = ins_contrast_reference,
};

const ins_readout_ops ins_readout_single_spatial_contrast = {
    .kind = "single_spatial_contrast",
    .planar = true,
    .create = create_single,
    .lag = ins_contrast_lag,
    .plan = ins_contrast_plan,
    .select = ins_contrast_select,
    .forward = ins_contrast_forward,
    .backward = ins_contrast_backward,
    .mask = ins_contrast_mask,
    .reference = ins_contrast_reference,
};
