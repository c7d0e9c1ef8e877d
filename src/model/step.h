/* SPDX-License-Identifier: MIT */
/** A step of a core: feature maps in, feature maps out. A core is a chain of steps (chain.h), so a
 * new layer is a new table of this kind.
 *
 * Between steps stand planar maps of the frames that are live, that is, that the frames read of the
 * core depend on: channel c, live frame t, pixel p at data[c * channel + t * frame + p]. Behind
 * each frame, and behind the last one, INS_TILE_PIXELS floats may be read (and written, with
 * anything).
 */
#ifndef INSILICO_STEP_H
#define INSILICO_STEP_H

#include "arena.h"
#include "insilico/model.h"
#include "kernels/kernels_table.h"

typedef struct ins_maps {
  float *data;
  size_t channel, frame; /* strides, in floats */
} ins_maps;

/** Channels, frames, rows, columns. */
typedef struct ins_size {
  long c, t, h, w;
} ins_size;

/** Frames [first, first + n). */
typedef struct ins_frames {
  long first, n;
} ins_frames;

typedef struct ins_step_request {
  const ins_kernels *kernels;
  size_t n_slots;
  bool gradient;
  bool lanes;       /* the output is lanes: forward_lanes and backward_lanes run */
  ins_size in, out; /* whole sizes */
  /* Of which these frames are live; live_in holds at least what live_out needs. */
  ins_frames live_in, live_out;
} ins_step_request;

typedef struct ins_step_ops {
  const char *name; /* "custom_separable", "max_pool", ... */
  /** Size of the output; a length below 1 when nothing is left. */
  ins_size (*size)(const void *step, ins_size in);
  /** Frames of an input of in_t frames that the output frames depend on; within [0, in_t). */
  ins_frames (*needs)(const void *step, long in_t, ins_frames out);
  ins_status (*plan)(const void *step, const ins_step_request *request, ins_arena *arena,
                     void **plan) INS_CHECKED;
  /** y = step(x) over live frames. What backward needs is kept by slot; x is not kept for it. */
  void (*forward)(void *plan, size_t slot, const ins_maps *x, const ins_maps *y);
  /** dx = (d y / d x)^T dy for the slot's last forward pass; dx is overwritten, dy may be. */
  void (*backward)(void *plan, size_t slot, const ins_maps *dy, const ins_maps *dx);
  /** NULL, or the same for a readout of lanes above the last step, without a detour over planar
   * maps: y and dy are [block][live frame][pixel][lane], blocks of kernels->lanes channels. */
  void (*forward_lanes)(void *plan, size_t slot, const ins_maps *x, float *y);
  void (*backward_lanes)(void *plan, size_t slot, float *dy, const ins_maps *dx);
  /** backward writes nothing behind the frames of dx, so that they may be the stimulus' own. */
  bool tight;
  /** Plain double loops over all frames, contiguous: x [c,t,h,w] -> y. `tape` is what backward
   * needs, in the arena; x and y stay as they are until then. */
  ins_status (*reference)(const void *step, ins_size in, const double *x, double *y,
                          ins_arena *arena, void **tape) INS_CHECKED;
  /** dx is overwritten. */
  void (*reference_backward)(const void *step, void *tape, const double *dy, double *dx);
} ins_step_ops;

/** A step of a core with its weights, immutable; both live as long as the model. */
typedef struct ins_step {
  const ins_step_ops *ops;
  const void *weights;
} ins_step;

#endif
