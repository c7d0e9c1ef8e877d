/* SPDX-License-Identifier: MIT */
/** What the files of the stage `receptive_field` share: receptive_field.c declares it and writes
 * its rows, receptive_field_measure.c finds the fields. Private to the room. */
#ifndef INSILICO_EXPERIMENT_RECEPTIVE_FIELD_PARTS_H
#define INSILICO_EXPERIMENT_RECEPTIVE_FIELD_PARTS_H

#include "insilico/tuning.h"
#include "receptive_field.h"
#include "screen.h"

/** A stimulus for the output frames that are looked at, each of which sees real frames only: none
 * that padding adds. */
typedef struct ins_field_clip {
  ins_shape shape;
  size_t first_output, n_outputs; /* output frames that are read */
  size_t n_lags;                  /* stimulus frames a field goes back, the last one included */
  long last_lag;                  /* that frame, counted from the one that the output answers */
} ins_field_clip;

/** What was found out about a neuron's field besides w. */
typedef struct ins_field_finding {
  int method;   /* INS_FIELD_AT_GREY, ... */
  double noise; /* as ins_field.noise */
} ins_field_finding;

/** What computing takes; made when it is first needed. */
typedef struct ins_field_work {
  ins_plan *plan;
  float *x, *z, *dx; /* [C,T,H,W]: stimulus, its noise, gradient */
  float *r;          /* [n_outputs][batch] */
  float *row;        /* [H,W] */
  double *w;         /* [batch + 1][C,L,H,W] */
  double (*sums)[2]; /* [batch]: of r and r^2 */
  size_t *start;     /* [n_outputs]: first stimulus frame of the field of an output frame */
  int64_t *neurons;  /* [batch] */
  ins_field_finding *finding; /* [batch] */
  double *spatial, *temporal; /* [H,W], [C,L] */
} ins_field_work;

struct ins_field_stage {
  const ins_experiment_context *context;
  const ins_selection *selection;
  ins_screen screen;
  uint64_t seed;
  bool triggered; /* method sta */
  size_t n_samples, n_noise_frames;
  double contrast;
  ins_field_clip clip;
  size_t batch;
  ins_field_work work;
  int v_spatial, v_temporal, v_method;
  int v_value[INS_N_FIELD_INDICES], v_valid[INS_N_FIELD_INDICES];
};

/** The stimulus for n_outputs output frames; `n_frames`: how far back a field goes in models that
 * remember; `n_clip`: its length, 0: as long as needed.
 * @return INS_OK; INS_ERR_SHAPE: no response, n_clip is too short */
ins_status ins_field_clip_make(const ins_model *model, size_t n_frames, size_t n_outputs,
                               size_t n_clip, ins_field_clip *out) INS_CHECKED;
/** Elements of w. */
static inline size_t ins_field_size(const ins_field_clip *clip) {
  return clip->shape.n_channels * clip->n_lags * ins_shape_frame(&clip->shape);
}
/** Fields of n neurons (numbers in the model, at most a batch) into work.w, one behind the other.
 */
ins_status ins_field_measure(ins_field_stage *s, size_t n, const int64_t *neurons,
                             ins_field_finding *out, const ins_pulse *pulse) INS_CHECKED;
/** Clips of noise that a spike-triggered average takes. */
size_t ins_field_n_clips(const ins_field_stage *s);

#endif
