/* SPDX-License-Identifier: MIT */
#include "tuning/answers.h"

#include <math.h>

#include "insilico/memory.h"
#include "tuning/resample.h"

#define LATER_S   0.4
#define PLATEAU_S 0.2

/* What the indices are made of, all linear in the trace: so the mean of trials has the mean of
 * their parts. */
typedef struct parts {
  double peak, later, plateau, baseline; /* responses, baseline not yet taken off; NaN: no such */
} parts;

static double mean_of_frames(const double *trace, size_t first, size_t end) {
  return ins_mean_of(end - first, trace + first);
}

static size_t frames_before(const ins_tuning_data *d) {
  return d->onset < d->n_frames ? d->onset : d->n_frames;
}

static double baseline_of(const ins_tuning_data *d, const double *trace) {
  size_t before = frames_before(d);
  return before ? mean_of_frames(trace, 0, before) : 0;
}

ins_answer ins_answer_find(const ins_tuning_data *d, size_t condition, size_t first, size_t end) {
  if (end > d->n_frames) end = d->n_frames;
  ins_answer a = {.condition = condition, .first = first, .end = end, .exists = first < end};
  if (!a.exists) return a;
  const double *trace = d->traces + condition * d->n_frames;
  a.peak = first + ins_place_of_largest(end - first, trace + first);
  a.size = trace[a.peak] - baseline_of(d, trace);
  return a;
}

int ins_answer_preferred(const ins_tuning_data *d, const ins_answer answers[2]) {
  double largest = 0, on = answers[0].exists ? answers[0].size : -INFINITY;
  double off = answers[1].exists ? answers[1].size : -INFINITY;
  for (size_t k = 0; k < d->n * d->n_frames; k++) largest = fmax(largest, fabs(d->traces[k]));
  if (!(fmax(on, off) > INS_LEAST_ANSWER * largest)) return -1;
  return off > on;
}

static parts find_parts(const ins_tuning_data *d, const ins_answer *a, const double *trace) {
  parts out = {
      .peak = trace[a->peak], .later = NAN, .plateau = NAN, .baseline = baseline_of(d, trace)};
  if (!(d->rate_hz > 0)) return out;
  /* Rounding, so that 0.4 s of 30 frames a second are 12 frames and not a hair more. */
  double later = (double)a->peak + round(LATER_S * d->rate_hz * 1e6) / 1e6;
  size_t k = (size_t)later, n_plateau = (size_t)round(PLATEAU_S * d->rate_hz);
  double fraction = later - (double)k;
  if (k + (fraction > 0) < a->end) {
    out.later = fraction > 0 ? trace[k] * (1 - fraction) + trace[k + 1] * fraction : trace[k];
  }
  if (n_plateau > 0 && n_plateau < a->end - a->first) {
    out.plateau = mean_of_frames(trace, a->end - n_plateau, a->end);
  }
  return out;
}

/* out[INS_N_ANSWER_INDICES] from the parts of both answers */
static void combine(const ins_answer answers[2], const parts p[2], int preferred, double *out) {
  const parts *best = &p[preferred];
  double on = fmax(p[0].peak - p[0].baseline, 0), off = fmax(p[1].peak - p[1].baseline, 0);
  double size = best->peak - best->baseline;
  bool both = answers[0].exists && answers[1].exists;
  out[INS_ANSWER_ON_OFF] = both && on + off > 0 ? (on - off) / (on + off) : NAN;
  out[INS_ANSWER_TRANSIENCE] = size > 0 ? 1 - (best->later - best->baseline) / size : NAN;
  out[INS_ANSWER_PLATEAU] = size > 0 ? (best->plateau - best->baseline) / size : NAN;
  out[INS_ANSWER_SIZE] = size;
  out[INS_ANSWER_BASELINE] = best->baseline;
}

static const double *trial_of(const ins_tuning_data *d, size_t condition, size_t r) {
  return d->trial_traces + (condition * d->n_trials + r) * d->n_frames;
}

/* Answer minus baseline of one trial, over equally many frames of each, so that with nothing to
 * answer the difference is as often positive as negative. */
static double evoked(const ins_tuning_data *d, const ins_answer *a, const double *trial) {
  const double *trace = d->traces + a->condition * d->n_frames;
  double half = baseline_of(d, trace) + a->size / 2, sum = 0;
  size_t before = frames_before(d), m = 0;
  for (size_t f = a->first; f < a->end && m < before; f++) {
    if (trace[f] < half) continue;
    sum += trial[f];
    m++;
    sum -= trial[before - m];
  }
  return m ? sum / (double)m : 0;
}

static double sign_flip_p(const ins_tuning_data *d, const ins_answer *a, double *differences) {
  size_t n_permutations = d->statistics.n_permutations, count = 0;
  double real = 0;
  if (frames_before(d) == 0) return NAN;
  for (size_t r = 0; r < d->n_trials; r++) {
    differences[r] = evoked(d, a, trial_of(d, a->condition, r));
    real += differences[r];
  }
  ins_draws draws = ins_draws_begin(&d->statistics.stream, INS_FOR_SIGNS);
  for (size_t i = 0; i < n_permutations; i++) {
    double sum = 0;
    for (size_t r = 0; r < d->n_trials; r++) {
      sum += ins_draw_below(&draws, 2) ? differences[r] : -differences[r];
    }
    count += ins_reaches(sum, real);
  }
  return ins_p_value(count, n_permutations);
}

/* The mean of the parts of the picked trials. */
static parts mean_parts(size_t n_trials, const parts *all, const uint32_t *picks) {
  parts sum = {0};
  double share = 1 / (double)n_trials;
  for (size_t r = 0; r < n_trials; r++) {
    const parts *p = &all[picks[r]];
    sum.peak += share * p->peak;
    sum.later += share * p->later;
    sum.plateau += share * p->plateau;
    sum.baseline += share * p->baseline;
  }
  return sum;
}

static void find_intervals(const ins_tuning_data *d, const ins_answer answers[2], int preferred,
                           parts *all, uint32_t *picks, double *samples, ins_measure *out) {
  const ins_statistics *s = &d->statistics;
  size_t n_trials = d->n_trials, n_samples = s->n_resamples;
  for (size_t a = 0; a < 2; a++) {
    for (size_t r = 0; r < n_trials && answers[a].exists; r++) {
      all[a * n_trials + r] = find_parts(d, &answers[a], trial_of(d, answers[a].condition, r));
    }
  }
  /* Both answers of one condition come from the same trials. */
  bool together = answers[0].condition == answers[1].condition;
  ins_draws draws = ins_draws_begin(&s->stream, INS_FOR_RESAMPLES);
  for (size_t i = 0; i < n_samples; i++) {
    ins_draw_resample(&draws, together ? 1 : 2, n_trials, picks);
    const uint32_t *second = together ? picks : picks + n_trials;
    parts means[2] = {mean_parts(n_trials, all, picks),
                      mean_parts(n_trials, together ? all + n_trials : all, second)};
    double one[INS_N_ANSWER_INDICES];
    combine(answers, means, preferred, one);
    for (size_t k = 0; k < INS_N_ANSWER_INDICES; k++) samples[k * n_samples + i] = one[k];
  }
  for (size_t k = 0; k < INS_N_ANSWER_INDICES; k++) {
    if (!out[k].valid) continue;
    ins_interval(n_samples, samples + k * n_samples, s->level, &out[k].low, &out[k].high);
  }
}

static ins_status use_trials(const ins_tuning_data *d, const ins_answer answers[2], int preferred,
                             ins_measure *out) {
  parts *all = NULL;
  uint32_t *picks = NULL;
  double *samples = NULL, *differences = NULL;
  ins_status status = ins_alloc(2 * d->n_trials, sizeof *all, &all);
  if (!status) status = ins_alloc(2 * d->n_trials, sizeof *picks, &picks);
  if (!status) status = ins_alloc(d->n_trials, sizeof *differences, &differences);
  if (!status) {
    status = ins_alloc(INS_N_ANSWER_INDICES * d->statistics.n_resamples, sizeof *samples, &samples);
  }
  if (status) goto done;
  if (d->statistics.n_permutations) {
    out[INS_ANSWER_SIZE].p = sign_flip_p(d, &answers[preferred], differences);
  }
  if (d->n_trials > 1 && d->statistics.n_resamples) {
    find_intervals(d, answers, preferred, all, picks, samples, out);
  }
done:
  ins_free(&all);
  ins_free(&picks);
  ins_free(&samples);
  ins_free(&differences);
  return status;
}

ins_status ins_answers_measure(const ins_tuning_data *d, const ins_answer answers[2],
                               ins_measure *out) {
  double values[INS_N_ANSWER_INDICES];
  parts p[2] = {{0}};
  for (size_t k = 0; k < INS_N_ANSWER_INDICES; k++) out[k] = ins_unknown();
  int preferred = ins_answer_preferred(d, answers);
  for (size_t a = 0; a < 2; a++) {
    if (answers[a].exists) {
      p[a] = find_parts(d, &answers[a], d->traces + answers[a].condition * d->n_frames);
    }
  }
  if (preferred < 0) return INS_OK;
  combine(answers, p, preferred, values);
  for (size_t k = 0; k < INS_N_ANSWER_INDICES; k++) out[k] = ins_known(values[k]);
  if (frames_before(d) == 0) out[INS_ANSWER_BASELINE] = ins_unknown();
  size_t n = d->n * d->n_trials * d->n_frames;
  if (!d->trial_traces || !ins_all_finite(n, d->trial_traces)) return INS_OK;
  return use_trials(d, answers, preferred, out);
}
