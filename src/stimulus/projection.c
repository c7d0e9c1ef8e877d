/* SPDX-License-Identifier: MIT */
/* Resampling by area, one axis after the other: the mean is kept, whatever the sizes. */
#include <math.h>

#include "film.h"
#include "insilico/memory.h"

/* A screen pixel along one axis: the picture's pixels [first, first + n) and the share of it that
 * each takes, in share[]. */
typedef struct span {
  size_t first, n;
  double *share;
  double sum;
} span;

typedef struct axis {
  size_t n;
  span *spans;
  double *shares; /* of all spans */
} axis;

struct ins_projection {
  axis rows, columns;
  size_t width; /* of the picture */
  float *line;  /* [width] */
};

/* Rounding must not give a pixel a sliver of its neighbour. */
static double snapped(double x) {
  const double whole = round(x);
  return fabs(x - whole) < 1e-6 ? whole : x;
}

/* Screen pixel i shows the picture from `low` to `low` + step, in the picture's pixels. */
static ins_status axis_make(size_t n, size_t length, double middle, double step, axis *a) {
  const size_t most = (size_t)fmin(ceil(step), (double)length) + 2;
  a->n = n;
  ins_status status = ins_alloc(n, sizeof *a->spans, &a->spans);
  if (status == INS_OK) status = ins_alloc(n * most, sizeof *a->shares, &a->shares);
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    span *s = &a->spans[i];
    const double from = ((double)i - 0.5 - middle) * step + (double)length / 2;
    const double low = fmax(snapped(from), 0), high = fmin(snapped(from + step), (double)length);
    s->share = a->shares + i * most;
    if (high <= low) continue;
    s->first = (size_t)floor(low);
    for (size_t k = s->first; (double)k < high && s->n < most; k++) {
      const double share = (fmin((double)k + 1, high) - fmax((double)k, low)) / step;
      s->share[s->n++] = share;
      s->sum += share;
    }
  }
  return status;
}

static void axis_clear(axis *a) {
  ins_free(&a->spans);
  ins_free(&a->shares);
}

static bool axis_sees(const axis *a) {
  for (size_t i = 0; i < a->n; i++)
    if (a->spans[i].sum > 0) return true;
  return false;
}

/* The picture's pixels that one of the screen's is long. */
static ins_status step_of(const ins_value *settings, const ins_screen *screen, size_t height,
                          size_t width, double *step) {
  const double um = ins_setting_real(settings, "pixel_um");
  *step = fmax((double)height / (double)screen->height, (double)width / (double)screen->width);
  if (isnan(um)) return INS_OK;
  *step = screen->pixel_um / um;
  return ins_screen_need_pixel(screen, settings);
}

static ins_status check_place(const ins_value *settings, const ins_screen *screen) {
  const bool placed =
      !isnan(ins_setting_real(settings, "x_um")) || !isnan(ins_setting_real(settings, "y_um"));
  return placed ? ins_screen_need_pixel(screen, settings) : INS_OK;
}

ins_status ins_projection_create(const ins_value *settings, const ins_screen *screen, size_t height,
                                 size_t width, ins_projection **out) {
  ins_projection *p = NULL;
  double step, middle[2];
  *out = NULL;
  ins_status status = check_place(settings, screen);
  if (status == INS_OK) status = step_of(settings, screen, height, width, &step);
  if (status == INS_OK) status = ins_alloc(1, sizeof *p, &p);
  if (status != INS_OK) return status;
  ins_setting_middle(settings, screen, middle);
  p->width = width;
  status = axis_make(screen->height, height, middle[1], step, &p->rows);
  if (status == INS_OK) status = axis_make(screen->width, width, middle[0], step, &p->columns);
  if (status == INS_OK) status = ins_alloc(width, sizeof *p->line, &p->line);
  if (status == INS_OK && !(axis_sees(&p->rows) && axis_sees(&p->columns)))
    status = ins_fail(INS_ERR_ARGUMENT,
                      "%s: it lies off the screen, which is %g um wide and %g um "
                      "high",
                      ins_setting_kind(settings), (double)screen->width * screen->pixel_um,
                      (double)screen->height * screen->pixel_um);
  if (status == INS_OK)
    *out = p;
  else
    ins_projection_destroy(&p);
  return status;
}

void ins_projection_destroy(ins_projection **projection) {
  ins_projection *p = *projection;
  if (!p) return;
  axis_clear(&p->rows);
  axis_clear(&p->columns);
  ins_free(&p->line);
  ins_free(projection);
}

void ins_projection_apply(ins_projection *p, const float *picture, float *out) {
  for (size_t i = 0; i < p->rows.n; i++) {
    const span *row = &p->rows.spans[i];
    for (size_t x = 0; x < p->width; x++) {
      double sum = 0;
      for (size_t k = 0; k < row->n; k++)
        sum += row->share[k] * (double)picture[(row->first + k) * p->width + x];
      p->line[x] = (float)sum;
    }
    for (size_t j = 0; j < p->columns.n; j++) {
      const span *column = &p->columns.spans[j];
      double sum = 0;
      for (size_t k = 0; k < column->n; k++)
        sum += column->share[k] * (double)p->line[column->first + k];
      *out++ = (float)sum;
    }
  }
}

void ins_projection_cover(const ins_projection *p, float *a) {
  for (size_t i = 0; i < p->rows.n; i++)
    for (size_t j = 0; j < p->columns.n; j++)
      *a++ = (float)(p->rows.spans[i].sum * p->columns.spans[j].sum);
}
