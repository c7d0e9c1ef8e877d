/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "insilico/memory.h"
#include "tuning/log_gaussian.h"
#include "tuning/resample.h"

enum { F1_F0 = INS_LOG_VALUES, F2_F1, N_INDICES };

/* In the order of log_gaussian.h, then F1/F0 and F2/F1. */
static const ins_index indices[] = {
    INS_LOG_FREQUENCY_INDICES("temporal_frequency", "hz", "Hz", "temporal frequency",
                              "temporal frequencies", "2 s sqrt(2 ln 2) of the log-Gaussian"),
    {.name = "f1_f0",
     .units = "1",
     .long_name = "response modulated at the stimulus frequency over the mean response, at the "
                  "best condition; above 1: follows the cycles (linear, 'simple')",
     .source = "F1 / F0 over whole cycles from onset to offset, without the first cycle when there "
               "are more than two; F0 above the mean before onset (Skottun et al. 1991)",
     .interval = true},
    {.name = "f2_f1",
     .units = "1",
     .long_name = "response at twice the stimulus frequency over that at the frequency itself, at "
                  "the best condition; above 1: frequency doubling (nonlinear, Y-like)",
     .source = "F2 / F1 over the same cycles (Hochstein & Shapley 1976, for one spatial phase)",
     .interval = true},
};

/* The frames over which harmonics are taken, and their frequency. */
typedef struct cycles {
  size_t condition, first, n_frames;
  double frequency_hz;
} cycles;

/* At the condition of the greatest response; false without any frame from onset to offset. */
static bool find_cycles(const ins_tuning_data *data, cycles *out) {
  double best = 0;
  size_t end = data->offset < data->n_frames ? data->offset : data->n_frames;
  *out = (cycles){.condition = data->n, .first = data->onset};
  for (size_t i = 0; i < data->n; i++) {
    if (!(data->x[i] > 0) || !isfinite(data->x[i]) || !isfinite(data->y[i])) continue;
    if (out->condition < data->n && !(data->y[i] > best)) continue;
    best = data->y[i];
    out->condition = i;
  }
  if (out->condition == data->n || !data->traces || !(data->rate_hz > 0) || end <= data->onset)
    return false;
  out->frequency_hz = data->x[out->condition];
  double cycle = data->rate_hz / out->frequency_hz, n_cycles = (double)(end - data->onset) / cycle;
  /* The first cycle is that of the onset's transient. */
  if (n_cycles > 2) out->first += (size_t)cycle;
  out->n_frames = end - out->first;
  return true;
}

static void take_ratios(const ins_tuning_data *data, const cycles *c, const double *trace,
                        double ratio[2]) {
  double amplitude[3];
  double before = data->onset > 0 ? ins_mean_of(data->onset, trace) : 0;
  ins_harmonics(trace + c->first, c->n_frames, data->rate_hz, c->frequency_hz, amplitude);
  double f0 = amplitude[0] - before;
  ratio[0] = f0 > 0 ? amplitude[1] / f0 : NAN;
  /* Of a response that does not follow the stimulus only rounding is left in F1. */
  ratio[1] = amplitude[1] > 1e-9 * fabs(amplitude[0]) ? amplitude[2] / amplitude[1] : NAN;
}

static ins_status add_intervals(const ins_tuning_data *data, const cycles *c, ins_measure *out) {
  size_t n_trials = data->n_trials, n = data->statistics.n_resamples;
  const double *trials = data->trial_traces;
  double *mean = NULL, *found = NULL, ratio[2];
  uint32_t *picks = NULL;
  if (!trials || n_trials < 2 || n == 0) return INS_OK;
  trials += c->condition * n_trials * data->n_frames;
  if (n > INS_CURVE_RESAMPLES) n = INS_CURVE_RESAMPLES;
  ins_status status = ins_alloc(data->n_frames, sizeof *mean, &mean);
  if (status == INS_OK) status = ins_alloc(n_trials, sizeof *picks, &picks);
  if (status == INS_OK) status = ins_alloc(2 * n, sizeof *found, &found);
  if (status != INS_OK) goto done;
  ins_draws draws = ins_draws_begin(&data->statistics.stream, INS_FOR_RESAMPLES);
  for (size_t b = 0; b < n; b++) {
    ins_draw_resample(&draws, 1, n_trials, picks);
    for (size_t t = 0; t < data->n_frames; t++) {
      mean[t] = 0;
      for (size_t r = 0; r < n_trials; r++)
        mean[t] += trials[picks[r] * data->n_frames + t] / (double)n_trials;
    }
    take_ratios(data, c, mean, ratio);
    found[b] = ratio[0];
    found[n + b] = ratio[1];
  }
  for (int k = 0; k < 2; k++)
    if (out[k].valid)
      ins_interval(n, found + (size_t)k * n, data->statistics.level, &out[k].low, &out[k].high);
done:
  ins_free(&mean);
  ins_free(&picks);
  ins_free(&found);
  return status;
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  static const ins_curve_kind kind = {ins_log_takes, ins_log_gaussian_measure, ins_curve_modulation,
                                      INS_LOG_VALUES};
  double ratio[2];
  cycles c;
  out[F1_F0] = out[F2_F1] = ins_unknown();
  ins_status status = ins_curve_analyse(data, &kind, indices, out);
  if (status != INS_OK || !find_cycles(data, &c)) return status;
  take_ratios(data, &c, data->traces + c.condition * data->n_frames, ratio);
  out[F1_F0] = ins_known(ratio[0]);
  out[F2_F1] = ins_known(ratio[1]);
  return add_intervals(data, &c, out + F1_F0);
}

const ins_analysis ins_temporal_frequency_analysis = {
    .name = "temporal_frequency",
    .doc = "preferred temporal frequency, bandwidth and cut-offs, by a log-Gaussian fit (five "
           "frequencies above 0), and the harmonics F1/F0 and F2/F1 at the best one",
    .indices = indices,
    .n_indices = N_INDICES,
    .courses = true,
    .run = run,
};
