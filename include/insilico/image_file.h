/* SPDX-License-Identifier: MIT */
/** Images in files: PNG, and animations of them (APNG). Local.
 *
 * Numbers are taken as they are stored, 0 (black) to 255 (white); what a file says of gamma or
 * colour profiles is not applied, since a stimulus is defined by its numbers.
 */
#ifndef INSILICO_IMAGE_FILE_H
#define INSILICO_IMAGE_FILE_H

#include "insilico/value.h"

enum {
  INS_IMAGE_MAX_SIDE = 32768, /* pixels a side that are read or written */
  /* Pixels of an image that is read: 8192 x 8192, more than cameras and screens have. A file of a
   * few kilobytes may claim (and deflate) more than fits into memory; this many are 256 MB of
   * floats in grey, 768 MB in colour. */
  INS_IMAGE_MAX_PIXELS = 1 << 26
};

/** Reads a PNG file: float32 [H,W] of a grey image, [3,H,W] (red, green, blue) of one in colour or
 * with a palette. 0..255; 16-bit files have fractions, v / 257. Of an animation, its first image.
 * Sizes are checked against the file and the limits before anything is allocated; beside the
 * result one row is kept.
 * @return INS_OK; INS_ERR_IO (cannot be read); INS_ERR_FORMAT (no PNG, damaged, absurd size);
 * INS_ERR_UNSUPPORTED (more than INS_IMAGE_MAX_PIXELS; transparent pixels: what is behind them is
 * not known); INS_ERR_MEMORY */
ins_status ins_png_read(const char *path, ins_value **out) INS_CHECKED;

/** Paths of the PNG files in a folder (names ending in .png), numbers within names in order of
 * their value: frame_2 before frame_10. A list of texts, at least one.
 * @return INS_OK; INS_ERR_IO; INS_ERR_MISSING (there is none); INS_ERR_MEMORY */
ins_status ins_png_list(const char *folder, ins_value **out) INS_CHECKED;

/** 8-bit pixels [H,W] (grey) or [H,W,3] (red, green, blue); borrowed. */
typedef struct ins_picture {
  size_t height, width;
  int n_colors; /* 1 or 3 */
  const uint8_t *pixels;
} ins_picture;

/** Writes a PNG file by way of PATH.part and a rename.
 * @return INS_OK; INS_ERR_IO; INS_ERR_ARGUMENT (a side is 0 or too long); INS_ERR_MEMORY */
ins_status ins_png_write(const char *path, const ins_picture *picture) INS_CHECKED;

/** An animated PNG that is being written: browsers play it, other programs show its first frame.
 * Source: W3C Portable Network Graphics Specification (third edition), chunks acTL, fcTL, fdAT. */
typedef struct ins_animation ins_animation;

/** Begins PATH.part. `rate_hz`: frames a second; it plays for ever. */
ins_status ins_animation_create(const char *path, size_t n_frames, double rate_hz,
                                ins_animation **out) INS_CHECKED;
/** Adds a frame; all are of the size of the first. */
ins_status ins_animation_add(ins_animation *animation, const ins_picture *picture) INS_CHECKED;
/** Ends the file and gives it its name. INS_ERR_INTERNAL when frames are missing. */
ins_status ins_animation_finish(ins_animation *animation) INS_CHECKED;
/** Removes what was written when it was not finished. */
void ins_animation_destroy(ins_animation **animation);

#endif
