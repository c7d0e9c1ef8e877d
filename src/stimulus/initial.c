/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "insilico/stimulus.h"

enum { CHUNK = 256 };

typedef void (*draw_function)(const ins_value *settings, const ins_stream *stream, size_t n,
                              float *x);

static void draw_normal(const ins_value *settings, const ins_stream *stream, size_t n, float *x) {
  float mean = (float)ins_value_real_or(ins_map_get(settings, "mean"), 0);
  float std = (float)ins_value_real_or(ins_map_get(settings, "std"), 1);
  ins_stream_normal(stream, 0, n, x);
  for (size_t i = 0; i < n; i++) x[i] = mean + std * x[i];
}

static void draw_uniform(const ins_value *settings, const ins_stream *stream, size_t n, float *x) {
  double low = ins_value_real_or(ins_map_get(settings, "low"), 0), chunk[CHUNK];
  double high = ins_value_real_or(ins_map_get(settings, "high"), 1);
  for (size_t first = 0; first < n; first += CHUNK) {
    size_t count = n - first < CHUNK ? n - first : CHUNK;
    ins_stream_uniform(stream, first, count, chunk);
    for (size_t i = 0; i < count; i++) x[first + i] = (float)(low + (high - low) * chunk[i]);
  }
}

static void draw_constant(const ins_value *settings, const ins_stream *stream, size_t n, float *x) {
  (void)stream;
  float mean = (float)ins_value_real_or(ins_map_get(settings, "mean"), 0);
  for (size_t i = 0; i < n; i++) x[i] = mean;
}

static const struct distribution {
  draw_function draw;
} normal = {draw_normal}, uniform = {draw_uniform}, constant = {draw_constant};

const ins_variant ins_distributions[] = {
    {"normal", "independent normal numbers of `mean` and `std`", NULL, &normal},
    {"uniform", "independent numbers between `low` and `high`", NULL, &uniform},
    {"constant", "`mean` everywhere", NULL, &constant},
    {0},
};

const ins_key ins_initial_keys[] = {
    {.name = "distribution",
     .type = INS_KEY_TEXT,
     .fallback = "normal",
     .variants = ins_distributions,
     .doc = "what the initial stimulus is drawn from"},
    {.name = "mean", .type = INS_KEY_REAL, .fallback = "0.0", .doc = "mean of the distribution"},
    {.name = "std",
     .type = INS_KEY_REAL,
     .fallback = "0.1",
     .min = 0,
     .max = 1e6,
     .doc = "standard deviation of `normal`"},
    {.name = "low", .type = INS_KEY_REAL, .fallback = "0.0", .doc = "lower end of `uniform`"},
    {.name = "high", .type = INS_KEY_REAL, .fallback = "1.0", .doc = "upper end of `uniform`"},
    {.name = "file",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS | INS_KEY_SHAPES,
     .doc = "start from this array [C,T,H,W] (.npy or FILE.h5:DATASET) instead"},
    {.name = "postprocess",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .doc = "apply the postprocessors to the initial stimulus too"},
    {0},
};

void ins_stimulus_draw(const ins_value *settings, const ins_stream *stream, const ins_shape *shape,
                       float *x) {
  const char *name = ins_value_text_or(ins_map_get(settings, "distribution"), "normal");
  const ins_variant *found = ins_variant_find(ins_distributions, name);
  const struct distribution *distribution = found ? found->ops : &normal;
  distribution->draw(settings, stream, ins_shape_count(shape), x);
}
