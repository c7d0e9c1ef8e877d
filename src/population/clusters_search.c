/* SPDX-License-Identifier: MIT */
#include "clusters_search.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "agreement.h"
#include "insilico/agree.h"
#include "insilico/memory.h"
#include "kmeans.h"

/* Starts that a rank makes between two looks at the others: waiting for the slowest costs less. */
enum { TURNS = 4 };
/* Of mixtures, a start that gains less than this of the log-likelihood of a point in an iteration
 * will not change its labels much: only the best goes on to the tolerance that is asked for. */
static const double OUTLINE = 3e-4;
/* Numbers of clusters are taken largest first, since they take longest: `turn` t is
 * options->k[order[t]]. Unit u is start u % n_starts of turn u / n_starts, on rank u % size. */
typedef struct search {
  const ins_work *work;
  const ins_search_options *o;
  const double *x;
  double *white; /* [n,d] of mixtures: coordinates of variance 1 */
  size_t n, d, n_units, max_k, size, rank;
  size_t *order;    /* [n_k] */
  int32_t *mine;    /* [units of this rank, n] labels */
  double *center;   /* [max_k,d] scratch */
  double *score;    /* [n_units] the more the better; NaN: not as many clusters as asked for */
  double *rest;     /* [n_units] 1: came to rest */
  double *mixtures; /* [n_k, largest mixture] of the best start of each, of this rank at first */
  double *best;     /* [n_k] score of the best start of this rank so far */
  int32_t *starts;  /* [n_starts,n] labels of one k */
  int64_t *counts;  /* [max_k,max_k] */
  ins_search *out;
} search;

static size_t k_of(const search *s, size_t turn) {
  return (size_t)s->o->k[s->order[turn]];
}

static size_t units_of(const search *s) {
  return (s->n_units + s->size - 1) / s->size;
}

static ins_mixture mixture_of(const search *s, double *numbers, size_t turn) {
  return ins_mixture_in(numbers + turn * ins_mixture_size(s->max_k, s->d), k_of(s, turn), s->d);
}

/* ---- memory ------------------------------------------------------------------------------------
 */

void ins_search_clear(ins_search *out) {
  ins_free(&out->label);
  ins_free(&out->probability);
  ins_free(&out->log_likelihood);
  ins_free(&out->bic);
  ins_free(&out->inertia);
  ins_free(&out->silhouette);
  ins_free(&out->stability);
  ins_free(&out->converged);
  *out = (ins_search){0};
}

static void clear(search *s) {
  ins_free(&s->white);
  ins_free(&s->order);
  ins_free(&s->mine);
  ins_free(&s->center);
  ins_free(&s->score);
  ins_free(&s->rest);
  ins_free(&s->mixtures);
  ins_free(&s->best);
  ins_free(&s->starts);
  ins_free(&s->counts);
}

static ins_status allocate_outcome(search *s) {
  ins_search *out = s->out;
  const size_t n_k = s->o->n_k, size = sizeof(double);
  out->n = s->n;
  ins_status status = ins_alloc(n_k, s->n * sizeof(int32_t), &out->label);
  if (status == INS_OK && s->o->mixture) status = ins_alloc(n_k, s->n * size, &out->probability);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->log_likelihood);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->bic);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->inertia);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->silhouette);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->stability);
  if (status == INS_OK) status = ins_alloc(n_k, size, &out->converged);
  return status;
}

static ins_status allocate(search *s) {
  const size_t n_k = s->o->n_k, size = sizeof(double), n_mine = units_of(s);
  ins_status status = allocate_outcome(s);
  if (status == INS_OK && s->o->mixture) status = ins_alloc(s->n, s->d * size, &s->white);
  if (status == INS_OK) status = ins_alloc(n_mine, s->n * sizeof(int32_t), &s->mine);
  if (status == INS_OK) status = ins_alloc(s->max_k, s->d * size, &s->center);
  if (status == INS_OK) status = ins_alloc(s->n_units, size, &s->score);
  if (status == INS_OK) status = ins_alloc(s->n_units, size, &s->rest);
  if (status == INS_OK && s->o->mixture)
    status = ins_alloc(n_k, ins_mixture_size(s->max_k, s->d) * size, &s->mixtures);
  if (status == INS_OK) status = ins_alloc(n_k, size, &s->best);
  if (status == INS_OK) status = ins_alloc(s->o->n_starts, s->n * sizeof(int32_t), &s->starts);
  if (status == INS_OK) status = ins_alloc(s->max_k, s->max_k * sizeof(int64_t), &s->counts);
  return status;
}

/* Turns by number of clusters, the largest first. */
static ins_status make_order(search *s) {
  const int64_t *k = s->o->k;
  ins_status status = ins_alloc(s->o->n_k, sizeof *s->order, &s->order);
  for (size_t t = 0; t < s->o->n_k && status == INS_OK; t++) {
    size_t at = t;
    for (; at > 0 && k[t] > k[s->order[at - 1]]; at--) s->order[at] = s->order[at - 1];
    s->order[at] = t;
  }
  if (status == INS_OK) s->max_k = k_of(s, 0);
  return status;
}

/* ---- starts ------------------------------------------------------------------------------------
 */

/* Gaussians do not care for the scales of coordinates, but the k-means that they start from does:
 * it sees those that vary most and misses groups that differ in others. So it gets every second
 * start of a mixture with all scales alike. */
static void make_white(search *s) {
  for (size_t a = 0; a < s->d && s->white; a++) {
    double mean = 0, variance = 0;
    for (size_t i = 0; i < s->n; i++) mean += s->x[i * s->d + a] / (double)s->n;
    for (size_t i = 0; i < s->n; i++) {
      const double off = s->x[i * s->d + a] - mean;
      s->white[i * s->d + a] = off;
      variance += off * off / (double)s->n;
    }
    for (size_t i = 0; i < s->n && variance > 0; i++) s->white[i * s->d + a] /= sqrt(variance);
  }
}

/* A mixture from the clusters of k-means; kept when it is this rank's best of its k. */
static ins_status refine(search *s, size_t turn, int32_t *label, double *score, double *rest) {
  const size_t k = k_of(s, turn);
  ins_mixture_options o = s->o->em;
  ins_mixture_fit fit;
  double *numbers = NULL;
  if (o.tolerance < OUTLINE) o.tolerance = OUTLINE;
  ins_status status = ins_alloc(ins_mixture_size(k, s->d), sizeof *numbers, &numbers);
  if (status != INS_OK) return status;
  ins_mixture m = ins_mixture_in(numbers, k, s->d);
  status = ins_mixture_of_labels(s->x, s->n, s->d, label, &o, &m);
  if (status == INS_OK) status = ins_mixture_fit_to(s->x, s->n, s->d, &o, &m, &fit);
  if (status == INS_OK) status = ins_mixture_assign(s->x, s->n, &m, label, NULL, NULL);
  if (status == INS_OK) {
    *score = fit.log_likelihood;
    *rest = fit.converged;
  }
  if (status == INS_OK && !(s->best[turn] >= *score)) {
    s->best[turn] = *score;
    memcpy(mixture_of(s, s->mixtures, turn).weight, numbers,
           ins_mixture_size(k, s->d) * sizeof *numbers);
  }
  ins_free(&numbers);
  return status;
}

static ins_status make_start(search *s, size_t unit) {
  const size_t turn = unit / s->o->n_starts, start = unit % s->o->n_starts, k = k_of(s, turn);
  const int64_t coordinates[] = {(int64_t)k, (int64_t)start};
  const double *points = s->white && start % 2 ? s->white : s->x;
  const ins_stream stream = ins_stream_at(s->o->seed, s->o->stream, coordinates, 2);
  int32_t *label = s->mine + unit / s->size * s->n;
  ins_kmeans_fit fit;
  ins_status status = ins_kmeans(points, s->n, s->d, k < s->n ? k : s->n, s->o->max_iterations,
                                 &stream, label, s->center, &fit);
  if (status != INS_OK) return status;
  s->score[unit] = fit.n_clusters < k ? NAN : -fit.inertia;
  s->rest[unit] = fit.converged;
  if (!s->o->mixture || fit.n_clusters < k) return INS_OK;
  s->score[unit] = NAN;
  status = refine(s, turn, label, &s->score[unit], &s->rest[unit]);
  if (status != INS_ERR_NUMERIC) return status;
  /* This start leads to a singular covariance; others need not. */
  ins_message_clear();
  return INS_OK;
}

static ins_status make_starts(search *s) {
  const MPI_Comm comm = s->work->grid->comm;
  const size_t n_mine = units_of(s);
  ins_status status = INS_OK;
  make_white(s);
  for (size_t turn = 0; turn < s->o->n_k; turn++) s->best[turn] = NAN;
  for (size_t i = 0; i < n_mine; i++) {
    const size_t unit = i * s->size + s->rank;
    if (status == INS_OK && unit < s->n_units) status = make_start(s, unit);
    if ((i + 1) % TURNS && i + 1 < n_mine) continue;
    status = ins_agree(comm, status);
    if (status == INS_OK)
      status = ins_work_beat(s->work, 0.1 + 0.7 * (double)(i + 1) / (double)n_mine);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* ---- the best of them --------------------------------------------------------------------------
 */

/* The best start of a turn, the first of equals; n_starts where there is none. */
static size_t best_start(const search *s, size_t turn) {
  const double *score = s->score + turn * s->o->n_starts;
  size_t best = s->o->n_starts;
  for (size_t i = 0; i < s->o->n_starts; i++)
    if (!isnan(score[i]) && (best == s->o->n_starts || score[i] > score[best])) best = i;
  return best;
}

/* Who brings nothing brings zeros, so that a sum is what one rank has, to the bit. */
static void add_over_ranks(const search *s, double *numbers, size_t n) {
  for (size_t at = 0; at < n; at += INT_MAX)
    MPI_Allreduce(MPI_IN_PLACE, numbers + at, (int)(n - at < INT_MAX ? n - at : INT_MAX),
                  MPI_DOUBLE, MPI_SUM, s->work->grid->comm);
}

static void share_scores(search *s) {
  const size_t size = s->o->mixture ? ins_mixture_size(s->max_k, s->d) : 0;
  add_over_ranks(s, s->score, s->n_units);
  add_over_ranks(s, s->rest, s->n_units);
  for (size_t turn = 0; turn < s->o->n_k && size; turn++) {
    const size_t best = best_start(s, turn), unit = turn * s->o->n_starts + best;
    if (best == s->o->n_starts || unit % s->size != s->rank)
      memset(s->mixtures + turn * size, 0, size * sizeof(double));
  }
  add_over_ranks(s, s->mixtures, s->o->n_k * size);
}

/* Brings the labels of all starts of one turn to the rank that sums it up. */
static void send_labels(search *s, size_t turn, size_t to) {
  const MPI_Comm comm = s->work->grid->comm;
  const int count = (int)s->n;
  for (size_t i = 0; i < s->o->n_starts; i++) {
    const size_t unit = turn * s->o->n_starts + i, from = unit % s->size;
    const int32_t *mine = s->mine + unit / s->size * s->n;
    if (from == s->rank && to == s->rank)
      memcpy(s->starts + i * s->n, mine, s->n * sizeof *mine);
    else if (from == s->rank)
      MPI_Send(mine, count, MPI_INT32_T, (int)to, 0, comm);
    else if (to == s->rank)
      MPI_Recv(s->starts + i * s->n, count, MPI_INT32_T, (int)from, 0, comm, MPI_STATUS_IGNORE);
  }
}

static ins_status find_stability(search *s, size_t turn, double *out) {
  const size_t k = k_of(s, turn);
  const double *score = s->score + turn * s->o->n_starts;
  double sum = 0, n_pairs = 0, index;
  for (size_t a = 0; a < s->o->n_starts; a++)
    for (size_t b = 0; b < a; b++) {
      if (isnan(score[a]) || isnan(score[b])) continue;
      ins_contingency(s->starts + a * s->n, k, s->starts + b * s->n, k, s->n, s->counts);
      ins_status status = ins_adjusted_rand(s->counts, k, k, &index);
      if (status != INS_OK) return status;
      sum += index;
      n_pairs++;
    }
  *out = n_pairs > 0 ? sum / n_pairs : NAN;
  return INS_OK;
}

/* The best start to its end. */
static ins_status polish(search *s, size_t turn, int32_t *label, size_t at) {
  ins_search *out = s->out;
  ins_mixture m = mixture_of(s, s->mixtures, turn);
  ins_mixture_fit fit;
  ins_status status = ins_mixture_fit_to(s->x, s->n, s->d, &s->o->em, &m, &fit);
  if (status == INS_OK)
    status = ins_mixture_assign(s->x, s->n, &m, label, out->probability + at * s->n, NULL);
  if (status != INS_OK) return status;
  out->log_likelihood[at] = fit.log_likelihood;
  out->bic[at] = ins_mixture_bic(s->o->em.kind, m.k, s->d, s->n, fit.log_likelihood);
  out->converged[at] = fit.converged;
  return INS_OK;
}

static void leave_out(search *s, size_t at) {
  ins_search *out = s->out;
  out->log_likelihood[at] = out->bic[at] = out->inertia[at] = out->silhouette[at] = NAN;
  out->converged[at] = 0;
  for (size_t i = 0; i < s->n; i++) out->label[at * s->n + i] = -1;
  for (size_t i = 0; i < s->n && out->probability; i++) out->probability[at * s->n + i] = NAN;
}

/* All numbers of one k, on the rank that has the labels of its starts. */
static ins_status sum_up(search *s, size_t turn) {
  ins_search *out = s->out;
  const size_t at = s->order[turn], k = k_of(s, turn), best = best_start(s, turn);
  int32_t *label = out->label + at * s->n;
  size_t *old_of = NULL;
  ins_status status = find_stability(s, turn, &out->stability[at]);
  if (status != INS_OK) return status;
  if (best == s->o->n_starts) {
    leave_out(s, at);
    return INS_OK;
  }
  memcpy(label, s->starts + best * s->n, s->n * sizeof *label);
  if (s->o->mixture) {
    status = polish(s, turn, label, at);
  } else {
    out->inertia[at] = -s->score[turn * s->o->n_starts + best];
    out->converged[at] = s->rest[turn * s->o->n_starts + best];
    status =
        ins_silhouette(s->x, s->n, s->d, label, k, ins_search_subjects(s->n), &out->silhouette[at]);
  }
  if (status == INS_OK) status = ins_alloc(k, sizeof *old_of, &old_of);
  if (status == INS_OK) status = ins_clusters_order(label, s->n, k, old_of);
  ins_free(&old_of);
  if (status != INS_ERR_NUMERIC) return status;
  ins_message_clear();
  leave_out(s, at);
  return INS_OK;
}

/* As many turns at a time as there are ranks, each on one of them. */
static ins_status sum_up_all(search *s) {
  const size_t n_k = s->o->n_k;
  for (size_t first = 0; first < n_k; first += s->size) {
    ins_status status = INS_OK;
    const size_t n = n_k - first < s->size ? n_k - first : s->size;
    for (size_t i = 0; i < n; i++) send_labels(s, first + i, i);
    if (s->rank < n) status = sum_up(s, first + s->rank);
    status = ins_agree(s->work->grid->comm, status);
    if (status == INS_OK)
      status = ins_work_beat(s->work, 0.8 + 0.2 * (double)(first + n) / (double)n_k);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

/* A fit is better than none, a criterion better than none, and of equals the fewest clusters. */
static bool is_better(const search *s, const double *sign, size_t a, size_t b) {
  if (isnan(sign[a]) || isnan(sign[b])) return isnan(sign[b]) && !isnan(sign[a]);
  if (sign[a] != sign[b]) return s->o->mixture ? sign[a] < sign[b] : sign[a] > sign[b];
  return s->o->k[a] < s->o->k[b];
}

static void share_outcome(search *s) {
  ins_search *out = s->out;
  const size_t n_k = s->o->n_k;
  double *numbers[] = {out->log_likelihood, out->bic,       out->inertia,
                       out->silhouette,     out->stability, out->converged};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) add_over_ranks(s, numbers[i], n_k);
  if (out->probability) add_over_ranks(s, out->probability, n_k * s->n);
  for (size_t at = 0; at < n_k; at++)
    MPI_Allreduce(MPI_IN_PLACE, out->label + at * s->n, (int)s->n, MPI_INT32_T, MPI_SUM,
                  s->work->grid->comm);
  const double *fit = s->o->mixture ? out->log_likelihood : out->inertia;
  const double *sign = s->o->mixture ? out->bic : out->silhouette;
  out->best = -1;
  for (size_t at = 0; at < n_k; at++)
    if (!isnan(fit[at]) && (out->best < 0 || is_better(s, sign, at, (size_t)out->best)))
      out->best = (int)at;
}

static ins_status check_size(const search *s) {
  if (s->n <= INT_MAX) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED, "clusters of %zu items: no more than %d can be sent", s->n,
                  INT_MAX);
}

ins_status ins_search_clusters(const ins_work *work, const double *x, size_t n, size_t d,
                               const ins_search_options *options, ins_search *out) {
  search s = {.work = work,
              .o = options,
              .x = x,
              .n = n,
              .d = d,
              .n_units = options->n_k * options->n_starts,
              .size = (size_t)work->grid->size,
              .rank = (size_t)work->grid->rank,
              .out = out};
  *out = (ins_search){0};
  ins_status status = check_size(&s);
  if (status == INS_OK) status = make_order(&s);
  if (status == INS_OK) status = allocate(&s);
  status = ins_agree(work->grid->comm, status);
  if (status == INS_OK) status = make_starts(&s);
  if (status == INS_OK) {
    share_scores(&s);
    status = sum_up_all(&s);
  }
  if (status == INS_OK) share_outcome(&s);
  clear(&s);
  if (status != INS_OK) ins_search_clear(out);
  return status;
}
