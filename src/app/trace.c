/* SPDX-License-Identifier: MIT */
/* The contrast of one pixel over time, drawn below a contact sheet. */
#include <math.h>
#include <stdio.h>

#include "contact_sheet.h"
#include "insilico/memory.h"

double ins_nice_step(double x) {
  const double decade = pow(10, floor(log10(x))), digit = x / decade;
  return decade * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
}

typedef struct axes {
  ins_canvas *canvas;
  double x, y, width, height; /* of the panel */
  double t0, t1, most;        /* seconds from the onset; contrast of the upper edge */
  double size;                /* of the letters */
} axes;

static double at_time(const axes *a, double t_s) {
  return a->x + (t_s - a->t0) / (a->t1 - a->t0) * a->width;
}

static double at_contrast(const axes *a, double contrast) {
  return a->y + (1 - contrast / a->most) / 2 * a->height;
}

static void draw_axes(const axes *a, double offset_s, const char *what) {
  static const ins_color shown = {244, 244, 244};
  const double step = ins_nice_step((a->t1 - a->t0) * 90 / a->width);
  const double top = ins_nice_step(a->most / 1.3);
  char text[32];
  ins_canvas_rectangle(a->canvas, at_time(a, 0), a->y, at_time(a, offset_s) - at_time(a, 0),
                       a->height, shown);
  for (int k = -1; k <= 1; k++) {
    const double y = at_contrast(a, k * top);
    snprintf(text, sizeof text, "%g", k * top);
    ins_canvas_line(a->canvas, a->x, y, a->x + a->width, y, 1, ins_rule);
    ins_canvas_text(a->canvas, a->x - 10, y + a->size / 2, a->size, 1, ins_pale_ink, text);
  }
  for (double k = ceil(a->t0 / step - 1e-9); k * step <= a->t1 + 1e-9; k++) {
    const double x = at_time(a, k * step);
    snprintf(text, sizeof text, "%g", k == 0 ? 0 : k * step); /* no -0 */
    ins_canvas_line(a->canvas, x, a->y + a->height, x, a->y + a->height + 5, 1, ins_pale_ink);
    ins_canvas_text(a->canvas, x, a->y + a->height + 20, a->size, 0.5, ins_pale_ink, text);
  }
  ins_canvas_text(a->canvas, a->x + a->width, a->y + a->height + 40, a->size, 1, ins_ink,
                  "time from onset (s)");
  ins_canvas_text(a->canvas, a->x, a->y - 10, a->size, 0, ins_ink, what);
}

static bool channels_agree(size_t n_channels, const float *values, size_t n, size_t i) {
  for (size_t c = 1; c < n_channels; c++)
    if (values[i] != values[c * n + i]) return false;
  return true;
}

static double row_of(const axes *a, float contrast) {
  return round(at_contrast(a, fmin(fmax((double)contrast, -a->most), a->most)));
}

ins_color ins_trace_color(size_t c, size_t n_channels) {
  static const ins_color two[] = {{0, 140, 50}, {140, 60, 200}},
                         three[] = {{200, 40, 40}, {0, 140, 50}, {40, 80, 210}};
  if (n_channels == 2) return two[c];
  return n_channels == 3 ? three[c] : ins_ink;
}

/* Channel c of values [C,n] as steps, since a frame stands for its time; on whole pixels, so that
 * they are sharp. Where the channels agree, the line has no colour. */
static void draw_line(const axes *a, size_t n_channels, const float *values, size_t n, size_t c) {
  const float *own = values + c * n;
  for (size_t i = 0; i < n; i++) {
    const double from = round(a->x + a->width * (double)i / (double)n);
    const double to = round(a->x + a->width * (double)(i + 1) / (double)n);
    const double y = row_of(a, own[i]), next = i + 1 < n ? row_of(a, own[i + 1]) : y;
    const bool here = channels_agree(n_channels, values, n, i);
    const bool there = i + 1 == n || channels_agree(n_channels, values, n, i + 1);
    const ins_color color = ins_trace_color(c, n_channels);
    ins_canvas_rectangle(a->canvas, to - 1, fmin(y, next) - 1, 2, fabs(next - y) + 2,
                         here && there ? ins_ink : color);
    ins_canvas_rectangle(a->canvas, from, y - 1, to - from + 1, 2, here ? ins_ink : color);
  }
}

/* values [C,n]: a pixel in n moments spread over the clip. False: nothing happens there. */
static bool sample_pixel(ins_tiles *tiles, const ins_shown *c, size_t pixel, size_t n,
                         float *values) {
  const ins_screen *screen = &tiles->view->screen;
  const size_t frames = ins_shown_frames(c), plane = screen->height * screen->width;
  bool changes = false;
  for (size_t i = 0; i < n; i++) {
    ins_view_contrast(tiles->view, c, i * frames / n, tiles->contrast);
    for (size_t k = 0; k < screen->n_channels; k++) {
      values[k * n + i] = tiles->contrast[k * plane + pixel];
      changes |= values[k * n + i] != values[k * n];
    }
  }
  return changes;
}

/* The pixel that is farthest from the corner's contrast at the onset: rings are empty in the
 * middle. */
static size_t strongest_pixel(ins_tiles *tiles, const ins_shown *c) {
  const ins_screen *screen = &tiles->view->screen;
  const size_t plane = screen->height * screen->width;
  size_t best = 0;
  float most = 0;
  ins_view_contrast(tiles->view, c, c->before, tiles->contrast);
  for (size_t i = 0; i < screen->n_channels * plane; i++) {
    const float off = fabsf(tiles->contrast[i] - tiles->contrast[i / plane * plane]);
    if (off > most) {
      most = off;
      best = i % plane;
    }
  }
  return best;
}

ins_status ins_trace_draw(ins_tiles *tiles, ins_canvas *canvas, double x, double y, double width,
                          double height, double size) {
  enum { MOST_SAMPLES = 4000 };
  const ins_screen *screen = &tiles->view->screen;
  const ins_shown *c = &tiles->view->shown[0];
  const size_t frames = ins_shown_frames(c), n = frames < MOST_SAMPLES ? frames : MOST_SAMPLES;
  axes a = {.canvas = canvas,
            .x = x,
            .y = y,
            .width = width,
            .height = height,
            .t0 = -(double)c->before / screen->rate_hz,
            .t1 = (double)(c->shown + c->after) / screen->rate_hz,
            .size = size};
  double most = 0;
  float *values = NULL;
  ins_status status = ins_alloc(screen->n_channels * n, sizeof *values, &values);
  if (status != INS_OK) return status;
  const char *what = "contrast in the middle";
  if (!sample_pixel(tiles, c, c->row * screen->width + c->column, n, values) &&
      sample_pixel(tiles, c, strongest_pixel(tiles, c), n, values))
    what = "contrast where it is strongest";
  for (size_t i = 0; i < screen->n_channels * n; i++) most = fmax(most, fabs((double)values[i]));
  a.most = 1.25 * fmax(most, 1);
  draw_axes(&a, (double)c->shown / screen->rate_hz, what);
  for (size_t k = 0; k < screen->n_channels; k++) draw_line(&a, screen->n_channels, values, n, k);
  ins_free(&values);
  return INS_OK;
}
