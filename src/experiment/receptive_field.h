/* SPDX-License-Identifier: MIT */
/** Receptive fields of model neurons as a stage: one task a neuron. The experiment
 * `receptive_field` is this stage alone; `tuning` begins with it, so that stimuli can be centred on
 * the cells. Private to the room.
 *
 * A field is w[c,lag,y,x], how much the response grows with the stimulus: its derivative at grey,
 * or an estimate of it from noise (docs/receptive-fields.md).
 */
#ifndef INSILICO_EXPERIMENT_RECEPTIVE_FIELD_H
#define INSILICO_EXPERIMENT_RECEPTIVE_FIELD_H

#include "insilico/experiment.h"
#include "insilico/selection.h"

/** How fields are found: keys `method` (gradient: the derivative of one output frame to the
 * stimulus at grey, or averaged over `samples` noise stimuli; sta: spike-triggered average of
 * `noise_frames` frames of white noise), `contrast` of the noise, `frames` of models that remember.
 */
extern const ins_key ins_field_keys[];

/** Codes of the variable `field_method`. */
enum {
  INS_FIELD_AT_GREY,    /* gradient at grey */
  INS_FIELD_OVER_NOISE, /* gradient averaged over noise: asked for, or grey gave none */
  INS_FIELD_TRIGGERED,  /* spike-triggered average */
  INS_FIELD_NONE        /* no field was found: zero, not finite, or not above its noise */
};

typedef struct ins_field_stage ins_field_stage;

/** Declares the stage in a layout of its own, in `group` (NULL: the root): task axis `neuron`;
 * variables `spatial` [y,x], `temporal` [channel,lag], `field_method`, every index of
 * ins_field_indices with its `..._valid`. `settings` are validated ins_field_keys; grey and what
 * contrast means are those of the job's `intensity` (screen.h). `selection` must outlive the stage.
 * @return INS_OK; INS_ERR_SHAPE (the model gives no response), INS_ERR_ARGUMENT,
 * INS_ERR_UNSUPPORTED (as ins_screen_of), INS_ERR_MEMORY */
ins_status ins_field_stage_create(const ins_experiment_context *context, const ins_value *settings,
                                  const ins_selection *selection, const char *group,
                                  ins_field_stage **out, ins_layout **layout) INS_CHECKED;
void ins_field_stage_destroy(ins_field_stage **stage);
/** Rows of each task; memory is taken at the first call. As ins_experiment.compute. */
ins_status ins_field_stage_compute(ins_field_stage *stage, const ins_batch *batch,
                                   const ins_pulse *pulse) INS_CHECKED;
/** Gives the memory for computing back; the next call that needs it takes it again. */
void ins_field_stage_rest(ins_field_stage *stage);
/** Bytes and seconds of a task, as ins_experiment.cost. */
ins_status ins_field_stage_cost(ins_field_stage *stage, double *bytes, double *seconds) INS_CHECKED;
/** Numbers of the variables of index k of ins_field_indices in the stage's layout. */
int ins_field_stage_value(const ins_field_stage *stage, size_t k);
int ins_field_stage_valid(const ins_field_stage *stage, size_t k);

#endif
