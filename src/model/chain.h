/* SPDX-License-Identifier: MIT */
/** The engine of all cores: a chain of steps, of which some may be stacked into the result, and a
 * cut of the first frames. A kind of core is a function that builds a chain from an architecture
 * (conv_layer.h).
 */
#ifndef INSILICO_CHAIN_H
#define INSILICO_CHAIN_H

#include "model_internal.h"
#include "step.h"

struct ins_chain {
  ins_step *steps;
  size_t n_steps;   /* may be 0: the stimulus itself */
  long in_channels; /* of the stimulus */
  long cut;         /* frames dropped from the start of the last step's output */
  /** Steps whose outputs, of the same size, are concatenated along channels in place of the last
   * one's output; the last step is among them. NULL: just the last one's. */
  const size_t *stack;
  size_t n_stack;
  ins_layer_info *info; /* of the convolutions, for people */
  size_t n_layers;
};

/** Size of what the first n steps make of an input; zeros when nothing is left. */
ins_size ins_chain_size(const ins_chain *chain, ins_size in, size_t n);

/** Sets layers, n_layers, n_features, n_channels and cut_frames. */
void ins_chain_describe(const ins_chain *chain, ins_model_info *info);
/** Size of the core's output for a stimulus. */
ins_extent ins_chain_extent(const ins_chain *chain, ins_extent in);
/** Stimulus frames that output frame `frame` of a long stimulus depends on, relative to stimulus
 * frame `frame`; below 0 where time is padded or the core remembers. */
void ins_chain_window(const ins_chain *chain, size_t frame, long *first, long *last);

typedef struct ins_chain_plan ins_chain_plan;

ins_status ins_chain_plan_create(const ins_chain *chain, const ins_core_request *request,
                                 ins_arena *arena, ins_chain_plan **plan) INS_CHECKED;
/** Stimulus frames [*first, *first + *n) that are read. */
void ins_chain_live(const ins_chain_plan *plan, size_t *first, size_t *n);
void ins_chain_forward(ins_chain_plan *plan, size_t slot, const float *x,
                       const ins_features *features);
/** dfeatures may be overwritten; dx [C,T,H,W] whole. */
void ins_chain_backward(ins_chain_plan *plan, size_t slot, const ins_features *dfeatures,
                        float *dx);

/** Plain double loops: *features [C',T',H',W'] and what backward needs, in the arena. */
ins_status ins_chain_reference(const ins_chain *chain, ins_extent in, const double *x,
                               ins_arena *arena, double **features, void **tape) INS_CHECKED;
void ins_chain_reference_backward(const ins_chain *chain, void *tape, double *dfeatures,
                                  double *dx);

#endif
