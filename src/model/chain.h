/* SPDX-License-Identifier: MIT */
/** The engine of all cores: a chain of steps, of which some may be stacked into the result, and a
 * cut of the first frames. A kind of core is a function that builds a chain from an architecture
 * (conv_layer.h) and a table of these functions.
 */
#ifndef INSILICO_CHAIN_H
#define INSILICO_CHAIN_H

#include "model_internal.h"
#include "step.h"

typedef struct ins_chain {
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
} ins_chain;

/** Size of what the first n steps make of an input; zeros when nothing is left. */
ins_size ins_chain_size(const ins_chain *chain, ins_size in, size_t n);

/* The ops of every kind of core, over a chain. */
void ins_chain_describe(const void *chain, ins_model_info *info);
ins_extent ins_chain_extent(const void *chain, ins_extent in);
void ins_chain_window(const void *chain, size_t frame, long *first, long *last);
ins_status ins_chain_plan(const void *chain, const ins_core_request *request, ins_arena *arena,
                          void **plan) INS_CHECKED;
void ins_chain_live(const void *plan, size_t *first, size_t *n);
void ins_chain_forward(void *plan, size_t slot, const float *x, const ins_features *features);
void ins_chain_backward(void *plan, size_t slot, const ins_features *dfeatures, float *dx);
ins_status ins_chain_reference(const void *chain, ins_extent in, const double *x, ins_arena *arena,
                               double **features, void **tape) INS_CHECKED;
void ins_chain_reference_backward(const void *chain, void *tape, double *dfeatures, double *dx);

#endif
