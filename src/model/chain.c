/* SPDX-License-Identifier: MIT */
#include "chain.h"

#include <string.h>

#include "chain_parts.h"
#include "kernels/separable.h"

/* Level k is what goes into step k, level 0 the stimulus, level n_steps what the last step gives.
 */

/* ---- sizes ---------------------------------------------------------------------------------- */

ins_size ins_chain_size(const ins_chain *chain, ins_size in, size_t n) {
  for (size_t k = 0; k < n; k++) {
    if (in.t < 1 || in.h < 1 || in.w < 1) return (ins_size){0, 0, 0, 0};
    in = chain->steps[k].ops->size(chain->steps[k].weights, in);
  }
  return in;
}

size_t ins_chain_n_outputs(const ins_chain *chain) {
  return chain->stack ? chain->n_stack : 1;
}

size_t ins_chain_output(const ins_chain *chain, size_t i) {
  return chain->stack ? chain->stack[i] + 1 : chain->n_steps;
}

static bool is_output(const ins_chain *chain, size_t level) {
  for (size_t i = 0; i < ins_chain_n_outputs(chain); i++)
    if (ins_chain_output(chain, i) == level) return true;
  return false;
}

void ins_chain_describe(const ins_chain *chain, ins_model_info *info) {
  const ins_size in = {chain->in_channels, 1L << 20, 1L << 20, 1L << 20}; /* large enough */
  info->layers = chain->info;
  info->n_layers = chain->n_layers;
  info->cut_frames = (size_t)chain->cut;
  info->n_features = 0;
  for (size_t i = 0; i < ins_chain_n_outputs(chain); i++)
    info->n_features += (size_t)ins_chain_size(chain, in, ins_chain_output(chain, i)).c;
}

ins_extent ins_chain_extent(const ins_chain *chain, ins_extent in) {
  const ins_size out = ins_chain_size(chain, (ins_size){chain->in_channels, in.t, in.h, in.w},
                                      ins_chain_output(chain, 0));
  if (out.t < 1 || out.h < 1 || out.w < 1) return (ins_extent){0, 0, 0};
  return (ins_extent){out.t - chain->cut, out.h, out.w};
}

/* ---- live frames ---------------------------------------------------------------------------- */

/* The shortest run of frames that holds both. */
static ins_frames hull(ins_frames a, ins_frames b) {
  if (a.n < 1) return b;
  if (b.n < 1) return a;
  const long first = a.first < b.first ? a.first : b.first;
  const long a_end = a.first + a.n, b_end = b.first + b.n;
  return (ins_frames){first, (a_end > b_end ? a_end : b_end) - first};
}

/* Frames of `level` that frames `out` of the core's output (before the cut) depend on, given those
 * of the level above. */
static ins_frames live_at(const ins_chain *chain, size_t level, ins_size size, ins_frames above,
                          ins_frames out) {
  ins_frames live = {0, 0};
  if (level < chain->n_steps && above.n > 0) {
    const ins_step *step = &chain->steps[level];
    live = step->ops->needs(step->weights, size.t, above);
  }
  return is_output(chain, level) ? hull(live, out) : live;
}

/* Stimulus frames that one frame of a very long stimulus' output depends on. */
static ins_frames field(const ins_chain *chain, long frame) {
  const ins_size in = {chain->in_channels, 1L << 40, 1L << 20, 1L << 20};
  ins_frames live = {0, 0};
  for (size_t level = chain->n_steps + 1; level-- > 0;)
    live = live_at(chain, level, ins_chain_size(chain, in, level), live,
                   (ins_frames){frame + chain->cut, 1});
  return live;
}

/* Far from the first frame, where padding does not meet the edge, an end of the window is a
 * straight line over output frames: of slope 1, of more where time is down-sampled, of slope 0
 * where the core remembers everything. */
void ins_chain_window(const ins_chain *chain, size_t frame, long *first, long *last) {
  const long far = 1L << 22, f = (long)frame;
  const ins_frames a = field(chain, far), b = field(chain, far + 1);
  const long a_last = a.first + a.n - 1, b_last = b.first + b.n - 1;
  *first = a.first + (b.first - a.first) * (f - far) - f;
  *last = a_last + (b_last - a_last) * (f - far) - f;
}

/* ---- plan ----------------------------------------------------------------------------------- */

typedef struct level {
  ins_size size;
  ins_frames live;
  ins_maps maps; /* its frames, later their gradient */
} level;

struct ins_chain_plan {
  const ins_chain *chain;
  const ins_kernels *kernels;
  level *levels; /* [n_steps + 1] */
  void **steps;
  size_t n_channels, n_frames, pixels; /* of the stimulus */
  size_t n_features, map_pixels;       /* of the core's output */
  ins_frames out;                      /* its frames that are read, counted before the cut */
  bool planar;                         /* layout of the features */
  bool lanes_step;                     /* the last step gives lanes itself */
  ins_maps joined;                     /* planar output, when it is stacked and read as lanes */
};

static size_t area(long a, long b) {
  return (size_t)a * (size_t)b;
}

static ins_status take_maps(ins_arena *arena, ins_size size, long n_frames, ins_maps *out) {
  out->frame = ins_frame_stride(area(size.h, size.w) + INS_TILE_PIXELS);
  out->channel = out->frame * (size_t)n_frames;
  return ins_arena_take(arena, out->channel * (size_t)size.c, sizeof *out->data, &out->data);
}

static void find_levels(ins_chain_plan *p, const ins_core_request *request) {
  const ins_chain *chain = p->chain;
  const ins_size in = {chain->in_channels, request->in.t, request->in.h, request->in.w};
  ins_frames above = {0, 0};
  for (size_t k = chain->n_steps + 1; k-- > 0;) {
    level *at = &p->levels[k];
    at->size = ins_chain_size(chain, in, k);
    above = at->live = live_at(chain, k, at->size, above, p->out);
  }
  p->n_channels = (size_t)in.c;
  p->n_frames = (size_t)in.t;
  p->pixels = area(in.h, in.w);
  const level *out = &p->levels[ins_chain_output(chain, 0)];
  p->map_pixels = area(out->size.h, out->size.w);
  for (size_t i = 0; i < ins_chain_n_outputs(chain); i++)
    p->n_features += (size_t)p->levels[ins_chain_output(chain, i)].size.c;
}

/* The features take the place of the last level's maps where no step stands between. */
static bool is_direct(const ins_chain_plan *p) {
  return p->planar && !p->chain->stack;
}

static ins_status make_maps(ins_chain_plan *p, ins_arena *arena) {
  const size_t n = p->chain->n_steps;
  ins_status status = INS_OK;
  for (size_t k = 0; k <= n && status == INS_OK; k++) {
    const level *at = &p->levels[k];
    if (k == n && (is_direct(p) || p->lanes_step)) break;
    status = take_maps(arena, at->size, at->live.n, &p->levels[k].maps);
  }
  if (status == INS_OK && p->chain->stack && !p->planar) {
    ins_size size = p->levels[n].size;
    size.c = (long)p->n_features;
    status = take_maps(arena, size, p->out.n, &p->joined);
  }
  return status;
}

static ins_status make_steps(ins_chain_plan *p, const ins_core_request *request, ins_arena *arena) {
  const ins_chain *chain = p->chain;
  ins_status status = ins_arena_take(arena, chain->n_steps + 1, sizeof(void *), (void *)&p->steps);
  for (size_t k = 0; k < chain->n_steps && status == INS_OK; k++) {
    const level *in = &p->levels[k], *out = in + 1;
    const ins_step_request step = {.kernels = request->kernels,
                                   .n_slots = request->n_slots,
                                   .gradient = request->gradient,
                                   .lanes = p->lanes_step && k + 1 == chain->n_steps,
                                   .in = in->size,
                                   .out = out->size,
                                   .live_in = in->live,
                                   .live_out = out->live};
    status = chain->steps[k].ops->plan(chain->steps[k].weights, &step, arena, &p->steps[k]);
  }
  return status;
}

ins_status ins_chain_plan_create(const ins_chain *chain, const ins_core_request *request,
                                 ins_arena *arena, ins_chain_plan **out) {
  ins_chain_plan *p;
  ins_status status = ins_arena_take(arena, 1, sizeof *p, &p);
  if (status == INS_OK)
    status = ins_arena_take(arena, chain->n_steps + 1, sizeof *p->levels, &p->levels);
  if (status != INS_OK) return status;
  *out = p;
  p->chain = chain;
  p->kernels = request->kernels;
  p->planar = request->planar;
  p->lanes_step = !request->planar && !chain->stack && chain->n_steps &&
                  chain->steps[chain->n_steps - 1].ops->forward_lanes;
  p->out = (ins_frames){request->first + chain->cut, request->n_read};
  find_levels(p, request);
  status = make_maps(p, arena);
  if (status == INS_OK) status = make_steps(p, request, arena);
  return status;
}

void ins_chain_live(const ins_chain_plan *p, size_t *first, size_t *n) {
  *first = (size_t)p->levels[0].live.first;
  *n = (size_t)p->levels[0].live.n;
}

/* ---- running: forward ----------------------------------------------------------------------- */

static float *at(const ins_maps *maps, size_t channel, size_t frame) {
  return maps->data + channel * maps->channel + frame * maps->frame;
}

/* The maps of a level; those of the last one may be the features themselves. */
static ins_maps maps_of(const ins_chain_plan *p, size_t k, const ins_features *features) {
  return k == p->chain->n_steps && is_direct(p) ? features->maps : p->levels[k].maps;
}

/* The live frames of the stimulus x [C,T,H,W] to planar maps, or back. */
static void stage(const ins_chain_plan *p, float *x, const ins_maps *maps, bool back) {
  const ins_frames live = p->levels[0].live;
  const size_t bytes = p->pixels * sizeof *x;
  for (size_t c = 0; c < p->n_channels; c++) {
    for (size_t t = 0; t < (size_t)live.n; t++) {
      float *frame = x + (c * p->n_frames + (size_t)live.first + t) * p->pixels;
      if (back)
        memcpy(frame, at(maps, c, t), bytes);
      else
        memcpy(at(maps, c, t), frame, bytes);
    }
  }
}

/* Planar maps of the core's output to lanes [block][t][pixel][lane], or back. */
static void change_layout(const ins_chain_plan *p, const ins_maps *maps, float *lanes, bool back) {
  const size_t width = (size_t)p->kernels->lanes, frame = p->map_pixels * width;
  for (size_t c = 0; c < p->n_features; c += width) {
    const int n = (int)(p->n_features - c < width ? p->n_features - c : width);
    for (size_t t = 0; t < (size_t)p->out.n; t++, lanes += frame) {
      if (back)
        p->kernels->to_planar((int)p->map_pixels, n, lanes, NULL, at(maps, c, t), maps->channel);
      else
        p->kernels->to_lanes((int)p->map_pixels, n, at(maps, c, t), maps->channel, lanes);
    }
  }
}

/* Copies the frames that are read of the stacked levels, one below the other. */
static void join(const ins_chain_plan *p, const ins_maps *to) {
  size_t first = 0;
  for (size_t i = 0; i < ins_chain_n_outputs(p->chain); i++) {
    const level *from = &p->levels[ins_chain_output(p->chain, i)];
    const size_t skip = (size_t)(p->out.first - from->live.first);
    for (size_t c = 0; c < (size_t)from->size.c; c++)
      for (size_t t = 0; t < (size_t)p->out.n; t++)
        memcpy(at(to, first + c, t), at(&from->maps, c, skip + t),
               p->map_pixels * sizeof *to->data);
    first += (size_t)from->size.c;
  }
}

void ins_chain_forward(ins_chain_plan *p, size_t slot, const float *x,
                       const ins_features *features) {
  const ins_chain *chain = p->chain;
  const size_t n = chain->n_steps;
  ins_maps in = maps_of(p, 0, features);
  stage(p, (float *)(uintptr_t)x, &in, false);
  for (size_t k = 0; k < n; k++) {
    const ins_step_ops *ops = chain->steps[k].ops;
    const ins_maps out = maps_of(p, k + 1, features);
    if (k + 1 == n && p->lanes_step)
      ops->forward_lanes(p->steps[k], slot, &in, features->lanes);
    else
      ops->forward(p->steps[k], slot, &in, &out);
    in = out;
  }
  if (chain->stack) join(p, p->planar ? &features->maps : &p->joined);
  if (!p->planar && !p->lanes_step)
    change_layout(p, chain->stack ? &p->joined : &p->levels[n].maps, features->lanes, false);
}

/* ---- running: backward ---------------------------------------------------------------------- */

/* Adds to a level's gradient what comes from the core's output, `from` its channel `first` on. */
static void add_output(const ins_chain_plan *p, const level *to, const ins_maps *from,
                       size_t first) {
  const size_t skip = (size_t)(p->out.first - to->live.first);
  for (size_t c = 0; c < (size_t)to->size.c; c++) {
    for (size_t t = 0; t < (size_t)p->out.n; t++) {
      const float *g = at(from, first + c, t);
      float *sum = at(&to->maps, c, skip + t);
      for (size_t i = 0; i < p->map_pixels; i++) sum[i] += g[i];
    }
  }
}

static void add_outputs(const ins_chain_plan *p, size_t k, const ins_maps *from) {
  size_t first = 0;
  for (size_t i = 0; i < ins_chain_n_outputs(p->chain); i++) {
    const size_t output = ins_chain_output(p->chain, i);
    if (output == k) add_output(p, &p->levels[k], from, first);
    first += (size_t)p->levels[output].size.c;
  }
}

/* The gradient of the last level, from that of the features. */
static void start_backward(const ins_chain_plan *p, const ins_features *dfeatures) {
  const ins_chain *chain = p->chain;
  const level *last = &p->levels[chain->n_steps];
  if (!p->planar && !p->lanes_step)
    change_layout(p, chain->stack ? &p->joined : &last->maps, dfeatures->lanes, true);
  if (!chain->stack) return;
  memset(last->maps.data, 0, last->maps.channel * (size_t)last->size.c * sizeof(float));
  add_outputs(p, chain->n_steps, p->planar ? &dfeatures->maps : &p->joined);
}

static void clear_dead_frames(const ins_chain_plan *p, float *dx) {
  const ins_frames live = p->levels[0].live;
  const size_t before = (size_t)live.first * p->pixels, end = (size_t)(live.first + live.n);
  for (size_t c = 0; c < p->n_channels; c++) {
    float *channel = dx + c * p->n_frames * p->pixels;
    memset(channel, 0, before * sizeof *dx);
    memset(channel + end * p->pixels, 0, (p->n_frames - end) * p->pixels * sizeof *dx);
  }
}

void ins_chain_backward(ins_chain_plan *p, size_t slot, const ins_features *dfeatures, float *dx) {
  const ins_chain *chain = p->chain;
  const size_t n = chain->n_steps;
  const bool tight = n && chain->steps[0].ops->tight;
  ins_maps dy = maps_of(p, n, dfeatures);
  start_backward(p, dfeatures);
  for (size_t k = n; k-- > 0;) {
    const ins_step_ops *ops = chain->steps[k].ops;
    ins_maps to = maps_of(p, k, dfeatures);
    if (k == 0 && tight)
      to = (ins_maps){dx + (size_t)p->levels[0].live.first * p->pixels, p->n_frames * p->pixels,
                      p->pixels};
    if (k + 1 == n && p->lanes_step)
      ops->backward_lanes(p->steps[k], slot, dfeatures->lanes, &to);
    else
      ops->backward(p->steps[k], slot, &dy, &to);
    if (k > 0 && chain->stack) add_outputs(p, k, p->planar ? &dfeatures->maps : &p->joined);
    dy = to;
  }
  if (!tight) stage(p, dx, &dy, true);
  clear_dead_frames(p, dx);
}
