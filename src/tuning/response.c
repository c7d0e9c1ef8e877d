/* SPDX-License-Identifier: MIT */
/** What can be said of the responses to any stimulus: how reliable, how strong, how selective. */
#include <math.h>

#include "insilico/memory.h"
#include "tuning/resample.h"

enum {
  QUALITY,
  SNR,
  MOST,
  MEAN,
  LEAST,
  BEST,
  MODULATION,
  SPARSENESS,
  N_INDICES,
};

static const ins_index indices[N_INDICES] = {
    [QUALITY] =
        {"quality_index", "", "quality of responses: signal among all variance",
         "Var_t(mean over repeats) / mean over repeats(Var_t), variances over the frames of "
         "all conditions (Baden et al. 2016): 1 where repeats are alike, about 1/R for noise",
         false, false},
    [SNR] = {"response_snr", "", "signal-to-noise ratio of tuning",
             "variance over conditions of the response without noise / mean over conditions of the "
             "variance over repeats (of R - 1 degrees of freedom)",
             true, false},
    [MOST] = {"response_max", "", "largest response",
              "max r over conditions; interval: bootstrap of the trials of that condition", true,
              false},
    [MEAN] = {"response_mean", "", "mean response", "mean of r over conditions", true, false},
    [LEAST] = {"response_min", "", "smallest response",
               "min r over conditions; interval: bootstrap of the trials of that condition", true,
               false},
    [BEST] = {"best_condition", "", "parameter with the largest response",
              "the first listed of the largest r; of texts their number, from 0", false, false},
    [MODULATION] =
        {"modulation_index", "", "modulation of responses by the parameter",
         "(max r - min r) / (max r + min r), negative responses 0 (Michelson). p: is there "
         "any tuning? Variance of the trial means, trials permuted over conditions",
         true, true},
    [SPARSENESS] =
        {"response_sparseness", "", "sparseness of responses over conditions",
         "(1 - (sum r)^2 / (n sum r^2)) / (1 - 1/n), negative responses 0 (Rolls & Tovee "
         "1995; Vinje & Gallant 2000)",
         true, false},
};

static double variance(size_t n, const double *x, double freedom) {
  double mean = ins_mean_of(n, x), sum = 0;
  for (size_t i = 0; i < n; i++) sum += (x[i] - mean) * (x[i] - mean);
  return sum / freedom;
}

static double sparseness(size_t n, const double *r) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++) {
    double positive = fmax(r[i], 0);
    sum += positive;
    squares += positive * positive;
  }
  double count = (double)n;
  if (n < 2 || !(squares > 0)) return NAN;
  return fmax(0, 1 - sum * sum / (count * squares)) / (1 - 1 / count);
}

static double modulation(size_t n, const double *r) {
  double most = -INFINITY, least = INFINITY;
  for (size_t i = 0; i < n; i++) {
    most = fmax(most, fmax(r[i], 0));
    least = fmin(least, fmax(r[i], 0));
  }
  return n > 1 && most > 0 ? (most - least) / (most + least) : NAN;
}

static double noise_of(const ins_tuning_data *d) {
  double sum = 0;
  if (d->n_trials < 2 || !d->trials) return NAN;
  for (size_t i = 0; i < d->n; i++) {
    sum += variance(d->n_trials, d->trials + i * d->n_trials, (double)(d->n_trials - 1));
  }
  return sum / (double)d->n;
}

/* Frames of all conditions as one trace of n * n_frames, a trace for each repeat. */
static double quality(const ins_tuning_data *d) {
  size_t n_trials = d->trial_traces ? d->n_trials : 0, n_frames = d->n_frames;
  if (n_trials < 2 || n_frames * d->n < 2) return NAN;
  double total = (double)(n_frames * d->n), count = (double)n_trials;
  double of_mean = 0, mean_of = 0, grand = 0;
  for (size_t r = 0; r < n_trials; r++) {
    double sum = 0, spread = 0;
    for (size_t i = 0; i < d->n; i++) {
      const double *trace = d->trial_traces + (i * n_trials + r) * n_frames;
      for (size_t f = 0; f < n_frames; f++) sum += trace[f];
    }
    double mean = sum / total;
    for (size_t i = 0; i < d->n; i++) {
      const double *trace = d->trial_traces + (i * n_trials + r) * n_frames;
      for (size_t f = 0; f < n_frames; f++) spread += (trace[f] - mean) * (trace[f] - mean);
    }
    mean_of += spread / total / count;
    grand += mean / count;
  }
  for (size_t i = 0; i < d->n; i++) {
    for (size_t f = 0; f < n_frames; f++) {
      double sum = 0;
      for (size_t r = 0; r < n_trials; r++) {
        sum += d->trial_traces[(i * n_trials + r) * n_frames + f];
      }
      of_mean += (sum / count - grand) * (sum / count - grand) / total;
    }
  }
  return mean_of > 0 ? of_mean / mean_of : NAN;
}

static double sum_of_squares(const double *means, size_t n) {
  double mean = ins_mean_of(n, means), sum = 0;
  for (size_t i = 0; i < n; i++) sum += (means[i] - mean) * (means[i] - mean);
  return sum;
}

static double permutation_p(const ins_tuning_data *d, uint32_t *picks, double *means) {
  size_t n_permutations = d->statistics.n_permutations, count = 0;
  ins_draws draws = ins_draws_begin(&d->statistics.stream, INS_FOR_PERMUTATIONS);
  for (size_t k = 0; k < d->n * d->n_trials; k++) picks[k] = (uint32_t)k;
  ins_group_means(d->n, d->n_trials, d->trials, picks, means);
  double real = sum_of_squares(means, d->n);
  for (size_t i = 0; i < n_permutations; i++) {
    ins_draw_permutation(&draws, d->n * d->n_trials, picks);
    ins_group_means(d->n, d->n_trials, d->trials, picks, means);
    count += ins_reaches(sum_of_squares(means, d->n), real);
  }
  return ins_p_value(count, n_permutations);
}

/* `most`, `least`: the conditions whose responses are the extremes without noise. */
static void find_intervals(const ins_tuning_data *d, size_t most, size_t least, double noise,
                           uint32_t *picks, double *means, double *samples, ins_measure *out) {
  const ins_statistics *s = &d->statistics;
  size_t n_samples = s->n_resamples, n = d->n;
  ins_draws draws = ins_draws_begin(&s->stream, INS_FOR_RESAMPLES);
  for (size_t i = 0; i < n_samples; i++) {
    ins_draw_resample(&draws, n, d->n_trials, picks);
    ins_group_means(n, d->n_trials, d->trials, picks, means);
    double one[N_INDICES] = {[SNR] = variance(n, means, (double)n) / noise,
                             [MOST] = means[most],
                             [MEAN] = ins_mean_of(n, means),
                             [LEAST] = means[least],
                             [MODULATION] = modulation(n, means),
                             [SPARSENESS] = sparseness(n, means)};
    for (size_t k = 0; k < N_INDICES; k++) samples[k * n_samples + i] = one[k];
  }
  for (size_t k = 0; k < N_INDICES; k++) {
    if (!indices[k].interval || !out[k].valid) continue;
    ins_interval(n_samples, samples + k * n_samples, s->level, &out[k].low, &out[k].high);
  }
}

static ins_status use_trials(const ins_tuning_data *d, size_t most, size_t least,
                             ins_measure *out) {
  uint32_t *picks = NULL;
  double *means = NULL, *samples = NULL;
  ins_status status = ins_alloc(d->n * d->n_trials, sizeof *picks, &picks);
  if (!status) status = ins_alloc(d->n, sizeof *means, &means);
  if (!status) status = ins_alloc(N_INDICES * d->statistics.n_resamples, sizeof *samples, &samples);
  if (status) goto done;
  double noise = noise_of(d);
  if (noise > 0) out[SNR] = ins_known(variance(d->n, d->y, (double)d->n) / noise);
  if (out[MODULATION].valid && d->statistics.n_permutations) {
    out[MODULATION].p = permutation_p(d, picks, means);
  }
  if (d->n_trials > 1 && d->statistics.n_resamples) {
    find_intervals(d, most, least, noise, picks, means, samples, out);
  }
done:
  ins_free(&picks);
  ins_free(&means);
  ins_free(&samples);
  return status;
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_unknown();
  if (!ins_all_finite(data->n, data->y)) return INS_OK;
  size_t most = ins_place_of_largest(data->n, data->y), least = 0;
  for (size_t i = 1; i < data->n; i++) {
    if (data->y[i] < data->y[least]) least = i;
  }
  out[QUALITY] = ins_known(quality(data));
  out[MOST] = ins_known(data->y[most]);
  out[MEAN] = ins_known(ins_mean_of(data->n, data->y));
  out[LEAST] = ins_known(data->y[least]);
  out[BEST] = ins_known(data->labels ? (double)most : data->x[most]);
  out[MODULATION] = ins_known(modulation(data->n, data->y));
  out[SPARSENESS] = ins_known(sparseness(data->n, data->y));
  if (!data->trials || !ins_all_finite(data->n * data->n_trials, data->trials)) return INS_OK;
  return use_trials(data, most, least, out);
}

const ins_analysis ins_response_analysis = {
    .name = "response",
    .doc = "quality, size, modulation and sparseness of the responses to any stimulus",
    .indices = indices,
    .n_indices = N_INDICES,
    .courses = true,
    .run = run,
};
