/* SPDX-License-Identifier: MIT */
/* Analysis `fisher_information`: how much the population's counts say of a parameter. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "conditions.h"
#include "insilico/agree.h"
#include "insilico/memory.h"

const ins_key ins_fisher_information_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "along",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "axis of the features that is the parameter; null: the only one"},
    {.name = "period",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE,
     .max = 1e12,
     .doc = "of the parameter; 0: not circular; null: 360 for degrees that go all around"},
    {.name = "gain",
     .type = INS_KEY_REAL,
     .fallback = "1",
     .min = 1e-12,
     .max = 1e12,
     .doc = "expected count for a response of 1: of a rate, the time that is counted in"},
    {.name = "floor",
     .type = INS_KEY_REAL,
     .fallback = "1e-3",
     .min = 1e-12,
     .max = 1e12,
     .doc = "responses below it count as it (spontaneous activity): where the curve is that flat "
            "it says nothing"},
    {.name = "labels",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "label of the items whose groups' shares are told apart (cell types)"},
    INS_PRECISION_KEY,
    {0},
};

typedef struct fisher {
  const ins_table *table;
  ins_parameter parameter;
  double gain, floor;
  ins_dtype precision;
  double (*weight)[3]; /* [n]: of the value before, at and after each one in its derivative */
  size_t (*place)[3];  /* [n]: where those are along the axis */
  size_t n_groups;
  int32_t *group; /* [n_items], where there are labels */
  ins_value *group_values;
  int v_flag, v_information, v_bound, v_of, v_group;
} fisher;

/* ---- derivatives on an uneven grid --------------------------------------------------------------
 */

/* The derivative at x of the parabola through the points at x + at[0..3). */
static void parabola(const double *at, double *weight) {
  for (int k = 0; k < 3; k++) {
    const double a = at[(k + 1) % 3], b = at[(k + 2) % 3];
    weight[k] = -(a + b) / ((at[k] - a) * (at[k] - b));
  }
}

/* The value itself and its neighbours; at the ends of a range, the three values there. */
static void derivative_at(const ins_parameter *p, size_t i, double *weight, size_t *place) {
  const size_t first = p->period > 0              ? (i + p->n - 1) % p->n
                       : i == 0                   ? 0
                       : i + 1 < p->n || p->n < 3 ? i - 1
                                                  : i - 2;
  double at[3];
  for (size_t k = 0; k < 3; k++) {
    place[k] = p->order[(first + k) % p->n];
    at[k] = ins_parameter_difference(p, p->values[p->order[i]], p->values[place[k]]);
  }
  if (p->n > 2) {
    parabola(at, weight);
    return;
  }
  weight[0] = 1 / (at[0] - at[1]);
  weight[1] = -weight[0];
  weight[2] = 0;
}

/* ---- declaring ---------------------------------------------------------------------------------
 */

static ins_status read_parameter(const ins_analysis_context *c, fisher *s) {
  ins_parameter *p = &s->parameter;
  ins_status status =
      ins_parameter_create(c->table, ins_value_text_or(ins_map_get(c->settings, "along"), NULL),
                           ins_map_get(c->settings, "period"), p);
  if (status != INS_OK) return ins_within(status, "along");
  const char *name = c->table->feature_axes[p->axis].name;
  if (p->n < 2)
    return ins_fail(INS_ERR_ARGUMENT, "axis %s has one value: responses have no slope", name);
  if (p->period > 0 && p->n < 3)
    return ins_fail(INS_ERR_ARGUMENT, "axis %s is circular and has two values: slopes need three",
                    name);
  status = ins_alloc(p->n, sizeof *s->weight, &s->weight);
  if (status == INS_OK) status = ins_alloc(p->n, sizeof *s->place, &s->place);
  for (size_t i = 0; status == INS_OK && i < p->n; i++)
    derivative_at(p, i, s->weight[p->order[i]], s->place[p->order[i]]);
  return status;
}

static ins_status read_groups(const ins_analysis_context *c, fisher *s) {
  const char *name = ins_value_text_or(ins_map_get(c->settings, "labels"), NULL);
  if (!name) return INS_OK;
  ins_status status = ins_alloc(c->table->n_items, sizeof *s->group, &s->group);
  if (status == INS_OK) status = ins_table_groups(c->table, name, s->group, &s->group_values);
  if (status != INS_OK) return status;
  s->n_groups = s->group_values->kind == INS_LIST ? ins_value_count(s->group_values)
                                                  : ins_array_count(&s->group_values->array);
  if (!s->n_groups)
    return ins_fail(INS_ERR_ARGUMENT, "label %s is missing for all items of '%s'", name,
                    c->table->name);
  return INS_OK;
}

static ins_status declare_groups(fisher *s, ins_layout *l, const char *label, const char *units,
                                 int n, const int *features) {
  int axes[INS_TABLE_MAX_AXES + 1];
  char *name = ins_format("%s_value", label);
  ins_value *values = ins_value_copy(s->group_values);
  ins_status status = name && values ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_layout_axis(l, name, s->n_groups, values, NULL, label, &axes[0]);
  else
    ins_value_destroy(&values);
  for (int a = 0; a < n; a++) axes[a + 1] = features[a];
  if (status == INS_OK)
    status = ins_declare(l, "information_of_group", INS_F64, units,
                         "part of the information that items of one group have",
                         "sum over the items of the group; items without a label are in none",
                         n + 1, axes, &s->v_group);
  free(name);
  return status;
}

static ins_status declare_all(const ins_analysis_context *c, fisher *s, ins_layout *l) {
  const char *label = ins_value_text_or(ins_map_get(c->settings, "labels"), NULL),
             *units = s->parameter.units;
  char *inverse = ins_format(*units ? "%s-2" : "1", units);
  int item, features[INS_TABLE_MAX_AXES], n = 0;
  ins_status status = inverse ? ins_table_item_axis(s->table, l, &item) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_table_feature_axes(s->table, l, features, &n);
  if (status == INS_OK && n + (label != NULL) > INS_MAX_DIMS)
    status =
        ins_fail(INS_ERR_UNSUPPORTED, "'%s' has %d axes of features, too many", s->table->name, n);
  if (status == INS_OK) status = ins_declare_flag(l, item, &s->v_flag);
  if (status == INS_OK)
    status =
        ins_declare(l, "information", INS_F64, inverse,
                    "Fisher information of the population's counts about the parameter",
                    "I = gain sum_n f_n'^2 / f_n, independent Poisson counts, f = max(response, "
                    "floor); f' of the parabola through a value and its neighbours (Dayan & "
                    "Abbott 2001, eq. 3.46); numbers of ranks agree to rounding",
                    n, features, &s->v_information);
  if (status == INS_OK)
    status =
        ins_declare(l, "cramer_rao_bound", INS_F64, *units ? units : "1",
                    "least standard deviation of an unbiased estimate of the parameter; missing "
                    "where the information is 0",
                    "1 / sqrt(I)", n, features, &s->v_bound);
  if (status == INS_OK)
    status = ins_declare(l, "information_of", INS_F64, inverse,
                         "what an item adds to the information, mean over all conditions",
                         "mean of gain f_n'^2 / f_n", 1, &item, &s->v_of);
  if (status == INS_OK && label) status = declare_groups(s, l, label, inverse, n, features);
  free(inverse);
  return status;
}

static ins_status declare(const ins_analysis_context *c, ins_layout *layout, void **state) {
  fisher *s;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if ((*state = s) == NULL) return status;
  s->table = c->table;
  s->gain = ins_value_real_or(ins_map_get(c->settings, "gain"), 1);
  s->floor = ins_value_real_or(ins_map_get(c->settings, "floor"), 1e-3);
  s->precision = ins_precision(c->settings);
  status = read_parameter(c, s);
  if (status == INS_OK) status = read_groups(c, s);
  return status == INS_OK ? declare_all(c, s, layout) : status;
}

static void teardown(void **state) {
  fisher *s = *state;
  if (!s) return;
  ins_parameter_clear(&s->parameter);
  ins_free(&s->weight);
  ins_free(&s->place);
  ins_free(&s->group);
  ins_value_destroy(&s->group_values);
  ins_free(state);
}

static void needs(const void *state, int size, int block, ins_needs *out) {
  const fisher *s = state;
  const double n = (double)s->table->n_items, k = (double)s->table->n_features;
  const double m = ins_matrix_bytes(size, block, s->precision, n, k);
  out->bytes = m +
               fmax(ins_table_read_bytes(s->table, size, s->precision),
                    ins_pick_bytes(size, s->precision, n, k)) +
               32 * n + 8 * k * (double)(3 + s->n_groups);
  out->flops = 10 * n * k;
}

/* ---- running -----------------------------------------------------------------------------------
 */

typedef struct sums {
  const fisher *s;
  double *information; /* [n_features] */
  double *bound;       /* [n_features] */
  double *of;          /* [n_items] */
  double *groups;      /* [n_groups][n_features] */
  double *weight;      /* [n_items] */
  int8_t *flag;
} sums;

static ins_status sums_create(const fisher *s, sums *b) {
  const size_t n = s->table->n_items, k = s->table->n_features;
  *b = (sums){.s = s};
  ins_status status = ins_alloc(k, sizeof(double), &b->information);
  if (status == INS_OK) status = ins_alloc(k, sizeof(double), &b->bound);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &b->of);
  if (status == INS_OK) status = ins_alloc(s->n_groups * k, sizeof(double), &b->groups);
  if (status == INS_OK) status = ins_alloc(n, sizeof(double), &b->weight);
  if (status == INS_OK) status = ins_alloc(n, sizeof *b->flag, &b->flag);
  return status;
}

static void sums_clear(sums *b) {
  ins_free(&b->information);
  ins_free(&b->bound);
  ins_free(&b->of);
  ins_free(&b->groups);
  ins_free(&b->weight);
  ins_free(&b->flag);
}

/* The floor is part of the curve: it has no slope there. */
static void add_item(void *self, size_t n, double *curve) {
  sums *b = self;
  const fisher *s = b->s;
  const ins_parameter *p = &s->parameter;
  const size_t n_features = s->table->n_features;
  double *group =
      s->n_groups && s->group[n] >= 0 ? b->groups + (size_t)s->group[n] * n_features : NULL;
  for (size_t k = 0; k < n_features; k++) curve[k] = curve[k] > s->floor ? curve[k] : s->floor;
  for (size_t k = 0; k < n_features; k++) {
    const size_t i = ins_parameter_index(p, k);
    const double *base = curve + k - i * p->stride;
    double slope = 0;
    for (int d = 0; d < 3; d++) slope += s->weight[i][d] * base[s->place[i][d] * p->stride];
    const double information = s->gain * slope * (slope / curve[k]);
    b->information[k] += information;
    b->of[n] += information / (double)n_features;
    if (group) group[k] += information;
  }
}

static ins_status write_all(const fisher *s, const ins_work *work, sums *b) {
  const size_t n = s->table->n_features;
  ins_status status = ins_work_write(work, s->v_flag, b->flag);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_information, b->information);
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_of, b->of);
  if (status == INS_OK && s->n_groups) status = ins_work_write_numbers(work, s->v_group, b->groups);
  for (size_t k = 0; k < n; k++)
    b->bound[k] = b->information[k] > 0 ? 1 / sqrt(b->information[k]) : NAN;
  if (status == INS_OK) status = ins_work_write_numbers(work, s->v_bound, b->bound);
  return status;
}

static ins_status run(void *state, const ins_work *work) {
  const fisher *s = state;
  const ins_grid *g = work->grid;
  const size_t n = s->table->n_items, k = s->table->n_features;
  ins_matrix m = {0};
  sums b;
  ins_status status = ins_agree(g->comm, sums_create(s, &b));
  if (status == INS_OK) status = ins_matrix_create(g, s->precision, n, k, &m);
  if (status == INS_OK) status = ins_table_read(s->table, g, INS_MEAN_OF_REPEATS, &m, b.flag);
  if (status == INS_OK) {
    for (size_t i = 0; i < n; i++) b.weight[i] = b.flag[i] == INS_ITEM_USED;
    status = ins_conditions_visit(&m, b.weight, work, add_item, &b);
  }
  if (status == INS_OK) {
    ins_sum_over_ranks(g, b.information, k);
    ins_sum_over_ranks(g, b.of, n);
    ins_sum_over_ranks(g, b.groups, s->n_groups * k);
    status = write_all(s, work, &b);
  }
  ins_matrix_clear(&m);
  sums_clear(&b);
  return status;
}

const ins_population_analysis ins_fisher_information = {declare, needs, run, teardown};
