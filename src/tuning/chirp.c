/* SPDX-License-Identifier: MIT */
/** The chirp of Baden et al. (2016): its steps, its sweep of frequency, its sweep of contrast. */
#include <math.h>

#include "insilico/memory.h"
#include "tuning/answers.h"
#include "tuning/resample.h"

enum { ON_OFF, TRANSIENCE, FREQUENCY, CUTOFF, CONTRAST, N_INDICES };

/* Envelopes are taken over a cycle, and at least so long: single cycles of a few frames jump. */
#define SHORTEST_S 0.5

static const ins_index indices[N_INDICES] = {
    [ON_OFF] = {"chirp_on_off_index", "", "ON-OFF index of the chirp's steps",
                "as on_off_index; on: during the bright step, off: during the dark one after it",
                true, false},
    [TRANSIENCE] = {"chirp_transience", "",
                    "transience of the stronger answer to the chirp's steps",
                    "as transience (Franke et al. 2017)", true, false},
    [FREQUENCY] =
        {"chirp_preferred_frequency_hz", "Hz", "frequency that modulates the response most",
         "frequency of the sweep where the envelope is largest; envelope: sqrt(2) * standard "
         "deviation of the response over one cycle, at least 0.5 s, around each frame. "
         "The delay of the response is not taken off",
         false, false},
    [CUTOFF] = {"chirp_cutoff_frequency_hz", "Hz", "frequency where the modulation falls to half",
                "first frequency above chirp_preferred_frequency_hz where the envelope is half its "
                "largest, interpolated linearly; not valid where the sweep ends before",
                false, false},
    [CONTRAST] =
        {"chirp_contrast_half", "", "contrast that modulates the response half",
         "first contrast of the sweep where the envelope is half its largest, interpolated "
         "linearly; envelope as chirp_preferred_frequency_hz; not valid where it is more from the "
         "begin",
         false, false},
};

/* The chirp's keys, and when its sweeps begin, in seconds after the onset. */
typedef struct chirp {
  double step_s, frequency_at, frequency_s, low_hz, high_hz;
  double contrast_at, contrast_s, contrast_hz, contrast;
} chirp;

static chirp read_chirp(const ins_value *settings) {
  chirp c = {
      .step_s = ins_value_real_or(ins_map_get(settings, "step_s"), NAN),
      .frequency_s = ins_value_real_or(ins_map_get(settings, "frequency_s"), NAN),
      .low_hz = ins_value_real_or(ins_map_get(settings, "frequency_low_hz"), NAN),
      .high_hz = ins_value_real_or(ins_map_get(settings, "frequency_high_hz"), NAN),
      .contrast_s = ins_value_real_or(ins_map_get(settings, "contrast_s"), NAN),
      .contrast_hz = ins_value_real_or(ins_map_get(settings, "contrast_hz"), NAN),
      .contrast = fabs(ins_value_real_or(ins_map_get(settings, "contrast"), 1)),
  };
  double pause_s = ins_value_real_or(ins_map_get(settings, "pause_s"), NAN);
  c.frequency_at = 2 * c.step_s + pause_s;
  c.contrast_at = c.frequency_at + c.frequency_s + pause_s;
  return c;
}

/* ---- envelopes ---------------------------------------------------------------------------------
 */

/* A sweep: t seconds after its begin the frequency is low + slope t. */
typedef struct sweep {
  const double *trace; /* of the sweep alone */
  size_t n;            /* frames */
  double rate_hz, low_hz, slope;
} sweep;

/* Middle of a frame in seconds: frame i shows the sweep at that time. */
static double time_of(const sweep *s, size_t i) {
  return ((double)i + 0.5) / s->rate_hz;
}

static double frequency_at(const sweep *s, double t_s) {
  return s->low_hz + s->slope * t_s;
}

/* sqrt(2) SD over the frames around frame i; NaN where they would reach beyond the sweep. */
static double envelope_at(const sweep *s, size_t i) {
  double f = frequency_at(s, time_of(s, i)), length_s = f > 0 ? fmax(1 / f, SHORTEST_S) : INFINITY;
  double half = length_s * s->rate_hz / 2; /* frames */
  if (!(half <= (double)i + 0.5) || !(half <= (double)(s->n - i) - 0.5)) return NAN;
  size_t first = (size_t)fmax(ceil((double)i - half - 1e-9), 0);
  size_t end = (size_t)ceil((double)i + half - 1e-9); /* not both ends of a cycle */
  if (end > s->n) end = s->n;
  if (end <= first) return NAN;
  double mean = ins_mean_of(end - first, s->trace + first), sum = 0;
  for (size_t k = first; k < end; k++) {
    sum += (s->trace[k] - mean) * (s->trace[k] - mean);
  }
  return sqrt(2 * sum / (double)(end - first));
}

/* Place of the largest element, NaN left out; n where there is none above `least`. */
static size_t place_of_peak(size_t n, const double *envelope, double least) {
  size_t best = n;
  double most = least;
  for (size_t i = 0; i < n; i++) {
    if (envelope[i] > most) {
      most = envelope[i];
      best = i;
    }
  }
  return best;
}

/* Between frames i - 1 and i, where the envelope passes `half`; as a place of frames. */
static double crossing(const double *envelope, size_t i, double half) {
  double a = envelope[i - 1], b = envelope[i];
  return (double)i - (b - half) / (b - a);
}

/* First place behind the peak where the envelope has fallen to half; NaN where it does not. */
static double fall_to_half(size_t n, const double *envelope, size_t peak) {
  double half = envelope[peak] / 2;
  for (size_t i = peak + 1; i < n; i++) {
    if (envelope[i] <= half) return crossing(envelope, i, half);
  }
  return NAN;
}

static double rise_to_half(const double *envelope, size_t peak) {
  double half = envelope[peak] / 2;
  for (size_t i = 0; i <= peak; i++) {
    if (!(envelope[i] >= half)) continue;
    return i > 0 && envelope[i - 1] < half ? crossing(envelope, i, half) : NAN;
  }
  return NAN;
}

/* The frames of a sweep; none where they do not lie within the trace. */
static sweep cut_sweep(const ins_tuning_data *d, double at_s, double length_s, double low_hz,
                       double slope) {
  sweep s = {.rate_hz = d->rate_hz, .low_hz = low_hz, .slope = slope};
  double first = round(at_s * d->rate_hz) + (double)d->onset, n = round(length_s * d->rate_hz);
  if (!(n >= 1) || !(first >= 0) || !(first + n <= (double)d->n_frames)) return s;
  s.trace = d->traces + (size_t)first;
  s.n = (size_t)n;
  return s;
}

static void fill_envelope(const sweep *s, double *envelope) {
  for (size_t i = 0; i < s->n; i++) envelope[i] = envelope_at(s, i);
}

static void measure_sweeps(const ins_tuning_data *d, const chirp *c, double *envelope,
                           ins_measure *out) {
  double largest = 0;
  for (size_t f = 0; f < d->n_frames; f++) largest = fmax(largest, fabs(d->traces[f]));
  double least = INS_LEAST_ANSWER * largest;

  sweep s = cut_sweep(d, c->frequency_at, c->frequency_s, c->low_hz,
                      (c->high_hz - c->low_hz) / c->frequency_s);
  fill_envelope(&s, envelope);
  size_t peak = place_of_peak(s.n, envelope, least);
  if (peak < s.n) {
    out[FREQUENCY] = ins_known(frequency_at(&s, time_of(&s, peak)));
    double fall = fall_to_half(s.n, envelope, peak);
    out[CUTOFF] = ins_known(frequency_at(&s, (fall + 0.5) / s.rate_hz));
  }
  s = cut_sweep(d, c->contrast_at, c->contrast_s, c->contrast_hz, 0);
  fill_envelope(&s, envelope);
  peak = place_of_peak(s.n, envelope, least);
  if (peak < s.n) {
    double rise_s = (rise_to_half(envelope, peak) + 0.5) / s.rate_hz;
    out[CONTRAST] = ins_known(c->contrast * rise_s / c->contrast_s);
  }
}

static ins_status run(const ins_tuning_data *data, ins_measure *out) {
  ins_measure answers_out[INS_N_ANSWER_INDICES];
  double *envelope = NULL;
  for (size_t i = 0; i < N_INDICES; i++) out[i] = ins_unknown();
  if (data->n == 0 || !data->traces || !(data->rate_hz > 0)) return INS_OK;
  if (!ins_all_finite(data->n_frames, data->traces)) return INS_OK;
  chirp c = read_chirp(data->settings);
  if (!isfinite(c.step_s) || !isfinite(c.contrast_at)) return INS_OK;

  size_t step = (size_t)round(fmax(c.step_s, 0) * data->rate_hz);
  bool reversed = ins_value_real_or(ins_map_get(data->settings, "contrast"), 1) < 0;
  ins_answer first = ins_answer_find(data, 0, data->onset, data->onset + step);
  ins_answer second = ins_answer_find(data, 0, data->onset + step, data->onset + 2 * step);
  ins_answer answers[2] = {reversed ? second : first, reversed ? first : second};
  ins_status status = ins_answers_measure(data, answers, answers_out);
  if (!status) status = ins_alloc(data->n_frames, sizeof *envelope, &envelope);
  if (status) return status;
  out[ON_OFF] = answers_out[INS_ANSWER_ON_OFF];
  out[TRANSIENCE] = answers_out[INS_ANSWER_TRANSIENCE];
  measure_sweeps(data, &c, envelope, out);
  ins_free(&envelope);
  return INS_OK;
}

const ins_analysis ins_chirp_analysis = {
    .name = "chirp",
    .doc = "polarity, transience, preferred frequency and contrast from a chirp",
    .indices = indices,
    .n_indices = N_INDICES,
    .courses = true,
    .run = run,
};
