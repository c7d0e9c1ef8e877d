/* SPDX-License-Identifier: MIT */
#include "readout_planar.h"

#include <math.h>
#include <string.h>

#include "kernels/separable.h"

/* Longest run of pixels that is one chain: short enough that rounding stays small. */
enum { RUN = 512 };

static size_t blocks_of(size_t n, size_t lanes) {
  return (n + lanes - 1) / lanes;
}

/* ---- making --------------------------------------------------------------------------------- */

ins_status ins_planar_create(const ins_planar_shape *shape, ins_arena *arena, ins_planar *out) {
  const size_t lanes = (size_t)shape->kernels->lanes, pixels = shape->patch.h * shape->patch.w;
  *out = (ins_planar){.shape = *shape,
                      .n_lanes = lanes,
                      .n_blocks = blocks_of(shape->n_sums, lanes),
                      .n_pixels = pixels,
                      .n_pixel_blocks = blocks_of(pixels, lanes)};
  ins_status status =
      ins_arena_take(arena, shape->n_frames * out->n_blocks * lanes, sizeof(float), &out->run);
  if (status == INS_OK && shape->gradient)
    status = ins_arena_take(arena, shape->n_sums * shape->n_frames, sizeof(float), &out->factor);
  if (status == INS_OK && shape->gradient)
    status = ins_arena_take(arena, out->n_pixel_blocks * shape->n_frames * lanes, sizeof(float),
                            &out->spread);
  return status;
}

ins_status ins_planar_weights_create(const ins_planar *p, ins_arena *arena,
                                     ins_planar_weights *out) {
  const size_t c = p->shape.n_channels;
  ins_status status =
      ins_arena_take(arena, p->n_blocks * c * p->n_pixels * p->n_lanes, sizeof(float), &out->lanes);
  if (status == INS_OK && p->shape.gradient)
    status = ins_arena_take(arena, p->shape.n_sums * c * p->n_pixel_blocks * p->n_lanes,
                            sizeof(float), &out->planar);
  return status;
}

void ins_planar_clear(const ins_planar *p, ins_planar_weights *weights, size_t n) {
  weights->n = n;
  memset(weights->lanes, 0,
         blocks_of(n, p->n_lanes) * p->shape.n_channels * p->n_pixels * p->n_lanes * sizeof(float));
}

void ins_planar_set(const ins_planar *p, ins_planar_weights *weights, size_t i, const float *w) {
  const size_t n = p->shape.n_channels * p->n_pixels, padded = p->n_pixel_blocks * p->n_lanes;
  float *lanes = weights->lanes + i / p->n_lanes * n * p->n_lanes + i % p->n_lanes;
  for (size_t k = 0; k < n; k++) lanes[k * p->n_lanes] = w[k];
  for (size_t c = 0; weights->planar && c < p->shape.n_channels; c++)
    memcpy(weights->planar + (i * p->shape.n_channels + c) * padded, w + c * p->n_pixels,
           p->n_pixels * sizeof *w);
}

/* ---- forward -------------------------------------------------------------------------------- */

/* The kernel's "neurons" are frames, its "mask" of each the stimulus, its "frames" blocks of n, and
 * their pixels the weights. */
void ins_planar_forward(const ins_planar *p, const ins_planar_weights *weights, const ins_maps *x,
                        float *s) {
  const size_t blocks = blocks_of(weights->n, p->n_lanes), row = blocks * p->n_lanes,
               n_frames = p->shape.n_frames, per_channel = p->n_pixels * p->n_lanes;
  memset(s, 0, n_frames * weights->n * sizeof *s);
  for (size_t c = 0; c < p->shape.n_channels; c++) {
    for (size_t first = 0, n; first < p->n_pixels; first += n) {
      n = ins_patch_run(&p->shape.patch, p->shape.map_w, first, RUN);
      const ins_masked job = {.n_neurons = (int)n_frames,
                              .n_frames = (int)blocks,
                              .n_pixels = (int)n,
                              .mask = x->data + c * x->channel +
                                      ins_patch_at(&p->shape.patch, p->shape.map_w, first),
                              .mask_neuron = x->frame,
                              .x = weights->lanes + c * per_channel + first * p->n_lanes,
                              .x_frame = p->shape.n_channels * per_channel,
                              .m = p->run,
                              .m_neuron = row};
      p->shape.kernels->mask_sum(&job);
      for (size_t t = 0; t < n_frames; t++)
        for (size_t i = 0; i < weights->n; i++) s[t * weights->n + i] += p->run[t * row + i];
    }
  }
}

/* ---- backward ------------------------------------------------------------------------------- */

void ins_planar_zero(const ins_planar_shape *s, const ins_maps *maps) {
  for (size_t c = 0; c < s->n_channels; c++)
    for (size_t t = 0; t < s->n_frames; t++)
      memset(maps->data + c * maps->channel + t * maps->frame, 0,
             s->map_h * s->map_w * sizeof(float));
}

/* From [pixel block][t][lane] to channel c of the maps. */
static void scatter(const ins_planar *p, size_t c, const ins_maps *dx) {
  const ins_patch *patch = &p->shape.patch;
  const size_t n_frames = p->shape.n_frames, lanes = p->n_lanes;
  for (size_t t = 0; t < n_frames; t++) {
    float *to = dx->data + c * dx->channel + t * dx->frame;
    for (size_t pixel = 0, n; pixel < p->n_pixels; pixel += n) {
      n = ins_patch_run(patch, p->shape.map_w, pixel, lanes - pixel % lanes);
      memcpy(to + ins_patch_at(patch, p->shape.map_w, pixel),
             p->spread + (pixel / lanes * n_frames + t) * lanes + pixel % lanes, n * sizeof *to);
    }
  }
}

/* The kernel's "frames" are blocks of pixels, its "pixels" are frames, its "mask" of n is g. */
void ins_planar_backward(const ins_planar *p, const ins_planar_weights *weights, const float *g,
                         const ins_maps *dx) {
  const size_t n_frames = p->shape.n_frames, n = weights->n,
               per_channel = p->n_pixel_blocks * p->n_lanes;
  for (size_t i = 0; i < n; i++)
    for (size_t t = 0; t < n_frames; t++) p->factor[i * n_frames + t] = g[t * n + i];
  if (p->n_pixels < p->shape.map_h * p->shape.map_w) ins_planar_zero(&p->shape, dx);
  for (size_t c = 0; c < p->shape.n_channels; c++) {
    const ins_masked job = {.n_neurons = (int)n,
                            .n_frames = (int)p->n_pixel_blocks,
                            .n_pixels = (int)n_frames,
                            .mask = p->factor,
                            .mask_neuron = n_frames,
                            .x = p->spread,
                            .x_frame = n_frames * p->n_lanes,
                            .m = weights->planar + c * per_channel,
                            .m_neuron = p->shape.n_channels * per_channel};
    p->shape.kernels->mask_spread(&job);
    scatter(p, c, dx);
  }
}

/* ---- in double precision -------------------------------------------------------------------- */

void ins_planar_reference(const ins_planar_shape *s, const float *w, const double *x, double *sum) {
  const size_t pixels = s->patch.h * s->patch.w, frame = s->map_h * s->map_w;
  for (size_t t = 0; t < s->n_frames; t++) {
    sum[t] = 0;
    for (size_t c = 0; c < s->n_channels; c++)
      for (size_t p = 0; p < pixels; p++)
        sum[t] += (double)w[c * pixels + p] *
                  x[(c * s->n_frames + t) * frame + ins_patch_at(&s->patch, s->map_w, p)];
  }
}

void ins_planar_reference_backward(const ins_planar_shape *s, const float *w, const double *g,
                                   double *dx) {
  const size_t pixels = s->patch.h * s->patch.w, frame = s->map_h * s->map_w;
  for (size_t t = 0; t < s->n_frames; t++)
    for (size_t c = 0; c < s->n_channels; c++)
      for (size_t p = 0; p < pixels; p++)
        dx[(c * s->n_frames + t) * frame + ins_patch_at(&s->patch, s->map_w, p)] +=
            g[t] * (double)w[c * pixels + p];
}

void ins_planar_add_norm(const ins_planar_shape *s, const float *w, float *map) {
  const size_t pixels = s->patch.h * s->patch.w;
  for (size_t p = 0; p < pixels; p++) {
    float *to = &map[ins_patch_at(&s->patch, s->map_w, p)];
    double square = (double)*to * (double)*to;
    for (size_t c = 0; c < s->n_channels; c++)
      square += (double)w[c * pixels + p] * (double)w[c * pixels + p];
    *to = (float)sqrt(square);
  }
}
