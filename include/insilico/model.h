/* SPDX-License-Identifier: MIT */
/** A trained retina model: immutable weights of a core and one readout a neuron.
 *
 * r[t,n] = readout_n(core(x[c,t,h,w])), C channels, T frames, H rows, W columns, N neurons.
 * Files become an ins_model_source (plain data, room `checkpoint`); ins_model_create turns a source
 * into weights ready to compute with. Neurons of all sessions stand one after the other, sessions
 * sorted by name as in openretina; a neuron's number in that order is its number everywhere.
 */
#ifndef INSILICO_MODEL_H
#define INSILICO_MODEL_H

#include "insilico/value.h"

/** A model as plain data. Everything a native model file holds; see docs/model-file.md.
 *
 * architecture: {in_shape: [C,T,H,W],
 *   core: {kind: simple, convolution: custom_separable, channels: [C, c1, ...],
 *          temporal_kernel_sizes: [...], spatial_kernel_sizes: [...], input_padding, hidden_padding
 *          (false | true | "same" | int | [t,h,w], as openretina means them), cut_first_n_frames,
 *          dropout_rate, maxpool_every_n_layers, downsample_input_kernel_size,
 *          color_squashing_weights},
 *   readout: {kind: gaussian_mask, gaussian_mean_scale, gaussian_var_scale, positive, scale, bias},
 *   sessions: [{name, n_neurons}, ...] sorted by name}
 * parameters: {openretina's state_dict names -> arrays}, nothing that is not the model.
 * data_info: openretina's, whole. provenance: {format, sha256 of the file, versions, ...}.
 * truth: what is known of a synthetic retina, {name -> array [N] or list of N texts}; else NULL. */
typedef struct ins_model_source {
  ins_value *architecture, *parameters, *data_info, *provenance, *truth;
  bool lasting; /* it outlives the models made of it, which may point into its arrays */
} ins_model_source;

void ins_model_source_destroy(ins_model_source **source);
/** SHA-256 over architecture and parameters (not data_info or provenance): the model's name in
 * results. */
ins_status ins_model_source_hash(const ins_model_source *source, char out[65]) INS_CHECKED;
/** For sending between ranks. */
ins_status ins_model_source_pack(const ins_model_source *source, ins_text *out) INS_CHECKED;
ins_status ins_model_source_unpack(const void *bytes, size_t n, ins_model_source **out) INS_CHECKED;
/** The same with arrays that point into `bytes`, which must outlive the source. */
ins_status ins_model_source_unpack_borrowing(const void *bytes, size_t n,
                                             ins_model_source **out) INS_CHECKED;

typedef struct ins_session {
  const char *name;
  size_t first, n_neurons; /* neurons [first, first + n_neurons) of the model */
} ins_session;

typedef struct ins_layer_info {
  int in_channels, out_channels, kernel_t, kernel_h, kernel_w;
  int pad_t[2], pad_h[2], pad_w[2]; /* before, after */
} ins_layer_info;

typedef struct ins_model_info {
  const char *core, *readout; /* kinds */
  size_t n_channels, height, width;
  size_t n_neurons, n_sessions, n_layers, n_features;
  size_t map_height, map_width; /* of the last feature map */
  size_t cut_frames;            /* frames dropped from the start of the core's output */
  const ins_session *sessions;
  const ins_layer_info *layers;
  size_t n_parameters; /* trained numbers */
  size_t n_members;    /* of an ensemble; 0: a single model */
} ins_model_info;

typedef struct ins_model ins_model;

/** Builds a model. What is not understood is named (module, parameter), what is missing is asked
 * for. The source may be destroyed afterwards unless it is `lasting`. Local.
 * @return INS_OK; INS_ERR_UNSUPPORTED, INS_ERR_MISSING, INS_ERR_SHAPE, INS_ERR_FORMAT,
 * INS_ERR_MEMORY */
ins_status ins_model_create(const ins_model_source *source, ins_model **out) INS_CHECKED;
void ins_model_destroy(ins_model **model);
const ins_model_info *ins_model_describe(const ins_model *model);
const ins_session *ins_model_session(const ins_model *model, const char *name); /* or NULL */

/** Member k of an ensemble, whose sessions and neurons are those of the ensemble; lives as long as
 * it. NULL when there is none. */
const ins_model *ins_model_member(const ins_model *model, size_t k);

/** Output frames for a stimulus of n_frames: T'. INS_ERR_SHAPE when none is left (says the least
 * T). */
ins_status ins_model_output_frames(const ins_model *model, size_t n_frames,
                                   size_t *out) INS_CHECKED;
/** The shortest stimulus, in frames, that gives a response; 0: even the longest gives none. */
size_t ins_model_least_frames(const ins_model *model);
/** Stimulus frames [*first, *last] that output frame f of a long stimulus depends on, relative to
 * the stimulus frame f; may be negative or beyond it where time is padded. */
void ins_model_window(const ins_model *model, size_t f, long *first, long *last);

/** Whether a response depends on all earlier frames of the stimulus. */
bool ins_model_remembers(const ins_model *model);

/** Mask of neuron n over the last feature map, out[h,w], as its readout weighs pixels; of an
 * ensemble, that of its first member. */
void ins_model_mask(const ins_model *model, size_t neuron, float *out);

#endif
