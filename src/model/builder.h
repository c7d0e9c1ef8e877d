/* SPDX-License-Identifier: MIT */
/** Reads an ins_model_source: settings with their ranges, parameters with their shapes. Notes which
 * parameters were used, so that none is silently left out of the model. */
#ifndef INSILICO_BUILDER_H
#define INSILICO_BUILDER_H

#include "arena.h"
#include "insilico/model.h"

typedef struct ins_builder {
  const ins_value *architecture, *parameters;
  const char *prefix; /* of the parameters' names: "members.2."; NULL: none */
  ins_arena *arena;   /* of the model */
  bool *used;         /* [number of parameters] */
  size_t n_trained;
  bool lasting; /* the parameters outlive the model */
  long in[4];   /* in_shape [C,T,H,W] */
} ins_builder;

/** What a setting "core.x" of the architecture says, within [low, high]. INS_ERR_MISSING,
 * INS_ERR_FORMAT. */
ins_status ins_builder_int(const ins_builder *b, const char *path, long low, long high,
                           long *out) INS_CHECKED;
/** A list of n integers within [low, high]. */
ins_status ins_builder_ints(const ins_builder *b, const char *path, size_t n, long low, long high,
                            long *out) INS_CHECKED;
bool ins_builder_has(const ins_builder *b, const char *name);
/** Parameter `name` as float32 [shape], in the model's arena. `trained` counts it among the trained
 * numbers. INS_ERR_MISSING, INS_ERR_SHAPE (both name it). */
ins_status ins_builder_take(ins_builder *b, const char *name, bool trained, int n_dims,
                            const size_t *shape, float **out) INS_CHECKED;
/** The same without a copy where the source lasts and has float32: for arrays as large as the
 * population, of which a node then has one. */
ins_status ins_builder_view(ins_builder *b, const char *name, bool trained, int n_dims,
                            const size_t *shape, const float **out) INS_CHECKED;
/** Shape of a parameter of n_dims axes. INS_ERR_MISSING, INS_ERR_SHAPE. */
ins_status ins_builder_shape(const ins_builder *b, const char *name, int n_dims,
                             size_t *shape) INS_CHECKED;
/** Element type of a parameter; INS_F32 when there is none of that name. */
ins_dtype ins_builder_dtype(const ins_builder *b, const char *name);
/** The session whose parameters session `name` uses: itself, or the one it clones
 * (architecture.sessions[...].clone_of). */
const char *ins_builder_weights_of(const ins_builder *b, const char *name);
/** INS_ERR_UNSUPPORTED, naming it, when a parameter was not used. */
ins_status ins_builder_finish(const ins_builder *b) INS_CHECKED;

#endif
