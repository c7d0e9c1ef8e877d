/* SPDX-License-Identifier: MIT */
/** Steps of light: ON or OFF, transient or sustained, fast or slow. */
#include <math.h>

#include "tuning/answers.h"
#include "tuning/resample.h"

enum {
  ON_OFF,
  POLARITY,
  TRANSIENCE,
  PLATEAU,
  LATENCY,
  TIME_TO_PEAK,
  AMPLITUDE,
  BASELINE,
  N_INDICES,
};

/* Above, the weaker answer does not reach a third of the stronger. */
#define ONE_SIDED 0.5

static const ins_index indices[N_INDICES] = {
    [ON_OFF] =
        {"on_off_index", "", "ON-OFF index",
         "(on - off) / (on + off), peaks above the baseline (mean before the onset), negative "
         "ones 0. on: during the bright step; off: during the dark step, or after the offset "
         "of the bright one where no dark one was shown (and the reverse for dark alone). Not "
         "valid where neither reaches 0.001 of the largest response (after Akerman et al. "
         "2002; Baden et al. 2016). Interval: bootstrap of trials at the frames of the peaks",
         true, false},
    [POLARITY] = {"polarity", "", "polarity: 1 ON, -1 OFF, 0 both",
                  "sign of on_off_index where its magnitude exceeds 0.5, else 0: the weaker answer "
                  "reaches a third of the stronger",
                  false, false},
    [TRANSIENCE] =
        {"transience", "", "transience of the stronger answer",
         "1 - r(peak + 0.4 s) / r(peak), r above the baseline: 0 sustained, 1 transient, "
         "above 1 with an undershoot (Franke et al. 2017); not valid where the step ends "
         "before. Interval as on_off_index",
         true, false},
    [PLATEAU] = {"plateau_index", "", "plateau of the stronger answer",
                 "mean r over the last 0.2 s of the step / r(peak), r above the baseline (after "
                 "Franke et al. 2017). Interval as on_off_index",
                 true, false},
    [LATENCY] = {"latency_s", "s", "latency of the stronger answer",
                 "from the step to the first half of the peak, frames interpolated linearly", false,
                 false},
    [TIME_TO_PEAK] = {"response_time_to_peak_s", "s", "time to peak of the stronger answer",
                      "from the step to the frame of the peak", false, false},
    [AMPLITUDE] =
        {"response_amplitude", "", "size of the stronger answer",
         "peak above the baseline. p: trials are larger while the answer exceeds half its "
         "peak than in as many frames before the onset; sign flips of trials, one-sided. "
         "Interval as on_off_index",
         true, true},
    [BASELINE] = {"baseline", "", "response before the step", "mean of the frames before the onset",
                  true, false},
};

/* The conditions of the largest contrast of either sign; n where there is none. */
static void find_steps(const ins_tuning_data *d, size_t *bright, size_t *dark) {
  *bright = *dark = d->n;
  for (size_t i = 0; i < d->n; i++) {
    double x = d->x[i];
    if (x > 0 && (*bright == d->n || x > d->x[*bright])) *bright = i;
    if (x < 0 && (*dark == d->n || x < d->x[*dark])) *dark = i;
  }
}

/* While its own step is shown, or after the offset of the other one. */
static ins_answer find_answer(const ins_tuning_data *d, size_t own, size_t other) {
  if (own < d->n) return ins_answer_find(d, own, d->onset, d->offset);
  if (other < d->n) return ins_answer_find(d, other, d->offset, d->n_frames);
  return (ins_answer){0};
}

/* Seconds to the first frame at half the peak, interpolated from the frame before it. */
static double latency_of(const ins_tuning_data *d, const ins_answer *a) {
  const double *trace = d->traces + a->condition * d->n_frames;
  double half = trace[a->peak] - a->size / 2;
  size_t f = a->first;
  while (trace[f] < half) f++;
  double place = (double)(f - a->first);
  if (f > a->first) place -= (trace[f] - half) / (trace[f] - trace[f - 1]);
  return place / d->rate_hz;
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  ins_measure answers_out[INS_N_ANSWER_INDICES];
  size_t bright, dark;
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_unknown();
  if (!data->traces || !ins_all_finite(data->n * data->n_frames, data->traces)) return INS_OK;
  find_steps(data, &bright, &dark);
  ins_answer answers[2] = {find_answer(data, bright, dark), find_answer(data, dark, bright)};
  ins_status status = ins_answers_measure(data, answers, answers_out);
  if (status) return status;
  out[ON_OFF] = answers_out[INS_ANSWER_ON_OFF];
  out[TRANSIENCE] = answers_out[INS_ANSWER_TRANSIENCE];
  out[PLATEAU] = answers_out[INS_ANSWER_PLATEAU];
  out[AMPLITUDE] = answers_out[INS_ANSWER_SIZE];
  out[BASELINE] = answers_out[INS_ANSWER_BASELINE];
  if (out[ON_OFF].valid) {
    double index = out[ON_OFF].value;
    out[POLARITY] = ins_known(fabs(index) > ONE_SIDED ? copysign(1, index) : 0);
  }
  int preferred = ins_answer_preferred(data, answers);
  if (preferred < 0 || !(data->rate_hz > 0)) return INS_OK;
  const ins_answer *best = &answers[preferred];
  out[LATENCY] = ins_known(latency_of(data, best));
  out[TIME_TO_PEAK] = ins_known((double)(best->peak - best->first) / data->rate_hz);
  return INS_OK;
}

const ins_analysis ins_step_analysis = {
    .name = "step",
    .doc = "polarity, transience and latency of the answers to a bright and a dark step",
    .indices = indices,
    .n_indices = N_INDICES,
    .courses = true,
    .run = run,
};
