/* SPDX-License-Identifier: MIT */
/** A rectangle of the feature map, which may be all of it. Its pixels are numbered row by row. */
#ifndef INSILICO_READOUT_PATCH_H
#define INSILICO_READOUT_PATCH_H

#include <stddef.h>

typedef struct ins_patch {
  size_t top, left, h, w;
} ins_patch;

/** Where pixel p of the patch is on a map of map_w columns. */
static inline size_t ins_patch_at(const ins_patch *patch, size_t map_w, size_t p) {
  return (patch->top + p / patch->w) * map_w + patch->left + p % patch->w;
}

/** How many pixels of the patch stand one after the other on the map, from pixel p; at most
 * `most`. */
static inline size_t ins_patch_run(const ins_patch *patch, size_t map_w, size_t p, size_t most) {
  const size_t n = patch->w == map_w ? patch->h * patch->w - p : patch->w - p % patch->w;
  return n < most ? n : most;
}

#endif
