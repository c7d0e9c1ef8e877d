/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>

#include "insilico/job.h"

static const ins_key unit_keys[] = {
    {.name = "stimulus_rate_hz",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 1e-6,
     .max = 1e6,
     .units = "Hz",
     .doc = "frames a second of the stimulus, instead of what the model file says"},
    {.name = "retina_pixel_size_um",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 1e-6,
     .max = 1e6,
     .units = "um",
     .doc = "side of a stimulus pixel on the retina, instead of what the model file says"},
    {0}};

static const ins_key model_keys[] = {
    {.name = "file",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_REQUIRED | INS_KEY_CONTENTS,
     .doc = "a checkpoint (.ckpt, .pth), a model .h5, or builtin:ground_truth[?neurons=N&seed=S]"},
    {.name = "units",
     .type = INS_KEY_GROUP,
     .children = unit_keys,
     .doc = "corrects what the model file says"},
    {.name = "architecture",
     .type = INS_KEY_FREE,
     .flags = INS_KEY_NULLABLE,
     .doc = "for checkpoints that do not say which model they hold"},
    {0}};

static const ins_key neuron_keys[] = {{.name = "group",
                                       .type = INS_KEY_RANGE,
                                       .flags = INS_KEY_REQUIRED,
                                       .doc = "cell types, by their group numbers"},
                                      {0}};

/* The job as a whole has one value of each: none of them can be swept. */
const ins_key ins_job_common_keys[] = {
    {.name = "experiment",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,
     .doc = "what to compute; see `insilico list experiments`"},
    {.name = "model",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHORTHAND | INS_KEY_SHAPES,
     .children = model_keys,
     .doc = "the model to experiment on"},
    {.name = "session",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "one recording session of the model; null: all, in sorted order"},
    {.name = "neurons",
     .type = INS_KEY_RANGE,
     .fallback = "all",
     .flags = INS_KEY_AXIS,
     .children = neuron_keys,
     .doc = "which neurons, counted from 0 in the session"},
    {.name = "sweep",
     .type = INS_KEY_FREE,
     .flags = INS_KEY_NULLABLE,
     .doc = "dotted keys with lists of values; each becomes an axis of the results"},
    {.name = "seed",
     .type = INS_KEY_INT,
     .fallback = "0",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = INFINITY,
     .doc = "key of all random numbers of the job"},
    {.name = "compat",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "do as openretina does where it is known to differ"},
    {.name = "output",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,
     .doc = "the results file to write"},
    {0}};
