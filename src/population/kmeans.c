/* SPDX-License-Identifier: MIT */
#include "kmeans.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "insilico/memory.h"

/* Points that are worked on together: their distances stay in the cache. */
enum { TILE = 256 };

typedef struct work {
  const double *x; /* [n,d] */
  size_t n, d, k;
  double *columns;        /* [d,n] the same points, a coordinate after the other */
  double *center;         /* [k,d] */
  double *across;         /* [d,k] the same centres */
  double *sum, *moved;    /* [k,d], [k]: where centres go, and how far */
  double *apart;          /* [k] half the distance to the nearest other centre */
  double *distance;       /* [k] of one point */
  size_t *size;           /* [k] */
  int32_t *label;         /* [n] */
  double *upper, *lower;  /* [n] bounds of the distances to the own and to the next centre */
  double *nearest, *best; /* [n] squared distance to the centres so far; with the best candidate */
  double *candidate;      /* [n] */
} work;

static void free_work(work *w) {
  ins_free(&w->columns);
  ins_free(&w->center);
  ins_free(&w->across);
  ins_free(&w->sum);
  ins_free(&w->moved);
  ins_free(&w->apart);
  ins_free(&w->distance);
  ins_free(&w->size);
  ins_free(&w->upper);
  ins_free(&w->lower);
  ins_free(&w->nearest);
  ins_free(&w->best);
  ins_free(&w->candidate);
}

static ins_status make_work(work *w) {
  const size_t n = w->n, d = w->d, k = w->k, size = sizeof(double);
  ins_status status = ins_alloc(n, d * size, &w->columns);
  if (status == INS_OK) status = ins_alloc(k, d * size, &w->center);
  if (status == INS_OK) status = ins_alloc(k, d * size, &w->across);
  if (status == INS_OK) status = ins_alloc(k, d * size, &w->sum);
  if (status == INS_OK) status = ins_alloc(k, size, &w->moved);
  if (status == INS_OK) status = ins_alloc(k, size, &w->apart);
  if (status == INS_OK) status = ins_alloc(k, size, &w->distance);
  if (status == INS_OK) status = ins_alloc(k, sizeof *w->size, &w->size);
  if (status == INS_OK) status = ins_alloc(n, size, &w->upper);
  if (status == INS_OK) status = ins_alloc(n, size, &w->lower);
  if (status == INS_OK) status = ins_alloc(n, size, &w->nearest);
  if (status == INS_OK) status = ins_alloc(n, size, &w->best);
  if (status == INS_OK) status = ins_alloc(n, size, &w->candidate);
  return status;
}

/* ---- seeds -------------------------------------------------------------------------------------
 */

/* Sum over points of out[i] = min(nearest[i], |x_i - x_p|^2). */
static double potential_with(const work *w, size_t p, double *out) {
  double total = 0;
  for (size_t at = 0; at < w->n; at += TILE) {
    const size_t m = w->n - at < TILE ? w->n - at : TILE;
    double distance[TILE] = {0};
    for (size_t a = 0; a < w->d; a++) {
      const double *x = w->columns + a * w->n + at, c = w->x[p * w->d + a];
      for (size_t i = 0; i < m; i++) distance[i] += (x[i] - c) * (x[i] - c);
    }
    for (size_t i = 0; i < m; i++)
      out[at + i] = distance[i] < w->nearest[at + i] ? distance[i] : w->nearest[at + i];
    for (size_t i = 0; i < m; i++) total += out[at + i];
  }
  return total;
}

/* The point at which the running sum of squared distances exceeds u of all of it: one that is away
 * from all centres. */
static size_t draw(const work *w, double total, double u) {
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < w->n; i++) {
    if (w->nearest[i] > 0) last = i;
    sum += w->nearest[i];
    if (sum > u * total && w->nearest[i] > 0) return i;
  }
  return last;
}

static void keep_best(work *w) {
  double *swap = w->best;
  w->best = w->candidate;
  w->candidate = swap;
}

static void take(work *w) {
  double *swap = w->nearest;
  w->nearest = w->best;
  w->best = swap;
}

/* Returns the number of centres, at most k: no more than there are distinct points. */
static size_t seed(work *w, const ins_stream *stream) {
  const size_t n_trials = 2 + (size_t)log((double)w->k);
  double u;
  uint64_t n_drawn = 0;
  ins_stream_uniform(stream, n_drawn++, 1, &u);
  size_t point = (size_t)(u * (double)w->n);
  for (size_t i = 0; i < w->n; i++) w->nearest[i] = INFINITY;
  double total = potential_with(w, point, w->best);
  take(w);
  memcpy(w->center, w->x + point * w->d, w->d * sizeof(double));
  size_t k = 1;
  for (; k < w->k && total > 0; k++) {
    double least = INFINITY;
    for (size_t t = 0; t < n_trials; t++) {
      ins_stream_uniform(stream, n_drawn++, 1, &u);
      const size_t p = draw(w, total, u);
      const double sum = potential_with(w, p, w->candidate);
      if (t > 0 && !(sum < least)) continue;
      least = sum;
      point = p;
      keep_best(w);
    }
    take(w);
    total = least;
    memcpy(w->center + k * w->d, w->x + point * w->d, w->d * sizeof(double));
  }
  return k;
}

/* ---- iterations --------------------------------------------------------------------------------
 */

static double squared(const double *a, const double *b, size_t d) {
  double sum = 0;
  for (size_t j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

static void turn_centers(work *w) {
  for (size_t j = 0; j < w->k; j++)
    for (size_t a = 0; a < w->d; a++) w->across[a * w->k + j] = w->center[j * w->d + a];
}

static void find_apart(work *w) {
  for (size_t j = 0; j < w->k; j++) {
    double least = INFINITY;
    for (size_t l = 0; l < w->k; l++) {
      if (l == j) continue;
      const double s = squared(w->center + j * w->d, w->center + l * w->d, w->d);
      if (s < least) least = s;
    }
    w->apart[j] = sqrt(least) / 2;
  }
}

/* Nearest centre of point i, the first of equals, and bounds that are exact. */
static int32_t look(work *w, size_t i) {
  const size_t k = w->k;
  double *restrict distance = w->distance;
  memset(distance, 0, k * sizeof *distance);
  for (size_t a = 0; a < w->d; a++) {
    const double *restrict c = w->across + a * k, x = w->x[i * w->d + a];
    for (size_t j = 0; j < k; j++) distance[j] += (x - c[j]) * (x - c[j]);
  }
  size_t first = 0;
  double least = distance[0], second = INFINITY;
  for (size_t j = 1; j < k; j++) {
    if (distance[j] < least) {
      second = least;
      least = distance[j];
      first = j;
    } else if (distance[j] < second)
      second = distance[j];
  }
  w->upper[i] = sqrt(least);
  w->lower[i] = sqrt(second);
  return (int32_t)first;
}

static void sum_points(work *w) {
  memset(w->sum, 0, w->k * w->d * sizeof *w->sum);
  memset(w->size, 0, w->k * sizeof *w->size);
  for (size_t i = 0; i < w->n; i++) {
    double *sum = w->sum + (size_t)w->label[i] * w->d;
    for (size_t a = 0; a < w->d; a++) sum[a] += w->x[i * w->d + a];
    w->size[w->label[i]]++;
  }
}

/* One pass over the points whose nearest centre may have changed; how many did. */
static size_t reassign(work *w) {
  size_t n_changed = 0;
  for (size_t i = 0; i < w->n; i++) {
    const int32_t own = w->label[i];
    const double bound = fmax(w->apart[own], w->lower[i]);
    if (w->upper[i] <= bound) continue;
    w->upper[i] = sqrt(squared(w->x + i * w->d, w->center + (size_t)own * w->d, w->d));
    if (w->upper[i] <= bound) continue;
    const double to_own = w->upper[i];
    const int32_t now = look(w, i);
    if (now == own) continue;
    /* Where two are equally near a point stays: it would go to and fro. */
    if (!(w->upper[i] < to_own)) {
      w->upper[i] = to_own;
      continue;
    }
    w->label[i] = now;
    n_changed++;
  }
  return n_changed;
}

/* Moves the centre of a cluster without points to the point that is farthest from its own; false
 * when every point lies on its centre. */
static bool fill(work *w, size_t empty) {
  double most = 0;
  size_t far = 0;
  for (size_t i = 0; i < w->n; i++) {
    const size_t own = (size_t)w->label[i];
    if (w->size[own] < 2) continue;
    const double s = squared(w->x + i * w->d, w->center + own * w->d, w->d);
    if (s > most) {
      most = s;
      far = i;
    }
  }
  if (!(most > 0)) return false;
  w->size[w->label[far]]--;
  w->size[empty]++;
  w->label[far] = (int32_t)empty;
  w->upper[far] = 0;
  memcpy(w->center + empty * w->d, w->x + far * w->d, w->d * sizeof(double));
  return true;
}

static size_t fill_empty(work *w) {
  size_t n_filled = 0;
  for (size_t j = 0; j < w->k; j++)
    if (!w->size[j] && fill(w, j)) n_filled++;
  if (!n_filled) return 0;
  sum_points(w);
  /* Bounds do not know of centres that jumped. */
  for (size_t i = 0; i < w->n; i++) w->lower[i] = 0;
  return n_filled;
}

/* Centres go to the means of their points, and bounds with them. */
static void move_centers(work *w) {
  double most = 0, second = 0;
  size_t farthest = 0;
  for (size_t j = 0; j < w->k; j++) {
    double *center = w->center + j * w->d, s = 0;
    for (size_t a = 0; a < w->d && w->size[j]; a++) {
      const double mean = w->sum[j * w->d + a] / (double)w->size[j];
      s += (mean - center[a]) * (mean - center[a]);
      center[a] = mean;
    }
    w->moved[j] = sqrt(s);
    if (w->moved[j] > most) {
      second = most;
      most = w->moved[j];
      farthest = j;
    } else if (w->moved[j] > second)
      second = w->moved[j];
  }
  for (size_t i = 0; i < w->n; i++) {
    const size_t own = (size_t)w->label[i];
    w->upper[i] += w->moved[own];
    w->lower[i] -= own == farthest ? second : most;
  }
  turn_centers(w);
  find_apart(w);
}

static void iterate(work *w, size_t max_iterations, ins_kmeans_fit *fit) {
  turn_centers(w);
  for (size_t i = 0; i < w->n; i++) w->label[i] = look(w, i);
  size_t n_changed = 1;
  while (n_changed && fit->n_iterations < max_iterations) {
    sum_points(w);
    const size_t n_filled = fill_empty(w);
    move_centers(w);
    n_changed = reassign(w) + n_filled;
    fit->n_iterations++;
  }
  fit->converged = !n_changed;
}

/* ---- order and outcome -------------------------------------------------------------------------
 */

typedef struct place {
  size_t size, first, old;
} place;

static bool before(const place *a, const place *b) {
  if (a->size != b->size) return a->size > b->size;
  return a->first != b->first ? a->first < b->first : a->old < b->old;
}

ins_status ins_clusters_order(int32_t *label, size_t n, size_t k, size_t *old_of) {
  place *places = NULL;
  int32_t *new_of = NULL;
  ins_status status = ins_alloc(k, sizeof *places, &places);
  if (status == INS_OK) status = ins_alloc(k, sizeof *new_of, &new_of);
  if (status != INS_OK) goto done;
  for (size_t j = 0; j < k; j++) places[j] = (place){0, n, j};
  for (size_t i = n; i-- > 0;) {
    if (label[i] < 0) continue;
    places[label[i]].size++;
    places[label[i]].first = i;
  }
  for (size_t j = 1; j < k; j++) {
    const place p = places[j];
    size_t at = j;
    for (; at > 0 && before(&p, &places[at - 1]); at--) places[at] = places[at - 1];
    places[at] = p;
  }
  for (size_t j = 0; j < k; j++) {
    old_of[j] = places[j].old;
    new_of[places[j].old] = (int32_t)j;
  }
  for (size_t i = 0; i < n; i++)
    if (label[i] >= 0) label[i] = new_of[label[i]];
done:
  ins_free(&places);
  ins_free(&new_of);
  return status;
}

/* Means of the points that clusters ended with, in the order of the numbers they get. */
static ins_status sum_up(work *w, size_t k, double *center, ins_kmeans_fit *fit) {
  size_t *old_of = NULL;
  ins_status status = ins_alloc(k, sizeof *old_of, &old_of);
  if (status == INS_OK) status = ins_clusters_order(w->label, w->n, k, old_of);
  ins_free(&old_of);
  if (status != INS_OK) return status;
  sum_points(w);
  for (size_t j = 0; j < k; j++) {
    if (w->size[j]) fit->n_clusters++;
    for (size_t a = 0; a < w->d && w->size[j]; a++)
      center[j * w->d + a] = w->sum[j * w->d + a] / (double)w->size[j];
  }
  for (size_t i = 0; i < w->n; i++)
    fit->inertia += squared(w->x + i * w->d, center + (size_t)w->label[i] * w->d, w->d);
  return INS_OK;
}

ins_status ins_kmeans(const double *x, size_t n, size_t d, size_t k, size_t max_iterations,
                      const ins_stream *stream, int32_t *label, double *center,
                      ins_kmeans_fit *out) {
  work w = {.x = x, .n = n, .d = d, .k = k, .label = label};
  *out = (ins_kmeans_fit){0};
  memset(center, 0, k * d * sizeof *center);
  ins_status status = make_work(&w);
  if (status != INS_OK) goto done;
  double total = 0;
  for (size_t i = 0; i < n; i++) {
    for (size_t a = 0; a < d; a++) w.columns[a * n + i] = x[i * d + a];
    total += squared(x + i * d, x, d);
  }
  if (!(total < DBL_MAX / 16 / (double)n)) {
    status = ins_fail(INS_ERR_NUMERIC,
                      "k-means: points are not finite, or too far from each other to be squared");
    goto done;
  }
  w.k = seed(&w, stream);
  iterate(&w, max_iterations, out);
  status = sum_up(&w, w.k, center, out);
done:
  free_work(&w);
  return status;
}

/* ---- silhouette --------------------------------------------------------------------------------
 */

static double silhouette_of(const double *x, size_t n, size_t d, const int32_t *label, size_t k,
                            const size_t *size, size_t subject, double *sum) {
  const size_t own = (size_t)label[subject];
  if (size[own] < 2) return 0;
  memset(sum, 0, k * sizeof *sum);
  for (size_t i = 0; i < n; i++)
    if (label[i] >= 0) sum[label[i]] += sqrt(squared(x + i * d, x + subject * d, d));
  const double a = sum[own] / (double)(size[own] - 1);
  double b = INFINITY;
  for (size_t j = 0; j < k; j++)
    if (j != own && size[j]) b = fmin(b, sum[j] / (double)size[j]);
  const double most = fmax(a, b);
  return most > 0 ? (b - a) / most : 0;
}

ins_status ins_silhouette(const double *x, size_t n, size_t d, const int32_t *label, size_t k,
                          size_t n_subjects, double *out) {
  size_t *size = NULL, n_clusters = 0, n_counted = 0;
  double *sum = NULL, total = 0;
  *out = NAN;
  ins_status status = ins_alloc(k, sizeof *size, &size);
  if (status == INS_OK) status = ins_alloc(k, sizeof *sum, &sum);
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < n; i++)
    if (label[i] >= 0 && !size[label[i]]++) n_clusters++;
  if (n_clusters < 2) goto done;
  if (n_subjects > n) n_subjects = n;
  for (size_t s = 0; s < n_subjects; s++) {
    const size_t i = (size_t)(((double)s + 0.5) * (double)n / (double)n_subjects);
    if (label[i] < 0) continue;
    total += silhouette_of(x, n, d, label, k, size, i, sum);
    n_counted++;
  }
  if (n_counted) *out = total / (double)n_counted;
done:
  ins_free(&size);
  ins_free(&sum);
  return status;
}
