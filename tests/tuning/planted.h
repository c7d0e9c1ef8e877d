/* SPDX-License-Identifier: MIT */
/** Neurons whose tuning curve is known. */
#ifndef INSILICO_TESTS_TUNING_PLANTED_H
#define INSILICO_TESTS_TUNING_PLANTED_H

#include <math.h>
#include <time.h>

#include "cmocka_all.h"
#include "insilico/tuning.h"

enum { PLANTED_CONDITIONS = 24, PLANTED_REPEATS = 20, PLANTED_INDICES = 16 };

/** Conditions, responses and, with repeats, Poisson counts around them. */
typedef struct planted {
  ins_tuning_data data;
  double x[PLANTED_CONDITIONS], y[PLANTED_CONDITIONS];
  double trials[PLANTED_CONDITIONS * PLANTED_REPEATS];
  ins_measure out[PLANTED_INDICES];
} planted;

/** n conditions spaced evenly between low and high, or evenly in their logarithms. */
static inline void planted_axis(planted *p, size_t n, double low, double high, bool logarithmic) {
  *p = (planted){.data = {.n = n, .x = p->x, .y = p->y, .rate_hz = NAN}};
  p->data.statistics.level = 0.95;
  for (size_t i = 0; i < n; i++) {
    double share = (double)i / (double)(n - 1);
    p->x[i] = logarithmic ? low * pow(high / low, share) : low + (high - low) * share;
  }
}

/** One Poisson number by inversion. */
static inline double planted_poisson(double mean, double uniform) {
  double term = exp(-mean), sum = term;
  int k = 0;
  while (sum < uniform && k < 1000) {
    term *= mean / ++k;
    sum += term;
  }
  return k;
}

/** Trials around the responses, and the statistics of neuron `number`. */
static inline void planted_noise(planted *p, int64_t number) {
  ins_stream stream = ins_stream_at(7, "planted", &number, 1);
  size_t n_all = p->data.n * PLANTED_REPEATS;
  double uniform[PLANTED_CONDITIONS * PLANTED_REPEATS];
  ins_stream_uniform(&stream, 0, n_all, uniform);
  for (size_t i = 0; i < n_all; i++)
    p->trials[i] = planted_poisson(p->y[i / PLANTED_REPEATS], uniform[i]);
  p->data.trials = p->trials;
  p->data.n_trials = PLANTED_REPEATS;
  p->data.statistics = (ins_statistics){.stream = ins_stream_at(7, "statistics", &number, 1),
                                        .n_permutations = 199,
                                        .n_resamples = 200,
                                        .level = 0.95};
}

static inline void planted_run(planted *p, const ins_analysis *analysis) {
  assert_true(analysis->n_indices <= PLANTED_INDICES);
  assert_int_equal(analysis->run(&p->data, p->out), INS_OK);
  for (size_t k = 0; k < analysis->n_indices; k++) {
    const ins_measure *m = &p->out[k];
    if (m->valid ? !isfinite(m->value) : !isnan(m->value) || !isnan(m->low) || !isnan(m->p))
      fail_msg("%s: valid %d, value %g, low %g, p %g", analysis->indices[k].name, m->valid,
               m->value, m->low, m->p);
    if (!analysis->indices[k].interval) assert_true(isnan(m->low) && isnan(m->high));
    if (!analysis->indices[k].test) assert_true(isnan(m->p));
  }
}

static inline const ins_measure *planted_find(const planted *p, const ins_analysis *analysis,
                                              const char *name) {
  for (size_t k = 0; k < analysis->n_indices; k++)
    if (!strcmp(analysis->indices[k].name, name)) return &p->out[k];
  fail_msg("%s has no index %s", analysis->name, name);
  return NULL;
}

/** The index `name` was recovered: within `tolerance` of the truth, as a share of it. */
static inline void planted_expect(const planted *p, const ins_analysis *analysis, const char *name,
                                  double truth, double tolerance) {
  const ins_measure *m = planted_find(p, analysis, name);
  if (!m->valid || fabs(m->value - truth) > tolerance * fmax(fabs(truth), 1e-12))
    fail_msg("%s = %.9g (valid %d), planted %.9g", name, m->value, m->valid, truth);
}

static inline void planted_expect_unknown(const planted *p, const ins_analysis *analysis,
                                          const char *name) {
  const ins_measure *m = planted_find(p, analysis, name);
  if (m->valid) fail_msg("%s = %.9g should not be valid", name, m->value);
}

static inline bool planted_covers(const planted *p, const ins_analysis *analysis, const char *name,
                                  double truth) {
  const ins_measure *m = planted_find(p, analysis, name);
  return m->valid && m->low <= truth && truth <= m->high;
}

/** Input that says nothing: flat, silent, not finite, one condition, none. No value, or a finite
 * one. */
static inline void planted_survives_nonsense(const ins_analysis *analysis, double low,
                                             double high) {
  const double odd[] = {0, 1, -1, 1e-300, 1e300, -1e300, NAN, INFINITY, -INFINITY};
  const size_t sizes[] = {0, 1, 2, 3, 5, 12};
  planted p;
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    for (size_t a = 0; a < 9; a++) {
      for (size_t b = 0; b < 9; b++) {
        planted_axis(&p, 12, low, high, true);
        p.data.n = sizes[s];
        for (size_t i = 0; i < p.data.n; i++) p.y[i] = odd[i % 3 == 1 ? b : a];
        if (b % 2) p.x[0] = odd[a];
        planted_run(&p, analysis);
        p.data.trials = p.trials;
        p.data.n_trials = 2;
        p.data.statistics.n_permutations = p.data.statistics.n_resamples = 4;
        for (size_t i = 0; i < 2 * p.data.n; i++) p.trials[i] = p.y[i / 2] + (double)(i % 2);
        planted_run(&p, analysis);
      }
    }
  }
}

#endif
