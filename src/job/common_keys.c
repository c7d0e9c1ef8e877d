/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "insilico/job.h"

static const ins_key unit_keys[] = {
    {.name = "stimulus_rate_hz",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 1e-6,
     .max = 1e6,
     .units = "Hz",
     .doc = "frames a second of the stimulus, instead of what the model file says"},
    {.name = "response_rate_hz",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 1e-6,
     .max = 1e6,
     .units = "Hz",
     .doc = "frames a second of the recorded responses, instead of what the model file says"},
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
     .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS,
     .doc = "a known name, a URL, a checkpoint (.ckpt, .pth), a model .h5, a folder of these (an "
            "ensemble), or builtin:ground_truth[?neurons=N&seed=S]"},
    {.name = "files",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS,
     .doc = "several of these: an ensemble, whose responses are averaged"},
    {.name = "member",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE,
     .min = 0,
     .max = INFINITY,
     .doc = "one member of an ensemble, counted from 0, in place of their mean"},
    {.name = "center_readout",
     .type = INS_KEY_FREE,
     .flags = INS_KEY_NULLABLE,
     .doc = "true: the masks of all neurons are moved to the middle; or there, [y, x] as in "
            "openretina's mask_mean"},
    {.name = "sha256",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE,
     .doc = "refuse the file unless it has this SHA-256"},
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

/* How the results file is made and accessed. All but `alignment` leaves its bytes as they are, and
 * is not recorded in it. */
const ins_key ins_job_io_keys[] = {
    {.name = "stripe_count",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_UNRECORDED,
     .min = 1,
     .max = 1e6,
     .doc = "storage targets that the file is spread over (Lustre); null: as its folder says"},
    {.name = "stripe_size",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_UNRECORDED,
     .min = 65536,
     .max = 4294901760,
     .units = "byte",
     .doc = "how much goes to one of them before the next; null: as its folder says"},
    {.name = "alignment",
     .type = INS_KEY_INT,
     .fallback = INS_JOB_ALIGNMENT,
     .flags = INS_KEY_SHAPES | INS_KEY_AXIS,
     .min = 1,
     .max = 1073741824,
     .units = "byte",
     .doc = "variables of this size or larger begin at multiples of it"},
    {.name = "hints",
     .type = INS_KEY_FREE,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_UNRECORDED,
     .doc = "further hints to MPI-IO (keys of MPI_Info), by name"},
    {0}};

/* The job as a whole has one value of each: none of them can be swept. */
const ins_key ins_job_common_keys[] = {
    INS_JOB_EXPERIMENT_KEY,
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
    INS_JOB_SEED_KEY,
    {.name = "compat",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "do as openretina does where it is known to differ"},
    INS_JOB_OUTPUT_KEY,
    INS_JOB_IO_KEY,
    {0}};

const ins_key *ins_job_common_keys_of(const ins_variant *experiment) {
  static const ins_key none[] = {{0}};
  for (const ins_key *key = experiment->keys; key && key->name; key++)
    if (strcmp(key->name, "experiment") == 0) return none;
  return ins_job_common_keys;
}
