/* SPDX-License-Identifier: MIT */
/** Stimuli as pictures for people: contact sheets, animations, frames. Private to the room. */
#ifndef INSILICO_APP_CONTACT_SHEET_H
#define INSILICO_APP_CONTACT_SHEET_H

#include "canvas.h"
#include "stimulus_view.h"

/** One PNG: frames in their order with times, a row for each condition; stimuli that stand get one
 * tile a condition. A single condition also gets its contrast in the middle over time. `settings`
 * and `screen` are lines below the title. */
ins_status ins_contact_sheet_write(const ins_view *view, const char *settings, const char *screen,
                                   const char *path) INS_CHECKED;

/** An animated PNG with all conditions side by side, in step from their onsets, shorter ones
 * waiting in their background; at the model's frame rate. */
ins_status ins_view_animate(const ins_view *view, const char *path, size_t *n_frames) INS_CHECKED;

/** Every frame as FOLDER/frame_0000.png, pixel by pixel, or FOLDER/condition_00/frame_0000.png
 * where there are several. *n = how many. */
ins_status ins_view_write_frames(const ins_view *view, const char *folder, size_t *n) INS_CHECKED;

/* ---- tiles: frames, enlarged (tiles.c) --------------------------------------------------------
 */

typedef struct ins_tiles {
  const ins_view *view;
  size_t scale;
  float *contrast; /* [C,H,W] */
  uint8_t *rgb;    /* [H,W,3] */
} ins_tiles;

/** Tiles about `side` pixels high and wide. */
ins_status ins_tiles_create(const ins_view *view, double side, ins_tiles *out) INS_CHECKED;
void ins_tiles_clear(ins_tiles *tiles);
size_t ins_tile_width(const ins_tiles *tiles);
size_t ins_tile_height(const ins_tiles *tiles);
/** Frame `frame` of the clip of a condition, its upper left corner at (x, y). */
void ins_tile_draw(ins_tiles *tiles, ins_canvas *canvas, size_t condition, size_t frame, size_t x,
                   size_t y);

/** Lines of a label, which ", " parts. */
size_t ins_label_lines(const char *label);
/** Draws them one below the other, INS_LINE times `size` apart; returns how wide they are. canvas
 * NULL: only that. */
double ins_label_draw(ins_canvas *canvas, double x, double y, double size, double align,
                      const char *label);
#define INS_LINE 1.7

/* ---- contrast over time (trace.c) -------------------------------------------------------------
 */

/** Contrast of the first condition in the middle over time, where nothing happens there at the
 * pixel that is farthest from the corner's contrast; the panel's upper left corner at (x, y),
 * labels around it of letters `size` high. */
ins_status ins_trace_draw(ins_tiles *tiles, ins_canvas *canvas, double x, double y, double width,
                          double height, double size) INS_CHECKED;
/** The line's colour of channel c where channels differ. */
ins_color ins_trace_color(size_t c, size_t n_channels);
/** 1, 2 or 5 times a power of ten, about x. */
double ins_nice_step(double x);

#endif
