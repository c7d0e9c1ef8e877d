/* SPDX-License-Identifier: MIT */
#include "tuning/resample.h"

#include <math.h>

enum { SMALL = 4096, HALVES = 8 };

ins_draws ins_draws_begin(const ins_stream *stream, ins_purpose purpose) {
  return (ins_draws){.stream = *stream, .block = (uint64_t)purpose << 48, .n_used = HALVES};
}

/* The next 16 or 32 bits. A whole word starts at an even half, so that none is split. */
static uint32_t next_bits(ins_draws *d, bool whole) {
  if (whole) d->n_used += d->n_used & 1;
  if (d->n_used >= HALVES) {
    ins_stream_words(&d->stream, d->block++, d->words);
    d->n_used = 0;
  }
  uint32_t word = d->words[d->n_used / 2];
  uint32_t half = d->n_used & 1 ? word >> 16 : word & 0xffff;
  d->n_used += whole ? 2 : 1;
  return whole ? word : half;
}

/* Half a word is enough for small numbers, and most are: trials of a neuron. */
uint32_t ins_draw_below(ins_draws *draws, uint32_t below) {
  bool whole = below > SMALL;
  unsigned bits = whole ? 32 : 16;
  uint64_t range = (uint64_t)1 << bits, product = (uint64_t)next_bits(draws, whole) * below;
  uint64_t low = product & (range - 1);
  if (low < below) {
    uint64_t excess = range % below; /* so many cells would be met once too often */
    while (low < excess) {
      product = (uint64_t)next_bits(draws, whole) * below;
      low = product & (range - 1);
    }
  }
  return (uint32_t)(product >> bits);
}

void ins_draw_permutation(ins_draws *draws, size_t n, uint32_t *order) {
  for (size_t i = n; i > 1; i--) {
    size_t j = ins_draw_below(draws, (uint32_t)i);
    uint32_t swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
  }
}

void ins_draw_resample(ins_draws *draws, size_t n, size_t n_trials, uint32_t *picks) {
  for (size_t i = 0; i < n; i++) {
    for (size_t r = 0; r < n_trials; r++) {
      picks[i * n_trials + r] =
          (uint32_t)(i * n_trials) + ins_draw_below(draws, (uint32_t)n_trials);
    }
  }
}

void ins_group_means(size_t n, size_t n_trials, const double *values, const uint32_t *picks,
                     double *means) {
  for (size_t i = 0; i < n; i++) {
    double sum = 0;
    for (size_t r = 0; r < n_trials; r++) {
      size_t k = i * n_trials + r;
      sum += values[picks ? picks[k] : k];
    }
    means[i] = sum / (double)n_trials;
  }
}

double ins_p_value(size_t count, size_t n) {
  return n ? (1.0 + (double)count) / (1.0 + (double)n) : NAN;
}

bool ins_reaches(double random, double real) {
  return random >= real - 1e-9 * fabs(real);
}

/* Moves the k-th smallest to its place, no larger ones before it, no smaller behind (Hoare 1961).
 */
static double select_kth(size_t n, double *v, size_t k) {
  ptrdiff_t first = 0, last = (ptrdiff_t)n - 1, wanted = (ptrdiff_t)k;
  while (first < last) {
    double pivot = v[first + (last - first) / 2];
    ptrdiff_t i = first, j = last;
    while (i <= j) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i > j) break;
      double swap = v[i];
      v[i++] = v[j];
      v[j--] = swap;
    }
    if (wanted > j && wanted < i) break;
    if (wanted <= j) last = j;
    if (wanted >= i) first = i;
  }
  return v[k];
}

/* Quantile by linear interpolation between order statistics. */
static double quantile(size_t n, double *v, double q) {
  double place = q * (double)(n - 1);
  size_t k = (size_t)place;
  double a = select_kth(n, v, k);
  if (k + 1 >= n) return a;
  double b = v[k + 1];
  for (size_t i = k + 2; i < n; i++) b = fmin(b, v[i]);
  return a + (place - (double)k) * (b - a);
}

void ins_interval(size_t n, double *values, double level, double *low, double *high) {
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    if (isfinite(values[i])) values[m++] = values[i];
  }
  *low = *high = NAN;
  if (m == 0 || 2 * m < n) return;
  *low = quantile(m, values, (1 - level) / 2);
  *high = quantile(m, values, (1 + level) / 2);
}

void ins_circular_interval(size_t n, double *values, double centre, double period, double level,
                           double *low, double *high) {
  for (size_t i = 0; i < n; i++) values[i] = remainder(values[i] - centre, period);
  ins_interval(n, values, level, low, high);
  *low += centre;
  *high += centre;
}

bool ins_all_finite(size_t n, const double *values) {
  for (size_t i = 0; i < n; i++) {
    if (!isfinite(values[i])) return false;
  }
  return n > 0;
}

double ins_mean_of(size_t n, const double *values) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += values[i];
  return sum / (double)n;
}

size_t ins_place_of_largest(size_t n, const double *values) {
  size_t best = 0;
  for (size_t i = 1; i < n; i++) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

ins_measure ins_unknown(void) {
  return (ins_measure){.value = NAN, .low = NAN, .high = NAN, .p = NAN, .valid = false};
}

ins_measure ins_known(double value) {
  ins_measure out = ins_unknown();
  out.valid = isfinite(value);
  if (out.valid) out.value = value;
  return out;
}
