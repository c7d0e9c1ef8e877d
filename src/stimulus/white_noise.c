/* SPDX-License-Identifier: MIT */
/* Generator `white_noise`: a checkerboard of independent random contrasts, drawn anew again and
 * again. */
#include <math.h>
#include <string.h>

#include "generator_parts.h"
#include "insilico/memory.h"

static const ins_variant distributions[] = {
    {.name = "binary", .doc = "contrast or -contrast, each half of the time"},
    {.name = "gaussian", .doc = "normal numbers whose SD is the contrast"},
    {0},
};

const ins_key ins_white_noise_keys[] = {
    INS_GENERATOR_KEYS,
    {.name = "distribution",
     .type = INS_KEY_TEXT,
     .fallback = "binary",
     .flags = INS_KEY_PARAMETER,
     .variants = distributions,
     .doc = "of the contrast of a check"},
    {.name = "check_um",
     .type = INS_KEY_REAL,
     .fallback = "100.0",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "side of a check; the board is centred on the screen"},
    {.name = "update_hz",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,
     .min = 1e-3,
     .max = 1e4,
     .units = "Hz",
     .doc = "new boards a second; null: one a frame"},
    {.name = "independent",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "draw each channel for itself, instead of one board for all"},
    {.name = "seed",
     .type = INS_KEY_INT,
     .fallback = "0",
     .flags = INS_KEY_PARAMETER,
     .min = 0,
     .max = 2147483647,
     .doc = "another seed draws other boards"},
    INS_DURATION_KEY("5.0"),
    {0},
};

/* A pixel along one axis sees the checks from `first` on, each with a share of it. */
typedef struct view {
  int64_t first;
  size_t n;
  double share[3]; /* checks are not smaller than pixels */
} view;

typedef struct noise {
  size_t n_channels, height, width, n_columns;
  bool gaussian, independent;
  uint64_t seed;
  double update_hz;
  view *rows, *columns; /* [height], [width] */
  int64_t first_column;
  float *line, *row; /* [n_columns] checks of one row; [width] of pixels */
} noise;

/* Checks are counted from the middle: where the screen holds an even number of them (rounded), a
 * border between two lies there, else the middle of one. The count is by the screen's size in
 * micrometres, so it is the same at every resolution. */
static void look(double middle, double check, size_t n_pixels, view *views) {
  const bool odd = llround((double)n_pixels / check) % 2;
  for (size_t i = 0; i < n_pixels; i++) {
    const double low = ((double)i - 0.5 - middle) / check + (odd ? 0.5 : 0), high = low + 1 / check;
    view *v = &views[i];
    /* Borders that fall together but for rounding are one. */
    v->first = (int64_t)floor(low + 1e-9);
    for (v->n = 0; v->n < 3; v->n++) {
      const double begin = (double)(v->first + (int64_t)v->n), end = begin + 1;
      if (v->n && begin >= high - 1e-9) break;
      v->share[v->n] = (fmin(end, high) - fmax(begin, low)) * check;
    }
  }
}

static ins_status check_settings(const ins_value *settings, const ins_screen *screen,
                                 double *duration_s) {
  const double check = ins_setting_real(settings, "check_um");
  const double update = ins_setting_real(settings, "update_hz");
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK) status = ins_setting_duration(settings, screen, duration_s);
  if (status != INS_OK) return status;
  if (check < screen->pixel_um * (1 - 1e-9))
    return ins_fail(INS_ERR_ARGUMENT, "%s: check_um %g is smaller than a pixel, which is %g um",
                    ins_setting_kind(settings), check, screen->pixel_um);
  if (!screen->still && update > screen->rate_hz * (1 + 1e-9))
    return ins_fail(INS_ERR_ARGUMENT, "%s: update_hz %g is above the model's %g frames a second",
                    ins_setting_kind(settings), update, screen->rate_hz);
  return INS_OK;
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  double middle[2], check, update = ins_setting_real(settings, "update_hz");
  noise *s = NULL;
  ins_status status = check_settings(settings, screen, duration_s);
  if (status == INS_OK) status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *scene = s;
  *s = (noise){.n_channels = screen->n_channels,
               .height = screen->height,
               .width = screen->width,
               .gaussian = strcmp(ins_setting_text(settings, "distribution"), "gaussian") == 0,
               .independent = ins_value_bool_or(ins_map_get(settings, "independent"), false),
               .seed = (uint64_t)ins_value_int_or(ins_map_get(settings, "seed"), 0),
               .update_hz = isnan(update) ? screen->rate_hz : update};
  status = ins_alloc(s->height, sizeof *s->rows, &s->rows);
  if (status == INS_OK) status = ins_alloc(s->width, sizeof *s->columns, &s->columns);
  if (status != INS_OK) return status;
  check = ins_setting_real(settings, "check_um") / screen->pixel_um;
  ins_setting_middle(settings, screen, middle);
  look(middle[0], check, s->width, s->columns);
  look(middle[1], check, s->height, s->rows);
  const view *last = &s->columns[s->width - 1];
  s->first_column = s->columns[0].first;
  s->n_columns = (size_t)(last->first - s->first_column) + last->n;
  status = ins_alloc(s->n_columns, sizeof *s->line, &s->line);
  return status == INS_OK ? ins_alloc(s->width, sizeof *s->row, &s->row) : status;
}

/* One row of checks of a board. Which numbers it gets depends on its place alone: columns count
 * from far left of any screen. */
static void draw(const noise *s, int64_t update, int64_t channel, int64_t row, float *line) {
  enum { CHUNK = 128 };
  const int64_t place[] = {update, channel, row};
  const ins_stream stream = ins_stream_at(s->seed, "white noise", place, 3);
  const uint64_t first = (uint64_t)(s->first_column + ((int64_t)1 << 40));
  double chunk[CHUNK];
  if (s->gaussian) {
    ins_stream_normal(&stream, first, s->n_columns, line);
    return;
  }
  for (size_t i = 0; i < s->n_columns; i += CHUNK) {
    const size_t n = s->n_columns - i < CHUNK ? s->n_columns - i : CHUNK;
    ins_stream_uniform(&stream, first + i, n, chunk);
    for (size_t k = 0; k < n; k++) line[i + k] = chunk[k] < 0.5 ? -1.0F : 1.0F;
  }
}

/* row[x] = mean of the checks that a pixel sees along x. */
static void spread(const noise *s, const float *line, float *row) {
  for (size_t x = 0; x < s->width; x++) {
    const view *v = &s->columns[x];
    const float *checks = line + (v->first - s->first_column);
    double sum = 0;
    for (size_t k = 0; k < v->n; k++) sum += v->share[k] * (double)checks[k];
    row[x] = (float)sum;
  }
}

static void paint_channel(const noise *s, int64_t update, int64_t channel, float *q) {
  for (size_t y = 0; y < s->height; y++) {
    const view *v = &s->rows[y];
    float *to = q + y * s->width;
    for (size_t k = 0; k < v->n; k++) {
      const int64_t row = v->first + (int64_t)k;
      /* A row of checks is drawn once for all pixels that it is alone in. */
      if (v->n == 1 && y && s->rows[y - 1].n == 1 && s->rows[y - 1].first == row) {
        memcpy(to, to - s->width, s->width * sizeof *to);
        continue;
      }
      draw(s, update, channel, row, s->line);
      spread(s, s->line, s->row);
      for (size_t x = 0; x < s->width; x++) to[x] += (float)v->share[k] * s->row[x];
    }
  }
}

static int64_t update_at(const noise *s, double t_s) {
  return s->update_hz > 0 ? (int64_t)floor(t_s * s->update_hz + 1e-9) : 0;
}

static void paint(void *scene, double t_s, float *q) {
  const noise *s = scene;
  const size_t n = s->height * s->width;
  for (size_t c = 0; c < s->n_channels; c++)
    if (c && !s->independent)
      memcpy(q + c * n, q, n * sizeof *q);
    else
      paint_channel(s, update_at(s, t_s), (int64_t)c, q + c * n);
}

static double until(void *scene, double t_s) {
  const noise *s = scene;
  if (!(s->update_hz > 0)) return INFINITY;
  return ((double)update_at(s, t_s) + 1 - 1e-9) / s->update_hz;
}

static void end(void **scene) {
  noise *s = *scene;
  if (!s) return;
  ins_free(&s->rows);
  ins_free(&s->columns);
  ins_free(&s->line);
  ins_free(&s->row);
  ins_free(scene);
}

const ins_generator ins_white_noise_generator = {.still = true,
                                                 .begin = begin,
                                                 .paint = paint,
                                                 .until = until,
                                                 .end = end,
                                                 .coloured = true,
                                                 .measure = "mean"};
