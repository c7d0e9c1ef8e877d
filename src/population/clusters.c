/* SPDX-License-Identifier: MIT */
/* Analysis `clusters`: its settings, axes and variables, and what it costs. */
#include "clusters.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

/* Clusters by groups are a matrix on every rank; so are clusters by clusters. */
enum { MAX_GROUPS = 4096, MAX_CLUSTERS = 4096, MAX_STARTS = 1000000 };

static const ins_variant methods[] = {
    {.name = "kmeans", .doc = "k-means; the number of clusters by the mean silhouette"},
    {.name = "mixture", .doc = "a mixture of Gaussians; the number of clusters by the BIC"},
    {0},
};
static const ins_variant covariances[] = {
    {.name = "full", .doc = "ellipsoids of any shape"},
    {.name = "diagonal", .doc = "ellipsoids along the components"},
    {.name = "spherical", .doc = "spheres"},
    {.name = "tied", .doc = "one shape for all clusters"},
    {0},
};
static const ins_covariance covariance_kinds[] = {INS_COVARIANCE_FULL, INS_COVARIANCE_DIAGONAL,
                                                  INS_COVARIANCE_SPHERICAL, INS_COVARIANCE_TIED};
static const ins_variant scales[] = {
    {.name = "none", .doc = "as they are"},
    {.name = "items", .doc = "each item over features: mean 0, standard deviation 1"},
    {.name = "features", .doc = "each feature over items: mean 0, standard deviation 1"},
    {0},
};
static const ins_side scaled_sides[] = {INS_OF_NEITHER, INS_OF_ITEMS, INS_OF_FEATURES};

const ins_key ins_clusters_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "precision",
     .type = INS_KEY_TEXT,
     .fallback = "double",
     .flags = INS_KEY_SHAPES,
     .variants = ins_precisions,
     .doc =
         "of the large matrices; in single, components below a share n 10^-7 of the first, n the "
         "lesser of items and features, are not used"},
    {.name = "method",
     .type = INS_KEY_TEXT,
     .fallback = "mixture",
     .flags = INS_KEY_SHAPES,
     .variants = methods,
     .doc = "how items are put into clusters"},
    {.name = "k",
     .type = INS_KEY_RANGE,
     .fallback = "\"1:16\"",
     .flags = INS_KEY_SHAPES,
     .doc = "numbers of clusters that are tried"},
    {.name = "starts",
     .type = INS_KEY_INT,
     .fallback = "20",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = MAX_STARTS,
     .doc = "random starts for each number of clusters; the best is kept"},
    {.name = "components",
     .type = INS_KEY_INT,
     .fallback = "10",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 200,
     .doc = "leading principal components that items are clustered on"},
    {.name = "scale",
     .type = INS_KEY_TEXT,
     .fallback = "none",
     .flags = INS_KEY_SHAPES,
     .variants = scales,
     .doc = "what is standardised before the components are found"},
    {.name = "whiten",
     .type = INS_KEY_BOOL,
     .fallback = "false",
     .flags = INS_KEY_SHAPES,
     .doc = "give every component the variance 1"},
    {.name = "covariance",
     .type = INS_KEY_TEXT,
     .fallback = "diagonal",
     .flags = INS_KEY_SHAPES,
     .variants = covariances,
     .doc = "mixture: shape of the clusters"},
    {.name = "regularization",
     .type = INS_KEY_REAL,
     .fallback = "1e-2",
     .flags = INS_KEY_SHAPES,
     .min = 1e-9,
     .max = 1,
     .doc =
         "mixture: added to every variance, relative to the mean variance of the components; where "
         "items are fewer than six times the components more keeps handfuls of them from being "
         "taken for clusters"},
    {.name = "max_iterations",
     .type = INS_KEY_INT,
     .fallback = "1000",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 1e9,
     .doc = "of a start at most"},
    {.name = "tolerance",
     .type = INS_KEY_REAL,
     .fallback = "1e-6",
     .flags = INS_KEY_SHAPES,
     .min = 1e-12,
     .max = 1,
     .doc = "mixture: a fit ends when an iteration changes the log-likelihood of an item by less"},
    {.name = "labels",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "a label of the items, such as a cell type, that clusters are compared with"},
    {.name = "exclude_flagged",
     .type = INS_KEY_BOOL,
     .fallback = "true",
     .flags = INS_KEY_SHAPES,
     .doc = "leave out items that are silent; those with missing values always are"},
    {0},
};

/* ---- settings ----------------------------------------------------------------------------------
 */

/* Position of a setting's text among variants. */
static size_t chosen(const ins_value *settings, const char *key, const ins_variant *variants) {
  const char *name = ins_value_text_or(ins_map_get(settings, key), "");
  size_t i = 0;
  while (variants[i].name && strcmp(variants[i].name, name)) i++;
  return variants[i].name ? i : 0;
}

static ins_status read_k(const ins_value *value, size_t n_items, ins_clustering *s) {
  size_t n, fit = 0;
  char place[256];
  ins_status status = ins_range_parse(value, MAX_CLUSTERS + 1, "k", &s->k, &n);
  if (status != INS_OK) return status;
  s->search.k = s->k;
  s->search.n_k = n;
  for (size_t i = 0; i < n; i++) {
    if (s->k[i] < 1)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%sk: there is no clustering into %lld clusters; k is 1 or "
                      "more",
                      ins_value_place(value, place, sizeof place), (long long)s->k[i]);
    if ((size_t)s->k[i] > s->max_k) s->max_k = (size_t)s->k[i];
    if ((size_t)s->k[i] <= n_items) fit++;
  }
  if (fit) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%sk: %zu items cannot be put into that many clusters",
                  ins_value_place(value, place, sizeof place), n_items);
}

static ins_status read_settings(const ins_analysis_context *context, ins_clustering *s) {
  const ins_value *t = context->settings;
  const ins_table *table = context->table;
  const size_t wanted = (size_t)ins_value_int_or(ins_map_get(t, "components"), 10);
  const size_t most = table->n_items < table->n_features ? table->n_items : table->n_features;
  s->table = table;
  s->dtype = ins_precision(t);
  s->scaled = scaled_sides[chosen(t, "scale", scales)];
  s->whiten = ins_value_bool_or(ins_map_get(t, "whiten"), false);
  s->with_silent = !ins_value_bool_or(ins_map_get(t, "exclude_flagged"), true);
  s->n_components = wanted < most ? wanted : most;
  s->stream = ins_format("clusters/%s", context->name ? context->name : "");
  if (!s->stream) return INS_ERR_MEMORY;
  ins_search_options *o = &s->search;
  o->mixture = chosen(t, "method", methods) == 1;
  o->max_iterations = (size_t)ins_value_int_or(ins_map_get(t, "max_iterations"), 1000);
  o->n_starts = (size_t)ins_value_int_or(ins_map_get(t, "starts"), 20);
  o->seed = context->seed;
  o->stream = s->stream;
  o->em = (ins_mixture_options){.kind = covariance_kinds[chosen(t, "covariance", covariances)],
                                .regularization =
                                    ins_value_real_or(ins_map_get(t, "regularization"), 1e-2),
                                .max_iterations = o->max_iterations,
                                .tolerance = ins_value_real_or(ins_map_get(t, "tolerance"), 1e-6)};
  return read_k(ins_map_get(t, "k"), table->n_items, s);
}

/* ---- declaring ---------------------------------------------------------------------------------
 */

typedef struct axes {
  ins_layout *layout;
  int item, k, cluster, component, label;
} axes;

/* n numbers from `first` on, or those of `numbers`. */
static ins_status add_axis(ins_layout *layout, const char *name, const char *long_name, size_t n,
                           int64_t first, const int64_t *numbers, int *axis) {
  ins_value *coordinates = ins_value_array(INS_I64, 1, &n);
  if (!coordinates) return INS_ERR_MEMORY;
  int64_t *to = coordinates->array.data;
  for (size_t i = 0; i < n; i++) to[i] = numbers ? numbers[i] : first + (int64_t)i;
  return ins_layout_axis(layout, name, n, coordinates, NULL, long_name, axis);
}

static ins_status add_axes(const ins_clustering *s, axes *a) {
  ins_status status = ins_table_item_axis(s->table, a->layout, &a->item);
  if (status == INS_OK)
    status = add_axis(a->layout, "k", "number of clusters", s->search.n_k, 0, s->k, &a->k);
  if (status == INS_OK)
    status = add_axis(a->layout, "cluster_number", "cluster, the largest first", s->max_k, 0, NULL,
                      &a->cluster);
  if (status == INS_OK)
    status = add_axis(a->layout, "component", "principal component, from 1", s->n_components, 1,
                      NULL, &a->component);
  return status;
}

static ins_status declare_items(ins_clustering *s, const axes *a) {
  const int of_k[] = {a->k, a->item};
  ins_layout *l = a->layout;
  ins_status status = ins_declare(
      l, "cluster", INS_I32, NULL,
      "cluster of each item among the best number of clusters; -1: left out",
      s->search.mixture
          ? "the most probable component of a mixture of Gaussians (expectation "
            "maximisation; Dempster, Laird and Rubin 1977) that starts from k-means (every "
            "second time with all components scaled alike), the best of all starts; "
            "clusters are numbered by size, the largest first, then by their first "
            "item; principal components of different numbers of ranks agree to rounding"
          : "k-means from greedy k-means++ seeds (Arthur and Vassilvitskii 2007), the "
            "best of all starts; clusters are numbered by size, the largest first, then "
            "by their first item; principal components of different numbers of ranks "
            "agree to rounding",
      1, &a->item, &s->v.cluster);
  if (status == INS_OK && s->search.mixture)
    status =
        ins_declare(l, "probability", INS_F64, "1", "probability that an item is of its cluster",
                    "w_j N(x; m_j, C_j) / p(x)", 1, &a->item, &s->v.probability);
  if (status == INS_OK) status = ins_declare_flag(l, a->item, &s->v.flag);
  if (status == INS_OK)
    status = ins_declare(l, "cluster_of_k", INS_I32, NULL,
                         "cluster of each item for every number of clusters; -1: left out, or no "
                         "such clustering",
                         NULL, 2, of_k, &s->v.of_k);
  return status;
}

static ins_status declare_criteria(ins_clustering *s, const axes *a) {
  ins_layout *l = a->layout;
  if (!s->search.mixture) {
    ins_status status = ins_declare(
        l, "inertia", INS_F64, NULL,
        "sum of squared distances of items to the middle of their cluster; missing where "
        "there are fewer distinct items than clusters",
        "sum_i |x_i - c_cluster(i)|^2 of the best start", 1, &a->k, &s->v.inertia);
    if (status == INS_OK)
      status = ins_declare(
          l, "silhouette", INS_F64, "1",
          "mean silhouette; the best number of clusters has the largest; missing "
          "for one cluster",
          "mean of (b - a) / max(a, b); Rousseeuw 1987; of more than 2000 items over every "
          "(n / 1000)-th or denser",
          1, &a->k, &s->v.silhouette);
    return status;
  }
  ins_status status = ins_declare(
      l, "log_likelihood", INS_F64, NULL,
      "log-likelihood of all items; missing where there are fewer distinct items than "
      "clusters",
      "sum_i log sum_j w_j N(x_i; m_j, C_j) of the best start", 1, &a->k, &s->v.log_likelihood);
  if (status == INS_OK)
    status =
        ins_declare(l, "bic", INS_F64, NULL,
                    "Bayesian information criterion; the best number of clusters has the least",
                    "-2 log L + p log n, p free parameters; Schwarz 1978", 1, &a->k, &s->v.bic);
  return status;
}

static ins_status declare_summary(ins_clustering *s, const axes *a) {
  const int of_mean[] = {a->cluster, a->component};
  ins_layout *l = a->layout;
  ins_variable converged = {.name = "converged",
                            .long_name = "whether the best start came to rest",
                            .flags = "0 iteration limit, 1 converged",
                            .scope = INS_PER_TASK,
                            .dtype = INS_I8,
                            .n_axes = 1,
                            .axes = {a->k}};
  ins_status status =
      ins_declare(l, "stability", INS_F64, "1", "agreement of the starts with each other",
                  "mean adjusted Rand index (Hubert and Arabie 1985) of all pairs of starts", 1,
                  &a->k, &s->v.stability);
  if (status == INS_OK) status = ins_layout_variable(l, &converged, &s->v.converged);
  if (status == INS_OK)
    status =
        ins_declare(l, "best_k", INS_I32, NULL, "number of clusters that is best; 0: there is none",
                    s->search.mixture ? "least bic" : "largest silhouette", 0, NULL, &s->v.best_k);
  if (status == INS_OK)
    status = ins_declare(l, "cluster_size", INS_I32, NULL,
                         "items in each cluster of the best number of clusters", NULL, 1,
                         &a->cluster, &s->v.size);
  if (status == INS_OK)
    status = ins_declare(l, "cluster_mean", INS_F64, NULL,
                         "mean of the items of each cluster along each component that is used",
                         s->whiten ? "in units of the standard deviation of the component"
                                   : "in the units of the data",
                         2, of_mean, &s->v.mean);
  if (status == INS_OK)
    status = ins_declare(l, "component_variance", INS_F64, NULL,
                         "variance of the items along each component; components of less than 1e-6 "
                         "of the first are not used",
                         "eigenvalues of the covariance of features over items", 1, &a->component,
                         &s->v.variance);
  return status;
}

static ins_status declare_agreement(ins_clustering *s, const axes *a) {
  const int of_confusion[] = {a->cluster, a->label};
  ins_layout *l = a->layout;
  ins_status status = ins_declare(l, "adjusted_rand_index", INS_F64, "1",
                                  "agreement of clusters and labels: 1 the same, 0 chance",
                                  "Hubert and Arabie 1985", 1, &a->k, &s->v.rand);
  if (status == INS_OK)
    status =
        ins_declare(l, "adjusted_mutual_information", INS_F64, "1",
                    "agreement of clusters and labels: 1 the same, 0 chance",
                    "(I - E I) / ((H_cluster + H_label) / 2 - E I); Vinh, Epps and Bailey 2010", 1,
                    &a->k, &s->v.information);
  if (status == INS_OK)
    status = ins_declare(l, "purity", INS_F64, "1",
                         "share of items with the most frequent label of their cluster", NULL, 1,
                         &a->k, &s->v.purity);
  if (status == INS_OK)
    status = ins_declare(l, "confusion", INS_I32, NULL,
                         "items of each cluster of the best number of clusters with each label",
                         NULL, 2, of_confusion, &s->v.confusion);
  if (status == INS_OK)
    status =
        ins_declare(l, "adjusted_rand_index_best", INS_F64, "1",
                    "agreement of labels and the best number of clusters: 1 the same, 0 chance",
                    "Hubert and Arabie 1985", 0, NULL, &s->v.rand_best);
  return status;
}

/* The label that clusters are compared with, and an axis of its values. */
static ins_status find_labels(ins_clustering *s, const char *name, axes *a) {
  ins_value *values = NULL;
  ins_status status = ins_alloc(s->table->n_items, sizeof *s->group, &s->group);
  if (status == INS_OK) status = ins_table_groups(s->table, name, s->group, &values);
  if (status != INS_OK) return status;
  s->n_groups =
      values->kind == INS_ARRAY ? ins_array_count(&values->array) : ins_value_count(values);
  char *long_name = ins_format("value of %s", name);
  if (!long_name)
    status = INS_ERR_MEMORY;
  else if (!s->n_groups || s->n_groups > MAX_GROUPS)
    status =
        ins_fail(INS_ERR_ARGUMENT,
                 "labels: '%s' has %zu different values; clusters are compared with 1 to %d, as "
                 "of a cell type; name another label, or none",
                 name, s->n_groups, MAX_GROUPS);
  if (status == INS_OK)
    status = ins_layout_axis(a->layout, "label", s->n_groups, values, NULL, long_name, &a->label);
  else
    ins_value_destroy(&values);
  free(long_name);
  return status;
}

static ins_status declare_all(const ins_analysis_context *context, ins_clustering *s,
                              ins_layout *layout) {
  axes a = {.layout = layout};
  const char *label = ins_value_text_or(ins_map_get(context->settings, "labels"), NULL);
  ins_status status = read_settings(context, s);
  if (status == INS_OK) status = add_axes(s, &a);
  if (status == INS_OK && label) status = find_labels(s, label, &a);
  if (status == INS_OK) status = declare_items(s, &a);
  if (status == INS_OK) status = declare_criteria(s, &a);
  if (status == INS_OK) status = declare_summary(s, &a);
  if (status == INS_OK && label) status = declare_agreement(s, &a);
  return status;
}

static void teardown(void **state) {
  ins_clustering *s = *state;
  if (s) {
    ins_free(&s->k);
    ins_free(&s->group);
    free(s->stream);
  }
  ins_free(state);
}

static ins_status declare(const ins_analysis_context *context, ins_layout *layout, void **state) {
  ins_clustering *s = NULL;
  *state = NULL;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status == INS_OK) status = declare_all(context, s, layout);
  *state = s;
  if (status != INS_OK) teardown(state);
  return status;
}

/* ---- cost --------------------------------------------------------------------------------------
 */

/* First the data and their components, then points and clusters, which every rank has. */
static void needs(const void *state, int size, int block, ins_needs *out) {
  const ins_clustering *s = state;
  const size_t n = s->table->n_items, m = s->table->n_features, d = s->n_components;
  const double points = (double)n * (double)d * 8;
  const double first = ins_matrix_bytes(size, block, s->dtype, (double)n, (double)m) +
                       fmax(ins_table_read_bytes(s->table, size, s->dtype),
                            ins_pca_bytes(size, block, s->dtype, n, m, d) + points);
  const double second = points + ins_search_bytes(&s->search, n, d, size);
  out->bytes = fmax(first, second) + (double)n * 32;
  out->flops = ins_pca_flops(n, m, d) + ins_search_flops(&s->search, n, d);
}

const ins_population_analysis ins_clusters = {
    .declare = declare, .needs = needs, .run = ins_clusters_run, .teardown = teardown};
