/* SPDX-License-Identifier: MIT */
/** What the parts of the built-in retina share: its geometry, its kinds of cells, its weights.
 *
 * The design goes one way: tables (ground_truth_core.c) -> weights as openretina's state_dict holds
 * them
 * -> truth computed from those weights (ground_truth_field.c), so that rounding to float32 and the
 * fit in the sine and cosine basis are part of the truth instead of an error of it.
 */
#ifndef INSILICO_MODEL_GROUND_TRUTH_DESIGN_H
#define INSILICO_MODEL_GROUND_TRUTH_DESIGN_H

#include "insilico/value.h"

enum {
  GT_COLOURS = 2, /* green, UV */
  GT_FRAMES = 60,
  GT_HEIGHT = 36,
  GT_WIDTH = 32,
  GT_LAYERS = 2,
  GT_CHANNELS = 32,   /* of the last layer: one a kind of cell */
  GT_DIRECTIONS = 16, /* of these, preferred directions */
  GT_MAP_HEIGHT = 22,
  GT_MAP_WIDTH = 18,
  GT_BORDER = 7,      /* pixels between the edge of the stimulus and of the last feature map */
  GT_MAX_LENGTH = 21, /* of a temporal kernel */
  GT_LAG = 30,        /* stimulus frames before the first that has an answer */
  GT_FIELD_FRAMES = GT_LAG + 1,
  GT_FIELD_SIZE = 2 * GT_BORDER + 1,
  GT_FIELD_AREA = GT_FIELD_SIZE * GT_FIELD_SIZE,
  GT_AREA = GT_HEIGHT * GT_WIDTH,
};

#define GT_MEAN_SCALE        6.0 /* gaussian_mean_scale, as in the configurations of mouse models */
#define GT_VAR_SCALE         4.0 /* gaussian_var_scale */
#define GT_BATCHNORM_EPSILON 1e-5

/** A kind of cell is a channel of the last layer and the readout that belongs to it. */
typedef struct gt_kind {
  const char *type;     /* "on_sustained_small", "on_off_direction_selective", ... */
  int group;            /* number of the type, from 0 */
  int polarity;         /* +1 ON, -1 OFF, 0 both */
  bool transient;       /* answers a step with a pulse */
  double direction_deg; /* preferred direction of motion, or NaN */
  double scale, bias;   /* of the readout: softplus(scale * channel + bias), channel 0 at grey */
} gt_kind;

gt_kind gt_kind_of_channel(size_t channel);
/** The channel that neuron k reads: even k the other kinds in turn, odd k the directions. */
size_t gt_channel_of_neuron(size_t k);

/** One layer; the arrays belong to the tree of parameters. Axes: o output, i input channel. */
typedef struct gt_layer {
  size_t n_out, n_in, length, size, n_basis;
  float *sin_weights, *cos_weights;                             /* [o,i,n_basis] */
  float *space;                                                 /* [o,i,1,size,size] */
  float *norm_weight, *norm_bias, *norm_mean, *norm_var, *bias; /* [o] */
} gt_layer;

/** Adds the arrays of a layer whose sizes are set, zeroed. */
ins_status gt_layer_create(ins_value *parameters, size_t index, gt_layer *layer) INS_CHECKED;
/** Adds the core's arrays to `parameters`, filled with the design. */
ins_status gt_core_create(ins_value *parameters, gt_layer layers[GT_LAYERS]) INS_CHECKED;
/** Sine (or cosine) k of the temporal basis at t, under the mask that fades out the oldest frames.
 */
double gt_basis(const gt_layer *layer, bool cosine, size_t k, size_t t);
/** kernel[t], oldest frame first, of a pair of channels: openretina's sum of masked sines and
 * cosines. */
void gt_temporal_kernel(const gt_layer *layer, size_t out, size_t in, double *kernel);
/** What a layer does to the convolution's output z: ELU(gain * z + shift). */
void gt_layer_affine(const gt_layer *layer, size_t out, double *gain, double *shift);
/** What the convolution gives when every input channel is constant at input[i]. */
double gt_constant_response(const gt_layer *layer, size_t out, const double *input);
double gt_elu(double z);
/** Activation of every channel of every layer under a grey (zero) stimulus, and d ELU there. */
void gt_grey(const gt_layer layers[GT_LAYERS], double activation[GT_LAYERS][GT_CHANNELS],
             double slope[GT_LAYERS][GT_CHANNELS]);

/** The linear receptive field at grey of a kind of cell, before the readout's mask spreads it. */
typedef struct gt_field {
  double space[GT_FIELD_AREA]; /* first singular vector, its largest element positive */
  double green, uv;            /* signed strength of the two colours */
} gt_field;

/** The fields of all channels. */
ins_status gt_fields_create(const gt_layer layers[GT_LAYERS], gt_field **out) INS_CHECKED;

typedef struct gt_receptive_field {
  double row, column, sigma; /* circular Gaussian fitted to the centre, pixels */
  double surround_index;     /* sum of the surround over the sum of the centre */
} gt_receptive_field;

/** The receptive field of a neuron in stimulus pixels: its channel's field spread by its mask
 * [GT_MAP_HEIGHT, GT_MAP_WIDTH]. */
gt_receptive_field gt_receptive_field_of(const gt_field *field, const double *mask);

/** Solves a x = b for symmetric positive definite a [n,n], in place: b becomes x, a is destroyed.
 * False when a is not positive definite. */
bool gt_solve(size_t n, double *a, double *b);

#endif
