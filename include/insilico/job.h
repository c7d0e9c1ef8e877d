/* SPDX-License-Identifier: MIT */
/** A job: a YAML file and overrides, validated against the tables of what it names, and frozen.
 *
 * Every complaint names file, line and column (or "override k"), what was expected, and the nearest
 * valid key for a misspelt one. Defaults are filled in, so that what runs is what the results file
 * records.
 */
#ifndef INSILICO_JOB_H
#define INSILICO_JOB_H

#include <math.h>

#include "insilico/hash.h"
#include "insilico/keys.h"

/** One swept key: an axis of the results. */
typedef struct ins_sweep {
  char *key;         /* dotted: "optimizer.lr", "postprocess.0.norm" */
  ins_value *values; /* list of scalars of one kind, distinct, in the order given */
} ins_sweep;

typedef struct ins_job {
  const ins_variant *experiment; /* entry of the registry it was validated against */
  ins_value *settings; /* every key but `sweep` with its value; places kept. A swept key has
                          its first value */
  ins_value *document; /* the file with overrides, before defaults: where ins_job_at starts */
  ins_sweep *sweeps;
  size_t n_sweeps;
  char *path;                /* of the job file */
  char hash[INS_SHA256_HEX]; /* of ins_job_json */
} ins_job;

/** Reads PATH, applies overrides ("key=value", "key=a,b" sweeps, "range(a,b,step)", "+key=",
 * "~key") and validates against the common keys and those of the chosen experiment. Local.
 * @param[in] experiments  registry, ends with name == NULL; must outlive the job
 * @return INS_OK; INS_ERR_ARGUMENT (the job is wrong); INS_ERR_IO (cannot be read); INS_ERR_MEMORY
 */
ins_status ins_job_load(const char *path, const char *const *overrides, size_t n_overrides,
                        const ins_variant *experiments, ins_job **out) INS_CHECKED;
void ins_job_destroy(ins_job **job);
/** What `experiment` says in PATH with overrides applied, before it is looked up anywhere: *name
 * (free()), NULL where it says no text. Errors of reading as ins_job_load. */
ins_status ins_job_experiment(const char *path, const char *const *overrides, size_t n_overrides,
                              char **name) INS_CHECKED;

/** The settings with the swept keys set to values index[s] of sweep s. */
ins_status ins_job_at(const ins_job *job, const size_t *index, ins_value **settings) INS_CHECKED;
/** The resolved job as JSON without what may differ between equal runs: no `output`, no
 * `io` but an alignment that is not the default (it alone shows in the bytes), no other key that is
 * INS_KEY_UNRECORDED, and "(by contents)" for paths of inputs (INS_KEY_CONTENTS). */
ins_status ins_job_json(const ins_job *job, ins_text *out) INS_CHECKED;
/** The files that the job names as inputs, without the model: a map from dotted keys
 * ("stimuli.2.file") to their texts, or lists of texts, in the order of the settings. Keys without
 * a value are left out. */
ins_status ins_job_inputs(const ins_job *job, ins_value **out) INS_CHECKED;
/** For sending between ranks; unpacking looks the experiment up in the registry again. */
ins_status ins_job_pack(const ins_job *job, ins_text *out) INS_CHECKED;
ins_status ins_job_unpack(const void *bytes, size_t n, const ins_variant *experiments,
                          ins_job **out) INS_CHECKED;

/** Can results of the job recorded as `old_json` be gone on with by `job`? INS_OK when they differ
 * in nothing but keys of axes (INS_KEY_AXIS, sweeps' values), what is not recorded any more
 * (INS_KEY_UNRECORDED), and entries that were added to lists of stages (INS_KEY_GROWS); else
 * INS_ERR_ARGUMENT naming the first difference, its old and its new value. */
ins_status ins_job_continues(const ins_job *job, const char *old_json) INS_CHECKED;
/** Where the input that the recorded job has under `key` ("stimuli.2.file", of ins_job_inputs) is
 * in `job`: *now ("stimuli.3.file", free()); NULL where its entry is gone, or `key` lies in no list
 * that grows. */
ins_status ins_job_renumber(const ins_job *job, const char *old_json, const char *key,
                            char **now) INS_CHECKED;

/** Default of `io.alignment` in bytes, as YAML. */
#define INS_JOB_ALIGNMENT "4096"

/** The keys that every job on a model has (experiment, model, session, neurons, sweep, output,
 * ...).
 */
extern const ins_key ins_job_common_keys[];
/** Those that jobs of this experiment have beside its own: ins_job_common_keys; or none, where its
 * own begin with INS_JOB_EXPERIMENT_KEY: an experiment without a model brings all its keys. */
const ins_key *ins_job_common_keys_of(const ins_variant *experiment);

#define INS_JOB_EXPERIMENT_KEY                                                                     \
  {                                                                                                \
    .name = "experiment", .type = INS_KEY_TEXT, .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,        \
    .doc = "what to compute; see `insilico list experiments`"                                      \
  }
#define INS_JOB_SEED_KEY                                                                           \
  {                                                                                                \
    .name = "seed", .type = INS_KEY_INT, .fallback = "0", .flags = INS_KEY_SHAPES, .min = 0,       \
    .max = (double)INFINITY, .doc = "key of all random numbers of the job"                         \
  }
#define INS_JOB_OUTPUT_KEY                                                                         \
  {                                                                                                \
    .name = "output", .type = INS_KEY_TEXT, .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,            \
    .doc = "the results file to write"                                                             \
  }
#define INS_JOB_IO_KEY                                                                             \
  {                                                                                                \
    .name = "io", .type = INS_KEY_GROUP, .flags = INS_KEY_SHAPES | INS_KEY_AXIS,                   \
    .children = ins_job_io_keys, .doc = "how the results file is laid out on the disk and written" \
  }
extern const ins_key ins_job_io_keys[];

#endif
