/* SPDX-License-Identifier: MIT */
/* Frames as tiles, animations of tiles, and frames as files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "contact_sheet.h"
#include "insilico/file.h"
#include "insilico/memory.h"

ins_status ins_tiles_create(const ins_view *view, double side, ins_tiles *out) {
  const ins_screen *screen = &view->screen;
  const size_t n = screen->height * screen->width;
  const double longer = (double)(screen->height > screen->width ? screen->height : screen->width);
  *out = (ins_tiles){.view = view, .scale = (size_t)fmax(round(side / longer), 1)};
  ins_status status = ins_alloc(screen->n_channels * n, sizeof *out->contrast, &out->contrast);
  if (status == INS_OK) status = ins_alloc(n, 3, &out->rgb);
  return status;
}

void ins_tiles_clear(ins_tiles *tiles) {
  ins_free(&tiles->contrast);
  ins_free(&tiles->rgb);
}

size_t ins_tile_width(const ins_tiles *tiles) {
  return tiles->view->screen.width * tiles->scale;
}

size_t ins_tile_height(const ins_tiles *tiles) {
  return tiles->view->screen.height * tiles->scale;
}

void ins_tile_draw(ins_tiles *tiles, ins_canvas *canvas, size_t condition, size_t frame, size_t x,
                   size_t y) {
  const ins_screen *screen = &tiles->view->screen;
  ins_view_contrast(tiles->view, &tiles->view->shown[condition], frame, tiles->contrast);
  ins_view_colors(screen->n_channels, screen->height * screen->width, tiles->contrast, tiles->rgb);
  /* White must end somewhere on white paper. */
  ins_canvas_rectangle(canvas, (double)x - 1, (double)y - 1, (double)ins_tile_width(tiles) + 2,
                       (double)ins_tile_height(tiles) + 2, ins_rule);
  ins_canvas_enlarge(canvas, x, y, tiles->scale, screen->height, screen->width, tiles->rgb);
}

size_t ins_label_lines(const char *label) {
  size_t n = 1;
  for (const char *p = label; (p = strstr(p, ", ")); p += 2) n++;
  return n;
}

double ins_label_draw(ins_canvas *canvas, double x, double y, double size, double align,
                      const char *label) {
  char line[128];
  double widest = 0;
  for (const char *p = label; *p;) {
    const char *end = strstr(p, ", ");
    const int n = end ? (int)(end - p) : (int)strlen(p);
    snprintf(line, sizeof line, "%.*s", n, p);
    if (canvas) ins_canvas_text(canvas, x, y, size, align, ins_ink, line);
    widest = fmax(widest, ins_text_width(line, size));
    y += INS_LINE * size;
    p = end ? end + 2 : p + n;
  }
  return widest;
}

/* ---- animation ----------------------------------------------------------------------------------
 */

enum { MARGIN = 16, LABEL = 9, SIDE = 180, ALONE = 360 };

/* Conditions in a grid; all of them start at frame `before` of the clip. */
typedef struct stage {
  const ins_view *view;
  ins_tiles tiles;
  ins_canvas canvas;
  size_t n_columns, pitch_x, pitch_y, before, n_frames;
} stage;

static ins_status stage_create(const ins_view *view, stage *s) {
  double label_width = 0;
  size_t after = 0, n_lines = 0;
  *s = (stage){.view = view};
  ins_status status = ins_tiles_create(view, view->n > 1 ? SIDE : ALONE, &s->tiles);
  for (size_t k = 0; k < view->n; k++) {
    const ins_shown *c = &view->shown[k];
    const size_t lines = ins_label_lines(c->label);
    if (c->before > s->before) s->before = c->before;
    if (c->shown + c->after > after) after = c->shown + c->after;
    if (lines > n_lines) n_lines = lines;
    label_width = fmax(label_width, ins_label_draw(NULL, 0, 0, LABEL, 0, c->label));
  }
  s->n_frames = s->before + after;
  s->n_columns = (size_t)ceil(sqrt((double)view->n * 1.4));
  if (s->n_columns > view->n) s->n_columns = view->n;
  s->pitch_x = MARGIN + (size_t)fmax((double)ins_tile_width(&s->tiles), ceil(label_width));
  s->pitch_y = ins_tile_height(&s->tiles) + MARGIN +
               (view->n > 1 ? (size_t)(LABEL * INS_LINE * (double)n_lines) + 4 : 0);
  const size_t n_rows = (view->n + s->n_columns - 1) / s->n_columns;
  if (status == INS_OK)
    status = ins_canvas_create(MARGIN + s->n_columns * s->pitch_x,
                               MARGIN + n_rows * s->pitch_y + 2 * LABEL, &s->canvas);
  return status;
}

static void stage_clear(stage *s) {
  ins_canvas_clear(&s->canvas);
  ins_tiles_clear(&s->tiles);
}

/* Before its onset and after its end a condition waits in its background. */
static void stage_draw(stage *s, size_t frame) {
  const ins_view *view = s->view;
  char clock[40];
  memset(s->canvas.pixels, 255, s->canvas.width * s->canvas.height * 3);
  for (size_t k = 0; k < view->n; k++) {
    const ins_shown *c = &view->shown[k];
    const size_t x = MARGIN + k % s->n_columns * s->pitch_x;
    const size_t y = MARGIN + k / s->n_columns * s->pitch_y;
    /* Frames of its own clip: those before it wrap around, far beyond its end. */
    ins_tile_draw(&s->tiles, &s->canvas, k, frame + c->before - s->before, x, y);
    ins_label_draw(&s->canvas, (double)x, (double)(y + ins_tile_height(&s->tiles)) + LABEL + 6,
                   LABEL, 0, c->label);
  }
  if (view->screen.still) return;
  snprintf(clock, sizeof clock, "%.2f s",
           ((double)frame - (double)s->before) / view->screen.rate_hz);
  ins_canvas_text(&s->canvas, (double)s->canvas.width - MARGIN, (double)s->canvas.height - LABEL,
                  LABEL, 1, ins_pale_ink, clock);
}

ins_status ins_view_animate(const ins_view *view, const char *path, size_t *n_frames) {
  stage s;
  ins_animation *animation = NULL;
  ins_status status = ins_file_make_parents(path);
  if (status != INS_OK) return status;
  status = stage_create(view, &s);
  *n_frames = s.n_frames;
  if (status == INS_OK)
    status = ins_animation_create(path, s.n_frames, view->screen.rate_hz, &animation);
  for (size_t t = 0; status == INS_OK && t < s.n_frames; t++) {
    stage_draw(&s, t);
    const ins_picture picture = ins_canvas_picture(&s.canvas);
    status = ins_animation_add(animation, &picture);
  }
  if (status == INS_OK) status = ins_animation_finish(animation);
  ins_animation_destroy(&animation);
  stage_clear(&s);
  return status;
}

/* ---- frames -------------------------------------------------------------------------------------
 */

/* Grey models have grey files, which are read again as what they are. */
static ins_status write_frame(ins_tiles *tiles, size_t k, size_t frame, const char *path) {
  const ins_screen *screen = &tiles->view->screen;
  const size_t n = screen->height * screen->width;
  const bool grey = screen->n_channels != 2 && screen->n_channels != 3;
  ins_view_contrast(tiles->view, &tiles->view->shown[k], frame, tiles->contrast);
  ins_view_colors(screen->n_channels, n, tiles->contrast, tiles->rgb);
  for (size_t i = 0; grey && i < n; i++) tiles->rgb[i] = tiles->rgb[3 * i];
  const ins_picture picture = {screen->height, screen->width, grey ? 1 : 3, tiles->rgb};
  return ins_png_write(path, &picture);
}

ins_status ins_view_write_frames(const ins_view *view, const char *folder, size_t *n) {
  ins_tiles tiles;
  ins_status status = ins_tiles_create(view, 0, &tiles);
  *n = 0;
  for (size_t k = 0; k < view->n; k++)
    for (size_t t = 0; status == INS_OK && t < ins_shown_frames(&view->shown[k]); t++) {
      char *path = view->n > 1 ? ins_format("%s/condition_%02zu/frame_%04zu.png", folder, k, t)
                               : ins_format("%s/frame_%04zu.png", folder, t);
      status = path ? ins_file_make_parents(path) : INS_ERR_MEMORY;
      if (status == INS_OK) status = write_frame(&tiles, k, t, path);
      if (status == INS_OK) ++*n;
      free(path);
    }
  ins_tiles_clear(&tiles);
  return status;
}
