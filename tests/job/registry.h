/* SPDX-License-Identifier: MIT */
/** Experiments as they could be declared, and jobs written to a file for a test. */
#ifndef INSILICO_TESTS_JOB_REGISTRY_H
#define INSILICO_TESTS_JOB_REGISTRY_H

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/job.h"

#include "cmocka_all.h"

static const ins_key slice_keys[] = {
    {.name = "start", .type = INS_KEY_INT, .flags = INS_KEY_REQUIRED, .max = INFINITY},
    {.name = "length", .type = INS_KEY_INT, .fallback = "10", .min = 1, .max = INFINITY},
    {0}};

static const ins_variant reducers[] = {
    {"mean", "over all frames", NULL, NULL}, {"slice_mean", "over some", slice_keys, NULL}, {0}};

static const ins_key increase_keys[] = {
    {.name = "reduce", .type = INS_KEY_CHOICE, .fallback = "mean", .variants = reducers}, {0}};
static const ins_key layer_keys[] = {
    {.name = "channel", .type = INS_KEY_INT, .flags = INS_KEY_REQUIRED, .max = INFINITY},
    {.name = "reduce",
     .type = INS_KEY_CHOICE,
     .fallback = "{kind: slice_mean, start: 5}",
     .variants = reducers},
    {0}};

static const ins_variant objectives[] = {{"increase", "more", increase_keys, NULL},
                                         {"decrease", "less", increase_keys, NULL},
                                         {"inner_neuron", "inside", layer_keys, NULL},
                                         {0}};

static const ins_key sgd_keys[] = {
    {.name = "lr", .type = INS_KEY_REAL, .fallback = "10", .min = DBL_MIN, .max = INFINITY},
    {.name = "momentum", .type = INS_KEY_REAL, .fallback = "0", .min = 0, .max = 1},
    {.name = "nesterov", .type = INS_KEY_BOOL, .fallback = "false"},
    {0}};
static const ins_key adam_keys[] = {
    {.name = "lr", .type = INS_KEY_REAL, .fallback = "1e-3", .min = DBL_MIN, .max = INFINITY},
    {.name = "eps", .type = INS_KEY_REAL, .fallback = "1e-8", .min = 0, .max = 1},
    {0}};
static const ins_variant optimizers[] = {
    {"sgd", "torch's SGD", sgd_keys, NULL}, {"adam", "torch's Adam", adam_keys, NULL}, {0}};

static const ins_key norm_clip_keys[] = {
    {.name = "norm", .type = INS_KEY_REAL, .flags = INS_KEY_REQUIRED, .max = 1000, .units = "SD"},
    {.name = "range", .type = INS_KEY_BOUNDS, .flags = INS_KEY_NULLABLE},
    {0}};
static const ins_key gaussian_keys[] = {
    {.name = "sigma", .type = INS_KEY_REAL, .fallback = "0.5", .min = 0, .max = 100},
    {.name = "size", .type = INS_KEY_INT, .fallback = "5", .min = 1, .max = 99},
    {0}};
static const ins_variant postprocessors[] = {{"norm_clip", "norm, then clip", norm_clip_keys, NULL},
                                             {"temporal_gaussian", "blur", gaussian_keys, NULL},
                                             {0}};

static const ins_key init_keys[] = {
    {.name = "file", .type = INS_KEY_TEXT, .flags = INS_KEY_NULLABLE},
    {.name = "std", .type = INS_KEY_REAL, .fallback = "0.1", .min = 0, .max = 100},
    {0}};
static const ins_key stimulus_keys[] = {{.name = "frames",
                                         .type = INS_KEY_INT,
                                         .fallback = "50",
                                         .flags = INS_KEY_SHAPES,
                                         .min = 1,
                                         .max = 100000,
                                         .units = "frames"},
                                        {.name = "init",
                                         .type = INS_KEY_GROUP,
                                         .flags = INS_KEY_SHORTHAND,
                                         .children = init_keys,
                                         .doc = "the first stimulus"},
                                        {0}};
static const ins_key stop_keys[] = {
    {.name = "max_iterations", .type = INS_KEY_INT, .fallback = "10", .min = 1, .max = INFINITY},
    {.name = "patience", .type = INS_KEY_INT, .flags = INS_KEY_NULLABLE, .min = 1, .max = INFINITY},
    {0}};

static const ins_key optimization_keys[] = {
    {.name = "seeds", .type = INS_KEY_RANGE, .fallback = "0", .flags = INS_KEY_AXIS},
    {.name = "stimulus", .type = INS_KEY_GROUP, .children = stimulus_keys},
    {.name = "objective",
     .type = INS_KEY_CHOICE,
     .flags = INS_KEY_REQUIRED,
     .variants = objectives,
     .doc = "what to increase"},
    {.name = "optimizer", .type = INS_KEY_CHOICE, .fallback = "sgd", .variants = optimizers},
    {.name = "stop", .type = INS_KEY_GROUP, .children = stop_keys},
    {.name = "postprocess", .type = INS_KEY_CHOICES, .fallback = "[]", .variants = postprocessors},
    {.name = "filters",
     .type = INS_KEY_CHOICES,
     .fallback = "[temporal_gaussian]",
     .variants = postprocessors},
    {.name = "mask", .type = INS_KEY_GROUP, .flags = INS_KEY_NULLABLE, .children = init_keys},
    {.name = "note", .type = INS_KEY_TEXT, .fallback = "none"},
    {.name = "layers", .type = INS_KEY_RANGE, .flags = INS_KEY_NULLABLE},
    {.name = "room",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_UNRECORDED,
     .max = 100},
    {0}};

/* Stages that are listed. */
static const ins_key clusters_keys[] = {
    {.name = "name", .type = INS_KEY_TEXT, .flags = INS_KEY_NULLABLE},
    {.name = "k", .type = INS_KEY_INT, .fallback = "3", .min = 1, .max = 99},
    {.name = "seeds", .type = INS_KEY_RANGE, .fallback = "0", .flags = INS_KEY_AXIS},
    {0}};
static const ins_key movie_of_keys[] = {
    {.name = "file", .type = INS_KEY_TEXT, .flags = INS_KEY_REQUIRED | INS_KEY_CONTENTS}, {0}};
static const ins_variant listed_stages[] = {
    {"clusters", "groups", clusters_keys, NULL}, {"movie", "a file", movie_of_keys, NULL}, {0}};
static const ins_key listing_keys[] = {
    {.name = "analyses",
     .type = INS_KEY_CHOICES,
     .flags = INS_KEY_REQUIRED | INS_KEY_GROWS,
     .variants = listed_stages},
    {.name = "films", .type = INS_KEY_CHOICES, .fallback = "[]", .variants = listed_stages},
    {0}};

static const ins_variant test_experiments[] = {
    {"stimulus_optimization", "most exciting inputs", optimization_keys, NULL},
    {"response", "responses", NULL, NULL},
    {"listing", "stages that are listed", listing_keys, NULL},
    {0}};

/* The job of the documentation. */
static const char full_job[] =
    "experiment: stimulus_optimization\n"
    "model: hoefling_2024_low_res\n"
    "session: 1_ventral1_20200226\n"
    "neurons: 0:50\n"
    "seeds: 0:10\n"
    "stimulus: {frames: 50, init: {std: 0.1}}\n"
    "objective: {kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}\n"
    "optimizer: {kind: sgd, lr: 10.0}\n"
    "stop: {max_iterations: 100, patience: 10}\n"
    "postprocess:\n"
    "  - {kind: norm_clip, norm: 5.0, range: {green: [-0.654, 6.269], uv: [-0.913, null]}}\n"
    "sweep: {optimizer.lr: [1, 10]}\n"
    "output: results/mei.h5\n";

/* Everything that is required. */
static const char short_job[] =
    "experiment: stimulus_optimization\nmodel: m.ckpt\nobjective: increase\noutput: o.h5\n";

/* Loads a job of n bytes from a file that is gone afterwards. */
static inline ins_status load_bytes(const char *bytes, size_t n, const char *const *overrides,
                                    size_t n_overrides, ins_job **job) {
  char path[] = "job_XXXXXX.yaml";
  int file = mkstemps(path, 5);
  assert_true(file >= 0);
  assert_int_equal(write(file, bytes, n), (ssize_t)n);
  close(file);
  ins_status status = ins_job_load(path, overrides, n_overrides, test_experiments, job);
  unlink(path);
  return status;
}

static inline ins_status load_text(const char *text, const char *const *overrides,
                                   size_t n_overrides, ins_job **job) {
  return load_bytes(text, strlen(text), overrides, n_overrides, job);
}

/* Loads what must be a good job, with overrides up to a NULL. */
static inline ins_job *good_job(const char *text, const char *const *overrides) {
  size_t n = 0;
  ins_job *job = NULL;
  while (overrides && overrides[n]) n++;
  ins_status status = load_text(text, overrides, n, &job);
  if (status != INS_OK) print_error("%s\n", ins_message());
  assert_int_equal(status, INS_OK);
  return job;
}
#define OVERRIDES(...)                                                                             \
  (const char *const[]) {                                                                          \
    __VA_ARGS__, NULL                                                                              \
  }

/* JSON of a part of the settings; free it. */
static inline char *json_at(const ins_value *settings, const char *path) {
  ins_text text = {0};
  const ins_value *value = ins_value_at(settings, path);
  if (!value) return strdup("absent");
  ins_value_json(value, SIZE_MAX, &text);
  return text.data;
}

static inline void assert_json(const ins_value *settings, const char *path, const char *expected) {
  char *json = json_at(settings, path);
  assert_string_equal(json, expected);
  free(json);
}

#endif
