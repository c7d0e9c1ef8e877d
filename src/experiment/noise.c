/* SPDX-License-Identifier: MIT */
#include "insilico/noise.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 256, DRAWS = 256 }; /* random elements that belong to one frame */
static const double small_mean = 10;

static const ins_key poisson_keys[] = {{.name = "gain",
                                        .type = INS_KEY_REAL,
                                        .fallback = "1.0",
                                        .flags = INS_KEY_SHAPES,
                                        .min = 1e-9,
                                        .max = 1e9,
                                        .doc = "expected counts in a frame for a response of 1"},
                                       {0}};

static const ins_key gaussian_keys[] = {
    {.name = "sd",
     .type = INS_KEY_REAL,
     .fallback = "0.1",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = 1e9,
     .doc = "standard deviation in a frame, in units of the response"},
    {0}};

static const int none = INS_NOISE_NONE, poisson = INS_NOISE_POISSON, gaussian = INS_NOISE_GAUSSIAN;

const ins_variant ins_noises[] = {
    {"none", "repeats are equal", NULL, &none},
    {"poisson", "counts of spikes in each frame", poisson_keys, &poisson},
    {"gaussian", "independent normal noise in each frame", gaussian_keys, &gaussian},
    {0},
};

void ins_noise_read(const ins_value *settings, ins_noise *out) {
  const ins_value *kind =
      settings && settings->kind == INS_MAP ? ins_map_get(settings, "kind") : settings;
  const ins_variant *found = ins_variant_find(ins_noises, ins_value_text_or(kind, "none"));
  const bool map = settings && settings->kind == INS_MAP;
  *out = (ins_noise){.gain = ins_value_real_or(map ? ins_map_get(settings, "gain") : NULL, 1),
                     .sd = ins_value_real_or(map ? ins_map_get(settings, "sd") : NULL, 0.1)};
  if (found) memcpy(&out->kind, found->ops, sizeof(int));
}

/* Inversion by sequential search (Devroye 1986, Non-Uniform Random Variate Generation, III.2). */
static double poisson_small(double mean, double u) {
  double p = exp(-mean), sum = p;
  int k = 0;
  while (u > sum && k < 200) {
    k++;
    p *= mean / k;
    sum += p;
  }
  return k;
}

/* Transformed rejection PTRS (Hoermann 1993, Insurance: Mathematics and Economics 12, 39-45). */
static double poisson_large(const ins_stream *stream, uint64_t first, double mean) {
  const double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b,
               inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2);
  double u[2];
  for (uint64_t i = 0; i + 1 < DRAWS; i += 2) {
    ins_stream_uniform(stream, first + i, 2, u);
    const double centred = u[0] - 0.5, us = 0.5 - fabs(centred), v = u[1];
    const double k = floor((2 * a / us + b) * centred + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log(mean) - mean - lgamma(k + 1))
      return k;
  }
  return floor(mean + 0.5); /* after 128 rejections: never seen, probability below 1e-60 */
}

double ins_poisson(const ins_stream *stream, uint64_t element, double mean) {
  double u;
  if (isnan(mean)) return mean;
  if (mean <= 0) return 0;
  if (mean >= small_mean) return poisson_large(stream, element * DRAWS, mean);
  ins_stream_uniform(stream, element * DRAWS, 1, &u);
  return poisson_small(mean, u);
}

static void add_gaussian(double sd, const ins_stream *stream, size_t n, const float *trace,
                         double *out) {
  float normal[CHUNK];
  for (size_t first = 0; first < n; first += CHUNK) {
    const size_t count = n - first < CHUNK ? n - first : CHUNK;
    ins_stream_normal(stream, first, count, normal);
    for (size_t t = 0; t < count; t++)
      out[first + t] = (double)trace[first + t] + sd * (double)normal[t];
  }
}

void ins_noise_add(const ins_noise *noise, const ins_stream *stream, size_t n, const float *trace,
                   double *out) {
  switch (noise->kind) {
  case INS_NOISE_NONE:
    for (size_t t = 0; t < n; t++) out[t] = (double)trace[t];
    break;
  case INS_NOISE_POISSON:
    for (size_t t = 0; t < n; t++)
      out[t] = ins_poisson(stream, t, noise->gain * (double)trace[t]) / noise->gain;
    break;
  case INS_NOISE_GAUSSIAN:
    add_gaussian(noise->sd, stream, n, trace, out);
    break;
  }
}

double ins_noise_at(const ins_noise *noise, const ins_stream *stream, uint64_t element, float x) {
  float normal;
  switch (noise->kind) {
  case INS_NOISE_POISSON:
    return ins_poisson(stream, element, noise->gain * (double)x) / noise->gain;
  case INS_NOISE_GAUSSIAN:
    ins_stream_normal(stream, element, 1, &normal);
    return (double)x + noise->sd * (double)normal;
  case INS_NOISE_NONE:
    break;
  }
  return (double)x;
}
