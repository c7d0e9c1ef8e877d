/* SPDX-License-Identifier: MIT */
/** Direction and orientation: vector sums, and the first singular vector of Baden et al. (2016). */
#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning/angles.h"
#include "tuning/first_component.h"
#include "tuning/resample.h"

/* A profile that varies by less than this share of its size is flat. */
#define FLAT 1e-9

enum {
  DSI,
  DSI_VECTOR,
  PREFERRED,
  PREFERRED_NULL,
  WIDTH,
  OSI,
  OSI_VECTOR,
  ORIENTATION,
  N_INDICES,
};

static const ins_index indices[N_INDICES] = {
    [DSI] =
        {"dsi", "", "direction selectivity index of the first singular vector",
         "Baden et al. 2016: SVD of [direction, time] traces above the baseline (mean before "
         "the onset, over all directions); v: its direction vector, signed as the responses, "
         "scaled to 0..1; c |sum w v e^(i a)| / sum w v; w: bin widths; c = (d/2)/sin(d/2) for "
         "bins of mean width d (Zar 1999, eq. 26.16), so up to c, not 1. p: trials projected on "
         "the time course, permuted over directions; interval: bootstrap of the projected "
         "trials",
         true, true},
    [DSI_VECTOR] = {"dsi_vector_sum", "", "direction selectivity index of the plain vector sum",
                    "|sum w r e^(i a)| / sum w r, r: responses, negative ones 0, w: bin widths "
                    "(Mazurek et al. 2014, 1 - DirCV). p: length of the sum of trial means, trials "
                    "permuted over directions; interval: bootstrap of trials",
                    true, true},
    [PREFERRED] = {"preferred_direction_deg", "degree", "preferred direction of motion",
                   "angle of sum w r e^(i a), 0..360; not valid where the sum vanishes. Interval: "
                   "bootstrap of trials, unwrapped around the value (it may leave 0..360)",
                   true, false},
    [PREFERRED_NULL] =
        {"dsi_preferred_null", "", "preferred against opposite direction",
         "(R_pref - R_null) / (R_pref + R_null), R_pref the largest response, R_null "
         "that to the opposite direction, interpolated linearly where it was not "
         "shown; negative responses 0 (Niell & Stryker 2008)",
         true, false},
    [WIDTH] = {"direction_tuning_width_deg", "degree", "width of direction tuning",
               "circular standard deviation sqrt(-2 ln dsi_vector_sum) (Zar 1999, eq. 26.21)", true,
               false},
    [OSI] = {"osi", "", "orientation selectivity index of the first singular vector",
             "as dsi, with e^(2 i a) and bins on the doubled circle (Baden et al. 2016)", true,
             true},
    [OSI_VECTOR] =
        {"osi_vector_sum", "", "orientation selectivity index of the plain vector sum",
         "|sum w r e^(2 i a)| / sum w r, as dsi_vector_sum (1 - circular variance, Ringach "
         "et al. 2002)",
         true, true},
    [ORIENTATION] =
        {"preferred_orientation_deg", "degree", "preferred axis of direction_deg",
         "half the angle of sum w r e^(2 i a), 0..180: the axis along which things move; "
         "bars and stripes lie across it. Interval as preferred_direction_deg",
         true, false},
};

/* One neuron, its conditions sorted by direction so that their order in the job does not matter. */
typedef struct tuning {
  const ins_tuning_data *data;
  size_t n, n_trials; /* n_trials 0: nothing to test with */
  ins_angles directions, axes;
  double *numbers;              /* owns the following, */
  double *x, *y;                /* [n] degrees; responses, negative ones 0 */
  double *profile, *scratch;    /* [n] */
  double *means, *mean_profile; /* [n] of a resample */
  double *opposite;             /* [n] fraction of the way from `before` to the next direction */
  double *trials, *projected;   /* [n,R] */
  size_t *order, *before;       /* [n] */
  uint32_t *picks;              /* [n,R] */
  double *samples;              /* [N_INDICES, n_resamples] */
} tuning;

static double wrapped(double x) {
  double y = fmod(x, 360);
  return y < 0 ? y + 360 : y;
}

static void sort_conditions(tuning *t) {
  const double *x = t->data->x;
  for (size_t i = 0; i < t->n; i++) {
    size_t j = i;
    for (; j > 0 && wrapped(x[t->order[j - 1]]) > wrapped(x[i]); j--) t->order[j] = t->order[j - 1];
    t->order[j] = i;
  }
  for (size_t i = 0; i < t->n; i++) {
    t->x[i] = wrapped(x[t->order[i]]);
    t->y[i] = fmax(t->data->y[t->order[i]], 0);
  }
}

/* Where the direction opposite to each lies between two that were shown. */
static void find_opposites(tuning *t) {
  size_t n = t->n;
  for (size_t i = 0; i < n; i++) {
    double wanted = wrapped(t->x[i] + 180);
    size_t k = n - 1; /* also when it lies before the first */
    for (size_t j = 0; j < n && t->x[j] <= wanted; j++) k = j;
    double gap = wrapped(t->x[(k + 1) % n] - t->x[k]);
    t->before[i] = k;
    t->opposite[i] = gap > 0 ? wrapped(wanted - t->x[k]) / gap : 0;
  }
}

static bool trials_are_finite(const ins_tuning_data *d) {
  size_t n = d->n * d->n_trials;
  return ins_all_finite(n, d->trials) &&
         (!d->trial_traces || ins_all_finite(n * d->n_frames, d->trial_traces));
}

static ins_status tuning_open(const ins_tuning_data *data, tuning *t) {
  size_t n = data->n, n_trials = data->trials ? data->n_trials : 0;
  if (n_trials && !trials_are_finite(data)) n_trials = 0;
  *t = (tuning){.data = data, .n = n, .n_trials = n_trials};
  size_t total = n * 7 + 2 * n * n_trials;
  ins_status status = ins_alloc(total, sizeof *t->numbers, &t->numbers);
  if (!status) status = ins_alloc(n, sizeof *t->order, &t->order);
  if (!status) status = ins_alloc(n, sizeof *t->before, &t->before);
  if (!status) status = ins_alloc(n * n_trials, sizeof *t->picks, &t->picks);
  if (!status) {
    status = ins_alloc(N_INDICES * data->statistics.n_resamples, sizeof *t->samples, &t->samples);
  }
  if (status) return status;
  double **parts[] = {&t->x,       &t->y, &t->profile, &t->scratch, &t->means, &t->mean_profile,
                      &t->opposite};
  for (size_t i = 0; i < 7; i++) *parts[i] = t->numbers + i * n;
  t->trials = t->numbers + 7 * n;
  t->projected = t->trials + n * n_trials;
  sort_conditions(t);
  find_opposites(t);
  for (size_t i = 0; i < n && n_trials; i++) {
    memcpy(t->trials + i * n_trials, data->trials + t->order[i] * n_trials,
           n_trials * sizeof *t->trials);
  }
  status = ins_angles_create(n, t->x, 1, &t->directions);
  if (!status) status = ins_angles_create(n, t->x, 2, &t->axes);
  return status;
}

static void tuning_close(tuning *t) {
  ins_angles_destroy(&t->directions);
  ins_angles_destroy(&t->axes);
  ins_free(&t->numbers);
  ins_free(&t->order);
  ins_free(&t->before);
  ins_free(&t->picks);
  ins_free(&t->samples);
}

/* ---- the first singular vector ----------------------------------------------------------------
 */

static double baseline_of(const ins_tuning_data *d) {
  size_t before = d->onset < d->n_frames ? d->onset : d->n_frames;
  double sum = 0;
  for (size_t i = 0; i < d->n; i++) {
    for (size_t f = 0; f < before; f++) sum += d->traces[i * d->n_frames + f];
  }
  return before ? sum / (double)(d->n * before) : 0;
}

/* Larger where the neuron answers more. */
static void sign_as_responses(tuning *t, double *course, size_t n_frames) {
  double mean = ins_mean_of(t->n, t->y), agreement = 0;
  for (size_t i = 0; i < t->n; i++) agreement += t->profile[i] * (t->y[i] - mean);
  if (agreement >= 0) return;
  for (size_t i = 0; i < t->n; i++) t->profile[i] = -t->profile[i];
  for (size_t f = 0; f < n_frames; f++) course[f] = -course[f];
}

/* Each trial along the time course; trials without traces stand for themselves. */
static void project_trials(tuning *t, const double *course, double baseline) {
  const ins_tuning_data *d = t->data;
  for (size_t k = 0; k < t->n * t->n_trials; k++) {
    t->projected[k] = t->trials[k];
    if (!d->trial_traces) continue;
    size_t i = t->order[k / t->n_trials], r = k % t->n_trials;
    const double *trace = d->trial_traces + (i * d->n_trials + r) * d->n_frames;
    double sum = 0;
    for (size_t f = 0; f < d->n_frames; f++) sum += (trace[f] - baseline) * course[f];
    t->projected[k] = sum;
  }
}

/* The direction vector, and trials along the time course. Without traces, the responses. */
static ins_status find_profile(tuning *t) {
  const ins_tuning_data *d = t->data;
  size_t n = t->n, n_frames = d->traces ? d->n_frames : 0;
  double *matrix = NULL, *course = NULL, value, baseline = 0;
  ins_status status = ins_alloc(n * n_frames, sizeof *matrix, &matrix);
  if (!status) status = ins_alloc(n_frames, sizeof *course, &course);
  if (status) goto done;
  if (n_frames) {
    baseline = baseline_of(d);
    for (size_t i = 0; i < n; i++) {
      const double *trace = d->traces + t->order[i] * n_frames;
      for (size_t f = 0; f < n_frames; f++) matrix[i * n_frames + f] = trace[f] - baseline;
    }
    status = ins_first_component(n, n_frames, matrix, t->profile, &value, course, NULL);
    if (status) goto done;
    sign_as_responses(t, course, n_frames);
    project_trials(t, course, baseline);
  } else {
    memcpy(t->profile, t->y, n * sizeof *t->y);
    memcpy(t->projected, t->trials, n * t->n_trials * sizeof *t->trials);
  }
done:
  ins_free(&matrix);
  ins_free(&course);
  return status;
}

/* ---- indices of a curve ------------------------------------------------------------------------
 */

/* The profile scaled to 0..1; false when it is flat. */
static bool scale_profile(size_t n, const double *profile, double *out) {
  double least = profile[0], most = profile[0], size = 0;
  for (size_t i = 0; i < n; i++) {
    least = fmin(least, profile[i]);
    most = fmax(most, profile[i]);
    size = fmax(size, fabs(profile[i]));
  }
  if (!(most - least > FLAT * size)) return false;
  for (size_t i = 0; i < n; i++) out[i] = (profile[i] - least) / (most - least);
  return true;
}

static double preferred_against_null(const tuning *t, const double *r) {
  size_t best = ins_place_of_largest(t->n, r), k = t->before[best];
  double fraction = t->opposite[best];
  double null = r[k] * (1 - fraction) + r[(k + 1) % t->n] * fraction;
  return r[best] + null > 0 ? (r[best] - null) / (r[best] + null) : NAN;
}

/* out[N_INDICES] from responses r >= 0 and a profile; what is not known is NaN. The width follows
 * from the index. */
static void measure(tuning *t, const double *r, const double *profile, double *out) {
  for (size_t i = 0; i < N_INDICES; i++) out[i] = NAN;
  bool tuned = scale_profile(t->n, profile, t->scratch);
  if (t->directions.spans) {
    ins_vector sum = ins_angles_sum(&t->directions, r);
    out[DSI_VECTOR] = sum.index;
    if (sum.index > FLAT) out[PREFERRED] = sum.angle_deg;
    out[PREFERRED_NULL] = preferred_against_null(t, r);
    if (tuned)
      out[DSI] = t->directions.correction * ins_angles_sum(&t->directions, t->scratch).index;
  }
  if (t->axes.spans) {
    ins_vector sum = ins_angles_sum(&t->axes, r);
    out[OSI_VECTOR] = sum.index;
    if (sum.index > FLAT) out[ORIENTATION] = sum.angle_deg;
    if (tuned) out[OSI] = t->axes.correction * ins_angles_sum(&t->axes, t->scratch).index;
  }
}

static double width_of(double index) {
  return index > FLAT && index <= 1 ? sqrt(-2 * log(index)) * 180 / M_PI : NAN;
}

/* ---- trials ------------------------------------------------------------------------------------
 */

/* Squared vector sums of group means about their common mean. */
static void squares(const tuning *t, const double *values, const uint32_t *picks, double *means,
                    double out[2]) {
  ins_group_means(t->n, t->n_trials, values, picks, means);
  double mean = ins_mean_of(t->n, means);
  for (size_t i = 0; i < t->n; i++) means[i] -= mean;
  out[0] = ins_angles_square(&t->directions, means);
  out[1] = ins_angles_square(&t->axes, means);
}

static void test_by_permutation(tuning *t, ins_measure *out) {
  static const size_t plain[] = {DSI_VECTOR, OSI_VECTOR}, projected[] = {DSI, OSI};
  size_t n_permutations = t->data->statistics.n_permutations, counts[4] = {0};
  double real[4], random[4];
  ins_draws draws = ins_draws_begin(&t->data->statistics.stream, INS_FOR_PERMUTATIONS);
  for (size_t k = 0; k < t->n * t->n_trials; k++) t->picks[k] = (uint32_t)k;
  squares(t, t->trials, t->picks, t->means, real);
  squares(t, t->projected, t->picks, t->means, real + 2);
  for (size_t i = 0; i < n_permutations; i++) {
    ins_draw_permutation(&draws, t->n * t->n_trials, t->picks);
    squares(t, t->trials, t->picks, t->means, random);
    squares(t, t->projected, t->picks, t->means, random + 2);
    for (size_t k = 0; k < 4; k++) counts[k] += ins_reaches(random[k], real[k]);
  }
  for (size_t k = 0; k < 2; k++) {
    if (out[plain[k]].valid) out[plain[k]].p = ins_p_value(counts[k], n_permutations);
    if (out[projected[k]].valid) out[projected[k]].p = ins_p_value(counts[2 + k], n_permutations);
  }
}

static void find_intervals(tuning *t, ins_measure *out) {
  const ins_statistics *s = &t->data->statistics;
  size_t n_samples = s->n_resamples;
  double one[N_INDICES];
  ins_draws draws = ins_draws_begin(&s->stream, INS_FOR_RESAMPLES);
  for (size_t i = 0; i < n_samples; i++) {
    ins_draw_resample(&draws, t->n, t->n_trials, t->picks);
    ins_group_means(t->n, t->n_trials, t->trials, t->picks, t->means);
    ins_group_means(t->n, t->n_trials, t->projected, t->picks, t->mean_profile);
    for (size_t k = 0; k < t->n; k++) t->means[k] = fmax(t->means[k], 0);
    measure(t, t->means, t->mean_profile, one);
    for (size_t k = 0; k < N_INDICES; k++) t->samples[k * n_samples + i] = one[k];
  }
  for (size_t k = 0; k < N_INDICES; k++) {
    double *samples = t->samples + k * n_samples, period = k == PREFERRED ? 360 : 180;
    ins_measure *m = &out[k];
    if (!m->valid || k == WIDTH) continue;
    if (k == PREFERRED || k == ORIENTATION) {
      ins_circular_interval(n_samples, samples, m->value, period, s->level, &m->low, &m->high);
    } else {
      ins_interval(n_samples, samples, s->level, &m->low, &m->high);
    }
  }
  if (out[WIDTH].valid) {
    out[WIDTH].low = width_of(out[DSI_VECTOR].high);
    out[WIDTH].high = width_of(out[DSI_VECTOR].low);
  }
}

static ins_status analyse(const ins_tuning_data *data, ins_measure out[N_INDICES]) {
  double values[N_INDICES];
  tuning t = {0};
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_unknown();
  if (!ins_all_finite(data->n, data->x) || !ins_all_finite(data->n, data->y)) return INS_OK;
  ins_status status = tuning_open(data, &t);
  if (!status) status = find_profile(&t);
  if (status) goto done;
  /* A silent cell has no tuning, whatever rounding leaves in its traces. */
  if (!(t.y[ins_place_of_largest(t.n, t.y)] > 0)) goto done;
  measure(&t, t.y, t.profile, values);
  values[WIDTH] = width_of(values[DSI_VECTOR]);
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_known(values[i]);
  if (t.n_trials && data->statistics.n_permutations) test_by_permutation(&t, out);
  if (t.n_trials > 1 && data->statistics.n_resamples) find_intervals(&t, out);
done:
  tuning_close(&t);
  return status;
}

static ins_status run_orientation(const ins_tuning_data *data, ins_measure *out) {
  ins_measure all[N_INDICES];
  ins_status status = analyse(data, all);
  memcpy(out, all + OSI, (N_INDICES - OSI) * sizeof *out);
  return status;
}

const ins_analysis ins_direction_analysis = {
    .name = "direction",
    .doc = "direction and orientation selectivity, preferred direction and axis",
    .indices = indices,
    .n_indices = N_INDICES,
    .courses = true,
    .run = analyse,
};

const ins_analysis ins_orientation_analysis = {
    .name = "orientation",
    .doc = "orientation selectivity and preferred axis of what does not move",
    .indices = indices + OSI,
    .n_indices = N_INDICES - OSI,
    .courses = true,
    .run = run_orientation,
};
