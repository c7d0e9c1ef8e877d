/* SPDX-License-Identifier: MIT */
/** Stimuli: shapes, names of channels, and where a search starts. */
#ifndef INSILICO_STIMULUS_H
#define INSILICO_STIMULUS_H

#include "insilico/keys.h"
#include "insilico/random.h"

/** Extent of a stimulus [C,T,H,W]. */
typedef struct ins_shape {
  size_t n_channels, n_frames, height, width;
} ins_shape;

static inline size_t ins_shape_frame(const ins_shape *s) {
  return s->height * s->width;
}
static inline size_t ins_shape_channel(const ins_shape *s) {
  return s->n_frames * ins_shape_frame(s);
}
static inline size_t ins_shape_count(const ins_shape *s) {
  return s->n_channels * ins_shape_channel(s);
}

/** Name of channel c of n: "grey" of one; "green", "uv" of the two of mouse models; else
 * "channel_C", written to out[size]. Returns out. */
char *ins_channel_name(size_t c, size_t n, char *out, size_t size);

/** Keys of `stimulus.init`: distribution, mean, std, low, high, file, postprocess. */
extern const ins_key ins_initial_keys[];
/** What `distribution` may name. */
extern const ins_variant ins_distributions[];

/** x [C,T,H,W] drawn from `stream` as `settings` (validated ins_initial_keys, no `file`) describe;
 * element i depends on the stream and i only. */
void ins_stimulus_draw(const ins_value *settings, const ins_stream *stream, const ins_shape *shape,
                       float *x);

/** Lower and upper bounds of each channel from a validated INS_KEY_BOUNDS value: a map from channel
 * names or numbers to [low, high], or one [low, high] for all; null ends and missing channels are
 * infinite.
 * @param[out] bounds [C][2]; @return INS_OK; INS_ERR_ARGUMENT for a channel that does not exist */
ins_status ins_bounds_parse(const ins_value *value, size_t n_channels,
                            float (*bounds)[2]) INS_CHECKED;

#endif
