/* SPDX-License-Identifier: MIT */
#include "in_shape.h"

#include <stdlib.h>
#include <string.h>

#include "state_dict.h"

/* ---- the feature map that a readout was made for --------------------------------------------- */

typedef struct map_size {
  size_t channels, height, width; /* channels: 0 where the readout does not tell */
} map_size;

/* From the first session's leaf that shows it; false when there is none. */
static bool read_map(const ins_value *state, const ins_readout_kind *kind, map_size *out) {
  int most = kind->map_height > kind->map_width ? kind->map_height : kind->map_width;
  if (!kind->map) return false;
  for (size_t i = 0; i < state->children.n; i++) {
    const ins_value *value = state->children.items[i];
    const char *leaf;
    size_t length;
    if (!ins_state_session(state->children.keys[i], &length, &leaf) ||
        strcmp(leaf, kind->map) != 0 || value->kind != INS_ARRAY || value->array.n_dims <= most)
      continue;
    out->height = value->array.shape[kind->map_height];
    out->width = value->array.shape[kind->map_width];
    out->channels = kind->map_channels > 0 ? value->array.shape[kind->map_channels] : 0;
    return true;
  }
  return false;
}

/* ---- deriving -------------------------------------------------------------------------------- */

/* The least input whose feature map has `length`. Found by trying: kernels may be padded. */
static int64_t before_core(const ins_value *a, int d, int64_t length) {
  enum { MOST = 1 << 14 };
  for (int64_t in = 1; in <= MOST; in++)
    if (ins_core_kind_of(a)->length(a, d, in) == length) return in;
  return 0;
}

/* Pooling loses rows and columns that no map can tell of. */
static bool is_pooled(const ins_value *a) {
  const ins_value *down = ins_value_at(a, "core.downsample_input_kernel_size");
  const ins_value *every = ins_value_at(a, "core.maxpool_every_n_layers");
  return (down && down->kind == INS_LIST) || (every && every->kind == INS_INT);
}

static int64_t channels_of(const ins_value *a, const map_size *map) {
  size_t squash = ins_value_count(ins_value_at(a, "core.color_squashing_weights"));
  if (squash) return (int64_t)squash;
  if (ins_value_at(a, "core.channels")) return ins_architecture_int(a, "core.channels", 0);
  return map->channels ? (int64_t)map->channels : 1;
}

ins_status ins_in_shape_derive(const ins_settings *s, const ins_value *state, const ins_value *a,
                               ins_value **out) {
  map_size map = {0};
  if (is_pooled(a) || !read_map(state, ins_readout_kind_of(a), &map))
    return ins_fail(INS_ERR_MISSING,
                    "%s: give model.architecture.in_shape as [channels, frames, height, width], "
                    "which its weights do not tell",
                    s->file);
  const int64_t size[4] = {channels_of(a, &map), before_core(a, 0, 1),
                           before_core(a, 1, (int64_t)map.height),
                           before_core(a, 2, (int64_t)map.width)};
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (int d = 0; status == INS_OK && d < 4; d++)
    status = ins_list_take(*out, ins_value_int(size[d]));
  return status;
}

/* ---- checking -------------------------------------------------------------------------------- */

static ins_status check_lengths(const ins_settings *s, const ins_value *a) {
  if (ins_value_count(ins_map_get(a, "in_shape")) != 4)
    return ins_fail(INS_ERR_SHAPE, "%s: in_shape must be [channels, frames, height, width]",
                    s->file);
  for (size_t d = 0; d < 4; d++)
    if (ins_architecture_int(a, "in_shape", d) < 1 ||
        ins_architecture_int(a, "in_shape", d) > 1 << 20)
      return ins_fail(INS_ERR_SHAPE, "%s: in_shape has a length outside 1 to 2^20", s->file);
  return INS_OK;
}

static ins_status check_channels(const ins_settings *s, const ins_value *a) {
  size_t squash = ins_value_count(ins_value_at(a, "core.color_squashing_weights"));
  int64_t channels = ins_architecture_int(a, "in_shape", 0),
          first = ins_architecture_int(a, "core.channels", 0);
  bool squashed = squash && first == 1 && (channels == 1 || channels == (int64_t)squash);
  if (!ins_value_at(a, "core.channels") || channels == first || squashed) return INS_OK;
  return ins_fail(INS_ERR_SHAPE, "%s: in_shape has %lld channels, but the core takes %lld", s->file,
                  (long long)channels, (long long)first);
}

ins_status ins_in_shape_check(const ins_settings *s, const ins_value *state, const ins_value *a) {
  map_size map = {0};
  ins_status status = check_lengths(s, a);
  if (status == INS_OK) status = check_channels(s, a);
  if (status != INS_OK) return status;
  const ins_core_kind *core = ins_core_kind_of(a);
  int64_t rows = core->length(a, 1, ins_architecture_int(a, "in_shape", 2));
  int64_t columns = core->length(a, 2, ins_architecture_int(a, "in_shape", 3));
  if (rows < 1 || columns < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: stimuli of %lld x %lld pixels are too small for its kernels", s->file,
                    (long long)ins_architecture_int(a, "in_shape", 2),
                    (long long)ins_architecture_int(a, "in_shape", 3));
  if (read_map(state, ins_readout_kind_of(a), &map) &&
      ((int64_t)map.height != rows || (int64_t)map.width != columns))
    return ins_fail(INS_ERR_SHAPE,
                    "%s: its readouts were made for feature maps of %zu x %zu, but its "
                    "architecture gives %lld x %lld",
                    s->file, map.height, map.width, (long long)rows, (long long)columns);
  return INS_OK;
}
