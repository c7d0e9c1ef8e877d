/* SPDX-License-Identifier: MIT */
#include "readout_contrast.h"

#include <math.h>
#include <string.h>

#include "kernels/separable.h"

/* ---- one point in time ---------------------------------------------------------------------- */

/* In single precision, the y of a field without contrast differ by no more than this of their
 * mean. */
static const double NO_CONTRAST = 1e-6;

ins_contrast_point ins_contrast_at(const ins_contrast_readout *r, const ins_contrast_cell *cell,
                                   double mean, double square) {
  /* 1 - total / sum, which is almost 0, is all that S adds to moments around the mean. */
  const double rest = 1 - cell->total / cell->sum;
  double variance = r->floored ? square + mean * mean * rest : square, contrast;
  bool sloped;
  if (r->floored) {
    sloped = variance > 1e-6;
    contrast = sqrt(sloped ? variance : 1e-6);
  } else {
    contrast = sqrt(variance > 0 ? variance : 0);
    sloped = contrast > NO_CONTRAST * fabs(mean);
  }
  const double z = cell->b * (mean + cell->w * contrast) + cell->c;
  const double slope = cell->a * cell->b * ins_nonlinearity_slope(INS_SOFTPLUS, z) / cell->sum;
  return (ins_contrast_point){.r = cell->a * ins_nonlinearity_of(INS_SOFTPLUS, z),
                              .centre = r->floored ? mean : mean + mean * rest,
                              .slope = slope,
                              .contrast_slope = sloped ? slope * cell->w / contrast : 0};
}

/* ---- making --------------------------------------------------------------------------------- */

ins_status ins_contrast_create(ins_builder *b, const ins_model_info *info, ins_extent map,
                               ins_contrast_readout **out) {
  if (info->n_features != 1)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "the spatial contrast readout takes stimuli of one channel, but gets %zu",
                    info->n_features);
  ins_contrast_readout *r;
  ins_status status = ins_arena_take(b->arena, 1, sizeof *r, &r);
  if (status != INS_OK) return status;
  *out = r;
  r->map_h = (size_t)map.h;
  r->map_w = (size_t)map.w;
  return ins_arena_take(b->arena, info->n_neurons, sizeof *r->cells, &r->cells);
}

void ins_contrast_set_sums(const ins_contrast_readout *r, float stored, ins_contrast_cell *cell) {
  cell->sum = (double)(stored + 1e-8f); /* in single precision, as openretina */
  cell->total = 0;
  for (size_t p = 0; p < r->patch.h * r->patch.w; p++) cell->total += (double)cell->space[p];
}

long ins_contrast_lag(const void *state) {
  const ins_contrast_readout *r = state;
  return (long)r->n_taps - 1;
}

void ins_contrast_mask(const void *state, size_t neuron, float *out) {
  const ins_contrast_readout *r = state;
  const ins_contrast_cell *cell = &r->cells[neuron];
  memset(out, 0, r->map_h * r->map_w * sizeof *out);
  for (size_t p = 0; p < r->patch.h * r->patch.w; p++)
    out[ins_patch_at(&r->patch, r->map_w, p)] = (float)((double)cell->space[p] / cell->sum);
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct slot {
  size_t n;
  int64_t *neurons; /* [n] */
  float *taps;      /* [n][k] */
  float *x;         /* the patch, [pixel block][frame][lane] */
  /* d r / d y = f (slope + contrast_slope (y - centre)), each [n_read,n] */
  float *slope, *contrast_slope, *centre;
} slot;

typedef struct plan {
  const ins_contrast_readout *of;
  const ins_kernels *kernels;
  size_t n_read, n_frames, n_pixels, lanes, n_blocks;
  size_t x_block; /* floats between two blocks of pixels */
  float *y;       /* one frame filtered in time [n][pixel block][lane] */
  float *spread;  /* [pixel block][k][lane] */
  float *dx;      /* as x */
  slot *slots;
} plan;

static ins_status make_slot(const plan *p, const ins_readout_request *request, ins_arena *arena,
                            slot *s) {
  const size_t n = request->n_neurons, n_r = request->n_read * n;
  ins_status status = ins_arena_take(arena, n, sizeof *s->neurons, &s->neurons);
  if (status == INS_OK) status = ins_arena_take(arena, n * p->of->n_taps, sizeof(float), &s->taps);
  if (status == INS_OK)
    status = ins_arena_take(arena, p->n_blocks * p->x_block, sizeof(float), &s->x);
  if (status == INS_OK) status = ins_arena_take(arena, n_r, sizeof(float), &s->slope);
  if (status == INS_OK) status = ins_arena_take(arena, n_r, sizeof(float), &s->contrast_slope);
  if (status == INS_OK) status = ins_arena_take(arena, n_r, sizeof(float), &s->centre);
  return status;
}

ins_status ins_contrast_plan(const void *state, const ins_readout_request *request,
                             ins_arena *arena, void **out) {
  const ins_contrast_readout *r = state;
  plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status != INS_OK) return status;
  *out = p;
  const size_t lanes = (size_t)request->kernels->lanes, n_pixels = r->patch.h * r->patch.w;
  *p = (plan){.of = r,
              .kernels = request->kernels,
              .n_read = request->n_read,
              .n_frames = request->n_read + r->n_taps - 1,
              .n_pixels = n_pixels,
              .lanes = lanes,
              .n_blocks = (n_pixels + lanes - 1) / lanes};
  p->x_block = ins_row_stride(p->n_frames) * lanes;
  status = ins_arena_take(arena, request->n_neurons * p->n_blocks * lanes, sizeof(float), &p->y);
  if (status == INS_OK && request->gradient)
    status = ins_arena_take(arena, p->n_blocks * r->n_taps * lanes, sizeof(float), &p->spread);
  if (status == INS_OK && request->gradient)
    status = ins_arena_take(arena, p->n_blocks * p->x_block, sizeof(float), &p->dx);
  if (status == INS_OK)
    status = ins_arena_take(arena, request->n_slots, sizeof *p->slots, &p->slots);
  for (size_t s = 0; s < request->n_slots && status == INS_OK; s++)
    status = make_slot(p, request, arena, &p->slots[s]);
  return status;
}

void ins_contrast_select(void *state, size_t which, const int64_t *neurons, size_t n) {
  const plan *p = state;
  slot *s = &p->slots[which];
  s->n = n;
  for (size_t i = 0; i < n; i++) {
    s->neurons[i] = neurons[i];
    memcpy(s->taps + i * p->of->n_taps, p->of->cells[neurons[i]].time,
           p->of->n_taps * sizeof(float));
  }
}

/* ---- layouts -------------------------------------------------------------------------------- */

/* x[pixel block][frame][lane] of a frame, from `pixel` on. */
static size_t x_at(const plan *p, size_t t, size_t pixel) {
  return pixel / p->lanes * p->x_block + t * p->lanes + pixel % p->lanes;
}

/* From planar maps to x, or from dx back; the rest of the maps is 0. */
static void gather(const plan *p, const ins_maps *maps, float *x) {
  const ins_patch *patch = &p->of->patch;
  const size_t map_w = p->of->map_w;
  for (size_t t = 0; t < p->n_frames; t++) {
    for (size_t pixel = 0, n; pixel < p->n_pixels; pixel += n) {
      n = ins_patch_run(patch, map_w, pixel, p->lanes - pixel % p->lanes);
      memcpy(x + x_at(p, t, pixel),
             maps->data + t * maps->frame + ins_patch_at(patch, map_w, pixel), n * sizeof *x);
    }
  }
}

static void scatter(const plan *p, const float *x, const ins_maps *maps) {
  const ins_patch *patch = &p->of->patch;
  const size_t map_w = p->of->map_w;
  for (size_t t = 0; t < p->n_frames; t++) {
    float *frame = maps->data + t * maps->frame;
    memset(frame, 0, p->of->map_h * map_w * sizeof *frame);
    for (size_t pixel = 0, n; pixel < p->n_pixels; pixel += n) {
      n = ins_patch_run(patch, map_w, pixel, p->lanes - pixel % p->lanes);
      memcpy(frame + ins_patch_at(patch, map_w, pixel), x + x_at(p, t, pixel), n * sizeof *x);
    }
  }
}

/* ---- forward -------------------------------------------------------------------------------- */

/* y of output frame t of all chosen neurons. The kernel's "pixels" are the taps, its "mask" of each
 * neuron the temporal filter, its "frames" blocks of pixels. */
static void filter_in_time(const plan *p, const slot *s, size_t t) {
  const ins_masked job = {.n_neurons = (int)s->n,
                          .n_frames = (int)p->n_blocks,
                          .n_pixels = (int)p->of->n_taps,
                          .mask = s->taps,
                          .mask_neuron = p->of->n_taps,
                          .x = s->x + t * p->lanes,
                          .x_frame = p->x_block,
                          .m = p->y,
                          .m_neuron = p->n_blocks * p->lanes};
  p->kernels->mask_sum(&job);
}

enum { PARTS = 8 }; /* partial sums: always as many, whatever the instruction set */

static double total_of(const double part[PARTS]) {
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

/* sum_p f y */
static double weighted_sum(const float *f, const float *y, size_t n) {
  double part[PARTS] = {0};
  size_t p = 0;
  for (; p + PARTS <= n; p += PARTS)
    for (size_t j = 0; j < PARTS; j++) part[j] += (double)f[p + j] * (double)y[p + j];
  for (size_t j = 0; p < n; p++, j++) part[j] += (double)f[p] * (double)y[p];
  return total_of(part);
}

/* sum_p f (y - mean)^2 */
static double weighted_square(const float *f, const float *y, size_t n, double mean) {
  double part[PARTS] = {0};
  size_t p = 0;
  for (; p + PARTS <= n; p += PARTS) {
    for (size_t j = 0; j < PARTS; j++) {
      const double d = (double)y[p + j] - mean;
      part[j] += (double)f[p + j] * (d * d);
    }
  }
  for (size_t j = 0; p < n; p++, j++) {
    const double d = (double)y[p] - mean;
    part[j] += (double)f[p] * (d * d);
  }
  return total_of(part);
}

void ins_contrast_forward(void *state, size_t which, const ins_features *features, float *out) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  gather(p, &features->maps, s->x);
  for (size_t t = 0; t < p->n_read; t++) {
    filter_in_time(p, s, t);
    for (size_t i = 0; i < s->n; i++) {
      const ins_contrast_cell *cell = &p->of->cells[s->neurons[i]];
      const float *y = p->y + i * p->n_blocks * p->lanes;
      const double mean = weighted_sum(cell->space, y, p->n_pixels) / cell->sum;
      const double square = weighted_square(cell->space, y, p->n_pixels, mean) / cell->sum;
      const ins_contrast_point at = ins_contrast_at(p->of, cell, mean, square);
      const size_t k = t * s->n + i;
      out[k] = (float)at.r;
      s->slope[k] = (float)at.slope;
      s->contrast_slope[k] = (float)at.contrast_slope;
      s->centre[k] = (float)at.centre;
    }
  }
}

/* ---- backward ------------------------------------------------------------------------------- */

/* y becomes dr * d r / d y; false when nothing flows back from frame t. */
static bool weigh(const plan *p, const slot *s, size_t t, const float *dr) {
  bool any = false;
  for (size_t i = 0; i < s->n; i++) any = any || dr[t * s->n + i] != 0;
  if (!any) return false;
  filter_in_time(p, s, t);
  for (size_t i = 0; i < s->n; i++) {
    const size_t k = t * s->n + i;
    const float *f = p->of->cells[s->neurons[i]].space;
    const float slope = dr[k] * s->slope[k], contrast_slope = dr[k] * s->contrast_slope[k],
                centre = s->centre[k];
    float *y = p->y + i * p->n_blocks * p->lanes;
    for (size_t q = 0; q < p->n_pixels; q++)
      y[q] = f[q] * (slope + contrast_slope * (y[q] - centre));
  }
  return true;
}

/* dx of frames t to t + lag gets what frame t of y weighs. */
static void spread_in_time(const plan *p, const slot *s, size_t t) {
  const size_t n_taps = p->of->n_taps, per_block = n_taps * p->lanes;
  const ins_masked job = {.n_neurons = (int)s->n,
                          .n_frames = (int)p->n_blocks,
                          .n_pixels = (int)n_taps,
                          .mask = s->taps,
                          .mask_neuron = n_taps,
                          .x = p->spread,
                          .x_frame = per_block,
                          .m = p->y,
                          .m_neuron = p->n_blocks * p->lanes};
  p->kernels->mask_spread(&job);
  for (size_t block = 0; block < p->n_blocks; block++) {
    float *to = p->dx + block * p->x_block + t * p->lanes;
    const float *from = p->spread + block * per_block;
    for (size_t k = 0; k < per_block; k++) to[k] += from[k];
  }
}

void ins_contrast_backward(void *state, size_t which, const float *dr,
                           const ins_features *dfeatures) {
  const plan *p = state;
  const slot *s = &p->slots[which];
  memset(p->dx, 0, p->n_blocks * p->x_block * sizeof *p->dx);
  for (size_t t = 0; t < p->n_read; t++)
    if (weigh(p, s, t, dr)) spread_in_time(p, s, t);
  scatter(p, p->dx, &dfeatures->maps);
}

/* ---- reference ------------------------------------------------------------------------------ */

/* One neuron and output frame; y [pixels] is scratch. */
static double reference_at(const ins_contrast_readout *r, const ins_contrast_cell *cell,
                           const double *x, double dr, double *y, double *dx) {
  const size_t n_pixels = r->patch.h * r->patch.w, frame = r->map_h * r->map_w;
  double mean = 0, square = 0;
  for (size_t p = 0; p < n_pixels; p++) {
    y[p] = 0;
    for (size_t k = 0; k < r->n_taps; k++)
      y[p] += (double)cell->time[k] * x[k * frame + ins_patch_at(&r->patch, r->map_w, p)];
    mean += (double)cell->space[p] * y[p] / cell->sum;
  }
  for (size_t p = 0; p < n_pixels; p++)
    square += (double)cell->space[p] * (y[p] - mean) * (y[p] - mean) / cell->sum;
  const ins_contrast_point at = ins_contrast_at(r, cell, mean, square);
  for (size_t p = 0; dx && p < n_pixels; p++) {
    const double g =
        dr * (double)cell->space[p] * (at.slope + at.contrast_slope * (y[p] - at.centre));
    for (size_t k = 0; k < r->n_taps; k++)
      dx[k * frame + ins_patch_at(&r->patch, r->map_w, p)] += g * (double)cell->time[k];
  }
  return at.r;
}

ins_status ins_contrast_reference(const void *state, ins_extent map, const int64_t *neurons,
                                  size_t n, const double *features, double *out, const double *dr,
                                  double *dfeatures) {
  const ins_contrast_readout *r = state;
  const size_t frame = r->map_h * r->map_w, n_t = (size_t)map.t;
  double *y;
  ins_status status = ins_alloc(r->patch.h * r->patch.w, sizeof *y, &y);
  if (status != INS_OK) return status;
  if (dr) memset(dfeatures, 0, n_t * frame * sizeof *dfeatures);
  for (size_t t = 0; t + r->n_taps <= n_t; t++)
    for (size_t i = 0; i < n; i++)
      out[t * n + i] = reference_at(r, &r->cells[neurons[i]], features + t * frame,
                                    dr ? dr[t * n + i] : 0, y, dr ? dfeatures + t * frame : NULL);
  ins_free(&y);
  return INS_OK;
}
