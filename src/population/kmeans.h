/* SPDX-License-Identifier: MIT */
/** k-means: n points in d dimensions, k centres, each point with its nearest. Serial,
 * deterministic. Private to the room.
 */
#ifndef INSILICO_POPULATION_KMEANS_H
#define INSILICO_POPULATION_KMEANS_H

#include "insilico/random.h"

typedef struct ins_kmeans_fit {
  size_t n_clusters; /* that have points: less than k where there are fewer distinct points */
  size_t n_iterations;
  bool converged; /* no assignment changed any more */
  double inertia; /* sum over points of the squared distance to their centre */
} ins_kmeans_fit;

/** One run of Lloyd's iteration, which minimises sum_i |x_i - c_{label(i)}|^2.
 *
 * Starts: greedy k-means++ (Arthur & Vassilvitskii 2007): the first centre is a point drawn at
 * random, each further one the best of 2 + floor(ln k) points that are drawn with probability
 * proportional to the squared distance to the centres so far. Iterations skip points whose nearest
 * centre cannot have changed, by the triangle inequality (Hamerly 2010, "Making k-means even
 * faster"). A centre that loses its points moves to the point that is farthest from its own. Of
 * equally near centres a new point takes the first.
 *
 * Clusters 0..n_clusters-1 are ordered by size, largest first, those of one size by their first
 * point.
 * @param[in]  x       points [n,d], finite; n, d, k at least 1, max_iterations too
 * @param[in]  stream  random numbers: a pure function of it
 * @param[out] label   [n] cluster of each point
 * @param[out] center  [k,d]; zeros from n_clusters on
 * @return INS_OK; INS_ERR_MEMORY; INS_ERR_NUMERIC: points that are not finite, or so far from each
 *         other that their squared distances are not */
ins_status ins_kmeans(const double *x, size_t n, size_t d, size_t k, size_t max_iterations,
                      const ins_stream *stream, int32_t *label, double *center,
                      ins_kmeans_fit *out) INS_CHECKED;

/** Puts clusters into the order in which they are numbered everywhere: by size, largest first,
 * those of one size by their first point, those without points last. Labels are renumbered;
 * old_of[k] = the old number of each; labels below 0 stay. INS_ERR_MEMORY: nothing has changed. */
ins_status ins_clusters_order(int32_t *label, size_t n, size_t k, size_t *old_of) INS_CHECKED;

/** Mean silhouette (Rousseeuw 1987) over every (n / n_subjects)-th point: of (b - a) / max(a, b), a
 * = mean distance to the other points of its cluster, b = the least mean distance to those of
 * another one; 0 for a point that is alone. NaN where there are fewer than two clusters. */
ins_status ins_silhouette(const double *x, size_t n, size_t d, const int32_t *label, size_t k,
                          size_t n_subjects, double *out) INS_CHECKED;

#endif
