/* SPDX-License-Identifier: MIT */
/** A picture that is drawn on: pixels, lines, text in one plain face. Private to the room. */
#ifndef INSILICO_APP_CANVAS_H
#define INSILICO_APP_CANVAS_H

#include "insilico/image_file.h"

typedef struct ins_color {
  uint8_t r, g, b;
} ins_color;

static const ins_color ins_paper = {255, 255, 255}, ins_ink = {30, 30, 30},
                       ins_pale_ink = {130, 130, 130}, ins_rule = {205, 205, 205};

typedef struct ins_canvas {
  size_t width, height;
  uint8_t *pixels; /* [H,W,3] */
} ins_canvas;

/** White paper. INS_ERR_ARGUMENT when it is larger than image files may be. */
ins_status ins_canvas_create(size_t width, size_t height, ins_canvas *out) INS_CHECKED;
void ins_canvas_clear(ins_canvas *canvas);
ins_picture ins_canvas_picture(const ins_canvas *canvas);

/** All take places in pixels from the upper left corner; what lies outside is not drawn. */
void ins_canvas_rectangle(ins_canvas *canvas, double x, double y, double width, double height,
                          ins_color color);
void ins_canvas_line(ins_canvas *canvas, double x0, double y0, double x1, double y1, double width,
                     ins_color color);
/** rgb [height,width,3], each pixel a square of `scale`. */
void ins_canvas_enlarge(ins_canvas *canvas, size_t x, size_t y, size_t scale, size_t height,
                        size_t width, const uint8_t *rgb);

/** Text with capitals `size` pixels high, its baseline at y; ASCII, anything else is a question
 * mark. align: 0 begins at x, 0.5 is centred on it, 1 ends at it. */
void ins_canvas_text(ins_canvas *canvas, double x, double y, double size, double align,
                     ins_color color, const char *text);
/** How wide that is. */
double ins_text_width(const char *text, double size);

#endif
