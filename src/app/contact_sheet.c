/* SPDX-License-Identifier: MIT */
#include "contact_sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/file.h"

enum { MARGIN = 28, GAP = 5, TITLE = 15, TEXT = 9, TRACE = 130, FOOTER = 44 };
enum { AXIS = 62, ABOVE_TRACE = 24 }; /* room for the labels of the trace */
enum { COLUMNS = 8, MOST_TILES = 16, NARROWEST = 500 };

typedef enum arrangement {
  ALONE, /* one condition: its frames, in rows, and a trace */
  ROWS,  /* several: a row each */
  GRID   /* nothing moves: a tile each */
} arrangement;

typedef struct sheet {
  const ins_view *view;
  arrangement kind;
  bool trace, own_times; /* each row needs its own times */
  ins_tiles tiles;
  ins_canvas canvas;
  size_t n_columns, n_rows, label_lines;
  size_t left, top, pitch_x, pitch_y; /* of the tiles */
  char header[64];                    /* name of the only parameter; "" when there are several */
} sheet;

/* ---- laying out ---------------------------------------------------------------------------------
 */

/* Where a single parameter varies, its name stands once and its values alone. */
static void find_header(sheet *s) {
  const char *label = s->view->n > 1 ? s->view->shown[0].label : "";
  const size_t n = strcspn(label, " ");
  if (!strstr(label, ", ") && n < sizeof s->header) snprintf(s->header, n + 1, "%s", label);
}

static const char *label_of(const sheet *s, size_t k) {
  const char *label = s->view->shown[k].label;
  return s->header[0] ? label + strlen(s->header) + 1 : label;
}

static double widest_label(const sheet *s) {
  double widest = s->kind == ROWS ? ins_text_width(s->header, TEXT) : 0;
  for (size_t k = 0; k < s->view->n; k++)
    widest = fmax(widest, ins_label_draw(NULL, 0, 0, TEXT, 0, label_of(s, k)));
  return widest;
}

static size_t least_frames(const ins_view *view) {
  size_t least = SIZE_MAX;
  for (size_t k = 0; k < view->n; k++)
    if (ins_shown_frames(&view->shown[k]) < least) least = ins_shown_frames(&view->shown[k]);
  return least;
}

/* One row, or the last parameter's values side by side, or the fewest gaps about a wide square. */
static size_t grid_columns(const ins_view *view) {
  const double wide = sqrt(1.6 * (double)view->n);
  size_t best = 6;
  double least = INFINITY;
  if (view->n <= 6) return view->n;
  if (view->n == view->n_conditions && view->n_last < view->n && view->n_last >= 3 &&
      view->n_last <= 8)
    return view->n_last;
  for (size_t c = 4; c <= 7; c++) {
    const double cost = (double)((c - view->n % c) % c) + fabs((double)c - wide) / 8;
    if (cost < least) {
      least = cost;
      best = c;
    }
  }
  return best;
}

static void arrange(sheet *s) {
  const ins_view *view = s->view;
  const size_t least = least_frames(view);
  if (s->kind == ALONE) {
    const size_t n = least < MOST_TILES ? least : MOST_TILES;
    s->n_columns = n < COLUMNS ? n : COLUMNS;
    s->n_rows = (n + s->n_columns - 1) / s->n_columns;
    s->own_times = true;
  } else if (s->kind == ROWS) {
    s->n_columns = least < COLUMNS ? least : COLUMNS;
    s->n_rows = view->n;
    for (size_t k = 1; k < view->n; k++)
      s->own_times |= ins_shown_frames(&view->shown[k]) != ins_shown_frames(&view->shown[0]) ||
                      view->shown[k].before != view->shown[0].before;
  } else {
    s->n_columns = grid_columns(view);
    s->n_rows = (view->n + s->n_columns - 1) / s->n_columns;
  }
}

static ins_status lay_out(sheet *s) {
  const ins_view *view = s->view;
  const double side = s->kind == GRID ? (view->n == 1 ? 440 : 170) : 125;
  ins_status status = ins_tiles_create(view, side, &s->tiles);
  if (status != INS_OK) return status;
  find_header(s);
  arrange(s);
  for (size_t k = 0; k < view->n; k++)
    if (ins_label_lines(label_of(s, k)) > s->label_lines)
      s->label_lines = ins_label_lines(label_of(s, k));
  const size_t label = (size_t)ceil(widest_label(s)), tile = ins_tile_width(&s->tiles);
  const size_t line = (size_t)(INS_LINE * TEXT) + 1;
  s->left = MARGIN + (s->kind == ROWS ? label + 14 : 0);
  s->top = MARGIN + TITLE + 2 * line + 26 + (s->kind == GRID && !s->header[0] ? 0 : line);
  s->pitch_x = GAP + (s->kind == GRID && label > tile ? label + GAP : tile);
  s->pitch_y = ins_tile_height(&s->tiles) + GAP + (s->own_times ? line + 4 : 0);
  if (s->kind == GRID && view->n > 1) s->pitch_y += line * s->label_lines + 6;
  size_t width = s->left + s->n_columns * s->pitch_x - GAP + MARGIN;
  if (width < NARROWEST) width = NARROWEST;
  const size_t height = s->top + s->n_rows * s->pitch_y + (s->trace ? TRACE + 56 : 0) + FOOTER;
  return ins_canvas_create(width, height, &s->canvas);
}

/* ---- tiles --------------------------------------------------------------------------------------
 */

static void time_text(double t_s, double longest_s, char *out, size_t size) {
  if (longest_s < 3)
    snprintf(out, size, "%.0f ms", 1000 * t_s);
  else
    snprintf(out, size, "%.2f s", t_s);
  if (strcmp(out, "-0 ms") == 0) snprintf(out, size, "0 ms");
}

/* Begin of the frame, from the onset: what a person would read off a clock. */
static void draw_time(sheet *s, const ins_shown *c, size_t frame, double x, double y) {
  const double rate = s->view->screen.rate_hz;
  char text[32];
  if (s->view->screen.still) return;
  time_text(((double)frame - (double)c->before) / rate, (double)ins_shown_frames(c) / rate, text,
            sizeof text);
  ins_canvas_text(&s->canvas, x, y, TEXT - 1, 0, ins_pale_ink, text);
}

/* Tile i of n: frames evenly spread over the clip, its first and last included. */
static size_t frame_of(const ins_shown *c, size_t i, size_t n) {
  const size_t last = ins_shown_frames(c) - 1;
  return n > 1 ? (size_t)lround((double)i * (double)last / (double)(n - 1)) : c->before;
}

static void draw_strip(sheet *s, size_t k, size_t row, size_t first, size_t count, size_t n) {
  const ins_shown *c = &s->view->shown[k];
  const size_t y = s->top + row * s->pitch_y;
  for (size_t i = 0; i < count; i++) {
    const size_t frame = frame_of(c, first + i, n), x = s->left + i * s->pitch_x;
    ins_tile_draw(&s->tiles, &s->canvas, k, frame, x, y);
    if (s->own_times || row == 0) draw_time(s, c, frame, (double)x, (double)y - 6);
  }
}

static void draw_alone(sheet *s) {
  const size_t frames = ins_shown_frames(&s->view->shown[0]);
  const size_t n = frames < MOST_TILES ? frames : MOST_TILES;
  for (size_t row = 0; row < s->n_rows; row++) {
    const size_t first = row * s->n_columns;
    draw_strip(s, 0, row, first, n - first < s->n_columns ? n - first : s->n_columns, n);
  }
}

static void draw_rows(sheet *s) {
  const double line = INS_LINE * TEXT, right = (double)s->left - 14;
  if (s->header[0])
    ins_canvas_text(&s->canvas, right, (double)s->top - 6, TEXT, 1, ins_ink, s->header);
  for (size_t k = 0; k < s->view->n; k++) {
    const char *label = label_of(s, k);
    const double middle =
        (double)(s->top + k * s->pitch_y) + (double)ins_tile_height(&s->tiles) / 2;
    const double half = (double)(ins_label_lines(label) - 1) / 2 * line;
    ins_label_draw(&s->canvas, right, middle - half + TEXT / 2.0, TEXT, 1, label);
    draw_strip(s, k, k, 0, s->n_columns, s->n_columns);
  }
}

static void draw_grid(sheet *s) {
  if (s->header[0])
    ins_canvas_text(&s->canvas, (double)s->left, (double)s->top - 10, TEXT, 0, ins_ink, s->header);
  for (size_t k = 0; k < s->view->n; k++) {
    const size_t x = s->left + k % s->n_columns * s->pitch_x;
    const size_t y = s->top + k / s->n_columns * s->pitch_y;
    ins_tile_draw(&s->tiles, &s->canvas, k, s->view->shown[k].before, x, y);
    ins_label_draw(&s->canvas, (double)x, (double)(y + ins_tile_height(&s->tiles)) + TEXT + 6, TEXT,
                   0, label_of(s, k));
  }
}

/* ---- around it ----------------------------------------------------------------------------------
 */

static void draw_scale_bar(sheet *s) {
  const ins_screen *screen = &s->view->screen;
  const double y = (double)s->canvas.height - MARGIN + 6, x = (double)s->left;
  const bool known = screen->pixel_um > 0;
  const double pixel = known ? screen->pixel_um : 1;
  const double length = ins_nice_step((double)screen->width * pixel / 3);
  const double drawn = length / pixel * (double)s->tiles.scale;
  char text[32];
  snprintf(text, sizeof text, "%g %s", length, known ? "um" : "pixels");
  ins_canvas_rectangle(&s->canvas, x, y - 3, drawn, 3, ins_ink);
  ins_canvas_text(&s->canvas, x + drawn + 10, y + 3, TEXT, 0, ins_ink, text);
}

static void draw_legend(sheet *s) {
  const size_t n = s->view->screen.n_channels;
  const double y = (double)s->canvas.height - MARGIN + 9;
  double x = (double)s->canvas.width - MARGIN;
  char name[32];
  if (n != 2 && n != 3) return;
  for (size_t c = n; c-- > 0;) {
    ins_channel_name(c, n, name, sizeof name);
    ins_canvas_text(&s->canvas, x, y, TEXT, 1, ins_trace_color(c, n), name);
    x -= ins_text_width(name, TEXT) + 16;
  }
  ins_canvas_text(&s->canvas, x, y, TEXT, 1, ins_pale_ink, "channels:");
}

/* A line that ends at the paper's edge. */
static void draw_fitting(sheet *s, double y, const char *text) {
  char line[400];
  const double room = (double)s->canvas.width - 2 * MARGIN;
  snprintf(line, sizeof line, "%s", text);
  for (size_t n = strlen(line); n > 3 && ins_text_width(line, TEXT) > room; n--)
    snprintf(line + n - 3, sizeof line - n + 3, "...");
  ins_canvas_text(&s->canvas, MARGIN, y, TEXT, 0, ins_pale_ink, line);
}

static void draw_frame(sheet *s, const char *settings, const char *screen) {
  const double line = INS_LINE * TEXT, first = MARGIN + TITLE + 6 + line;
  ins_text note = {0};
  /* What is missing from the picture comes first: the line may be longer than the paper. */
  if (s->view->brightest > 1.001)
    ins_text_add(&note, "contrast beyond 1 (%.3g) is cut; ", s->view->brightest);
  if (s->view->n < s->view->n_conditions)
    ins_text_add(&note, "%zu of %zu conditions; ", s->view->n, s->view->n_conditions);
  ins_text_add(&note, "%s", screen);
  ins_canvas_text(&s->canvas, MARGIN, MARGIN + TITLE, TITLE, 0, ins_ink, s->view->title);
  draw_fitting(s, settings[0] ? first : first + line, settings);
  draw_fitting(s, settings[0] ? first + line : first, note.data ? note.data : "");
  draw_scale_bar(s);
  draw_legend(s);
  ins_text_free(&note);
}

ins_status ins_contact_sheet_write(const ins_view *view, const char *settings, const char *screen,
                                   const char *path) {
  sheet s = {.view = view};
  bool stands;
  ins_status status = ins_view_stands(view, &stands);
  if (status != INS_OK) return status;
  s.kind = stands ? GRID : view->n > 1 ? ROWS : ALONE;
  s.trace = view->n == 1 && !view->screen.still;
  status = lay_out(&s);
  if (status == INS_OK) {
    draw_frame(&s, settings, screen);
    if (s.kind == GRID) draw_grid(&s);
    if (s.kind == ROWS) draw_rows(&s);
    if (s.kind == ALONE) draw_alone(&s);
    if (s.trace)
      status = ins_trace_draw(&s.tiles, &s.canvas, AXIS,
                              (double)(s.top + s.n_rows * s.pitch_y) + ABOVE_TRACE,
                              (double)s.canvas.width - AXIS - MARGIN, TRACE - ABOVE_TRACE, TEXT);
  }
  if (status == INS_OK) status = ins_file_make_parents(path);
  if (status == INS_OK) {
    const ins_picture picture = ins_canvas_picture(&s.canvas);
    status = ins_png_write(path, &picture);
  }
  ins_canvas_clear(&s.canvas);
  ins_tiles_clear(&s.tiles);
  return status;
}
