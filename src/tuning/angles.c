/* SPDX-License-Identifier: MIT */
#include "tuning/angles.h"

#include <math.h>

#include "insilico/memory.h"

/* Angles closer than this, in degrees, are the same one. */
#define SAME 1e-6

static double wrapped(double x, double period) {
  double y = fmod(x, period);
  if (y < 0) y += period;
  return y >= period - SAME ? 0 : y;
}

/* order[n]: by angle, equal ones by their place. Insertion: n is a dozen. */
static void sort_by_angle(size_t n, const double *angle, size_t *order) {
  for (size_t i = 0; i < n; i++) {
    size_t j = i;
    for (; j > 0 && angle[order[j - 1]] > angle[i]; j--) order[j] = order[j - 1];
    order[j] = i;
  }
}

/* Bins of the different angles, each shared by those that are equal. */
static void set_weights(ins_angles *a, const double *angle, const size_t *order, double period) {
  size_t n_different = 0;
  double widest = 0;
  for (size_t i = 0; i < a->n;) {
    size_t end = i + 1;
    while (end < a->n && angle[order[end]] - angle[order[i]] < SAME) end++;
    double here = angle[order[i]];
    double before = i > 0 ? angle[order[i - 1]] : angle[order[a->n - 1]] - period;
    double after = end < a->n ? angle[order[end]] : angle[order[0]] + period;
    double share = (after - before) / 2 / period / (double)(end - i);
    widest = fmax(widest, after - here);
    for (; i < end; i++) a->weight[order[i]] = share;
    n_different++;
  }
  double half = M_PI / (double)n_different;
  a->spans = n_different >= 3 && widest < period / 2 - SAME;
  a->correction = half / sin(half);
}

ins_status ins_angles_create(size_t n, const double *x_deg, int fold, ins_angles *out) {
  *out = (ins_angles){.n = n, .fold = fold};
  double *angle = NULL, period = 360.0 / fold;
  size_t *order = NULL;
  ins_status status = ins_alloc(n * 3, sizeof *out->weight, &out->weight);
  if (!status) status = ins_alloc(n, sizeof *angle, &angle);
  if (!status) status = ins_alloc(n, sizeof *order, &order);
  if (status) goto done;
  out->cosine = out->weight + n;
  out->sine = out->weight + 2 * n;
  if (n == 0) goto done;
  for (size_t i = 0; i < n; i++) angle[i] = wrapped(x_deg[i], period);
  sort_by_angle(n, angle, order);
  set_weights(out, angle, order, period);
  for (size_t i = 0; i < n; i++) {
    double radians = fold * angle[i] * M_PI / 180;
    out->cosine[i] = out->weight[i] * cos(radians);
    out->sine[i] = out->weight[i] * sin(radians);
  }
done:
  if (status) ins_angles_destroy(out);
  ins_free(&angle);
  ins_free(&order);
  return status;
}

void ins_angles_destroy(ins_angles *angles) {
  ins_free(&angles->weight);
  angles->cosine = angles->sine = NULL;
}

ins_vector ins_angles_sum(const ins_angles *a, const double *r) {
  double c = 0, s = 0, total = 0;
  for (size_t i = 0; i < a->n; i++) {
    c += a->cosine[i] * r[i];
    s += a->sine[i] * r[i];
    total += a->weight[i] * r[i];
  }
  double length = sqrt(c * c + s * s), angle = atan2(s, c) * 180 / M_PI / a->fold;
  if (angle < 0) angle += 360.0 / a->fold;
  if (angle >= 360.0 / a->fold) angle = 0; /* a negative angle that vanished in the sum */
  return (ins_vector){length, angle, total > 0 ? length / total : NAN};
}

double ins_angles_square(const ins_angles *a, const double *r) {
  double c = 0, s = 0;
  for (size_t i = 0; i < a->n; i++) {
    c += a->cosine[i] * r[i];
    s += a->sine[i] * r[i];
  }
  return c * c + s * s;
}
