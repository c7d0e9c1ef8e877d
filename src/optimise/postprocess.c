/* SPDX-License-Identifier: MIT */
#include "insilico/postprocess.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

typedef struct postprocess_ops {
  ins_status (*setup)(ins_postprocess *p, const ins_value *settings);
  ins_status (*apply)(ins_postprocess *p, float *x);
} postprocess_ops;

struct ins_postprocess {
  const postprocess_ops *ops;
  ins_shape shape;
  float (*bounds)[2]; /* [C] */
  double norm;        /* NaN: leave the norm as it is */
  float *kernel;      /* [size] of temporal_gaussian */
  size_t size;
  float *scratch; /* [T,H,W] */
};

/* ---- clip and norm_clip -------------------------------------------------------------------------
 */

static ins_status setup_clip(ins_postprocess *p, const ins_value *settings) {
  p->norm = ins_value_real_or(ins_map_get(settings, "norm"), (double)NAN);
  ins_status status = ins_alloc(p->shape.n_channels, sizeof *p->bounds, &p->bounds);
  if (status != INS_OK) return status;
  return ins_bounds_parse(ins_map_get(settings, "range"), p->shape.n_channels, p->bounds);
}

static ins_status apply_clip(ins_postprocess *p, float *x) {
  size_t n = ins_shape_channel(&p->shape);
  for (size_t c = 0; c < p->shape.n_channels; c++) {
    float low = p->bounds[c][0], high = p->bounds[c][1];
    for (float *v = x + c * n; v < x + (c + 1) * n; v++)
      *v = *v < low ? low : *v > high ? high : *v;
  }
  return INS_OK;
}

/* Rescales to the norm, up or down, and clips afterwards: not idempotent, as in openretina. */
static ins_status apply_norm_clip(ins_postprocess *p, float *x) {
  size_t n = ins_shape_count(&p->shape);
  double squares = 0;
  for (size_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
  if (!isnan(p->norm) && squares == 0)
    return ins_fail(INS_ERR_NUMERIC, "norm_clip: a stimulus that is zero everywhere cannot be "
                                     "scaled to a norm; start from another initial stimulus");
  if (!isnan(p->norm)) {
    float scale = (float)(p->norm / sqrt(squares));
    for (size_t i = 0; i < n; i++) x[i] *= scale;
  }
  return apply_clip(p, x);
}

/* ---- temporal_gaussian ----------------------------------------------------------------------- */

static ins_status setup_gaussian(ins_postprocess *p, const ins_value *settings) {
  double sigma = ins_value_real_or(ins_map_get(settings, "sigma"), 1), sum = 0;
  p->size = (size_t)ins_value_int_or(ins_map_get(settings, "size"), 1);
  ins_status status = ins_alloc(p->size, sizeof *p->kernel, &p->kernel);
  if (status == INS_OK)
    status = ins_alloc(ins_shape_channel(&p->shape), sizeof(float), &p->scratch);
  if (status != INS_OK) return status;
  for (int pass = 0; pass < 2; pass++)
    for (size_t i = 0; i < p->size; i++) {
      double d = (double)i - (double)(p->size / 2), g = exp(-d * d / (2 * sigma * sigma));
      if (pass == 0)
        sum += g;
      else
        p->kernel[i] = (float)(g / sum);
    }
  return INS_OK;
}

/* y[t] = sum_j kernel[j] x[t + j - (size-1)/2], zero outside: torch's "same" puts the extra zero of
 * an even kernel at the end. */
static ins_status apply_gaussian(ins_postprocess *p, float *x) {
  size_t frame = ins_shape_frame(&p->shape), n = p->shape.n_frames, left = (p->size - 1) / 2;
  for (size_t c = 0; c < p->shape.n_channels; c++, x += n * frame) {
    memset(p->scratch, 0, n * frame * sizeof *x);
    for (size_t t = 0; t < n; t++)
      for (size_t j = 0; j < p->size; j++) {
        if (t + j < left || t + j - left >= n) continue;
        const float *from = x + (t + j - left) * frame;
        float *to = p->scratch + t * frame;
        for (size_t i = 0; i < frame; i++) to[i] += p->kernel[j] * from[i];
      }
    memcpy(x, p->scratch, n * frame * sizeof *x);
  }
  return INS_OK;
}

/* ---- registry -------------------------------------------------------------------------------- */

static const postprocess_ops clip = {setup_clip, apply_clip},
                             norm_clip = {setup_clip, apply_norm_clip},
                             temporal_gaussian = {setup_gaussian, apply_gaussian};

static const ins_key clip_keys[] = {
    {.name = "range",
     .type = INS_KEY_BOUNDS,
     .flags = INS_KEY_REQUIRED,
     .units = "contrast",
     .doc = "bounds of each channel"},
    {0},
};

static const ins_key norm_clip_keys[] = {
    {.name = "norm",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .min = 1e-12,
     .max = 1e12,
     .doc = "L2 norm of the whole stimulus, scaled up or down to; null leaves it"},
    {.name = "range",
     .type = INS_KEY_BOUNDS,
     .flags = INS_KEY_NULLABLE,
     .units = "contrast",
     .doc = "bounds of each channel, applied after the scaling"},
    {0},
};

static const ins_key gaussian_keys[] = {
    {.name = "sigma",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_REQUIRED,
     .min = 1e-3,
     .max = 1e6,
     .units = "frames",
     .doc = "standard deviation of the low-pass filter"},
    {.name = "size",
     .type = INS_KEY_INT,
     .flags = INS_KEY_REQUIRED,
     .min = 1,
     .max = 100000,
     .units = "frames",
     .doc = "length of the filter"},
    {0},
};

const ins_variant ins_postprocessors[] = {
    {"norm_clip", "scale to an L2 norm, then clip each channel", norm_clip_keys, &norm_clip},
    {"clip", "clip each channel to its bounds", clip_keys, &clip},
    {"temporal_gaussian", "Gaussian low-pass along time, zero padded", gaussian_keys,
     &temporal_gaussian},
    {0},
};

ins_status ins_postprocess_create(const ins_value *settings, const ins_shape *shape,
                                  ins_postprocess **out) {
  const ins_variant *kind =
      ins_variant_find(ins_postprocessors, ins_value_text_or(ins_map_get(settings, "kind"), ""));
  ins_postprocess *p = NULL;
  *out = NULL;
  if (!kind) return ins_fail(INS_ERR_INTERNAL, "postprocess settings were not validated");
  ins_status status = ins_alloc(1, sizeof *p, &p);
  if (status != INS_OK) return status;
  p->ops = kind->ops;
  p->shape = *shape;
  status = p->ops->setup(p, settings);
  if (status == INS_OK)
    *out = p;
  else
    ins_postprocess_destroy(&p);
  return status;
}

void ins_postprocess_destroy(ins_postprocess **postprocess) {
  ins_postprocess *p = *postprocess;
  if (!p) return;
  ins_free(&p->bounds);
  ins_free(&p->kernel);
  ins_free(&p->scratch);
  ins_free(postprocess);
}

ins_status ins_postprocess_apply(ins_postprocess *postprocess, float *x) {
  return postprocess->ops->apply(postprocess, x);
}
