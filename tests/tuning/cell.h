/* SPDX-License-Identifier: MIT */
/** A neuron with Poisson trials around a curve or traces that a test plants. */
#ifndef INSILICO_TESTS_TUNING_CELL_H
#define INSILICO_TESTS_TUNING_CELL_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/tuning.h"

enum { CELL_CONDITIONS = 24, CELL_TRIALS = 20, CELL_FRAMES = 64, CELL_INDICES = 16 };

typedef struct cell {
  ins_tuning_data data;
  double x[CELL_CONDITIONS], y[CELL_CONDITIONS];
  double trials[CELL_CONDITIONS * CELL_TRIALS];
  double traces[CELL_CONDITIONS * CELL_FRAMES];
  double trial_traces[CELL_CONDITIONS * CELL_TRIALS * CELL_FRAMES];
  ins_measure out[CELL_INDICES];
} cell;

/* A Poisson number of a mean below some hundred, from `stream` elements on. */
static inline double cell_poisson(const ins_stream *stream, uint64_t *element, double mean) {
  double product = 1, u, limit = exp(-mean);
  int n = -1;
  do {
    ins_stream_uniform(stream, (*element)++, 1, &u);
    product *= u;
    n++;
  } while (product > limit);
  return n;
}

/** n conditions at x with responses y; n_trials Poisson trials where n_trials > 0. */
static inline void cell_set(cell *c, uint64_t seed, size_t n, size_t n_trials) {
  ins_stream noise = ins_stream_at(seed, "noise", NULL, 0);
  uint64_t element = 0;
  for (size_t k = 0; k < n * n_trials; k++) {
    c->trials[k] = cell_poisson(&noise, &element, fmax(c->y[k / n_trials], 0));
  }
  c->data = (ins_tuning_data){
      .n = n,
      .x = c->x,
      .y = c->y,
      .n_trials = n_trials,
      .trials = n_trials ? c->trials : NULL,
      .rate_hz = NAN,
      .statistics = {.stream = ins_stream_at(seed, "statistics", NULL, 0),
                     .n_permutations = 400,
                     .n_resamples = 400,
                     .level = 0.95},
  };
}

/** As cell_set, with traces y[i] * course[f] + rest, n_trials with Gaussian noise of an SD. */
static inline void cell_set_traces(cell *c, uint64_t seed, size_t n, size_t n_trials,
                                   size_t n_frames, double rate_hz, double sd) {
  ins_stream noise = ins_stream_at(seed, "traces", NULL, 0);
  cell_set(c, seed, n, n_trials);
  for (size_t i = 0; i < n; i++) {
    for (size_t k = 0; k < n_trials * n_frames; k++) {
      float z;
      ins_stream_normal(&noise, i * n_trials * n_frames + k, 1, &z);
      c->trial_traces[i * n_trials * n_frames + k] =
          c->traces[i * n_frames + k % n_frames] + sd * z;
    }
  }
  c->data.n_frames = n_frames;
  c->data.traces = c->traces;
  c->data.trial_traces = n_trials ? c->trial_traces : NULL;
  c->data.rate_hz = rate_hz;
}

/** The measure of an index by its name. */
static inline const ins_measure *cell_get(const ins_analysis *a, const cell *c, const char *name) {
  for (size_t i = 0; i < a->n_indices; i++) {
    if (strcmp(a->indices[i].name, name) == 0) return &c->out[i];
  }
  abort();
}

/** n directions from first_deg on, equally spaced. */
static inline void cell_directions(cell *c, size_t n, double first_deg) {
  for (size_t i = 0; i < n; i++) c->x[i] = first_deg + 360.0 * (double)i / (double)n;
}

static inline double cell_radians(double deg) {
  return deg * M_PI / 180;
}

#endif
