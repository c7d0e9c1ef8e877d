/* SPDX-License-Identifier: MIT */
/* How a core changes the lengths of time, height and width, and what that says of the stimulus. */
#include "in_shape.h"

#include "state_dict.h"

/* What padding adds to the length of axis d (0 time, 1 height, 2 width); -1: "same". */
static int64_t padding_of(const ins_value *padding, int d) {
  if (padding->kind == INS_LIST) return 2 * ins_value_int_or(padding->children.items[d], 0);
  if (padding->kind == INS_INT) return 2 * padding->integer;
  return padding->kind == INS_TEXT || ins_value_bool_or(padding, false) ? -1 : 0;
}

int64_t ins_architecture_int(const ins_value *a, const char *path, size_t i) {
  const ins_value *list = ins_value_at(a, path);
  return i < ins_value_count(list) ? ins_value_int_or(list->children.items[i], 0) : 0;
}

/* The length of axis d after the core for an input of `length`; below 1 when nothing is left. */
static int64_t after_core(const ins_value *a, int d, int64_t length) {
  const ins_value *pool = ins_value_at(a, "core.downsample_input_kernel_size");
  size_t n = ins_value_count(ins_value_at(a, "core.channels")) - 1;
  int64_t every = ins_value_int_or(ins_value_at(a, "core.maxpool_every_n_layers"), 0);
  if (pool->kind == INS_LIST)
    length /= ins_architecture_int(a, "core.downsample_input_kernel_size", (size_t)d);
  for (size_t l = 0; l < n && length > 0; l++) {
    const ins_value *padding =
        ins_value_at(a, l == 0 ? "core.input_padding" : "core.hidden_padding");
    int64_t added = padding_of(padding, d);
    int64_t kernel = ins_architecture_int(
        a, d == 0 ? "core.temporal_kernel_sizes" : "core.spatial_kernel_sizes", l);
    if (added >= 0) length += added - (kernel - 1);
    if (d > 0 && every > 0 && l % (size_t)every == 0) length /= 2;
  }
  return length;
}

/* The least input whose feature map has `length`. Found by trying: pooling cannot be inverted. */
static int64_t before_core(const ins_value *a, int d, int64_t length) {
  enum { MOST = 1 << 14 };
  for (int64_t in = 1; in <= MOST; in++)
    if (after_core(a, d, in) == length) return in;
  return 0;
}

static bool is_pooled(const ins_value *a) {
  return ins_value_at(a, "core.downsample_input_kernel_size")->kind == INS_LIST ||
         ins_value_at(a, "core.maxpool_every_n_layers")->kind == INS_INT;
}

/* [C,T,H,W] of a bare state dict whose grid tells the size of the feature map. The number of frames
 * is only nominal: the least that leaves one frame. */
ins_status ins_in_shape_derive(const ins_settings *s, const ins_value *state, const ins_value *a,
                               ins_value **out) {
  size_t height, width, squash = ins_value_count(ins_value_at(a, "core.color_squashing_weights"));
  int64_t size[4] = {0};
  if (is_pooled(a) || !ins_state_map_size(state, &height, &width))
    return ins_fail(INS_ERR_MISSING,
                    "%s: a state dict without its architecture: give "
                    "model.architecture.in_shape as [channels, frames, height, width]",
                    s->file);
  size[0] = squash ? (int64_t)squash : ins_architecture_int(a, "core.channels", 0);
  size[1] = before_core(a, 0, 1 + ins_value_int_or(ins_value_at(a, "core.cut_first_n_frames"), 0));
  size[2] = before_core(a, 1, (int64_t)height);
  size[3] = before_core(a, 2, (int64_t)width);
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (int d = 0; status == INS_OK && d < 4; d++)
    status = ins_list_take(*out, ins_value_int(size[d]));
  return status;
}

ins_status ins_in_shape_check(const ins_settings *s, const ins_value *state, const ins_value *a) {
  size_t height, width, squash = ins_value_count(ins_value_at(a, "core.color_squashing_weights"));
  int64_t channels = ins_architecture_int(a, "in_shape", 0),
          first = ins_architecture_int(a, "core.channels", 0);
  int64_t rows = after_core(a, 1, ins_architecture_int(a, "in_shape", 2));
  int64_t columns = after_core(a, 2, ins_architecture_int(a, "in_shape", 3));
  if (ins_value_count(ins_map_get(a, "in_shape")) != 4)
    return ins_fail(INS_ERR_SHAPE, "%s: in_shape must be [channels, frames, height, width]",
                    s->file);
  for (size_t d = 0; d < 4; d++)
    if (ins_architecture_int(a, "in_shape", d) < 1 ||
        ins_architecture_int(a, "in_shape", d) > 1 << 20)
      return ins_fail(INS_ERR_SHAPE, "%s: in_shape has a length outside 1 to 2^20", s->file);
  if (channels != first &&
      !(squash && first == 1 && (channels == 1 || channels == (int64_t)squash)))
    return ins_fail(INS_ERR_SHAPE, "%s: in_shape has %lld channels, but the core takes %lld",
                    s->file, (long long)channels, (long long)first);
  if (rows < 1 || columns < 1)
    return ins_fail(INS_ERR_SHAPE,
                    "%s: stimuli of %lld x %lld pixels are too small for its kernels", s->file,
                    (long long)ins_architecture_int(a, "in_shape", 2),
                    (long long)ins_architecture_int(a, "in_shape", 3));
  if (ins_state_map_size(state, &height, &width) &&
      ((int64_t)height != rows || (int64_t)width != columns))
    return ins_fail(INS_ERR_SHAPE,
                    "%s: its readouts were made for feature maps of %zu x %zu, but its "
                    "architecture gives %lld x %lld",
                    s->file, height, width, (long long)rows, (long long)columns);
  return INS_OK;
}
