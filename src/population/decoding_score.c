/* SPDX-License-Identifier: MIT */
/* How good decoded conditions and values of a parameter are. */
#include <math.h>

#include "decoding_parts.h"

static double value_at(const ins_decoder *s, size_t sample) {
  return s->parameter.values[ins_parameter_index(&s->parameter, sample % s->n_conditions)];
}

double ins_decoder_target(const ins_decoder *s, size_t sample, size_t c) {
  if (s->identity) return sample % s->n_conditions == c;
  const double v = value_at(s, sample), angle = 2 * M_PI * v / s->parameter.period;
  if (s->parameter.period > 0) return c ? sin(angle) : cos(angle);
  return (v - s->centre) / s->spread;
}

double ins_decoder_value(const ins_decoder *s, const double *decoded, size_t sample) {
  const double *d = decoded + sample * ins_decoder_width(s);
  if (s->identity) return d[0];
  if (!(s->parameter.period > 0)) return s->centre + s->spread * d[0];
  /* In the turn that begins at the least of the parameter's values, as they are written. */
  const double p = s->parameter.period, least = s->parameter.values[s->parameter.order[0]];
  const double turns = (atan2(d[1], d[0]) / (2 * M_PI) * p - least) / p;
  return least + (turns - floor(turns)) * p;
}

double ins_decoder_error(const ins_decoder *s, const double *decoded, size_t sample) {
  return fabs(ins_parameter_difference(&s->parameter, value_at(s, sample),
                                       ins_decoder_value(s, decoded, sample)));
}

/* 1 - sum of squared errors / sum of squared deviations from the mean, over all targets. */
static double r_squared(const ins_decoder *s, const double *decoded) {
  const size_t n = s->n_samples, width = ins_decoder_width(s);
  double wrong = 0, all = 0;
  for (size_t c = 0; c < width; c++) {
    double mean = 0;
    for (size_t i = 0; i < n; i++) mean += ins_decoder_target(s, i, c) / (double)n;
    for (size_t i = 0; i < n; i++) {
      const double y = ins_decoder_target(s, i, c);
      wrong += (decoded[i * width + c] - y) * (decoded[i * width + c] - y);
      all += (y - mean) * (y - mean);
    }
  }
  return 1 - wrong / all;
}

static double pearson(const ins_decoder *s, const double *decoded) {
  const double n = (double)s->n_samples;
  double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < s->n_samples; i++) {
    mx += ins_decoder_target(s, i, 0) / n;
    my += decoded[i] / n;
  }
  for (size_t i = 0; i < s->n_samples; i++) {
    const double x = ins_decoder_target(s, i, 0) - mx, y = decoded[i] - my;
    xx += x * x;
    yy += y * y;
    xy += x * y;
  }
  return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* Fisher & Lee 1983: of two angles, without a mean direction, which values that go all around have
 * not; the sums over pairs in the form of Fisher 1993, eq. 6.36. */
static double circular_correlation(const ins_decoder *s, const double *decoded) {
  const double n = (double)s->n_samples, turn = 2 * M_PI / s->parameter.period;
  double a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
  for (size_t i = 0; i < s->n_samples; i++) {
    const double x = turn * value_at(s, i), y = turn * ins_decoder_value(s, decoded, i);
    a += cos(x) * cos(y);
    b += sin(x) * sin(y);
    c += cos(x) * sin(y);
    d += sin(x) * cos(y);
    e += cos(2 * x);
    f += sin(2 * x);
    g += cos(2 * y);
    h += sin(2 * y);
  }
  const double spread = (n * n - e * e - f * f) * (n * n - g * g - h * h);
  return spread > 1e-12 * n * n * n * n ? 4 * (a * b - c * d) / sqrt(spread) : 0;
}

ins_decoder_score ins_decoder_rate(const ins_decoder *s, const double *decoded) {
  ins_decoder_score score = {NAN, NAN, NAN, NAN};
  const double n = (double)s->n_samples;
  if (s->identity) {
    size_t right = 0;
    for (size_t i = 0; i < s->n_samples; i++) right += decoded[i] == (double)(i % s->n_conditions);
    score.accuracy = (double)right / n;
    return score;
  }
  score.error = 0;
  for (size_t i = 0; i < s->n_samples; i++) score.error += ins_decoder_error(s, decoded, i) / n;
  score.r_squared = r_squared(s, decoded);
  score.correlation =
      s->parameter.period > 0 ? circular_correlation(s, decoded) : pearson(s, decoded);
  return score;
}
