/* SPDX-License-Identifier: MIT */
/** Pictures from files as contrast on a screen: what `image` and `movie` share. Private to the
 * room.
 */
#ifndef INSILICO_STIMULUS_FILM_H
#define INSILICO_STIMULUS_FILM_H

#include "generator_parts.h"

/** Ways from a file's numbers to contrast. */
extern const ins_variant ins_film_scales[];

/* Keys of both. */
#define INS_FILM_KEYS(index, what)                                                                 \
  {.name = "file",                                                                                 \
   .type = INS_KEY_TEXT,                                                                           \
   .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES | INS_KEY_CONTENTS,                                  \
   .doc = what},                                                                                   \
      {.name = index,                                                                              \
       .type = INS_KEY_INT,                                                                        \
       .fallback = "0",                                                                            \
       .flags = INS_KEY_PARAMETER,                                                                 \
       .min = 0,                                                                                   \
       .max = 1e9,                                                                                 \
       .doc = "which one of the file, counted from 0"},                                            \
      {.name = "pixel_um",                                                                         \
       .type = INS_KEY_REAL,                                                                       \
       .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,                                               \
       .min = 1e-3,                                                                                \
       .max = 1e6,                                                                                 \
       .units = "um",                                                                              \
       .doc = "side of its pixels on the retina; null: as large as fits on the screen"},           \
      {.name = "scale",                                                                            \
       .type = INS_KEY_TEXT,                                                                       \
       .flags = INS_KEY_SHAPES | INS_KEY_NULLABLE,                                                 \
       .variants = ins_film_scales,                                                                \
       .doc = "what its numbers are; null: luminance in PNG files, model in arrays"},              \
  {                                                                                                \
    .name = "white", .type = INS_KEY_REAL, .fallback = "255.0", .flags = INS_KEY_SHAPES,           \
    .min = 1e-6, .max = 1e9, .doc = "scale luminance: the number of contrast 1; 0 is -1"           \
  }

/** One image or movie of a file, in the screen's channels. */
typedef struct ins_film {
  size_t n_channels, n_frames, height, width;
  float *x; /* [C,T,H,W], contrast */
} ins_film;

/** Number `index` of an array [H,W], [C,H,W], [B,C,H,W] or of a folder of PNGs; with `moving`
 * [T,H,W], [C,T,H,W], [B,C,T,H,W] or a folder that is one movie. One channel is shown in all; red,
 * green and blue are shown green and blue by two channels, and as their mean by one. It is read
 * when no film of the same settings is kept (film_shelf.h).
 * @return INS_OK; INS_ERR_SHAPE, INS_ERR_ARGUMENT (no such index), INS_ERR_IO (also: the file
 * changed since this process read it first), and as the files' readers */
ins_status ins_film_open(const ins_value *settings, const ins_screen *screen, const char *index,
                         bool moving, const ins_film **out) INS_CHECKED;
/** Gives it back; *film (may be NULL) becomes NULL. */
void ins_film_close(const ins_film **film);
/** Frees the numbers of a film of one's own. */
void ins_film_clear(ins_film *film);

/** Where a picture lies on a screen: a pixel shows the mean of what it covers of it. */
typedef struct ins_projection ins_projection;
/** As the settings x_um, y_um and pixel_um say. INS_ERR_ARGUMENT when it lies off the screen. */
ins_status ins_projection_create(const ins_value *settings, const ins_screen *screen, size_t height,
                                 size_t width, ins_projection **out) INS_CHECKED;
void ins_projection_destroy(ins_projection **projection);
/** out [H,W] of the screen = picture [height,width], 0 beside it. */
void ins_projection_apply(ins_projection *projection, const float *picture, float *out);
/** a [H,W] = share of each pixel that the picture covers. */
void ins_projection_cover(const ins_projection *projection, float *a);

#endif
