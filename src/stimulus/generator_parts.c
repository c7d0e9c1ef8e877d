/* SPDX-License-Identifier: MIT */
#include "generator_parts.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

/* ---- settings -------------------------------------------------------------------------------- */

double ins_setting_real(const ins_value *settings, const char *key) {
  return ins_value_real_or(ins_map_get(settings, key), (double)NAN);
}

const char *ins_setting_text(const ins_value *settings, const char *key) {
  return ins_value_text_or(ins_map_get(settings, key), "");
}

const char *ins_setting_kind(const ins_value *settings) {
  return ins_setting_text(settings, "kind");
}

ins_status ins_setting_duration(const ins_value *settings, const ins_screen *screen,
                                double *duration_s) {
  *duration_s = ins_setting_real(settings, "duration_s");
  return screen->still ? INS_OK : ins_screen_need_rate(screen, settings);
}

static double middle_of(const ins_value *settings, const char *key, double pixel_um, size_t n) {
  double um = ins_setting_real(settings, key);
  return isnan(um) ? ((double)n - 1) / 2 : um / pixel_um;
}

void ins_setting_middle(const ins_value *settings, const ins_screen *screen, double middle[2]) {
  middle[0] = middle_of(settings, "x_um", screen->pixel_um, screen->width);
  middle[1] = middle_of(settings, "y_um", screen->pixel_um, screen->height);
}

/* Rows count downwards, so upward is -y. Sine and cosine are taken within 45 degrees of an axis,
 * which makes them exact on it: a bar that moves rightward does not move up by a rounding error. */
void ins_direction_vector(double degrees, double vector[2]) {
  int quarter;
  double rest = remquo(degrees, 90, &quarter) * (M_PI / 180), c = cos(rest), s = sin(rest);
  quarter &= 3;
  double x = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
  double up = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
  vector[0] = x;
  vector[1] = -up;
}

/* ---- edges and strips ------------------------------------------------------------------------ */

/* A square with sides a >= b as the normal sees them projects onto it as a trapezoid: flat in the
 * middle, where the share grows linearly, with tails of length b, where it is a triangle's area. */
double ins_cover_edge(double inside, const double normal[2]) {
  double a = fabs(normal[0]), b = fabs(normal[1]), d = fabs(inside), share;
  if (b > a) {
    double swap = a;
    a = b;
    b = swap;
  }
  if (d >= (a + b) / 2)
    share = 1;
  else if (d <= (a - b) / 2)
    share = 0.5 + d / a;
  else {
    double tail = (a + b) / 2 - d;
    share = 1 - tail * tail / (2 * a * b);
  }
  return inside < 0 ? 1 - share : share;
}

double ins_cover_strip(double along, double half_width, const double normal[2]) {
  if (fabs(along) >= half_width + M_SQRT1_2) return 0;
  return fmax(ins_cover_edge(half_width - along, normal) +
                  ins_cover_edge(half_width + along, normal) - 1,
              0);
}

/* ---- polygons -------------------------------------------------------------------------------- */

enum { MOST_CORNERS = 8 }; /* four, and one more for each side that cuts */

/* Keeps what has point . normal <= limit of a convex polygon (Sutherland & Hodgman 1974). */
static size_t cut(double (*corners)[2], size_t n, const double normal[2], double limit) {
  double kept[MOST_CORNERS][2];
  size_t m = 0;
  for (size_t i = 0; i < n; i++) {
    const double *p = corners[i], *q = corners[(i + 1) % n];
    double dp = p[0] * normal[0] + p[1] * normal[1] - limit;
    double dq = q[0] * normal[0] + q[1] * normal[1] - limit;
    if (dp <= 0 && m < MOST_CORNERS) memcpy(kept[m++], p, sizeof kept[0]);
    if ((dp < 0) == (dq < 0) || dp == 0 || dq == 0 || m == MOST_CORNERS) continue;
    double t = dp / (dp - dq);
    kept[m][0] = p[0] + t * (q[0] - p[0]);
    kept[m++][1] = p[1] + t * (q[1] - p[1]);
  }
  memcpy(corners, kept, m * sizeof kept[0]);
  return m;
}

double ins_cover_polygon(const double *corners, size_t n, const double axis[2],
                         const double half[2]) {
  const double sides[4][2] = {
      {axis[0], axis[1]}, {-axis[0], -axis[1]}, {-axis[1], axis[0]}, {axis[1], -axis[0]}};
  double polygon[MOST_CORNERS][2], area = 0;
  memcpy(polygon, corners, n * sizeof polygon[0]);
  for (size_t k = 0; k < 4; k++)
    if (isfinite(half[k / 2])) n = cut(polygon, n, sides[k], half[k / 2]);
  for (size_t i = 0; i < n; i++) {
    const double *p = polygon[i], *q = polygon[(i + 1) % n];
    area += (p[0] * q[1] - p[1] * q[0]) / 2;
  }
  return fabs(area);
}

/* ---- discs ----------------------------------------------------------------------------------- */

static double sector(const double p[2], const double q[2], double radius) {
  return radius * radius / 2 * atan2(p[0] * q[1] - p[1] * q[0], p[0] * q[0] + p[1] * q[1]);
}

/* Signed area that the triangle from the disc's middle to a side p-q shares with the disc: the
 * triangle over the part of the side within it, sectors over the parts outside. */
static double over_side(const double p[2], const double q[2], double radius) {
  double d[2] = {q[0] - p[0], q[1] - p[1]};
  double a = d[0] * d[0] + d[1] * d[1], b = p[0] * d[0] + p[1] * d[1];
  double c = p[0] * p[0] + p[1] * p[1] - radius * radius, root = b * b - a * c;
  if (root <= 0) return sector(p, q, radius);
  double t1 = (-b - sqrt(root)) / a, t2 = (-b + sqrt(root)) / a;
  if (t1 >= 1 || t2 <= 0) return sector(p, q, radius);
  double first = fmax(t1, 0), last = fmin(t2, 1);
  double u[2] = {p[0] + first * d[0], p[1] + first * d[1]};
  double v[2] = {p[0] + last * d[0], p[1] + last * d[1]};
  double area = (u[0] * v[1] - u[1] * v[0]) / 2;
  if (t1 > 0) area += sector(p, u, radius);
  if (t2 < 1) area += sector(v, q, radius);
  return area;
}

double ins_cover_disc(double x, double y, double radius) {
  double distance = hypot(x, y), area = 0;
  if (distance >= radius + M_SQRT1_2) return 0;
  if (distance <= radius - M_SQRT1_2) return 1;
  const double corners[4][2] = {
      {x - 0.5, y - 0.5}, {x + 0.5, y - 0.5}, {x + 0.5, y + 0.5}, {x - 0.5, y + 0.5}};
  for (size_t k = 0; k < 4; k++) area += over_side(corners[k], corners[(k + 1) % 4], radius);
  return fmin(fmax(area, 0), 1);
}

/* The pixels [*first, *end) of n that reach into [low, high]. */
static void span(double low, double high, size_t n, size_t *first, size_t *end) {
  *first = (size_t)fmin(fmax(floor(low + 0.5), 0), (double)n);
  *end = (size_t)fmin(fmax(ceil(high + 0.5), 0), (double)n);
}

void ins_disc_add(const ins_screen *screen, const double middle[2], double radius, float weight,
                  float *image) {
  size_t left, right, top, bottom;
  span(middle[0] - radius, middle[0] + radius, screen->width, &left, &right);
  span(middle[1] - radius, middle[1] + radius, screen->height, &top, &bottom);
  for (size_t i = top; i < bottom; i++)
    for (size_t j = left; j < right; j++)
      image[i * screen->width + j] +=
          weight * (float)ins_cover_disc((double)j - middle[0], (double)i - middle[1], radius);
}

ins_status ins_disc_check(const ins_screen *screen, const ins_value *settings,
                          const double middle[2], double radius) {
  double width = (double)screen->width, height = (double)screen->height, um = screen->pixel_um;
  double x = fmax(fabs(middle[0] - (width - 1) / 2) - width / 2, 0);
  double y = fmax(fabs(middle[1] - (height - 1) / 2) - height / 2, 0);
  if (hypot(x, y) < radius) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: a disc of %g um around (x_um %g, y_um %g) lies off the screen, which is "
                  "%g to %g um wide and %g to %g um high",
                  ins_setting_kind(settings), 2 * radius * um, middle[0] * um, middle[1] * um,
                  -um / 2, (width - 0.5) * um, -um / 2, (height - 0.5) * um);
}

ins_status ins_aperture_create(const ins_value *settings, const ins_screen *screen, float **out) {
  double middle[2], diameter = ins_setting_real(settings, "diameter_um");
  *out = NULL;
  if (isnan(diameter)) return INS_OK;
  ins_status status = ins_screen_need_pixel(screen, settings);
  if (status != INS_OK) return status;
  double radius = diameter / 2 / screen->pixel_um;
  ins_setting_middle(settings, screen, middle);
  status = ins_disc_check(screen, settings, middle, radius);
  if (status == INS_OK) status = ins_alloc(screen->height * screen->width, sizeof **out, out);
  if (status == INS_OK) ins_disc_add(screen, middle, radius, 1, *out);
  return status;
}
