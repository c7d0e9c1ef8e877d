/* SPDX-License-Identifier: MIT */
/** What the files of the experiment `tuning` share. Private to the room.
 *
 *   tuning.c            keys, stages, the table of operations
 *   tuning_stimulus.c   a stimulus of the job: its parameters, conditions, times
 *   tuning_present.c    its stage: responses, repeats, the number of a curve
 *   tuning_measure.c    the number of a response that curves hold
 *   tuning_curves.c     what one neuron answered, read back from the stages
 *   tuning_analyses.c   which analyses a stimulus gets
 *   tuning_reference.c  settings that stand for a number of each neuron
 *   tuning_refine.c     the stage that searches on from the best condition
 *   tuning_indices.c    the last stage: all indices of each neuron, false-discovery rates
 */
#ifndef INSILICO_EXPERIMENT_TUNING_PARTS_H
#define INSILICO_EXPERIMENT_TUNING_PARTS_H

#include "insilico/generator.h"
#include "insilico/noise.h"
#include "insilico/tuning.h"
#include "receptive_field.h"

enum { INS_TUNING_PARAMETERS = 12, INS_TUNING_REFERENCES = 12, INS_TUNING_CURVES = 12 };

typedef struct ins_tuning ins_tuning;
typedef struct ins_tuned_stimulus ins_tuned_stimulus;

/** A key with several values: an axis of the stimulus's stage. */
typedef struct ins_parameter {
  const ins_key *key;
  size_t n;
  const ins_value *values; /* list of n scalars */
} ins_parameter;

/** A key that stands for FACTOR times an index of each neuron. */
typedef struct ins_reference {
  const ins_key *key;
  double factor, otherwise; /* the key's default, for neurons without that index; NaN: null */
  size_t field;             /* number of an index of the receptive field, or SIZE_MAX: */
  const ins_tuned_stimulus *stimulus; /* of this earlier stimulus */
  size_t curve, index;
  double low, high; /* numbers that it can stand for, where that is known; else NaN */
  int v_used;       /* variable of the number that was used */
} ins_reference;

enum {
  INS_CURVE_CONDITIONS = -1 /* all conditions in a row */,
  INS_CURVE_BEST = -2 /* the best */
};

/** The variables of one index in the root; -1 where it has none. */
typedef struct ins_root_index {
  int value, valid, low, high, p, q, member, member_sd;
} ins_root_index;

/** An analysis of a stimulus along one of its parameters. */
typedef struct ins_tuning_curve {
  const ins_analysis *analysis;
  int parameter;        /* number of the parameter, or: */
  char *prefix;         /* of its variables in the root: "" or "NAME_" */
  bool moving;          /* at conditions that move only */
  ins_root_index *root; /* [n_indices] where they go */
} ins_tuning_curve;

struct ins_tuned_stimulus {
  const ins_tuning *tuning;
  const char *name;
  const ins_variant *kind;
  const ins_generator *generator;
  const ins_value *settings;
  bool at_cell;
  const char *measure; /* of ins_response_measures */
  size_t n_parameters, n_conditions, n_references, n_curves;
  ins_parameter parameters[INS_TUNING_PARAMETERS];
  ins_reference references[INS_TUNING_REFERENCES];
  ins_tuning_curve curves[INS_TUNING_CURVES];
  bool *moves; /* [n_conditions] does something move? */
  /* Times in frames. A clip is `onset` frames of background, the stimulus (`shown` at most), and
   * background; responses are kept from `before` frames ahead of the onset on. */
  size_t onset, before, shown, n_frames, n_kept, first_kept;
  ins_plan *plan; /* made when its stage begins */
  float *clip, *response, *each;
  size_t stage, refine_stage; /* refine_stage 0: none */
  ins_layout *layout;         /* borrowed */
  int v_response, v_curve, v_trials, v_member_response, v_member_curve, v_x, v_y;
  int v_best[INS_TUNING_PARAMETERS]; /* of the root */
  size_t n_search;                   /* most presentations of the refinement, 0: none */
  int v_refined[INS_TUNING_PARAMETERS], v_refined_response, v_grid_response, v_presentations;
};

struct ins_tuning {
  const ins_experiment_context *context;
  ins_selection selection;
  ins_screen screen;
  float trained[INS_MAX_CHANNELS][2]; /* least and greatest number of each channel in training */
  uint64_t seed;
  size_t n_repeats, n_members;
  ins_noise noise;
  size_t n_permutations, n_resamples;
  double level;
  size_t lag, history, ahead; /* frames: T - T', those before the answered one that matter, and
                                 those after it */
  ins_field_stage *field;     /* NULL: no fields are looked for */
  size_t field_stage;
  ins_root_index *field_root; /* [ins_n_field_indices] */
  size_t n_stimuli;
  ins_tuned_stimulus *stimuli;
  size_t root_stage;
  const ins_results *results;
  double *x_um, *y_um; /* [N] places of the cells, NaN where not found; read when needed */
};

/* ---- tuning_stimulus.c ---------------------------------------------------------------------- */
/** Takes in entry `settings` of the job's list: its parameters and references. */
ins_status ins_tuned_stimulus_create(const ins_tuning *tuning, const ins_value *settings,
                                     ins_tuned_stimulus *out) INS_CHECKED;
/** Finds its times, once its references are found. Every condition is tried on the screen, and the
 * clip on the model, so that what cannot be shown is refused now. */
ins_status ins_tuned_stimulus_resolve(ins_tuned_stimulus *stimulus) INS_CHECKED;
/** Says which stimuli leave the numbers that the model was trained on, and by how much. */
ins_status ins_tuning_warn_of_range(const ins_tuning *tuning) INS_CHECKED;
void ins_tuned_stimulus_clear(ins_tuned_stimulus *stimulus);
/** {kind, ...} with single values: those of condition k, references at their defaults. */
ins_status ins_condition_settings(const ins_tuned_stimulus *s, size_t k,
                                  ins_value **out) INS_CHECKED;
/** Indices of condition k, one a parameter; and back. */
void ins_condition_index(const ins_tuned_stimulus *s, size_t k, size_t *index);
size_t ins_condition_number(const ins_tuned_stimulus *s, const size_t *index);
/** A value that a key may have; NaN: null. */
ins_value *ins_number_or_null(double x);
bool ins_parameter_is_text(const ins_parameter *p);
/** What identifies condition k among all: values by their bits, texts by a hash; out
 * [n_parameters]. */
void ins_condition_coordinates(const ins_tuned_stimulus *s, size_t k, int64_t *out);

/* ---- tuning_present.c ----------------------------------------------------------------------- */
ins_status ins_present_declare(ins_tuned_stimulus *s, ins_layout **layout) INS_CHECKED;
ins_status ins_present_begin(ins_tuned_stimulus *s) INS_CHECKED;
/** Gives back what begin took. */
void ins_present_end(ins_tuned_stimulus *s);
ins_status ins_present_compute(ins_tuned_stimulus *s, const ins_batch *batch,
                               const ins_pulse *pulse) INS_CHECKED;
ins_status ins_present_cost(ins_tuned_stimulus *s, double *bytes, double *seconds) INS_CHECKED;
/** Shows `settings` to one neuron, in the plan's slot 0: trace [n_kept], *shown = frames. */
ins_status ins_present_one(ins_tuned_stimulus *s, const ins_value *settings, int64_t neuron,
                           float *trace, size_t *shown) INS_CHECKED;

/** Repeat `repeat` of a neuron's noise-free trace in condition k: out [n_kept]. */
void ins_present_noise(const ins_tuned_stimulus *s, size_t k, int64_t neuron, size_t repeat,
                       const float *trace, double *out);

/* ---- tuning_measure.c ----------------------------------------------------------------------- */
/** The frames of a trace whose number curves hold; found in the response without noise, so that
 * repeats are measured in the same frames and a maximum of noise does not pass for a response. */
typedef struct ins_window {
  size_t first, n;
  double f_hz; /* of measure f1 */
} ins_window;
/** Frames of a stimulus of `shown` frames that its measure leaves out after the onset. */
size_t ins_window_settling(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown);
/** The number of a response without noise, and the frames it is of; work [n_kept] is scratch. */
double ins_window_find(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown,
                       const float *trace, double *work, ins_window *window);
/** The number of another trace in these frames. */
double ins_window_measure(const ins_tuned_stimulus *s, const ins_window *window,
                          const double *trace);
/** What a measure is, for the results file. */
const char *ins_window_formula(const char *measure);

/* ---- tuning_curves.c ------------------------------------------------------------------------ */
/** What neurons [first, first + n) of the selection answered to a stimulus, read in one go. */
typedef struct ins_answers {
  const ins_tuned_stimulus *stimulus;
  size_t first, n;
  float *traces;        /* [condition][n][n_kept] */
  float *curves;        /* [condition][n] */
  float *trials;        /* [condition][n][R] */
  float *member_curves; /* [condition][n][M] */
  float *member_traces; /* [condition][n][M][n_kept] */
} ins_answers;
/** `whole`: with repeats and members; else what a reference needs. */
ins_status ins_answers_read(const ins_tuned_stimulus *s, size_t first, size_t n, bool whole,
                            ins_answers *out) INS_CHECKED;
void ins_answers_clear(ins_answers *answers);
/** Bytes that analysing a neuron's answers takes at most. */
double ins_answers_bytes(const ins_tuned_stimulus *s);
/** Condition of the largest response of neuron i of the answers, among those that move where
 * `moving`; the first when none is a number. */
size_t ins_answers_best(const ins_answers *a, size_t i, bool moving);
/** Response of neuron i to condition k. */
double ins_answers_curve(const ins_answers *a, size_t k, size_t i);
/** Runs the analysis of `curve` for neuron i of the answers (number in the model: `neuron`);
 * `member` SIZE_MAX: of the mean of all. `statistics`: with repeats. */
ins_status ins_answers_analyse(const ins_answers *a, size_t i, int64_t neuron,
                               const ins_tuning_curve *curve, size_t member, bool statistics,
                               ins_measure *out) INS_CHECKED;

/* ---- tuning_analyses.c ---------------------------------------------------------------------- */
/** Finds which analyses a stimulus gets. */
ins_status ins_tuning_curves_find(ins_tuned_stimulus *s) INS_CHECKED;

/* ---- tuning_reference.c --------------------------------------------------------------------- */
/** Finds what the references of a stimulus refer to, among the field and earlier stimuli. */
ins_status ins_references_find(ins_tuning *tuning, ins_tuned_stimulus *s) INS_CHECKED;
/** Sets place and references for neuron i of the selection in `settings`; used[n_references]. */
ins_status ins_references_set(const ins_tuned_stimulus *s, size_t i, ins_value *settings,
                              const double *used) INS_CHECKED;
/** The numbers of the references for neuron i. */
ins_status ins_references_read(const ins_tuned_stimulus *s, size_t i, double *used) INS_CHECKED;
/** Index k of the receptive fields of n neurons of the selection (tasks of that stage). */
ins_status ins_field_index_read(const ins_tuning *t, size_t k, size_t n, const size_t *task,
                                double *value, int8_t *valid) INS_CHECKED;
/** Where stimuli for neuron i are centred: its field, or the middle of the screen. */
void ins_reference_place(const ins_tuned_stimulus *s, size_t i, double *x_um, double *y_um);

/* ---- tuning_refine.c ------------------------------------------------------------------------ */
ins_status ins_refine_declare(ins_tuned_stimulus *s, ins_layout **layout) INS_CHECKED;
ins_status ins_refine_compute(ins_tuned_stimulus *s, const ins_batch *batch,
                              const ins_pulse *pulse) INS_CHECKED;

/* ---- tuning_indices.c ----------------------------------------------------------------------- */
ins_status ins_indices_declare(ins_tuning *t, ins_layout **layout) INS_CHECKED;
ins_status ins_indices_compute(ins_tuning *t, const ins_batch *batch,
                               const ins_pulse *pulse) INS_CHECKED;
/** Bytes that computing takes. */
double ins_indices_bytes(const ins_tuning *t);
ins_status ins_indices_finish(ins_tuning *t, const ins_group *group) INS_CHECKED;

#endif
