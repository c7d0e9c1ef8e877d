/* SPDX-License-Identifier: MIT */
/** What a kind of core and a kind of readout must provide. Adding one is adding a file with such a
 * table and a line to the list in model.c.
 *
 * Between the two stand the feature maps of the frames that are read, in the layout that the
 * readout reads: lanes or planar (kernels_table.h).
 */
#ifndef INSILICO_MODEL_INTERNAL_H
#define INSILICO_MODEL_INTERNAL_H

#include "builder.h"
#include "insilico/plan.h"
#include "kernels/kernels_table.h"
#include "step.h"

/** Frames, rows and columns; below 1 when nothing is left. */
typedef struct ins_extent {
  long t, h, w;
} ins_extent;

/** Feature maps of the frames that are read; one of the two layouts, the other is NULL:
 * lanes [block][t][pixel][lane], blocks of kernels->lanes channels, or planar. */
typedef struct ins_features {
  float *lanes;
  ins_maps maps;
} ins_features;

typedef struct ins_core_request {
  const ins_kernels *kernels;
  size_t n_slots;
  ins_extent in;      /* of the stimulus */
  long first, n_read; /* frames of the core's output */
  bool gradient;
  bool planar; /* the layout of the features; else lanes */
} ins_core_request;

typedef struct ins_chain ins_chain; /* chain.h: what every core is, and what runs it */

/** A kind of core: how its chain is built. */
typedef struct ins_core_kind {
  const char *kind;
  /** Reads architecture.core and the parameters "core...." into an empty chain; memory from the
   * builder's arena. */
  ins_status (*create)(ins_builder *b, ins_chain *chain) INS_CHECKED;
} ins_core_kind;

typedef struct ins_readout_request {
  const ins_kernels *kernels;
  size_t n_slots, n_neurons;
  size_t n_read; /* output frames; the features have n_read + lag */
  bool gradient;
} ins_readout_request;

typedef struct ins_readout_ops {
  const char *kind;
  bool planar; /* the layout of the features it reads; else lanes */
  bool clones; /* it applies alpha and beta of cloned readouts itself, before its nonlinearity */
  /** Reads architecture.readout and the parameters "readout.SESSION...."; `map` is the core's
   * output for the trained stimulus, info holds sessions and n_features. */
  ins_status (*create)(ins_builder *b, const ins_model_info *info, ins_extent map,
                       void **readout) INS_CHECKED;
  /** Frames more that it reads than it gives: r[t] depends on feature frames t to t + lag. NULL: 0.
   */
  long (*lag)(const void *readout);
  ins_status (*plan)(const void *readout, const ins_readout_request *request, ins_arena *arena,
                     void **plan) INS_CHECKED;
  void (*select)(void *plan, size_t slot, const int64_t *neurons, size_t n);
  /** r [n_read,n] */
  void (*forward)(void *plan, size_t slot, const ins_features *features, float *r);
  /** dfeatures is overwritten. */
  void (*backward)(void *plan, size_t slot, const float *dr, const ins_features *dfeatures);
  /** Where neuron looks on the feature map: out [h,w] >= 0 or signed as the readout weighs it. */
  void (*mask)(const void *readout, size_t neuron, float *out);
  /** r [T'-lag,n] from features [C',T',H',W'], and the gradient (dfeatures is overwritten). */
  ins_status (*reference)(const void *readout, ins_extent map, const int64_t *neurons, size_t n,
                          const double *features, double *r, const double *dr,
                          double *dfeatures) INS_CHECKED;
} ins_readout_ops;

extern const ins_core_kind ins_core_simple;
extern const ins_core_kind ins_core_stacked;
extern const ins_core_kind ins_core_conv_gru;
extern const ins_core_kind ins_core_conditioned_gru;
extern const ins_core_kind ins_core_dummy;
extern const ins_core_kind ins_core_image;
extern const ins_readout_ops ins_readout_gaussian_mask;
extern const ins_readout_ops ins_readout_factorized;
extern const ins_readout_ops ins_readout_point_gaussian;
extern const ins_readout_ops ins_readout_lnp;
extern const ins_readout_ops ins_readout_spatial_contrast;
extern const ins_readout_ops ins_readout_spatial_x_feature;
extern const ins_readout_ops ins_readout_single_lnp;
extern const ins_readout_ops ins_readout_single_spatial_contrast;

/** A part of a composite model: neuron `first + k` of the composite is its neuron k. */
typedef struct ins_member {
  ins_model *model;
  size_t first;
} ins_member;

/** One core and one readout; or, when n_members is not 0, a composite whose response of a neuron is
 * the sum over the members that have it, divided by n_averaged. */
struct ins_model {
  ins_arena arena;
  ins_model_info info;
  ins_chain *core;
  const ins_readout_ops *readout_ops;
  void *readout;
  /* [N], or NULL without cloned readouts: r = clone_scale * r + clone_shift */
  float *clone_scale, *clone_shift;
  ins_member *members;
  size_t n_members, n_averaged;
};

/** Checks the size of a stimulus against the model: INS_ERR_SHAPE names both. */
ins_status ins_model_check_shape(const ins_model *model, size_t height, size_t width) INS_CHECKED;
/** Size of the output: T', and rows and columns of the feature map. */
ins_extent ins_model_extent(const ins_model *model, ins_extent in);
/** Frames that the readout takes from the core's output. */
long ins_model_lag(const ins_model *model);

#endif
