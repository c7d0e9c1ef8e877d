/* SPDX-License-Identifier: MIT */
#include "core_simple.h"
#include "kernels/reference.h"

#include <string.h>

/* What each layer got and what it gave before its nonlinearity. */
typedef struct tape {
  ins_extent *in; /* [n_layers + 1] */
  double **x, **before;
  double **gradient; /* of each layer's input, and of the last output */
  double *plane;
} tape;

static size_t count(int channels, ins_extent e) {
  return (size_t)channels * (size_t)e.t * (size_t)e.h * (size_t)e.w;
}

static ins_status make_tape(const ins_simple_core *core, ins_extent in, ins_arena *arena,
                            tape **out) {
  tape *t;
  const size_t n = (size_t)core->n_layers;
  ins_status status = ins_arena_take(arena, 1, sizeof *t, &t);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *t->in, &t->in);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *t->x, &t->x);
  if (status == INS_OK) status = ins_arena_take(arena, n, sizeof *t->before, &t->before);
  if (status == INS_OK) status = ins_arena_take(arena, n + 1, sizeof *t->gradient, &t->gradient);
  size_t largest = 0;
  for (size_t l = 0; status == INS_OK && l <= n;
       l++, in = ins_simple_after(&core->info[l - 1], in)) {
    const int channels = l < n ? core->info[l].in_channels : core->info[n - 1].out_channels;
    t->in[l] = in;
    status = ins_arena_take(arena, count(channels, in), sizeof(double), &t->x[l]);
    if (status == INS_OK)
      status = ins_arena_take(arena, count(channels, in), sizeof(double), &t->gradient[l]);
    if (status == INS_OK && l > 0)
      status = ins_arena_take(arena, count(channels, in), sizeof(double), &t->before[l - 1]);
    if ((size_t)(in.h * in.w) > largest) largest = (size_t)(in.h * in.w);
    if (l == n) break;
  }
  if (status == INS_OK) status = ins_arena_take(arena, largest, sizeof(double), &t->plane);
  *out = t;
  return status;
}

/* Copies the frames from `cut` on to a tensor without the others, or back. */
static void cut_frames(const ins_simple_core *core, ins_extent e, double *whole, double *cut,
                       bool back) {
  const size_t plane = (size_t)(e.h * e.w), rest = (size_t)(e.t - core->cut) * plane;
  for (int c = 0; c < core->info[core->n_layers - 1].out_channels; c++) {
    double *from = whole + ((size_t)c * (size_t)e.t + (size_t)core->cut) * plane;
    if (back)
      memcpy(from, cut + (size_t)c * rest, rest * sizeof *cut);
    else
      memcpy(cut + (size_t)c * rest, from, rest * sizeof *cut);
  }
}

ins_status ins_simple_reference(const void *state, ins_extent in, const double *x, ins_arena *arena,
                                double **features, void **out) {
  const ins_simple_core *core = state;
  const int n = core->n_layers;
  tape *t;
  ins_status status = make_tape(core, in, arena, &t);
  if (status != INS_OK) return status;
  memcpy(t->x[0], x, count(core->info[0].in_channels, in) * sizeof *x);
  for (int l = 0; l < n; l++) {
    const ins_simple_layer *layer = &core->layers[l];
    const ins_conv_shape shape = ins_simple_shape(&core->info[l], t->in[l]);
    const size_t plane = count(1, t->in[l + 1]), total = count(shape.out_channels, t->in[l + 1]);
    ins_reference_separable(&shape, layer->wt, layer->ws, t->x[l], t->plane, t->before[l]);
    for (size_t k = 0; k < total; k++) {
      const size_t c = k / plane;
      t->before[l][k] = (double)layer->scale[c] * t->before[l][k] + (double)layer->shift[c];
      t->x[l + 1][k] = ins_reference_elu(t->before[l][k]);
    }
  }
  status = ins_arena_take(arena, count(core->info[n - 1].out_channels, t->in[n]), sizeof **features,
                          features);
  if (status == INS_OK) cut_frames(core, t->in[n], t->x[n], *features, false);
  *out = t;
  return status;
}

void ins_simple_reference_backward(const void *state, void *tape_of_run, double *dfeatures,
                                   double *dx) {
  const ins_simple_core *core = state;
  const tape *t = tape_of_run;
  const int n = core->n_layers;
  memset(t->gradient[n], 0, count(core->info[n - 1].out_channels, t->in[n]) * sizeof(double));
  cut_frames(core, t->in[n], t->gradient[n], dfeatures, true);
  for (int l = n - 1; l >= 0; l--) {
    const ins_simple_layer *layer = &core->layers[l];
    const ins_conv_shape shape = ins_simple_shape(&core->info[l], t->in[l]);
    const size_t plane = count(1, t->in[l + 1]), total = count(shape.out_channels, t->in[l + 1]);
    for (size_t k = 0; k < total; k++)
      t->gradient[l + 1][k] *=
          ins_reference_elu_slope(t->before[l][k]) * (double)layer->scale[k / plane];
    ins_reference_separable_backward(&shape, layer->wt, layer->ws, t->gradient[l + 1], t->plane,
                                     l ? t->gradient[l] : dx);
  }
}
