/* SPDX-License-Identifier: MIT */
/* The number of a response that tuning curves hold, and the frames that it is taken from. */
#include <math.h>
#include <string.h>

#include "tuning_parts.h"

static const double peak_s = 0.1, brief_s = 0.25;

const char *ins_window_formula(const char *measure) {
  if (strcmp(measure, "peak") == 0)
    return "peak: greatest mean of 0.1 s from settle_s after the onset to the offset; of repeats, "
           "the mean of the same frames";
  if (strcmp(measure, "evoked") == 0)
    return "evoked: mean from settle_s after the onset to the offset minus mean before the onset";
  if (strcmp(measure, "f1") == 0) return "f1: amplitude at the temporal frequency of the stimulus";
  return "mean: mean from settle_s after the onset to the offset";
}

static double mean_of(const double *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += x[i];
  return n ? sum / (double)n : 0;
}

/* The frames of 0.1 s with the greatest mean while the stimulus is shown (a brief one: within 0.25
 * s of its onset): an answer to its end is another answer. */
static ins_window find_peak(const ins_tuned_stimulus *s, size_t left_out, size_t shown,
                            const float *trace) {
  const double rate = s->tuning->screen.rate_hz;
  const size_t brief = isnan(rate) ? 1 : (size_t)lround(brief_s * rate),
               most = s->n_kept - s->before;
  size_t n = shown > brief ? shown : brief, width = isnan(rate) ? 1 : (size_t)lround(peak_s * rate);
  size_t best = 0;
  n = (n < most ? n : most) - left_out;
  if (width < 1) width = 1;
  if (width > n) width = n;
  double sum = 0, greatest = -(double)INFINITY;
  const float *x = trace + s->before + left_out;
  for (size_t t = 0; t < n; t++) {
    sum += (double)x[t];
    if (t >= width) sum -= (double)x[t - width];
    if (t + 1 >= width && sum > greatest) {
      greatest = sum;
      best = t + 1 - width;
    }
  }
  return (ins_window){.first = s->before + left_out + best, .n = width};
}

static bool repeats_itself(const ins_tuned_stimulus *s, const ins_value *settings) {
  const char *motion = ins_value_text_or(ins_map_get(settings, "motion"), "");
  return s->generator->periodic && !s->tuning->screen.still && strcmp(motion, "static") != 0 &&
         ins_value_real_or(ins_map_get(settings, "temporal_frequency_hz"), 0) != 0;
}

/* Frames after the onset that are left out. What repeats itself begins with a flash, and an answer
 * to that says nothing of how it goes on: an ON-OFF cell answers where the first bright stripe
 * lies. */
size_t ins_window_settling(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown) {
  const ins_value *settle = ins_map_get(settings, "settle_s");
  const size_t most = shown > 1 ? shown - 1 : 0;
  size_t n = ins_screen_frames(&s->tuning->screen, ins_value_real_or(settle, 0));
  if (!ins_value_is_number(settle) && repeats_itself(s, settings))
    n = s->tuning->history < shown / 2 ? s->tuning->history : shown / 2;
  return n < most ? n : most;
}

static ins_window window_of(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown,
                            const float *trace) {
  if (shown > s->n_kept - s->before) shown = s->n_kept - s->before;
  const size_t left_out = ins_window_settling(s, settings, shown);
  if (strcmp(s->measure, "peak") == 0) return find_peak(s, left_out, shown, trace);
  return (ins_window){
      .first = s->before + left_out,
      .n = shown - left_out,
      .f_hz = ins_value_real_or(ins_map_get(settings, "temporal_frequency_hz"), (double)NAN)};
}

double ins_window_measure(const ins_tuned_stimulus *s, const ins_window *window,
                          const double *trace) {
  if (strcmp(s->measure, "f1") == 0) {
    double amplitude[3];
    ins_harmonics(trace + window->first, window->n, s->tuning->screen.rate_hz, window->f_hz,
                  amplitude);
    return amplitude[1];
  }
  const double mean = mean_of(trace + window->first, window->n);
  return strcmp(s->measure, "evoked") ? mean : mean - mean_of(trace, s->before);
}

double ins_window_find(const ins_tuned_stimulus *s, const ins_value *settings, size_t shown,
                       const float *trace, double *work, ins_window *window) {
  *window = window_of(s, settings, shown, trace);
  for (size_t t = 0; t < s->n_kept; t++) work[t] = (double)trace[t];
  return ins_window_measure(s, window, work);
}
