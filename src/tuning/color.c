/* SPDX-License-Identifier: MIT */
/** Which colour a neuron answers to, and whether it compares colours. */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning/resample.h"

enum { PREFERENCE, OPPONENCY, PREFERRED, N_INDICES };

static const ins_index indices[N_INDICES] = {
    [PREFERENCE] =
        {"colour_preference", "", "preference for green against UV",
         "s (g - uv) / (|g| + |uv|), g, uv: responses to `green` and `uv`; s: sign of g + "
         "uv, so that neurons that darkness excites count alike; 1: green only, -1: UV "
         "only. p: |g - uv| of trial means, trials permuted between the two",
         true, true},
    [OPPONENCY] =
        {"colour_opponency_index", "", "opponent against common modulation of colours",
         "(|o| - |w|) / (|o| + |w|), o, w: responses to `opponent` and `white`: 1 for a "
         "pure difference of colours, negative for a sum (after Johnson et al. 2001). p: ||o| - "
         "|w|| of trial means, trials permuted between the two",
         true, true},
    [PREFERRED] =
        {"preferred_colour", "", "number of the preferred colour",
         "place in the list of colours, from 0, of the largest |r| (the first of several)", false,
         false},
};

typedef double (*contrast_of)(double a, double b);

static double preference(double g, double uv) {
  double sum = fabs(g) + fabs(uv);
  return sum > 0 ? (g + uv < 0 ? uv - g : g - uv) / sum : NAN;
}

static double opponency(double o, double w) {
  double sum = fabs(o) + fabs(w);
  return sum > 0 ? (fabs(o) - fabs(w)) / sum : NAN;
}

static double difference(double a, double b) {
  return fabs(a - b);
}

static double difference_of_sizes(double a, double b) {
  return fabs(fabs(a) - fabs(b));
}

/* Two conditions and what is made of them. */
typedef struct pair {
  size_t a, b; /* conditions */
  contrast_of index, statistic;
} pair;

static bool find_pair(const ins_tuning_data *d, const char *a, const char *b, pair *out) {
  bool has_a = false, has_b = false;
  for (size_t i = d->n; i-- > 0;) {
    if (strcmp(d->labels[i], a) == 0) has_a = true, out->a = i;
    if (strcmp(d->labels[i], b) == 0) has_b = true, out->b = i;
  }
  return has_a && has_b;
}

/* trials [2,R] of the two; picks [2,R] and samples are scratch. */
static void use_trials(const ins_statistics *s, const pair *which, size_t n_trials,
                       const double *trials, uint32_t *picks, double *samples, ins_measure *out) {
  double means[2];
  ins_group_means(2, n_trials, trials, NULL, means);
  double real = which->statistic(means[0], means[1]);
  size_t count = 0;
  ins_draws draws = ins_draws_begin(&s->stream, INS_FOR_PERMUTATIONS);
  for (size_t k = 0; k < 2 * n_trials; k++) picks[k] = (uint32_t)k;
  for (size_t i = 0; i < s->n_permutations; i++) {
    ins_draw_permutation(&draws, 2 * n_trials, picks);
    ins_group_means(2, n_trials, trials, picks, means);
    count += ins_reaches(which->statistic(means[0], means[1]), real);
  }
  out->p = ins_p_value(count, s->n_permutations);
  if (n_trials < 2) return;
  draws = ins_draws_begin(&s->stream, INS_FOR_RESAMPLES);
  for (size_t i = 0; i < s->n_resamples; i++) {
    ins_draw_resample(&draws, 2, n_trials, picks);
    ins_group_means(2, n_trials, trials, picks, means);
    samples[i] = which->index(means[0], means[1]);
  }
  ins_interval(s->n_resamples, samples, s->level, &out->low, &out->high);
}

static ins_status compare(const ins_tuning_data *d, const pair *which, ins_measure *out) {
  size_t n_trials = d->n_trials;
  double *trials = NULL, *samples = NULL;
  uint32_t *picks = NULL;
  *out = ins_known(which->index(d->y[which->a], d->y[which->b]));
  if (!out->valid || !d->trials || n_trials == 0) return INS_OK;
  ins_status status = ins_alloc(2 * n_trials, sizeof *trials, &trials);
  if (!status) status = ins_alloc(2 * n_trials, sizeof *picks, &picks);
  if (!status) status = ins_alloc(d->statistics.n_resamples, sizeof *samples, &samples);
  if (status) goto done;
  memcpy(trials, d->trials + which->a * n_trials, n_trials * sizeof *trials);
  memcpy(trials + n_trials, d->trials + which->b * n_trials, n_trials * sizeof *trials);
  if (ins_all_finite(2 * n_trials, trials)) {
    use_trials(&d->statistics, which, n_trials, trials, picks, samples, out);
  }
done:
  ins_free(&trials);
  ins_free(&samples);
  ins_free(&picks);
  return status;
}

/* The largest |r|; none where the neuron is silent. */
static ins_measure preferred(const ins_tuning_data *d) {
  size_t best = 0;
  for (size_t i = 1; i < d->n; i++) {
    if (fabs(d->y[i]) > fabs(d->y[best])) best = i;
  }
  return d->y[best] != 0 ? ins_known((double)best) : ins_unknown();
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  pair green_uv = {.index = preference, .statistic = difference};
  pair opponent_white = {.index = opponency, .statistic = difference_of_sizes};
  ins_status status = INS_OK;
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_unknown();
  if (!data->labels || !ins_all_finite(data->n, data->y)) return INS_OK;
  if (find_pair(data, "green", "uv", &green_uv))
    status = compare(data, &green_uv, &out[PREFERENCE]);
  if (!status && find_pair(data, "opponent", "white", &opponent_white)) {
    status = compare(data, &opponent_white, &out[OPPONENCY]);
  }
  out[PREFERRED] = preferred(data);
  return status;
}

const ins_analysis ins_color_analysis = {
    .name = "color",
    .doc = "preference for green or UV, and opponency of colours",
    .indices = indices,
    .n_indices = N_INDICES,
    .run = run,
};
