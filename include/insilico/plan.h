/* SPDX-License-Identifier: MIT */
/** A plan: everything needed to run one model on stimuli of one shape, made once.
 *
 * As in FFTW, the model is shared and immutable and a plan owns all activations and scratch;
 * nothing is allocated after ins_plan_create. The plan knows which output frames are read and
 * computes only these and the frames they depend on. It has `n_slots` slots, one stimulus each, so
 * that a batch's forward results stay valid until its backward pass; slots are computed one by one,
 * so a stimulus' numbers never depend on what else is in the batch. A plan is used by one thread.
 */
#ifndef INSILICO_PLAN_H
#define INSILICO_PLAN_H

#include "insilico/kernels.h"
#include "insilico/model.h"

typedef struct ins_plan_spec {
  size_t n_slots;                 /* B */
  size_t n_frames, height, width; /* T, H, W of a stimulus; C is the model's */
  size_t first_frame, n_read;     /* output frames [first_frame, first_frame + n_read) are read */
  size_t n_neurons;               /* N: most neurons a slot selects */
  bool gradient;                  /* ins_plan_backward will be called */
  const ins_kernels *kernels;     /* NULL: ins_kernels_best() */
} ins_plan_spec;

typedef struct ins_plan ins_plan;

/** @return INS_OK; INS_ERR_SHAPE (the message names shape and remedy), INS_ERR_MEMORY. `model` must
 * outlive the plan. Local. */
ins_status ins_plan_create(const ins_model *model, const ins_plan_spec *spec,
                           ins_plan **out) INS_CHECKED;
void ins_plan_destroy(ins_plan **plan);
size_t ins_plan_bytes(const ins_plan *plan);
/** Stimulus frames [*first, *first + *n) that the read output depends on; all others are dead. */
void ins_plan_live_frames(const ins_plan *plan, size_t *first, size_t *n);

/** Chooses the neurons of a slot, by number in the model. INS_ERR_ARGUMENT when one does not exist.
 */
ins_status ins_plan_select(ins_plan *plan, size_t slot, const int64_t *neurons,
                           size_t n) INS_CHECKED;

/** r[t,n] for one slot: x [C,T,H,W] -> r [n_read, n selected]. No rounding depends on other slots
 * or on other selected neurons. Needs ins_plan_select first. */
void ins_plan_forward(ins_plan *plan, size_t slot, const float *x, float *r);
/** The same for an ensemble of M members, with the responses of each: each [M,n_read,n selected]; r
 * has the bits of ins_plan_forward. */
void ins_plan_forward_members(ins_plan *plan, size_t slot, const float *x, float *each, float *r);
/** dx[c,t,h,w] = sum over t',n of dr[t',n] * d r[t',n] / d x[c,t,h,w], for the stimulus of the
 * slot's last forward pass. dx [C,T,H,W] is overwritten; dead frames are 0. */
void ins_plan_backward(ins_plan *plan, size_t slot, const float *dr, float *dx);

/* ---- the truth the fast path is tested against --------------------------------------------------
 */
/** Readable float64 loops over the same weights, all output frames, one stimulus:
 * r [T',n] and, when dr [T',n] is given, dx [C,T,H,W]. Slow; for tests and for `verify`. */
ins_status ins_reference_run(const ins_model *model, size_t n_frames, const double *x,
                             const int64_t *neurons, size_t n, double *r, const double *dr,
                             double *dx) INS_CHECKED;

#endif
