/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "chain.h"

static const ins_core_kind *const cores[] = {&ins_core_simple,   &ins_core_stacked,
                                             &ins_core_conv_gru, &ins_core_conditioned_gru,
                                             &ins_core_dummy,    &ins_core_image};
static const ins_readout_ops *const readouts[] = {
    &ins_readout_gaussian_mask,    &ins_readout_factorized,
    &ins_readout_point_gaussian,   &ins_readout_lnp,
    &ins_readout_spatial_contrast, &ins_readout_spatial_x_feature,
    &ins_readout_single_lnp,       &ins_readout_single_spatial_contrast};

/* ---- kinds ---------------------------------------------------------------------------------- */

/* The kinds that the architecture names. */
static ins_status choose_kinds(const ins_builder *b, ins_model *model,
                               const ins_core_kind **core_kind) {
  const char *core = ins_value_text_or(ins_value_at(b->architecture, "core.kind"), NULL);
  const char *readout = ins_value_text_or(ins_value_at(b->architecture, "readout.kind"), NULL);
  if (!core || !readout)
    return ins_fail(INS_ERR_MISSING, "the architecture names no %s kind",
                    core ? "readout" : "core");
  *core_kind = NULL;
  for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
    if (strcmp(cores[i]->kind, core) == 0) *core_kind = cores[i];
  }
  for (size_t i = 0; i < sizeof readouts / sizeof *readouts; i++) {
    if (strcmp(readouts[i]->kind, readout) == 0) model->readout_ops = readouts[i];
  }
  if (!*core_kind)
    return ins_fail(INS_ERR_UNSUPPORTED, "insilico cannot compute a core of kind '%s' yet", core);
  if (!model->readout_ops)
    return ins_fail(INS_ERR_UNSUPPORTED, "insilico cannot compute a readout of kind '%s' yet",
                    readout);
  model->info.core = (*core_kind)->kind;
  model->info.readout = model->readout_ops->kind;
  return INS_OK;
}

enum { MOST_NEURONS = 1 << 24, MOST_FRAMES = 1 << 24 };

/* ---- sessions ------------------------------------------------------------------------------- */

static ins_status read_session(const ins_builder *b, const ins_value *item, size_t i, size_t *first,
                               ins_session *session) {
  const char *name = ins_value_text_or(ins_map_get(item, "name"), NULL);
  const int64_t n = ins_value_int_or(ins_map_get(item, "n_neurons"), -1);
  if (!name || n < 1)
    return ins_fail(INS_ERR_FORMAT,
                    "session %zu of the architecture needs a name and its number of neurons", i);
  if (n > MOST_NEURONS || *first > (size_t)MOST_NEURONS - (size_t)n)
    return ins_fail(INS_ERR_FORMAT,
                    "the sessions of the architecture have more than %d neurons (%lld in session "
                    "'%.60s')",
                    MOST_NEURONS, (long long)n, name);
  if (i > 0 && strcmp(session[-1].name, name) >= 0)
    return ins_fail(INS_ERR_FORMAT,
                    "the sessions of the architecture must be sorted by name: '%s' stands "
                    "before '%s'",
                    session[-1].name, name);
  char *copy;
  ins_status status = ins_arena_take(b->arena, strlen(name) + 1, 1, &copy);
  if (status != INS_OK) return status;
  strcpy(copy, name);
  *session = (ins_session){copy, *first, (size_t)n};
  *first += (size_t)n;
  return INS_OK;
}

static ins_status read_sessions(const ins_builder *b, ins_model_info *info) {
  const ins_value *list = ins_value_at(b->architecture, "sessions");
  if (!list || list->kind != INS_LIST || list->children.n == 0)
    return ins_fail(INS_ERR_MISSING, "the architecture lists no sessions");
  ins_session *sessions;
  ins_status status = ins_arena_take(b->arena, list->children.n, sizeof *sessions, &sessions);
  for (size_t i = 0; i < list->children.n && status == INS_OK; i++)
    status = read_session(b, list->children.items[i], i, &info->n_neurons, &sessions[i]);
  info->sessions = sessions;
  info->n_sessions = list->children.n;
  return status;
}

/* ---- making --------------------------------------------------------------------------------- */

static ins_status read_shape(ins_builder *b, ins_model_info *info) {
  enum { MOST = 1 << 14 }; /* keeps every product of two sizes within an int */
  ins_status status = ins_builder_ints(b, "in_shape", 4, 1, 1 << 24, b->in);
  if (status != INS_OK) return status;
  if (b->in[0] > MOST || b->in[2] > MOST || b->in[3] > MOST)
    return ins_fail(INS_ERR_FORMAT,
                    "in_shape of the architecture is too large: at most %d channels, rows "
                    "and columns",
                    MOST);
  info->n_channels = (size_t)b->in[0];
  info->height = (size_t)b->in[2];
  info->width = (size_t)b->in[3];
  return INS_OK;
}

/* A cloned readout repeats another session's neurons: r = alpha * r + beta. */
static ins_status read_clone(ins_builder *b, const ins_session *session, ins_model *model) {
  const size_t shape[1] = {session->n_neurons};
  char name[512];
  float *alpha, *beta;
  if (strcmp(ins_builder_weights_of(b, session->name), session->name) == 0) return INS_OK;
  snprintf(name, sizeof name, "readout.%.400s.alpha", session->name);
  ins_status status = ins_builder_take(b, name, true, 1, shape, &alpha);
  snprintf(name, sizeof name, "readout.%.400s.beta", session->name);
  if (status == INS_OK) status = ins_builder_take(b, name, true, 1, shape, &beta);
  for (size_t i = 0; i < session->n_neurons && status == INS_OK; i++) {
    model->clone_scale[session->first + i] = alpha[i];
    model->clone_shift[session->first + i] = beta[i];
  }
  return status;
}

static ins_status read_clones(ins_builder *b, ins_model *model) {
  const ins_model_info *info = &model->info;
  size_t n_clones = 0;
  for (size_t s = 0; s < info->n_sessions; s++)
    n_clones +=
        strcmp(ins_builder_weights_of(b, info->sessions[s].name), info->sessions[s].name) != 0;
  if (!n_clones || model->readout_ops->clones) return INS_OK;
  ins_status status = ins_arena_take(b->arena, info->n_neurons, sizeof(float), &model->clone_scale);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, info->n_neurons, sizeof(float), &model->clone_shift);
  for (size_t i = 0; i < info->n_neurons && status == INS_OK; i++) model->clone_scale[i] = 1;
  for (size_t s = 0; s < info->n_sessions && status == INS_OK; s++)
    status = read_clone(b, &info->sessions[s], model);
  return status;
}

static ins_status build_single(ins_builder *b, ins_model *model) {
  ins_model_info *info = &model->info;
  const ins_core_kind *core = NULL;
  ins_status status = choose_kinds(b, model, &core);
  if (status == INS_OK) status = read_shape(b, info);
  if (status == INS_OK) status = read_sessions(b, info);
  if (status == INS_OK) status = ins_arena_take(b->arena, 1, sizeof *model->core, &model->core);
  if (status == INS_OK) status = core->create(b, model->core);
  if (status != INS_OK) return status;
  ins_chain_describe(model->core, info);
  const ins_extent in = {b->in[1], b->in[2], b->in[3]}, map = ins_chain_extent(model->core, in);
  if (map.h < 1 || map.w < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "a stimulus of %ld x %ld pixels (in_shape) is too small for the "
                    "kernels of the core",
                    in.h, in.w);
  info->map_height = (size_t)map.h;
  info->map_width = (size_t)map.w;
  status = model->readout_ops->create(b, info, map, &model->readout);
  if (status == INS_OK) status = read_clones(b, model);
  info->n_parameters = b->n_trained;
  return status;
}

/* ---- composites ----------------------------------------------------------------------------- */

static ins_status create_from(ins_builder *b, ins_model **out);

/* Members of a mean have parameters of their own ("members.K. ..."); those that share a core among
 * sessions use the same parameters, each with its own speed. */
static ins_status build_member(const ins_builder *b, size_t k, bool mean, ins_member *member) {
  char prefix[512];
  ins_builder own = *b;
  own.architecture = ins_value_at(b->architecture, "members")->children.items[k];
  own.n_trained = 0;
  snprintf(prefix, sizeof prefix, "%.400smembers.%zu.", b->prefix ? b->prefix : "", k);
  if (mean) own.prefix = prefix;
  ins_status status = create_from(&own, &member->model);
  return ins_within(status, "member %zu", k);
}

/* The sessions of a member are those of the whole from number *at on. */
static ins_status check_sessions(const ins_model_info *whole, const ins_model_info *member,
                                 size_t k, size_t *at) {
  for (size_t s = 0; s < member->n_sessions; s++, ++*at) {
    const ins_session *is = &member->sessions[s], *should = &whole->sessions[*at];
    if (*at < whole->n_sessions && strcmp(is->name, should->name) == 0 &&
        is->n_neurons == should->n_neurons)
      continue;
    return ins_fail(INS_ERR_SHAPE,
                    "member %zu of the model has a session '%.60s' of %zu neurons, which the whole "
                    "has not in that place",
                    k, is->name, is->n_neurons);
  }
  return INS_OK;
}

/* Members see the same stimuli, and answer with the same number of frames from maps of one size. */
static ins_status check_member(const ins_model *model, size_t k) {
  const ins_model *one = model->members[k].model, *first = model->members[0].model;
  const ins_model_info *info = &one->info, *other = &first->info;
  if (info->n_channels != other->n_channels || info->height != other->height ||
      info->width != other->width)
    return ins_fail(INS_ERR_SHAPE,
                    "member %zu of the model takes stimuli of %zu channels of %zu x %zu px, "
                    "but member 0 of %zu channels of %zu x %zu px",
                    k, info->n_channels, info->height, info->width, other->n_channels,
                    other->height, other->width);
  const ins_extent in = {1L << 20, (long)info->height, (long)info->width};
  if (ins_model_extent(one, in).t != ins_model_extent(first, in).t)
    return ins_fail(INS_ERR_SHAPE,
                    "members 0 and %zu of the model answer with other numbers of frames", k);
  return INS_OK;
}

static ins_status build_composite(ins_builder *b, const ins_value *members, ins_model *model) {
  ins_model_info *info = &model->info;
  const char *combine = ins_value_text_or(ins_value_at(b->architecture, "combine"), "");
  const bool mean = strcmp(combine, "mean") == 0;
  size_t first = 0, at = 0;
  if (!mean && strcmp(combine, "sessions") != 0)
    return ins_fail(INS_ERR_FORMAT,
                    "the architecture combines its members by '%s', but must by "
                    "'mean' or 'sessions'",
                    combine);
  ins_status status = read_sessions(b, info);
  if (status == INS_OK)
    status = ins_arena_take(b->arena, members->children.n, sizeof *model->members, &model->members);
  for (size_t k = 0; k < members->children.n && status == INS_OK; k++) {
    model->n_members = k + 1;
    status = build_member(b, k, mean, &model->members[k]);
    if (status == INS_OK) status = check_member(model, k);
    if (mean) at = 0;
    if (status == INS_OK) status = check_sessions(info, &model->members[k].model->info, k, &at);
    if (status != INS_OK) return status;
    const ins_model_info *theirs = &model->members[k].model->info;
    model->members[k].first = mean ? 0 : first;
    first += theirs->n_neurons;
    info->n_parameters += theirs->n_parameters;
  }
  if (status != INS_OK) return status;
  model->n_averaged = mean ? model->n_members : 1;
  if (at != info->n_sessions)
    return ins_fail(INS_ERR_SHAPE, "session '%.60s' of the architecture is in none of its members",
                    info->sessions[at].name);
  ins_model_info whole = model->members[0].model->info;
  whole.sessions = info->sessions;
  whole.n_sessions = info->n_sessions;
  whole.n_neurons = info->n_neurons;
  if (mean) whole.n_parameters = info->n_parameters;
  whole.n_members = mean ? model->n_members : 0;
  *info = whole;
  return INS_OK;
}

/* ---- the whole ------------------------------------------------------------------------------ */

static ins_status create_from(ins_builder *b, ins_model **out) {
  const ins_value *members = ins_value_at(b->architecture, "members");
  ins_model *model = NULL;
  *out = NULL;
  ins_status status = ins_alloc(1, sizeof *model, &model);
  if (status != INS_OK) return status;
  b->arena = &model->arena;
  status = members && members->kind == INS_LIST && members->children.n
               ? build_composite(b, members, model)
               : build_single(b, model);
  if (status == INS_OK)
    *out = model;
  else
    ins_model_destroy(&model);
  return status;
}

ins_status ins_model_create(const ins_model_source *source, ins_model **out) {
  *out = NULL;
  ins_builder b = {.architecture = source->architecture,
                   .parameters = source->parameters,
                   .lasting = source->lasting};
  ins_status status = ins_alloc(ins_value_count(b.parameters), sizeof *b.used, &b.used);
  if (status == INS_OK) status = create_from(&b, out);
  if (status == INS_OK) status = ins_builder_finish(&b);
  if (status != INS_OK) ins_model_destroy(out);
  ins_free(&b.used);
  return status;
}

void ins_model_destroy(ins_model **model) {
  ins_model *m = *model;
  if (!m) return;
  for (size_t k = 0; k < m->n_members; k++) ins_model_destroy(&m->members[k].model);
  ins_arena_free(&m->arena);
  ins_free(model);
}

/* ---- asking --------------------------------------------------------------------------------- */

const ins_model_info *ins_model_describe(const ins_model *model) {
  return &model->info;
}

const ins_session *ins_model_session(const ins_model *model, const char *name) {
  for (size_t i = 0; i < model->info.n_sessions; i++) {
    if (strcmp(model->info.sessions[i].name, name) == 0) return &model->info.sessions[i];
  }
  return NULL;
}

const ins_model *ins_model_member(const ins_model *model, size_t k) {
  return k < model->info.n_members ? model->members[k].model : NULL;
}

long ins_model_lag(const ins_model *model) {
  const ins_readout_ops *ops = model->readout_ops;
  return ops->lag ? ops->lag(model->readout) : 0;
}

ins_extent ins_model_extent(const ins_model *model, ins_extent in) {
  if (model->n_members) return ins_model_extent(model->members[0].model, in);
  ins_extent out = ins_chain_extent(model->core, in);
  out.t -= ins_model_lag(model);
  return out;
}

size_t ins_model_least_frames(const ins_model *model) {
  const long h = (long)model->info.height, w = (long)model->info.width;
  size_t low = 0, high = MOST_FRAMES; /* too few; enough, if anything is */
  if (ins_model_extent(model, (ins_extent){MOST_FRAMES, h, w}).t < 1) return 0;
  while (high - low > 1) { /* more frames never leave fewer responses */
    const size_t middle = low + (high - low) / 2;
    *(ins_model_extent(model, (ins_extent){(long)middle, h, w}).t < 1 ? &low : &high) = middle;
  }
  return high;
}

ins_status ins_model_output_frames(const ins_model *model, size_t n_frames, size_t *out) {
  const long h = (long)model->info.height, w = (long)model->info.width;
  if (n_frames > MOST_FRAMES)
    return ins_fail(INS_ERR_SHAPE, "a stimulus of %zu frames is too long", n_frames);
  const long left = ins_model_extent(model, (ins_extent){(long)n_frames, h, w}).t;
  if (left < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "a stimulus of %zu frames leaves no response: this model needs at least "
                    "%zu frames",
                    n_frames, ins_model_least_frames(model));
  *out = (size_t)left;
  return INS_OK;
}

void ins_model_window(const ins_model *model, size_t f, long *first, long *last) {
  if (!model->n_members) {
    ins_chain_window(model->core, f, first, last);
    *last += ins_model_lag(model);
    return;
  }
  for (size_t k = 0; k < model->n_members; k++) {
    long from, to;
    ins_model_window(model->members[k].model, f, &from, &to);
    if (k == 0 || from < *first) *first = from;
    if (k == 0 || to > *last) *last = to;
  }
}

bool ins_model_remembers(const ins_model *model) {
  long first[2], last;
  for (size_t f = 0; f < 2; f++) ins_model_window(model, f, &first[f], &last);
  return first[0] != first[1];
}

void ins_model_mask(const ins_model *model, size_t neuron, float *out) {
  for (size_t k = 0; k < model->n_members; k++) {
    const ins_member *member = &model->members[k];
    if (neuron >= member->first && neuron - member->first < member->model->info.n_neurons) {
      ins_model_mask(member->model, neuron - member->first, out);
      return;
    }
  }
  model->readout_ops->mask(model->readout, neuron, out);
}

ins_status ins_model_check_shape(const ins_model *model, size_t height, size_t width) {
  const ins_model_info *info = &model->info;
  if (height == info->height && width == info->width) return INS_OK;
  return ins_fail(INS_ERR_SHAPE,
                  "the stimulus is %zu x %zu pixels (height x width), but the model was "
                  "trained on %zu x %zu",
                  height, width, info->height, info->width);
}
