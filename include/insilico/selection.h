/* SPDX-License-Identifier: MIT */
/** What experiments share: the neurons a job asks for, the units of its axes, its sweeps. */
#ifndef INSILICO_SELECTION_H
#define INSILICO_SELECTION_H

#include "insilico/experiment.h"
#include "insilico/stimulus.h"

/** Neurons a job asks for, by number in the model. */
typedef struct ins_selection {
  int64_t *neurons;
  size_t n;
} ins_selection;

/** Resolves `session` and `neurons`: with a session, numbers count within it. Unknown sessions are
 * refused with the list of those there are. */
ins_status ins_selection_create(const ins_experiment_context *context,
                                ins_selection *out) INS_CHECKED;
void ins_selection_clear(ins_selection *selection);

/** Adds the axis `neuron`, as a task axis or as one of a variable's own. */
ins_status ins_selection_task_axis(const ins_selection *selection, ins_layout *layout) INS_CHECKED;
ins_status ins_selection_axis(const ins_selection *selection, ins_layout *layout,
                              int *axis) INS_CHECKED;

/** Adds what is known of the neurons along axis `axis`: session, number within it, cell type
 * (group), and the truth of a synthetic retina. */
ins_status ins_selection_describe(const ins_experiment_context *context,
                                  const ins_selection *selection, ins_layout *layout,
                                  int axis) INS_CHECKED;

/** Frame rate in hertz and pixel size in micrometres, from `model.units` of the job, else from
 * data_info where it is a number; NaN when not known. */
double ins_rate_hz(const ins_experiment_context *context);
double ins_pixel_um(const ins_experiment_context *context);

/** Adds the axes channel, frame, y, x of a stimulus, with coordinates in seconds and micrometres
 * where the model says so, else in frames and pixels; of a shape of 0 frames, no axis frame.
 * axes[4] = their numbers. */
ins_status ins_stimulus_axes(const ins_experiment_context *context, const ins_shape *shape,
                             ins_layout *layout, int axes[4]) INS_CHECKED;
/** Adds the axis response_frame: n output frames from `first`, at the time of the stimulus frame
 * that each answers. */
ins_status ins_response_axis(const ins_experiment_context *context, size_t n_frames, size_t first,
                             size_t n, ins_layout *layout, int *axis) INS_CHECKED;
/** Adds one task axis for each swept key of the job. */
ins_status ins_sweep_axes(const ins_job *job, ins_layout *layout) INS_CHECKED;

/** Adds an axis of n members of an ensemble, repeats, ...: its coordinates are 0 to n - 1. */
ins_status ins_count_axis(ins_layout *layout, const char *name, size_t n, const char *long_name,
                          int *axis) INS_CHECKED;
/** *out = n integers as coordinates; the numbers 0 to n - 1. On failure *out = NULL, which
 * ins_layout_axis would take for an axis that has none. */
ins_status ins_coordinates_int(const int64_t *values, size_t n, ins_value **out) INS_CHECKED;
ins_status ins_coordinates_count(size_t n, ins_value **out) INS_CHECKED;

#endif
