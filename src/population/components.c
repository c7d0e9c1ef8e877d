/* SPDX-License-Identifier: MIT */
/* Analysis `components`: its settings, axes and variables, and what it costs. */
#include "components.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/selection.h"

/* Resamples are computed in the span of so many times the components that are asked for. */
enum { SPAN = 10 };

static const ins_variant sample_kinds[] = {
    {.name = "items", .doc = "items (neurons): components are patterns over features"},
    {.name = "features", .doc = "features (stimuli, frames): components are patterns over items"},
    {0},
};

static const ins_variant scale_kinds[] = {
    {.name = "none", .doc = "as they are"},
    {.name = "items", .doc = "each item to mean 0 and standard deviation 1 over features"},
    {.name = "features", .doc = "each feature to mean 0 and standard deviation 1 over items"},
    {0},
};

const ins_key ins_components_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "components",
     .type = INS_KEY_INT,
     .fallback = "20",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 10000,
     .doc = "leading components that are kept; fewer where there are fewer items or features"},
    {.name = "samples",
     .type = INS_KEY_TEXT,
     .fallback = "items",
     .flags = INS_KEY_SHAPES,
     .variants = sample_kinds,
     .doc =
         "what variances are taken over: the mean over these is removed, and the bootstrap draws "
         "from them"},
    {.name = "scale",
     .type = INS_KEY_TEXT,
     .fallback = "none",
     .flags = INS_KEY_SHAPES,
     .variants = scale_kinds,
     .doc = "brings values to one scale beforehand (z-scores)"},
    {.name = "precision",
     .type = INS_KEY_TEXT,
     .fallback = "double",
     .flags = INS_KEY_SHAPES,
     .variants = ins_precisions,
     .doc =
         "of the large matrices; in single, components below a share n 10^-7 of the first, n the "
         "lesser of items and features, cannot be told from rounding"},
    {.name = "exclude_flagged",
     .type = INS_KEY_BOOL,
     .fallback = "true",
     .flags = INS_KEY_SHAPES,
     .doc = "leave out items that are silent; those with missing values always are"},
    {.name = "loadings",
     .type = INS_KEY_BOOL,
     .fallback = "true",
     .flags = INS_KEY_SHAPES,
     .doc = "keep the loadings: the pattern over features of each component"},
    {.name = "resamples",
     .type = INS_KEY_INT,
     .fallback = "200",
     .flags = INS_KEY_SHAPES,
     .min = 0,
     .max = 100000,
     .doc = "bootstrap resamples of each interval; 0: no intervals"},
    {.name = "level",
     .type = INS_KEY_REAL,
     .fallback = "0.95",
     .flags = INS_KEY_SHAPES,
     .min = 0.5,
     .max = 0.999,
     .doc = "share of the truth that intervals are to hold"},
    {0},
};

/* ---- sources of variables: formulas ------------------------------------------------------------
 */

#define ROUNDING "; results of different numbers of ranks agree to rounding"

static const char eigenvalue_source[] =
    "variances over samples, of X'X / (n - 1), X centred, n samples: eigenvalues of the smaller "
    "Gram matrix (ScaLAPACK p?syevd), descending; those below min(items, features) * eps * the "
    "largest are rounding and set to 0" ROUNDING;
static const char score_source[] =
    "X v: scores' loadings add up to X less its mean; 0 for items that have no part" ROUNDING;
static const char loading_source[] =
    "unit vectors over features; the entry largest in magnitude is positive, the first of equal "
    "ones; 0 for components that are rounding" ROUNDING;
static const char participation_source[] = "(tr S)^2 / tr(S^2), S the sample covariance; too low "
                                           "where samples are few: at most n - 1" ROUNDING;
static const char corrected_source[] =
    "estimates without bias of (tr C)^2 and tr(C^2), C the covariance samples are drawn with, from "
    "distinct samples i, j, k, l: means of |xi - xj|^2 |xk - xl|^2 / 4 and ((xi - xj)'(xk - xl))^2 "
    "/ 4; Chen, Zhang and Zhong 2010, Himeno and Yamada 2014; missing where they are not positive "
    "or samples are fewer than 4" ROUNDING;
static const char both_source[] =
    "as participation_ratio_corrected, without what each variable has with itself: sums over "
    "a != b of C_aa C_bb and of C_ab^2, where variables are a sample of more too; Chun, Canatar, "
    "Chung and Lee 2025" ROUNDING;
static const char interval_source[] =
    "bootstrap over samples: quantiles of the resamples, moved so that their mean is the estimate; "
    "computed in the span of the leading 10 * components, what varies outside it is taken as "
    "constant" ROUNDING;
static const char inverse_source[] =
    "bootstrap over samples, on the scale of 1 / ratio: quantiles of the resamples, moved so that "
    "their mean is the estimate; in corrected ones a sample drawn twice is never paired with "
    "itself; infinite where the data set no upper limit; computed in the span of the leading 10 * "
    "components, what varies outside it is taken as constant" ROUNDING;
static const char shared_source[] =
    "cvPCA, Stringer et al. 2019: components u of the mean of repeats 0, 2, ... (A); sum over "
    "samples of (A u) (B u) / (n - 1), B the mean of repeats 1, 3, ..." ROUNDING;
static const char shared_participation_source[] =
    "as participation_ratio_corrected, from products that have one factor of each half of the "
    "repeats: (xi - xj)'(yi - yj) (xk - xl)'(yk - yl) / 4 and (xi - xj)'(xk - xl) (yi - yj)'(yk - "
    "yl) / 4, in which noise that is independent has mean 0; missing where they are not positive "
    "or "
    "samples are fewer than 4" ROUNDING;

/* ---- declaring ---------------------------------------------------------------------------------
 */

typedef struct axes {
  ins_layout *layout;
  int item, component, spectrum, bound;
  int feature[INS_TABLE_MAX_AXES + 1], n_features; /* after `component`, at [0] */
} axes;

static ins_status add_bounds(axes *a) {
  ins_value *names = ins_value_list();
  ins_status status = names ? ins_list_take(names, ins_value_text("low")) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_list_take(names, ins_value_text("high"));
  if (status == INS_OK)
    return ins_layout_axis(a->layout, "bound", 2, names, NULL, "ends of an interval", &a->bound);
  ins_value_destroy(&names);
  return status;
}

static ins_status add_axes(const ins_component_analysis *s, axes *a) {
  ins_status status = ins_table_item_axis(s->table, a->layout, &a->item);
  if (status == INS_OK)
    status = ins_count_axis(a->layout, "component", s->n_components, "component, by variance",
                            &a->component);
  if (status == INS_OK)
    status = ins_count_axis(a->layout, "rank_index", s->n_values, "place of an eigenvalue",
                            &a->spectrum);
  a->feature[0] = a->component;
  if (status == INS_OK && (s->v.loadings >= 0 || s->samples == INS_OF_ITEMS))
    status = ins_table_feature_axes(s->table, a->layout, a->feature + 1, &a->n_features);
  if (status == INS_OK && s->n_resamples) status = add_bounds(a);
  return status;
}

/* A variable to be declared; `of`: none, one or two axes. */
typedef struct entry {
  int *variable;
  ins_dtype dtype;
  const char *name, *units, *long_name, *source;
  int n, of[2];
} entry;

static ins_status declare_each(const axes *a, size_t n, const entry *entries) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    const entry *e = &entries[i];
    status = ins_declare(a->layout, e->name, e->dtype, e->units, e->long_name, e->source, e->n,
                         e->of, e->variable);
  }
  return status;
}

static ins_status declare_spectrum(ins_component_analysis *s, const axes *a) {
  ins_components_variables *v = &s->v;
  const entry entries[] = {
      {&v->eigenvalue,
       INS_F64,
       "eigenvalue",
       NULL,
       "variance of each component",
       eigenvalue_source,
       1,
       {a->spectrum}},
      {&v->ratio,
       INS_F64,
       "explained_variance_ratio",
       "1",
       "share of all variance",
       "eigenvalue / tr S",
       1,
       {a->component}},
      {&v->cumulative,
       INS_F64,
       "cumulative_variance_ratio",
       "1",
       "share of all variance of this component and those before",
       NULL,
       1,
       {a->component}},
      {&v->scores,
       s->dtype,
       "scores",
       NULL,
       "each item along each component",
       score_source,
       2,
       {a->item, a->component}},
      {&v->n_used, INS_I64, "n_used", "1", "items that have a part", NULL, 0, {0}},
      {&v->rank,
       INS_I64,
       "n_components_used",
       "1",
       "components that are not rounding",
       NULL,
       0,
       {0}},
  };
  return declare_each(a, sizeof entries / sizeof *entries, entries);
}

static ins_status declare_patterns(ins_component_analysis *s, const axes *a) {
  const bool of_items = s->samples == INS_OF_ITEMS;
  ins_status status = INS_OK;
  if (s->v.loadings >= 0)
    status = ins_declare(a->layout, "loadings", s->dtype, "1", "each component over features",
                         loading_source, 1 + a->n_features, a->feature, &s->v.loadings);
  if (status == INS_OK)
    status = ins_declare(
        a->layout, "mean", INS_F64, NULL,
        of_items ? "mean over items, which was removed" : "mean over features, which was removed",
        NULL, of_items ? a->n_features : 1, of_items ? a->feature + 1 : &a->item, &s->v.mean);
  return status;
}

static ins_status declare_dimensionality(ins_component_analysis *s, const axes *a) {
  ins_components_variables *v = &s->v;
  const entry entries[] = {
      {&v->participation,
       INS_F64,
       "participation_ratio",
       "1",
       "dimensions that the data fill: participation ratio",
       participation_source,
       0,
       {0}},
      {&v->corrected,
       INS_F64,
       "participation_ratio_corrected",
       "1",
       "participation ratio, corrected for the number of samples",
       corrected_source,
       0,
       {0}},
      {&v->both,
       INS_F64,
       "participation_ratio_corrected_both",
       "1",
       "participation ratio, corrected for the numbers of samples and of variables",
       both_source,
       0,
       {0}},
  };
  return declare_each(a, sizeof entries / sizeof *entries, entries);
}

static ins_status declare_intervals(ins_component_analysis *s, const axes *a) {
  ins_components_variables *v = &s->v;
  const entry entries[] = {
      {&v->ratio_interval,
       INS_F64,
       "explained_variance_ratio_interval",
       "1",
       "interval of explained_variance_ratio",
       interval_source,
       2,
       {a->component, a->bound}},
      {&v->participation_interval,
       INS_F64,
       "participation_ratio_interval",
       "1",
       "interval of participation_ratio",
       inverse_source,
       1,
       {a->bound}},
      {&v->corrected_interval,
       INS_F64,
       "participation_ratio_corrected_interval",
       "1",
       "interval of participation_ratio_corrected",
       inverse_source,
       1,
       {a->bound}},
  };
  return declare_each(a, s->n_resamples ? sizeof entries / sizeof *entries : 0, entries);
}

static ins_status declare_shared(ins_component_analysis *s, const axes *a) {
  ins_components_variables *v = &s->v;
  const entry entries[] = {
      {&v->shared,
       INS_F64,
       "shared_variance",
       NULL,
       "variance along components that two halves of the repeats share: without noise",
       shared_source,
       1,
       {a->component}},
      {&v->shared_ratio,
       INS_F64,
       "shared_variance_ratio",
       "1",
       "shared_variance as a share of that of all directions",
       "shared_variance / shared_variance_total; 0 where that is not positive",
       1,
       {a->component}},
      {&v->shared_total,
       INS_F64,
       "shared_variance_total",
       NULL,
       "variance in all directions that two halves of the repeats share",
       "trace of the cross-covariance of the halves",
       0,
       {0}},
      {&v->shared_participation,
       INS_F64,
       "participation_ratio_shared",
       "1",
       "participation ratio without noise, corrected for the number of samples",
       shared_participation_source,
       0,
       {0}},
  };
  return declare_each(a, s->halves ? sizeof entries / sizeof *entries : 0, entries);
}

static ins_status declare_all(ins_component_analysis *s, ins_layout *layout) {
  axes a = {.layout = layout};
  ins_status status = add_axes(s, &a);
  if (status == INS_OK) status = ins_declare_flag(layout, a.item, &s->v.flag);
  if (status == INS_OK) status = declare_spectrum(s, &a);
  if (status == INS_OK) status = declare_patterns(s, &a);
  if (status == INS_OK) status = declare_dimensionality(s, &a);
  if (status == INS_OK) status = declare_intervals(s, &a);
  if (status == INS_OK) status = declare_shared(s, &a);
  return status;
}

static ins_side side_of(const ins_value *settings, const char *key) {
  const char *name = ins_value_text_or(ins_map_get(settings, key), "none");
  return strcmp(name, "items") == 0      ? INS_OF_ITEMS
         : strcmp(name, "features") == 0 ? INS_OF_FEATURES
                                         : INS_OF_NEITHER;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

static ins_status check_settings(const ins_component_analysis *s) {
  if (s->n_span > 20000)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "resamples: %zu components are too many for intervals, which every rank computes "
        "of 10 times as many; set `resamples: 0`, or keep fewer components",
        s->n_components);
  return INS_OK;
}

static ins_status declare(const ins_analysis_context *context, ins_layout *layout, void **state) {
  const ins_value *t = context->settings;
  ins_component_analysis *s = NULL;
  *state = NULL;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  s->table = context->table;
  s->seed = context->seed;
  s->name = context->name;
  s->dtype = ins_precision(t);
  s->samples = side_of(t, "samples");
  s->scaled = side_of(t, "scale");
  s->with_silent = !ins_value_bool_or(ins_map_get(t, "exclude_flagged"), true);
  s->n_values = least(s->table->n_items, s->table->n_features);
  s->n_components = least((size_t)ins_value_int_or(ins_map_get(t, "components"), 20), s->n_values);
  s->n_resamples = (size_t)ins_value_int_or(ins_map_get(t, "resamples"), 200);
  s->n_span = s->n_resamples ? least(SPAN * s->n_components, s->n_values) : s->n_components;
  s->level = ins_value_real_or(ins_map_get(t, "level"), 0.95);
  s->halves = s->table->n_repeats >= 2;
  s->v.loadings = ins_value_bool_or(ins_map_get(t, "loadings"), true) ? 0 : -1;
  status = check_settings(s);
  if (status == INS_OK) status = declare_all(s, layout);
  *state = s;
  if (status != INS_OK) ins_free(state);
  return status;
}

static void teardown(void **state) {
  ins_free(state);
}

/* ---- cost --------------------------------------------------------------------------------------
 */

/* Three parts after each other: components of the mean, resamples, halves. */
static void needs(const void *state, int size, int block, ins_needs *out) {
  const ins_component_analysis *s = state;
  const size_t n = s->table->n_items, m = s->table->n_features;
  const double x = ins_matrix_bytes(size, block, s->dtype, (double)n, (double)m);
  const double kept = ins_matrix_bytes(size, block, s->dtype, (double)n, (double)s->n_span) +
                      ins_matrix_bytes(size, block, s->dtype, (double)m, (double)s->n_span);
  const double reading = ins_table_read_bytes(s->table, size, s->dtype);
  const double first = x + fmax(reading, ins_pca_bytes(size, block, s->dtype, n, m, s->n_span));
  const double writing = fmax(ins_work_write_bytes(size, s->dtype, n, s->n_span),
                              ins_work_write_bytes(size, s->dtype, s->n_span, m));
  const double second = kept + fmax(kept + writing, ins_components_bootstrap_bytes(s));
  const double third =
      s->halves ? 2 * x + fmax(x + reading,
                               fmax(ins_pca_bytes(size, block, s->dtype, n, m, s->n_components),
                                    kept + ins_pca_cross_bytes(size, block, s->dtype, n, m)))
                : 0;
  out->bytes = fmax(first, fmax(second, third)) + 32 * (double)n;
  out->flops = ins_pca_flops(n, m, s->n_span) + ins_components_bootstrap_flops(s);
  if (s->halves)
    out->flops +=
        ins_pca_flops(n, m, s->n_components) + 4 * (double)n * (double)m * (double)s->n_values;
}

const ins_population_analysis ins_components = {
    .declare = declare, .needs = needs, .run = ins_components_run, .teardown = teardown};
