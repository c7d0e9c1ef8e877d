/* SPDX-License-Identifier: MIT */
/* A bar that moves at constant speed through its middle (x_um, y_um), half of its way before it and
 * half behind. Its defaults are the bar of Baden et al. (2016), 300 um wide at 1 mm/s. */
#include <math.h>

#include "generator_parts.h"
#include "insilico/memory.h"

const ins_key ins_moving_bar_keys[] = {
    INS_GENERATOR_KEYS,
    INS_DIRECTION_KEY("direction it moves in: 0 rightward, 90 upward"),
    {.name = "speed_um_s",
     .type = INS_KEY_REAL,
     .fallback = "1000",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e7,
     .units = "um/s",
     .doc = "speed on the retina"},
    {.name = "width_um",
     .type = INS_KEY_REAL,
     .fallback = "300",
     .flags = INS_KEY_QUANTITY,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "size along the motion"},
    {.name = "length_um",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc = "size across the motion; null: across the whole screen"},
    {.name = "travel_um",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_QUANTITY | INS_KEY_NULLABLE,
     .min = 1e-3,
     .max = 1e6,
     .units = "um",
     .doc =
         "way of the bar's middle; null: so far that it begins and ends off the screen, the same "
         "for all directions"},
    {0}};

typedef struct bar {
  size_t height, width;
  double middle[2];     /* of its way */
  double forward[2];    /* unit vector of the motion, */
  double across[2];     /* and at right angles to it */
  double half[2];       /* half its size along and across the motion; the latter may be infinite */
  double travel, speed; /* pixels, pixels a second */
} bar;

/* From the middle to the farthest corner of the screen. */
static double farthest(const bar *b) {
  double x = fmax(b->middle[0] + 0.5, (double)b->width - 0.5 - b->middle[0]);
  double y = fmax(b->middle[1] + 0.5, (double)b->height - 0.5 - b->middle[1]);
  return hypot(x, y);
}

static ins_status check_sizes(const bar *b, double pixel_um, double rate_hz) {
  double width = 2 * b->half[0], limit = (width + 1) * rate_hz;
  if (width > b->travel)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "moving_bar: width_um %g is more than the way it moves; it may be travel_um, %g, "
        "at most",
        width * pixel_um, b->travel * pixel_um);
  if (b->speed > limit)
    return ins_fail(INS_ERR_ARGUMENT,
                    "moving_bar: speed_um_s %g makes it jump by %.4g um from frame to frame, over "
                    "places that it never shows; with width_um %g at %g frames a second it may be "
                    "%.4g at most",
                    b->speed * pixel_um, b->speed / rate_hz * pixel_um, width * pixel_um, rate_hz,
                    limit * pixel_um);
  return INS_OK;
}

/* Whether the rectangle that the bar sweeps over touches the screen. */
static ins_status check_place(const bar *b, double pixel_um) {
  double left = -0.5 - b->middle[0], right = left + (double)b->width;
  double top = -0.5 - b->middle[1], bottom = top + (double)b->height;
  const double screen[8] = {left, top, right, top, right, bottom, left, bottom};
  const double swept[2] = {b->half[0] + b->travel / 2, b->half[1]};
  if (ins_cover_polygon(screen, 4, b->forward, swept) > 0) return INS_OK;
  return ins_fail(
      INS_ERR_ARGUMENT,
      "moving_bar: with its middle at (x_um %g, y_um %g) it never comes onto the screen",
      b->middle[0] * pixel_um, b->middle[1] * pixel_um);
}

static ins_status begin(const ins_value *settings, const ins_screen *screen, void **scene,
                        double *duration_s) {
  ins_status status = ins_screen_need_time(screen, settings, "kind moving_bar");
  if (status == INS_OK) status = ins_screen_need_pixel(screen, settings);
  if (status == INS_OK) status = ins_alloc(1, sizeof(bar), scene);
  if (status != INS_OK) return status;
  bar *b = *scene;
  double um = screen->pixel_um, length = ins_setting_real(settings, "length_um"),
         travel = ins_setting_real(settings, "travel_um");
  b->height = screen->height;
  b->width = screen->width;
  ins_setting_middle(settings, screen, b->middle);
  ins_direction_vector(ins_setting_real(settings, "direction_deg"), b->forward);
  b->across[0] = -b->forward[1];
  b->across[1] = b->forward[0];
  b->half[0] = ins_setting_real(settings, "width_um") / 2 / um;
  b->half[1] = isnan(length) ? (double)INFINITY : length / 2 / um;
  b->speed = ins_setting_real(settings, "speed_um_s") / um;
  b->travel = isnan(travel) ? 2 * (farthest(b) + b->half[0]) : travel / um;
  *duration_s = b->travel / b->speed;
  status = check_sizes(b, um, screen->rate_hz);
  return status == INS_OK ? check_place(b, um) : status;
}

/* Share of a pixel whose middle lies (x, y) from the bar's. Where only one pair of sides passes
 * through the pixel, shares multiply; at the bar's corners they do not. */
static double cover_of(const bar *b, double x, double y) {
  double along = ins_cover_strip(x * b->forward[0] + y * b->forward[1], b->half[0], b->forward);
  if (along == 0 || isinf(b->half[1])) return along;
  double across = ins_cover_strip(x * b->across[0] + y * b->across[1], b->half[1], b->across);
  if (along == 1 || across == 0 || across == 1) return along * across;
  const double corners[8] = {x - 0.5, y - 0.5, x + 0.5, y - 0.5,
                             x + 0.5, y + 0.5, x - 0.5, y + 0.5};
  return ins_cover_polygon(corners, 4, b->forward, b->half);
}

/* The columns [*first, *end) of a row whose pixels may touch the bar, `y` below its middle. */
static void columns(const bar *b, double x, double y, size_t *first, size_t *end) {
  double reach = b->half[0] + M_SQRT1_2, slope = fabs(b->forward[0]), n = (double)b->width;
  double left = 0, right = n;
  if (slope * n > 1e-6) {
    double middle = x - y * b->forward[1] / b->forward[0];
    left = ceil(middle - reach / slope);
    right = floor(middle + reach / slope) + 1;
  }
  *first = (size_t)fmin(fmax(left, 0), n);
  *end = (size_t)fmin(fmax(right, 0), n);
}

static void paint(void *scene, double t_s, float *q) {
  const bar *b = scene;
  double way = b->speed * t_s - b->travel / 2;
  double x = b->middle[0] + way * b->forward[0], y = b->middle[1] + way * b->forward[1];
  for (size_t i = 0; i < b->height; i++, q += b->width) {
    size_t first, end;
    columns(b, x, (double)i - y, &first, &end);
    for (size_t j = first; j < end; j++) q[j] = (float)cover_of(b, (double)j - x, (double)i - y);
  }
}

static void end(void **scene) {
  ins_free(scene);
}

const ins_generator ins_moving_bar_generator = {
    .begin = begin, .paint = paint, .cover = paint, .end = end, .measure = "peak"};
