/* SPDX-License-Identifier: MIT */
/** Stimulus optimisation: gradient descent on loss = -objective + penalties, one stimulus at a
 * time.
 *
 * Each iteration, as openretina's optimize_stimulus: loss and gradient; optimiser step;
 * postprocessors in list order; stop check on the loss from before the step.
 */
#ifndef INSILICO_OPTIMISE_H
#define INSILICO_OPTIMISE_H

#include "insilico/objective.h"
#include "insilico/optimizer.h"
#include "insilico/penalty.h"
#include "insilico/plan.h"
#include "insilico/postprocess.h"
#include "insilico/pulse.h"

extern const ins_key ins_stop_keys[];

/** The keys that an optimisation reads, for the key tables of experiments that have one. */
#define INS_OPTIMISATION_KEYS                                                                      \
  {.name = "objective",                                                                            \
   .type = INS_KEY_CHOICE,                                                                         \
   .fallback = "increase",                                                                         \
   .variants = ins_objectives,                                                                     \
   .doc = "what to increase"},                                                                     \
      {.name = "optimizer",                                                                        \
       .type = INS_KEY_CHOICE,                                                                     \
       .fallback = "{kind: sgd, lr: 10.0}",                                                        \
       .variants = ins_optimizers,                                                                 \
       .doc = "how a step is made of a gradient"},                                                 \
      {.name = "stop", .type = INS_KEY_GROUP, .children = ins_stop_keys, .doc = "when to stop"},   \
      {.name = "postprocess",                                                                      \
       .type = INS_KEY_CHOICES,                                                                    \
       .fallback = "[]",                                                                           \
       .variants = ins_postprocessors,                                                             \
       .doc = "what is done to the stimulus after every step, in this order"},                     \
  {                                                                                                \
    .name = "penalties", .type = INS_KEY_CHOICES, .fallback = "[]", .variants = ins_penalties,     \
    .doc = "what is added to the loss"                                                             \
  }

/** Why an optimisation ended: data, not an error. Stored; never renumber. */
typedef enum ins_outcome {
  INS_OUTCOME_LIMIT = 0,     /* reached stop.max_iterations */
  INS_OUTCOME_PATIENCE = 1,  /* stop.patience iterations without improvement */
  INS_OUTCOME_NON_FINITE = 2 /* the loss was no longer finite */
} ins_outcome;
#define INS_OUTCOME_FLAGS "0 iteration limit, 1 patience, 2 non-finite loss"

typedef struct ins_optimisation ins_optimisation;

/** Makes an optimisation from validated settings (INS_OPTIMISATION_KEYS) for stimuli of `shape` and
 * responses of n_frames output frames and n_neurons neurons. Local.
 * @return INS_OK; INS_ERR_ARGUMENT (a setting does not fit the shape); INS_ERR_MEMORY */
ins_status ins_optimisation_create(const ins_value *settings, const ins_shape *shape,
                                   size_t n_frames, size_t n_neurons, bool compat,
                                   ins_optimisation **out) INS_CHECKED;
void ins_optimisation_destroy(ins_optimisation **optimisation);
/** Output frames that the plan must read, and the most iterations. */
void ins_optimisation_window(const ins_optimisation *optimisation, size_t *first, size_t *n);
size_t ins_optimisation_limit(const ins_optimisation *optimisation);

/** What one optimisation leaves. Arrays are the caller's; best and traces may not be NULL. */
typedef struct ins_optimised {
  float *best;                           /* [C,T,H,W] the postprocessed stimulus of least loss */
  float *objective_trace;                /* [limit] before step i; NaN after the end */
  float *loss_trace;                     /* [limit] */
  double objective_best, objective_last; /* of `best` and of the last stimulus */
  size_t n_iterations, iteration_best;   /* steps made; step after which `best` was reached */
  ins_outcome outcome;
} ins_optimised;

/** Optimises x [C,T,H,W] in place (it holds the last stimulus afterwards) on a plan of
 * ins_optimisation_window with one slot, its neurons selected.
 * @param postprocess_first  apply the postprocessors to the initial stimulus too
 * @return INS_OK; INS_ERR_NUMERIC (a postprocessor failed); INS_ERR_STOPPED (by the pulse) */
ins_status ins_optimise(ins_optimisation *optimisation, ins_plan *plan, bool postprocess_first,
                        float *x, ins_optimised *result, const ins_pulse *pulse) INS_CHECKED;

#endif
