/* SPDX-License-Identifier: MIT */
#include "tuning/gaussian_2d.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"
#include "tuning/fit.h"

/* The search does not turn an angle, which means nothing for a round field and jumps by half a turn
 * elsewhere: the exponent is -(u^2 + v^2)/2 with u = a (x-x0) + b (y-y0) and v = c (y-y0), the
 * Cholesky factor of the inverse covariance. A round field has b = 0 and c = a. */
enum { AMPLITUDE, X, Y, A, B, C };

/* Sharpest and widest Gaussian of the search: below a fifth of a pixel only one pixel is touched.
 */
static const double SIGMA_MIN_PX = 0.2, SIGMA_MAX_SIDES = 2;
/* A peak between pixels may be higher than any of them. */
static const double AMPLITUDE_MAX = 20;
/* From here on, further starts are not worth their time. */
static const double GOOD_R2 = 0.5;

typedef struct pixels {
  size_t m;
  double *x, *y, *z; /* [m] those that are finite */
  size_t height, width;
  bool circular, offset;
} pixels;

static size_t count_parameters(const pixels *px) {
  return (px->circular ? B : C + 1) + (px->offset ? 1 : 0);
}

static void curve(const void *context, const double *p, double *f, double *jacobian) {
  const pixels *px = context;
  size_t n = count_parameters(px);
  double a = p[A], b = px->circular ? 0 : p[B], c = px->circular ? a : p[C];
  double offset = px->offset ? p[n - 1] : 0;
  for (size_t i = 0; i < px->m; i++) {
    double dx = px->x[i] - p[X], dy = px->y[i] - p[Y], u = a * dx + b * dy, v = c * dy;
    double g = exp(-(u * u + v * v) / 2), z = p[AMPLITUDE] * g;
    if (f) f[i] = z + offset;
    if (!jacobian) continue;
    double *row = jacobian + i * n;
    row[AMPLITUDE] = g;
    row[X] = z * u * a;
    row[Y] = z * (u * b + v * c);
    if (px->circular) {
      row[A] = -z * a * (dx * dx + dy * dy);
    } else {
      row[A] = -z * u * dx;
      row[B] = -z * u * dy;
      row[C] = -z * v * dy;
    }
    if (px->offset) row[n - 1] = 1;
  }
}

/* ---- where to start -------------------------------------------------------------------------- */

typedef struct guess {
  double amplitude, x, y, sigma, offset;
} guess;

/* Mean of the image's edge, where a field that fits into it is over. */
static double edge_mean(const pixels *px) {
  double sum = 0;
  size_t n = 0;
  for (size_t i = 0; i < px->m; i++) {
    if (px->x[i] > 0 && px->y[i] > 0 && px->x[i] < (double)px->width - 1 &&
        px->y[i] < (double)px->height - 1)
      continue;
    sum += px->z[i];
    n++;
  }
  return n ? sum / (double)n : 0;
}

/* Mean of the finite pixels within one pixel of column j and row i: single noisy pixels weigh less.
 */
static double smoothed(const double *image, size_t height, size_t width, size_t i, size_t j) {
  double sum = 0;
  size_t n = 0;
  for (size_t r = i ? i - 1 : 0; r <= i + 1 && r < height; r++) {
    for (size_t c = j ? j - 1 : 0; c <= j + 1 && c < width; c++) {
      if (!isfinite(image[r * width + c])) continue;
      sum += image[r * width + c];
      n++;
    }
  }
  return n ? sum / (double)n : NAN;
}

/* The strongest place of the image (smoothed or pixel by pixel), and a width that covers as many
 * pixels at half its height. */
static guess guess_peak(const pixels *px, const double *image, bool smooth) {
  guess g = {.offset = px->offset ? edge_mean(px) : 0};
  size_t above = 0;
  for (size_t i = 0; i < px->height; i++) {
    for (size_t j = 0; j < px->width; j++) {
      double z =
          (smooth ? smoothed(image, px->height, px->width, i, j) : image[i * px->width + j]) -
          g.offset;
      if (!(fabs(z) > fabs(g.amplitude))) continue;
      g = (guess){z, (double)j, (double)i, 0, g.offset};
    }
  }
  for (size_t i = 0; i < px->m; i++) above += (px->z[i] - g.offset) / g.amplitude > 0.5 ? 1 : 0;
  g.sigma = fmax(sqrt((double)(above ? above : 1) / (2 * M_LN2 * M_PI)), 0.5);
  return g;
}

static void start_of(const pixels *px, const guess *g, double *start) {
  start[AMPLITUDE] = g->amplitude;
  start[X] = g->x;
  start[Y] = g->y;
  start[A] = 1 / g->sigma;
  if (!px->circular) {
    start[B] = 0;
    start[C] = 1 / g->sigma;
  }
  if (px->offset) start[count_parameters(px) - 1] = g->offset;
}

/* ---- what was found -------------------------------------------------------------------------- */

/* Axes of the ellipse from the eigenvalues of [[a^2, ab], [ab, b^2 + c^2]]. */
static void set_axes(double a, double b, double c, ins_gaussian_2d *out) {
  double xx = a * a, xy = a * b, yy = b * b + c * c;
  double middle = (xx + yy) / 2, spread = hypot((xx - yy) / 2, xy);
  out->sigma_minor = 1 / sqrt(middle + spread);
  /* The product of the eigenvalues is (ac)^2: without the cancellation of middle - spread. */
  out->sigma_major = 1 / (a * c * out->sigma_minor);
  /* The sharper direction is at atan2(2xy, xx-yy)/2; the long axis is across it. */
  double angle = atan2(2 * xy, xx - yy) / 2 + M_PI_2;
  out->angle = angle >= M_PI ? angle - M_PI : angle;
}

static void set_result(const pixels *px, const ins_fitted *fitted, ins_gaussian_2d *out) {
  const double *p = fitted->p;
  double widest = SIGMA_MAX_SIDES * (double)(px->width > px->height ? px->width : px->height);
  out->amplitude = p[AMPLITUDE];
  out->x = p[X];
  out->y = p[Y];
  out->offset = px->offset ? p[count_parameters(px) - 1] : 0;
  out->r2 = fitted->r2;
  if (px->circular) {
    out->sigma_major = out->sigma_minor = 1 / p[A];
    out->angle = 0;
  } else {
    set_axes(p[A], p[B], p[C], out);
  }
  out->converged = fitted->converged && !fitted->at_bound && out->sigma_minor > SIGMA_MIN_PX &&
                   out->sigma_major < widest;
}

static ins_status search(const pixels *px, const double *image, ins_gaussian_2d *out) {
  double widest = SIGMA_MAX_SIDES * (double)(px->width > px->height ? px->width : px->height);
  double start[INS_FIT_PARAMETERS], low[INS_FIT_PARAMETERS], high[INS_FIT_PARAMETERS], peak = 0;
  size_t n = count_parameters(px);
  for (size_t i = 0; i < px->m; i++) peak = fmax(peak, fabs(px->z[i]));
  low[AMPLITUDE] = -(high[AMPLITUDE] = AMPLITUDE_MAX * peak);
  low[X] = low[Y] = -0.5;
  high[X] = (double)px->width - 0.5;
  high[Y] = (double)px->height - 0.5;
  for (size_t j = A; j <= C; j++) {
    low[j] = j == B ? -1 / SIGMA_MIN_PX : 1 / widest;
    high[j] = 1 / SIGMA_MIN_PX;
  }
  if (px->offset) low[n - 1] = -(high[n - 1] = 2 * peak);
  ins_fit fit = {curve, px, px->m, n, px->z, low, high};
  ins_fitted best = {.ss = NAN};
  guess smooth = guess_peak(px, image, true), sharp = guess_peak(px, image, false), wide = smooth;
  wide.sigma *= 3;
  const guess *guesses[] = {&smooth, &sharp, &wide};
  for (size_t s = 0; s < 3 && !(best.converged && best.r2 > GOOD_R2); s++) {
    ins_fitted fitted;
    start_of(px, guesses[s], start);
    ins_status status = ins_fit_run(&fit, 1, start, &fitted);
    if (status != INS_OK) return status;
    if (isfinite(fitted.ss) && !(best.ss <= fitted.ss)) best = fitted;
  }
  if (isfinite(best.ss)) set_result(px, &best, out);
  return INS_OK;
}

ins_status ins_gaussian_2d_fit(size_t height, size_t width, const double *image, unsigned flags,
                               ins_gaussian_2d *out) {
  pixels px = {.height = height,
               .width = width,
               .circular = flags & INS_GAUSSIAN_CIRCULAR,
               .offset = flags & INS_GAUSSIAN_OFFSET};
  bool varies = false;
  *out = (ins_gaussian_2d){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, false};
  if (height < 3 || width < 3) return INS_OK;
  ins_status status = ins_alloc(3 * height * width, sizeof(double), &px.x);
  if (status != INS_OK) return status;
  px.y = px.x + height * width;
  px.z = px.y + height * width;
  for (size_t i = 0; i < height * width; i++) {
    if (!isfinite(image[i])) continue;
    px.x[px.m] = (double)(i % width);
    px.y[px.m] = (double)(i / width);
    px.z[px.m] = image[i];
    varies |= image[i] != px.z[0];
    px.m++;
  }
  if (varies && px.m >= count_parameters(&px)) status = search(&px, image, out);
  ins_free(&px.x);
  return status;
}

double ins_gaussian_2d_at(const ins_gaussian_2d *g, double x, double y) {
  double dx = x - g->x, dy = y - g->y;
  double u = (dx * cos(g->angle) + dy * sin(g->angle)) / g->sigma_major;
  double v = (dy * cos(g->angle) - dx * sin(g->angle)) / g->sigma_minor;
  return g->offset + g->amplitude * exp(-(u * u + v * v) / 2);
}
