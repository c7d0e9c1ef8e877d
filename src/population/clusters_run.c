/* SPDX-License-Identifier: MIT */
/* Analysis `clusters`: how it is computed. */
#include <math.h>
#include <string.h>

#include "agreement.h"
#include "clusters.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

/* Components of less than this of the variance of the first say nothing of groups; whitened they
 * would count as much as all others. */
static const double NEGLIGIBLE = 1e-6;

typedef struct job {
  const ins_clustering *s;
  const ins_work *work;
  size_t n, n_used, d;     /* items; those that are clustered; components that are used */
  int8_t *flag, *left_out; /* [n] */
  size_t *item;            /* [n_used] items that are clustered */
  double *scores;          /* [n, n_components] */
  double *variance;        /* [n_components] */
  double *points;          /* [n_used,d] */
  ins_search found;
  int32_t *cluster; /* [n_k,n] */
} job;

static void job_clear(job *j) {
  ins_free(&j->flag);
  ins_free(&j->left_out);
  ins_free(&j->item);
  ins_free(&j->scores);
  ins_free(&j->variance);
  ins_free(&j->points);
  ins_search_clear(&j->found);
  ins_free(&j->cluster);
}

static ins_status job_create(job *j) {
  const size_t n_c = j->s->n_components;
  ins_status status = ins_alloc(j->n, 1, &j->flag);
  if (status == INS_OK) status = ins_alloc(j->n, 1, &j->left_out);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *j->item, &j->item);
  if (status == INS_OK) status = ins_alloc(j->n, n_c * sizeof *j->scores, &j->scores);
  if (status == INS_OK) status = ins_alloc(n_c, sizeof *j->variance, &j->variance);
  return ins_agree(j->work->grid->comm, status);
}

/* ---- points ------------------------------------------------------------------------------------
 */

/* One feature alone, an index, has no spread within an item. */
static void choose_items(job *j) {
  const bool alone = j->s->table->n_features == 1;
  for (size_t i = 0; i < j->n; i++) {
    if (alone && j->flag[i] == INS_ITEM_SILENT) j->flag[i] = INS_ITEM_USED;
    const bool silent = j->flag[i] == INS_ITEM_SILENT;
    j->left_out[i] = silent ? !j->s->with_silent : j->flag[i] != INS_ITEM_USED;
    if (!j->left_out[i]) j->item[j->n_used++] = i;
  }
}

/* Scores of all items along the leading components, and the variances. */
static ins_status project(job *j, ins_matrix *x) {
  ins_pca pca = {0};
  const ins_pca_options options = {.samples = INS_OF_ITEMS,
                                   .scaled = j->s->scaled,
                                   .n_components = j->s->n_components,
                                   .flag = j->left_out};
  ins_status status = ins_pca_create(x, &options, &pca);
  if (status != INS_OK) return status;
  status = ins_pca_check_units(&pca);
  for (size_t a = 0; a < j->s->n_components; a++)
    j->variance[a] = pca.values[a] * pca.unit * pca.unit;
  if (status == INS_OK)
    status = ins_matrix_gather(&pca.scores, 0, j->n, 0, j->s->n_components, j->scores);
  for (size_t i = 0; i < j->n * j->s->n_components; i++) j->scores[i] *= pca.unit;
  ins_pca_clear(&pca);
  return status;
}

static ins_status read_scores(job *j) {
  const ins_table *table = j->s->table;
  ins_matrix x = {0};
  ins_status status = ins_matrix_create(j->work->grid, j->s->dtype, j->n, table->n_features, &x);
  if (status == INS_OK)
    status = ins_table_read(table, j->work->grid, INS_MEAN_OF_REPEATS, &x, j->flag);
  if (status == INS_OK) choose_items(j);
  if (status == INS_OK) status = ins_work_beat(j->work, 0.05);
  if (status == INS_OK && j->n_used) status = project(j, &x);
  ins_matrix_clear(&x);
  return status == INS_OK ? ins_work_beat(j->work, 0.1) : status;
}

/* Components that vary at all, at least one; as much of them as is wanted. */
static ins_status make_points(job *j) {
  const size_t n_c = j->s->n_components;
  while (j->d < n_c && (j->d == 0 || j->variance[j->d] > NEGLIGIBLE * j->variance[0])) j->d++;
  ins_status status = ins_alloc(j->n_used, j->d * sizeof *j->points, &j->points);
  if (status == INS_OK)
    status = ins_alloc(j->s->search.n_k, j->n * sizeof *j->cluster, &j->cluster);
  for (size_t i = 0; i < j->n_used && status == INS_OK; i++)
    for (size_t a = 0; a < j->d; a++) {
      const double unit = j->s->whiten && j->variance[a] > 0 ? sqrt(j->variance[a]) : 1;
      j->points[i * j->d + a] = j->scores[j->item[i] * n_c + a] / unit;
    }
  return ins_agree(j->work->grid->comm, status);
}

/* ---- results -----------------------------------------------------------------------------------
 */

/* Clusters of all items: -1 where they were left out. */
static void spread_labels(job *j) {
  const size_t n_k = j->s->search.n_k;
  for (size_t i = 0; i < n_k * j->n; i++) j->cluster[i] = -1;
  for (size_t at = 0; at < n_k && j->n_used; at++)
    for (size_t i = 0; i < j->n_used; i++)
      j->cluster[at * j->n + j->item[i]] = j->found.label[at * j->n_used + i];
}

static ins_status write_items(const job *j) {
  const ins_clustering *s = j->s;
  const int best = j->found.best;
  int32_t *cluster = NULL;
  double *probability = NULL;
  ins_status status = ins_alloc(j->n, sizeof *cluster, &cluster);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *probability, &probability);
  status = ins_agree(j->work->grid->comm, status);
  if (status != INS_OK) goto done;
  for (size_t i = 0; i < j->n; i++) {
    cluster[i] = best < 0 ? -1 : j->cluster[(size_t)best * j->n + i];
    probability[i] = NAN;
  }
  for (size_t i = 0; i < j->n_used && best >= 0 && s->search.mixture; i++)
    probability[j->item[i]] = j->found.probability[(size_t)best * j->n_used + i];
  status = ins_work_write(j->work, s->v.cluster, cluster);
  if (status == INS_OK && s->search.mixture)
    status = ins_work_write(j->work, s->v.probability, probability);
  if (status == INS_OK) status = ins_work_write(j->work, s->v.flag, j->flag);
  if (status == INS_OK) status = ins_work_write(j->work, s->v.of_k, j->cluster);
done:
  ins_free(&cluster);
  ins_free(&probability);
  return status;
}

/* NaN for all k where nothing was clustered. */
static ins_status write_of_k(const job *j, int variable, const double *numbers) {
  const size_t n_k = j->s->search.n_k;
  double *nothing = NULL;
  ins_status status = INS_OK;
  if (numbers) return ins_work_write_numbers(j->work, variable, numbers);
  status = ins_agree(j->work->grid->comm, ins_alloc(n_k, sizeof *nothing, &nothing));
  for (size_t i = 0; i < n_k && status == INS_OK; i++) nothing[i] = NAN;
  if (status == INS_OK) status = ins_work_write_numbers(j->work, variable, nothing);
  ins_free(&nothing);
  return status;
}

static ins_status write_criteria(const job *j) {
  const ins_clustering *s = j->s;
  const ins_search *f = &j->found;
  int8_t *converged = NULL;
  ins_status status = ins_alloc(s->search.n_k, 1, &converged);
  status = ins_agree(j->work->grid->comm, status);
  for (size_t i = 0; i < s->search.n_k && status == INS_OK && f->converged; i++)
    converged[i] = f->converged[i] > 0;
  if (status == INS_OK) status = ins_work_write(j->work, s->v.converged, converged);
  ins_free(&converged);
  if (status == INS_OK) status = write_of_k(j, s->v.stability, f->stability);
  if (status != INS_OK) return status;
  if (s->search.mixture) {
    status = write_of_k(j, s->v.log_likelihood, f->log_likelihood);
    return status == INS_OK ? write_of_k(j, s->v.bic, f->bic) : status;
  }
  status = write_of_k(j, s->v.inertia, f->inertia);
  return status == INS_OK ? write_of_k(j, s->v.silhouette, f->silhouette) : status;
}

/* Sizes of the best clusters, and means of their items. */
static void describe_clusters(const job *j, int32_t *size, double *mean) {
  const size_t n_c = j->s->n_components, max_k = j->s->max_k;
  const int best = j->found.best;
  for (size_t i = 0; i < j->n_used && best >= 0; i++) {
    const int32_t c = j->found.label[(size_t)best * j->n_used + i];
    size[c]++;
    for (size_t a = 0; a < j->d; a++) mean[(size_t)c * n_c + a] += j->points[i * j->d + a];
  }
  for (size_t c = 0; c < max_k; c++)
    for (size_t a = 0; a < n_c; a++)
      mean[c * n_c + a] = size[c] && a < j->d ? mean[c * n_c + a] / size[c] : NAN;
}

static ins_status write_clusters(const job *j) {
  const ins_clustering *s = j->s;
  const int best = j->found.best;
  const int32_t best_k = best < 0 ? 0 : (int32_t)s->k[best];
  int32_t *size = NULL;
  double *mean = NULL;
  ins_status status = ins_alloc(s->max_k, sizeof *size, &size);
  if (status == INS_OK) status = ins_alloc(s->max_k, s->n_components * sizeof *mean, &mean);
  status = ins_agree(j->work->grid->comm, status);
  if (status == INS_OK) {
    describe_clusters(j, size, mean);
    status = ins_work_write(j->work, s->v.best_k, &best_k);
  }
  if (status == INS_OK) status = ins_work_write(j->work, s->v.size, size);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v.mean, mean);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v.variance, j->variance);
  ins_free(&size);
  ins_free(&mean);
  return status;
}

/* ---- labels ------------------------------------------------------------------------------------
 */

typedef struct comparison {
  double *rand, *information, *purity; /* [n_k] */
  int64_t *counts;                     /* [max_k, n_groups] */
  int32_t *confusion;                  /* likewise, of the best k */
} comparison;

static void comparison_clear(comparison *c) {
  ins_free(&c->rand);
  ins_free(&c->information);
  ins_free(&c->purity);
  ins_free(&c->counts);
  ins_free(&c->confusion);
}

static ins_status comparison_create(const ins_clustering *s, comparison *c) {
  const size_t n_k = s->search.n_k;
  ins_status status = ins_alloc(n_k, sizeof *c->rand, &c->rand);
  if (status == INS_OK) status = ins_alloc(n_k, sizeof *c->information, &c->information);
  if (status == INS_OK) status = ins_alloc(n_k, sizeof *c->purity, &c->purity);
  if (status == INS_OK) status = ins_alloc(s->max_k, s->n_groups * sizeof *c->counts, &c->counts);
  if (status == INS_OK)
    status = ins_alloc(s->max_k, s->n_groups * sizeof *c->confusion, &c->confusion);
  return status;
}

static ins_status compare(const job *j, comparison *c) {
  const ins_clustering *s = j->s;
  ins_status status = INS_OK;
  for (size_t at = 0; at < s->search.n_k && status == INS_OK; at++) {
    ins_contingency(j->cluster + at * j->n, s->max_k, s->group, s->n_groups, j->n, c->counts);
    c->purity[at] = ins_purity(c->counts, s->max_k, s->n_groups);
    status = ins_adjusted_rand(c->counts, s->max_k, s->n_groups, &c->rand[at]);
    if (status == INS_OK)
      status = ins_adjusted_information(c->counts, s->max_k, s->n_groups, &c->information[at]);
    for (size_t i = 0; i < s->max_k * s->n_groups && (int)at == j->found.best; i++)
      c->confusion[i] = (int32_t)c->counts[i];
  }
  return status;
}

static ins_status write_agreement(const job *j) {
  const ins_clustering *s = j->s;
  comparison c = {0};
  ins_status status = comparison_create(s, &c);
  if (status == INS_OK) status = compare(j, &c);
  status = ins_agree(j->work->grid->comm, status);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v.rand, c.rand);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v.information, c.information);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v.purity, c.purity);
  if (status == INS_OK) status = ins_work_write(j->work, s->v.confusion, c.confusion);
  if (status == INS_OK) {
    const double best = j->found.best < 0 ? NAN : c.rand[j->found.best];
    status = ins_work_write_numbers(j->work, s->v.rand_best, &best);
  }
  comparison_clear(&c);
  return status;
}

ins_status ins_clusters_run(void *state, const ins_work *work) {
  const ins_clustering *s = state;
  job j = {.s = s, .work = work, .n = s->table->n_items, .found = {.best = -1}};
  ins_status status = job_create(&j);
  if (status == INS_OK) status = read_scores(&j);
  if (status == INS_OK) status = make_points(&j);
  if (status == INS_OK && j.n_used)
    status = ins_search_clusters(work, j.points, j.n_used, j.d, &s->search, &j.found);
  if (status == INS_OK) spread_labels(&j);
  if (status == INS_OK) status = write_items(&j);
  if (status == INS_OK) status = write_criteria(&j);
  if (status == INS_OK) status = write_clusters(&j);
  if (status == INS_OK && s->group) status = write_agreement(&j);
  job_clear(&j);
  return status;
}
