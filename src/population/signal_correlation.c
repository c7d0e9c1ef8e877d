/* SPDX-License-Identifier: MIT */
/* Analysis `signal_correlation`: its settings, axes and variables, and what it costs. */
#include "signal_correlation.h"

#include <math.h>
#include <stdlib.h>

#include "insilico/memory.h"

#define FLAGS INS_ITEM_FLAGS ", 3 no signal above noise"

/* Tables of groups by groups are on every rank as a whole. */
enum { MAX_GROUPS = 1024 };

const ins_key ins_signal_correlation_keys[] = {
    INS_ANALYSIS_KEYS,
    INS_PRECISION_KEY,
    {.name = "labels",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "a label of the items, such as a cell type: mean correlations within and between its "
            "groups are kept too"},
    {0},
};

static const char of_rounding[] = "; results of different numbers of ranks agree to rounding";

/* ---- declaring ---------------------------------------------------------------------------------
 */

typedef struct axes {
  ins_layout *layout;
  int item, item_2, group, group_2;
} axes;

static ins_status declare_matrix(const ins_correlation *s, const axes *a, const char *name,
                                 const char *long_name, const char *source, int *variable) {
  const int pair[] = {a->item, a->item_2};
  char *text = ins_format("%s%s", source, of_rounding);
  if (!text) return INS_ERR_MEMORY;
  ins_status status =
      ins_declare(a->layout, name, s->dtype, "1", long_name, text, 2, pair, variable);
  free(text);
  return status;
}

static ins_status declare_item(const axes *a, const char *name, const char *units,
                               const char *long_name, const char *source, int *variable) {
  return ins_declare(a->layout, name, INS_F64, units, long_name, source, 1, &a->item, variable);
}

static ins_status declare_groups(const ins_correlation *s, const axes *a, const char *name,
                                 const char *of, int *variable) {
  const int pair[] = {a->group, a->group_2};
  char *long_name = ins_format(
      "mean of %s over pairs of items within a group and between two; missing where there is none",
      of);
  if (!s->group || !long_name) {
    free(long_name);
    return s->group ? INS_ERR_MEMORY : INS_OK;
  }
  ins_status status = ins_declare(
      a->layout, name, INS_F64, "1", long_name,
      "mean over pairs i != j of items that are used (flag 0) and have a label", 2, pair, variable);
  free(long_name);
  return status;
}

static ins_status declare_total(ins_correlation *s, const axes *a) {
  ins_status status = declare_matrix(
      s, a, "correlation",
      s->noisy ? "correlation of the mean responses of two items"
               : "signal correlation of two items",
      "Pearson's r over features; 0 for items that are silent or missing, on the diagonal too",
      &s->total.matrix);
  if (status == INS_OK)
    status = declare_item(a, "mean", NULL, "mean over features", "sum_k m_ik / K", &s->v_mean);
  if (status == INS_OK)
    status = declare_item(a, "sd", NULL, "standard deviation over features",
                          "sqrt(sum_k (m_ik - mean)^2 / (K - 1))", &s->v_sd);
  if (status == INS_OK)
    status = declare_groups(s, a, "group_correlation", "correlation", &s->total.groups);
  return status;
}

static ins_status declare_variances(ins_correlation *s, const axes *a) {
  ins_status status = declare_item(
      a, "signal_variance", NULL, "variance of the response over features without noise",
      "var(m_i) - noise_variance / R; not positive: flag 3; Sahani and Linden 2003",
      &s->v_signal_variance);
  if (status == INS_OK)
    status =
        declare_item(a, "noise_variance", NULL, "variance of a response over repeats of a feature",
                     "sum_k,r (x_irk - m_ik)^2 / (K (R - 1))", &s->v_noise_variance);
  if (status == INS_OK)
    status =
        declare_item(a, "reliability", "1",
                     "expected correlation of two single trials: share of the variance of "
                     "single trials that stimuli explain",
                     "signal_variance / (signal_variance + noise_variance)", &s->v_reliability);
  if (status == INS_OK)
    status = declare_item(a, "explainable_variance", "1",
                          "share of the variance of mean responses that stimuli explain",
                          "signal_variance / var(m_i); Pospisil and Bair 2021", &s->v_explainable);
  return status;
}

static ins_status declare_noisy(ins_correlation *s, const axes *a) {
  ins_status status = declare_matrix(
      s, a, "signal_correlation", "signal correlation of two items, corrected for noise",
      "S_ij / sqrt(S_ii S_jj), S = cov(m) - E / R, E: covariance of the noise; where signals are "
      "weak it may lie beyond 1; Pospisil and Bair 2022",
      &s->signal.matrix);
  if (status == INS_OK)
    status = declare_matrix(s, a, "noise_correlation", "noise correlation of two items",
                            "E_ij / sqrt(E_ii E_jj), E_ij = sum_k,r (x_irk - m_ik) (x_jrk - m_jk) "
                            "/ (K (R - 1)); 0 for items without noise; Cohen and Kohn 2011",
                            &s->noise.matrix);
  if (status == INS_OK) status = declare_variances(s, a);
  if (status == INS_OK)
    status =
        declare_groups(s, a, "group_signal_correlation", "signal_correlation", &s->signal.groups);
  if (status == INS_OK)
    status = declare_groups(s, a, "group_noise_correlation",
                            "noise_correlation (of items that have noise)", &s->noise.groups);
  return status;
}

static ins_status declare_flag(ins_correlation *s, const axes *a) {
  const ins_variable v = {.name = "flag",
                          .long_name = "why an item has no part in the analysis; 3: in "
                                       "signal_correlation",
                          .flags = s->noisy ? FLAGS : INS_ITEM_FLAGS,
                          .scope = INS_PER_TASK,
                          .dtype = INS_I8,
                          .n_axes = 1,
                          .axes = {a->item}};
  return ins_layout_variable(a->layout, &v, &s->v_flag);
}

static ins_status add_group_axes(const char *label, ins_value *values, size_t n, axes *a) {
  ins_value *again = ins_value_copy(values);
  char *doc = ins_format("value of %s", label);
  ins_status status = again && doc ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_layout_axis(a->layout, "group", n, values, NULL, doc, &a->group);
  else
    ins_value_destroy(&values);
  if (status == INS_OK)
    status = ins_layout_axis(a->layout, "group_2", n, again, NULL, doc, &a->group_2);
  else
    ins_value_destroy(&again);
  free(doc);
  return status;
}

/* Groups of items by the label that the settings name, if they do. */
static ins_status find_groups(ins_correlation *s, const char *label, axes *a) {
  ins_value *values = NULL;
  if (!label) return INS_OK;
  ins_status status = ins_alloc(s->table->n_items, sizeof *s->group, &s->group);
  if (status == INS_OK) status = ins_table_groups(s->table, label, s->group, &values);
  if (status != INS_OK) return status;
  s->n_groups =
      values->kind == INS_ARRAY ? ins_array_count(&values->array) : ins_value_count(values);
  if (s->n_groups && s->n_groups <= MAX_GROUPS)
    return add_group_axes(label, values, s->n_groups, a);
  ins_value_destroy(&values);
  return ins_fail(INS_ERR_ARGUMENT,
                  "labels: '%s' has %zu different values; groups are made of 1 to %d, as of a cell "
                  "type; name another label, or none",
                  label, s->n_groups, MAX_GROUPS);
}

static void teardown(void **state) {
  ins_correlation *s = *state;
  if (s) ins_free(&s->group);
  ins_free(state);
}

static ins_status declare_all(ins_correlation *s, const char *label, ins_layout *layout) {
  axes a = {.layout = layout};
  ins_status status = ins_table_item_axis(s->table, layout, &a.item);
  if (status == INS_OK) status = ins_table_item_axis_again(s->table, layout, &a.item_2);
  if (status == INS_OK) status = find_groups(s, label, &a);
  if (status == INS_OK) status = declare_total(s, &a);
  if (status == INS_OK) status = declare_flag(s, &a);
  if (status == INS_OK && s->noisy) status = declare_noisy(s, &a);
  if (status == INS_OK && s->group) {
    const int pair[] = {a.group, a.group_2};
    status = ins_declare(layout, "group_pairs", INS_I64, NULL,
                         "pairs of items that are used, within a group and between two", NULL, 2,
                         pair, &s->v_pairs);
  }
  return status;
}

static ins_status declare(const ins_analysis_context *context, ins_layout *layout, void **state) {
  ins_correlation *s = NULL;
  *state = NULL;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *s = (ins_correlation){.table = context->table,
                         .dtype = ins_precision(context->settings),
                         .noisy = context->table->n_repeats >= 2};
  status =
      declare_all(s, ins_value_text_or(ins_map_get(context->settings, "labels"), NULL), layout);
  *state = s;
  if (status != INS_OK) teardown(state);
  return status;
}

/* Without repeats: the responses, and one N x N matrix beside them. With: the mean responses and
 * those of one repeat, the covariance of the noise and what a repeat adds to it. */
static void needs(const void *state, int size, int block, ins_needs *out) {
  const ins_correlation *s = state;
  const double n = (double)s->table->n_items, k = (double)s->table->n_features;
  const double x = ins_matrix_bytes(size, block, s->dtype, n, k);
  const double c = ins_matrix_bytes(size, block, s->dtype, n, n);
  const double reading = ins_table_read_bytes(s->table, size, s->dtype);
  const double copies = s->noisy ? 2 : 1;
  const double product = ins_matrix_product_bytes(size, block, s->dtype, n, n);
  const double writing = ins_work_write_bytes(size, s->dtype, s->table->n_items, s->table->n_items);
  const double peak =
      fmax(copies * x + fmax(reading, c + product), c + writing) + (s->noisy ? c : 0);
  out->bytes = peak + 12 * n * sizeof(double) +
               3.0 * sizeof(double) * (double)s->n_groups * (double)s->n_groups;
  out->flops = n * n * k * (s->noisy ? (double)s->table->n_repeats : 1);
}

const ins_population_analysis ins_signal_correlation = {
    .declare = declare, .needs = needs, .run = ins_correlation_run, .teardown = teardown};
