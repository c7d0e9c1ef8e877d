/* SPDX-License-Identifier: MIT */
#include "model_internal.h"

#include <string.h>

static const ins_core_ops *const cores[] = {&ins_core_simple};
static const ins_readout_ops *const readouts[] = {&ins_readout_gaussian_mask};

/* ---- kinds ---------------------------------------------------------------------------------- */

/* The tables of the kinds that the architecture names; `kind` is the first member of each. */
static ins_status choose_kinds(const ins_builder *b, ins_model *model) {
  const char *core = ins_value_text_or(ins_value_at(b->architecture, "core.kind"), NULL);
  const char *readout = ins_value_text_or(ins_value_at(b->architecture, "readout.kind"), NULL);
  if (!core || !readout)
    return ins_fail(INS_ERR_MISSING, "the architecture names no %s kind",
                    core ? "readout" : "core");
  for (size_t i = 0; i < sizeof cores / sizeof *cores; i++) {
    if (strcmp(cores[i]->kind, core) == 0) model->core_ops = cores[i];
  }
  for (size_t i = 0; i < sizeof readouts / sizeof *readouts; i++) {
    if (strcmp(readouts[i]->kind, readout) == 0) model->readout_ops = readouts[i];
  }
  if (!model->core_ops)
    return ins_fail(INS_ERR_UNSUPPORTED, "insilico cannot compute a core of kind '%s' yet", core);
  if (!model->readout_ops)
    return ins_fail(INS_ERR_UNSUPPORTED, "insilico cannot compute a readout of kind '%s' yet",
                    readout);
  model->info.core = model->core_ops->kind;
  model->info.readout = model->readout_ops->kind;
  return INS_OK;
}

/* ---- sessions ------------------------------------------------------------------------------- */

static ins_status read_session(const ins_builder *b, const ins_value *item, size_t i, size_t *first,
                               ins_session *session) {
  const char *name = ins_value_text_or(ins_map_get(item, "name"), NULL);
  const int64_t n = ins_value_int_or(ins_map_get(item, "n_neurons"), -1);
  if (!name || n < 1)
    return ins_fail(INS_ERR_FORMAT,
                    "session %zu of the architecture needs a name and its number of neurons", i);
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

static ins_status build(ins_builder *b, ins_model *model) {
  ins_model_info *info = &model->info;
  ins_status status = choose_kinds(b, model);
  if (status == INS_OK) status = read_shape(b, info);
  if (status == INS_OK) status = read_sessions(b, info);
  if (status == INS_OK) status = model->core_ops->create(b, &model->core);
  if (status != INS_OK) return status;
  model->core_ops->describe(model->core, info);
  const ins_extent in = {b->in[1], b->in[2], b->in[3]},
                   map = model->core_ops->extent(model->core, in);
  if (map.h < 1 || map.w < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "a stimulus of %ld x %ld pixels (in_shape) is too small for the "
                    "kernels of the core",
                    in.h, in.w);
  info->map_height = (size_t)map.h;
  info->map_width = (size_t)map.w;
  status = model->readout_ops->create(b, info, map, &model->readout);
  info->n_parameters = b->n_trained;
  return status == INS_OK ? ins_builder_finish(b) : status;
}

ins_status ins_model_create(const ins_model_source *source, ins_model **out) {
  *out = NULL;
  ins_model *model = NULL;
  ins_builder b = {.architecture = source->architecture, .parameters = source->parameters};
  ins_status status = ins_alloc(1, sizeof *model, &model);
  if (status != INS_OK) return status;
  b.arena = &model->arena;
  status = ins_alloc(ins_value_count(b.parameters), sizeof *b.used, &b.used);
  if (status == INS_OK) status = build(&b, model);
  ins_free(&b.used);
  if (status == INS_OK)
    *out = model;
  else
    ins_model_destroy(&model);
  return status;
}

void ins_model_destroy(ins_model **model) {
  if (!*model) return;
  ins_arena_free(&(*model)->arena);
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

ins_status ins_model_output_frames(const ins_model *model, size_t n_frames, size_t *out) {
  const long most = 1L << 24, h = (long)model->info.height, w = (long)model->info.width;
  if (n_frames > (size_t)most)
    return ins_fail(INS_ERR_SHAPE, "a stimulus of %zu frames is too long", n_frames);
  const long lost = most - model->core_ops->extent(model->core, (ins_extent){most, h, w}).t;
  const long left = model->core_ops->extent(model->core, (ins_extent){(long)n_frames, h, w}).t;
  if (left < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "a stimulus of %zu frames leaves no response: this model needs at least "
                    "%ld frames",
                    n_frames, lost < 0 ? 1 : lost + 1);
  *out = (size_t)left;
  return INS_OK;
}

void ins_model_window(const ins_model *model, size_t f, long *first, long *last) {
  (void)f; /* convolutions: the same window, relative to the frame, for every frame */
  model->core_ops->window(model->core, first, last);
}

void ins_model_mask(const ins_model *model, size_t neuron, float *out) {
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
