/* SPDX-License-Identifier: MIT */
/* Analysis `distances`: its settings and variables, what it costs, how it is computed. */
#include "distances.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/agree.h"
#include "insilico/memory.h"

static const ins_variant metrics[] = {
    {.name = "euclidean", .doc = "norm of the difference"},
    {.name = "correlation", .doc = "1 - Pearson's r"},
    {.name = "cosine", .doc = "1 - cosine of the angle"},
    {0},
};

#define SHIFT_KEY(NAME, UNITS, DOC)                                                                \
  {                                                                                                \
    .name = NAME, .type = INS_KEY_INT, .fallback = "0", .flags = INS_KEY_SHAPES, .min = 0,         \
    .max = INT16_MAX, .units = UNITS, .doc = DOC                                                   \
  }

static const ins_key shift_keys[] = {
    SHIFT_KEY("y", "pixels", "at most, up or down"),
    SHIFT_KEY("x", "pixels", "at most, left or right"),
    SHIFT_KEY("frames", "frames", "at most, earlier or later"),
    {0},
};
static const char *const shift_key_names[INS_SHIFT_DIRECTIONS] = {"y", "x", "frames"};

const ins_key ins_distances_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "precision",
     .type = INS_KEY_TEXT,
     .fallback = "double",
     .flags = INS_KEY_SHAPES,
     .variants = ins_precisions,
     .doc =
         "of the large matrices; single tells items apart that differ by more than a thousandth"},
    {.name = "metric",
     .type = INS_KEY_TEXT,
     .fallback = "euclidean",
     .flags = INS_KEY_SHAPES,
     .variants = metrics,
     .doc = "what a distance is"},
    {.name = "shift",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_SHAPES,
     .children = shift_keys,
     .doc = "how far items may be shifted against each other to be most alike; what is shifted out "
            "is lost"},
    {0},
};

typedef struct distances {
  const ins_table *table;
  ins_dtype dtype;
  ins_metric metric;
  ins_shifts shifts;
  size_t n_groups, each; /* items of one neuron follow each other; 0: an item is a neuron */
  int v_distance, v_flag, v_nearest, v_nearest_distance, v_within, v_between;
  int v_shift[INS_SHIFT_DIRECTIONS];
} distances;

/* ---- declaring ---------------------------------------------------------------------------------
 */

static ins_metric metric_of(const ins_value *settings) {
  const char *name = ins_value_text_or(ins_map_get(settings, "metric"), "");
  ins_metric m = INS_METRIC_EUCLIDEAN;
  while (metrics[m].name && strcmp(metrics[m].name, name) != 0) m++;
  return metrics[m].name ? m : INS_METRIC_EUCLIDEAN;
}

static ins_status find_shifts(distances *s, const ins_value *settings) {
  const ins_value *shift = ins_map_get(settings, "shift");
  int most[INS_SHIFT_DIRECTIONS];
  for (int d = 0; d < INS_SHIFT_DIRECTIONS; d++)
    most[d] = (int)ins_value_int_or(ins_map_get(shift, shift_key_names[d]), 0);
  return ins_shifts_create(most, s->table, &s->shifts);
}

static ins_status declare_distance(distances *s, ins_layout *layout, const int pair[2]) {
  static const char *const formula[] = {
      "|a_i - a_j|", "1 - Pearson's r of a_i and a_j over features; silent items: 1",
      "1 - a_i . a_j / (|a_i| |a_j|); silent items: 1"};
  char *source = ins_format("%s%s; missing where an item is; results of different numbers of ranks "
                            "agree to rounding",
                            formula[s->metric],
                            s->shifts.n > 1 ? ", at the shift with the largest a_i . a_j, zeros "
                                              "shifted in, norms of whole items"
                                            : "");
  if (!source) return INS_ERR_MEMORY;
  ins_status status = ins_declare(layout, "distance", s->dtype, NULL, "distance of two items",
                                  source, 2, pair, &s->v_distance);
  free(source);
  return status;
}

static ins_status declare_shift(distances *s, ins_layout *layout, const int pair[2], int d) {
  const char *name = ins_shift_names[d];
  char *variable = ins_format("best_shift_%s", name);
  char *long_name =
      ins_format("by how much the second item is shifted along %s to be most like the first", name);
  ins_status status = variable && long_name ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_declare(layout, variable, INS_I16, d == INS_SHIFT_FRAME ? "frames" : "pixels",
                         long_name, "shift with the largest product; of equals the smallest", 2,
                         pair, &s->v_shift[d]);
  free(variable);
  free(long_name);
  return status;
}

static ins_status declare_nearest(distances *s, ins_layout *layout, int item) {
  ins_status status = ins_declare_flag(layout, item, &s->v_flag);
  if (status == INS_OK)
    status = ins_declare(layout, "nearest", INS_I64, NULL,
                         "position of the nearest other item, from 0; -1 where there is none",
                         "smallest distance; of those that are equal but for rounding the first", 1,
                         &item, &s->v_nearest);
  if (status == INS_OK)
    status =
        ins_declare(layout, "nearest_distance", INS_F64, NULL, "distance to the nearest other item",
                    NULL, 1, &item, &s->v_nearest_distance);
  return status;
}

static bool taken(const ins_layout *layout, const char *name) {
  for (int k = 0; k < layout->n_axes; k++)
    if (strcmp(layout->axes[k].name, name) == 0) return true;
  return ins_layout_find(layout, name) >= 0;
}

/* An axis of the first axis of items. Its name may be that of the coordinate of each item. */
static ins_status add_first_axis(const ins_axis *from, ins_layout *layout, int *axis) {
  char *other = ins_format("unique_%s", from->name);
  ins_value *coordinates = from->coordinates ? ins_value_copy(from->coordinates) : NULL;
  ins_status status = INS_ERR_MEMORY;
  if (other && (coordinates || !from->coordinates))
    status = ins_layout_axis(layout, taken(layout, from->name) ? other : from->name, from->length,
                             coordinates, from->units, from->long_name, axis);
  else
    ins_value_destroy(&coordinates);
  free(other);
  return status;
}

/* Where an item is a combination, such as of neuron and seed: across seeds and across neurons. */
static ins_status declare_groups(distances *s, ins_layout *layout) {
  const ins_axis *first = &s->table->item_axes[0];
  int axis;
  if (s->table->n_item_axes < 2) return INS_OK;
  s->n_groups = first->length;
  s->each = s->table->n_items / first->length;
  ins_status status = add_first_axis(first, layout, &axis);
  char *within = ins_format("mean distance over pairs of items of one %s", first->name);
  char *between =
      ins_format("mean distance of items of one %s to items of all others", first->name);
  if (status == INS_OK && !(within && between)) status = INS_ERR_MEMORY;
  if (status == INS_OK)
    status =
        ins_declare(layout, "distance_within", INS_F64, NULL, within, NULL, 1, &axis, &s->v_within);
  if (status == INS_OK)
    status = ins_declare(layout, "distance_between", INS_F64, NULL, between, NULL, 1, &axis,
                         &s->v_between);
  free(within);
  free(between);
  return status;
}

static ins_status declare_all(distances *s, ins_layout *layout) {
  int pair[2];
  if (s->table->n_items > INT_MAX)
    return ins_fail(INS_ERR_UNSUPPORTED, "distances of %zu items are too many", s->table->n_items);
  ins_status status = ins_table_item_axis(s->table, layout, &pair[0]);
  if (status == INS_OK) status = ins_table_item_axis_again(s->table, layout, &pair[1]);
  if (status == INS_OK) status = declare_distance(s, layout, pair);
  for (int d = 0; d < INS_SHIFT_DIRECTIONS && status == INS_OK; d++)
    if (s->shifts.most[d]) status = declare_shift(s, layout, pair, d);
  if (status == INS_OK) status = declare_nearest(s, layout, pair[0]);
  if (status == INS_OK) status = declare_groups(s, layout);
  return status;
}

static void teardown(void **state) {
  distances *s = *state;
  if (s) ins_shifts_clear(&s->shifts);
  ins_free(state);
}

static ins_status declare(const ins_analysis_context *context, ins_layout *layout, void **state) {
  distances *s = NULL;
  *state = NULL;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *s = (distances){.table = context->table,
                   .dtype = ins_precision(context->settings),
                   .metric = metric_of(context->settings)};
  status = find_shifts(s, context->settings);
  if (status == INS_OK) status = declare_all(s, layout);
  *state = s;
  if (status != INS_OK) teardown(state);
  return status;
}

/* The items and one matrix of pairs. To shift: shifted items too, products at a shift and at its
 * negative, and the number of the best shift (32 bits). */
static void needs(const void *state, int size, int block, ins_needs *out) {
  const distances *s = state;
  const double n = (double)s->table->n_items, k = (double)s->table->n_features;
  const double x = ins_matrix_bytes(size, block, s->dtype, n, k);
  const double c = ins_matrix_bytes(size, block, s->dtype, n, n);
  const double shifting = ins_shifts_bytes(&s->shifts, size, block, s->dtype, n, k);
  const double which = s->shifts.n > 1 ? ins_matrix_bytes(size, block, INS_F32, n, n) : 0;
  const double reading = x + ins_table_read_bytes(s->table, size, s->dtype);
  const double product = ins_matrix_product_bytes(size, block, s->dtype, n, n);
  const double passing = ins_work_write_bytes(size, s->dtype, s->table->n_items, s->table->n_items);
  const double writing = c + which + fmax(passing, s->shifts.n > 1 ? c : 0);
  out->bytes = fmax(fmax(reading, x + c + shifting + product), writing) + 8 * n * sizeof(double) +
               2 * k * sizeof(double) + 6 * (double)s->n_groups * sizeof(double);
  out->flops = n * n * k * (1 + 2 * (double)(s->shifts.n - 1));
}

/* ---- a run -------------------------------------------------------------------------------------
 */

typedef struct job {
  const distances *s;
  const ins_work *work;
  size_t n, k;
  double *norm, *a, *b; /* [n]: norms; scratch */
  double unit;          /* of items and norms while products are formed; a power of two */
  double *column;       /* [k] */
  int8_t *flag;         /* [n] */
  bool *used;           /* [n]: has distances to others that mean something */
  ins_matrix x, d;      /* [n, k] items; [n, n] products, then distances */
  int32_t *which;       /* this process's part of [n, n], lower triangle: its best shift */
} job;

static void job_clear(job *j) {
  ins_free(&j->norm);
  ins_free(&j->a);
  ins_free(&j->b);
  ins_free(&j->column);
  ins_free(&j->flag);
  ins_free(&j->used);
  ins_free(&j->which);
  ins_matrix_clear(&j->x);
  ins_matrix_clear(&j->d);
}

static ins_status job_create(job *j) {
  ins_status status = ins_alloc(j->n, sizeof *j->norm, &j->norm);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *j->a, &j->a);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *j->b, &j->b);
  if (status == INS_OK) status = ins_alloc(j->k, sizeof *j->column, &j->column);
  if (status == INS_OK) status = ins_alloc(j->n, 1, &j->flag);
  if (status == INS_OK) status = ins_alloc(j->n, sizeof *j->used, &j->used);
  return ins_agree(j->work->grid->comm, status);
}

/* Differences of items do not change when one stimulus is taken off all of them; what is left is
 * smaller than what they have in common, and keeps its digits in products. */
static ins_status centre(job *j) {
  ins_status status = ins_matrix_column_sums(&j->x, NULL, j->column, NULL);
  for (size_t k = 0; k < j->k && status == INS_OK; k++) j->column[k] /= (double)j->n;
  if (status == INS_OK) ins_matrix_scale_columns(&j->x, j->column, NULL);
  return status;
}

static ins_status check_norms(const job *j) {
  for (size_t i = 0; i < j->n; i++)
    if (!(j->norm[i] <= 0.25 * DBL_MAX)) /* the square of a distance is at most 4 of these */
      return ins_fail(INS_ERR_NUMERIC,
                      "distances: item %zu has values so large that their squares are no numbers; "
                      "choose other units, or `normalize: unit`",
                      i);
  return INS_OK;
}

/* Squares of single precision are numbers only of values between 1e-19 and 1e19. */
static void choose_unit(job *j) {
  double most = 0;
  for (size_t i = 0; i < j->n; i++) most = fmax(most, j->norm[i]);
  if (!(most > 0)) return;
  j->unit = ldexp(1, ilogb(most));
  for (size_t i = 0; i < j->n; i++) {
    j->norm[i] /= j->unit;
    j->a[i] = 1 / j->unit;
  }
  ins_matrix_scale_rows(&j->x, NULL, j->a);
}

/* Mean 0 over features (correlation) and norm 1; items that have none become 0. */
static ins_status normalise(job *j) {
  const bool shifted = j->s->metric == INS_METRIC_CORRELATION;
  ins_status status = ins_matrix_row_sums(&j->x, NULL, j->a, NULL);
  for (size_t i = 0; i < j->n; i++) j->a[i] = shifted ? j->a[i] / (double)j->k : 0;
  if (status == INS_OK) status = ins_matrix_row_sums(&j->x, j->a, j->b, j->norm);
  if (status == INS_OK) status = check_norms(j);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < j->n; i++) {
    j->used[i] = j->used[i] && j->norm[i] > 0;
    j->b[i] = j->used[i] ? 1 / sqrt(j->norm[i]) : 0;
    j->norm[i] = j->used[i] ? 1 : 0;
  }
  ins_matrix_scale_rows(&j->x, j->a, j->b);
  return INS_OK;
}

static ins_status prepare(job *j) {
  const bool euclidean = j->s->metric == INS_METRIC_EUCLIDEAN;
  ins_status status =
      ins_table_read(j->s->table, j->work->grid, INS_MEAN_OF_REPEATS, &j->x, j->flag);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < j->n; i++)
    j->used[i] = euclidean ? j->flag[i] != INS_ITEM_MISSING : j->flag[i] == INS_ITEM_USED;
  if (!euclidean) return normalise(j);
  if (j->s->shifts.n == 1) status = centre(j);
  if (status == INS_OK) status = ins_matrix_row_sums(&j->x, NULL, j->a, j->norm);
  if (status == INS_OK) status = check_norms(j);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < j->n; i++) j->norm[i] = sqrt(j->norm[i]);
  choose_unit(j);
  return INS_OK;
}

static double distance(const job *j, size_t i, size_t i2, double product) {
  if (j->flag[i] == INS_ITEM_MISSING || j->flag[i2] == INS_ITEM_MISSING) return NAN;
  if (j->s->metric == INS_METRIC_EUCLIDEAN) {
    const double square = j->norm[i] * j->norm[i] + j->norm[i2] * j->norm[i2] - 2 * product;
    return i == i2 || square < 0 ? 0 : j->unit * sqrt(square);
  }
  if (!j->used[i] || !j->used[i2]) return 1;
  return i == i2 ? 0 : 1 - fmin(1, fmax(-1, product));
}

static void products_to_distances(job *j) {
  for (size_t b = 0; b < j->d.local_columns; b++)
    for (size_t a = 0; a < j->d.local_rows; a++) {
      const size_t i = ins_matrix_row(&j->d, a), i2 = ins_matrix_column(&j->d, b);
      ins_matrix_set(&j->d, a, b, distance(j, i, i2, ins_matrix_get(&j->d, a, b)));
    }
  for (size_t i = 0; i < j->n; i++) j->norm[i] *= j->unit;
}

static ins_status compute(job *j) {
  const ins_grid *g = j->work->grid;
  ins_status status = ins_matrix_create(g, j->s->dtype, j->n, j->k, &j->x);
  if (status == INS_OK) status = prepare(j);
  if (status == INS_OK) status = ins_matrix_create(g, j->s->dtype, j->n, j->n, &j->d);
  if (status != INS_OK) return status;
  if (j->s->shifts.n == 1) {
    status = ins_matrix_gram(1, &j->x, false, &j->d);
  } else {
    const size_t count = j->d.local_rows * j->d.local_columns;
    status = ins_agree(g->comm, ins_alloc(count, sizeof *j->which, &j->which));
    if (status == INS_OK)
      status = ins_shifts_best(&j->s->shifts, j->work, &j->x, j->norm, &j->d, j->which);
  }
  ins_matrix_clear(&j->x);
  if (status == INS_OK) products_to_distances(j);
  return status;
}

static ins_status write_items(job *j) {
  const distances *s = j->s;
  ins_status status = ins_work_write(j->work, s->v_flag, j->flag);
  if (status != INS_OK) return status;
  ins_distances_nearest(&j->d, s->metric, j->used, j->norm, j->a, j->b);
  status = ins_work_write_numbers(j->work, s->v_nearest, j->a);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_nearest_distance, j->b);
  if (status != INS_OK || !s->n_groups) return status;
  /* There are no more groups than items. */
  status = ins_distances_groups(&j->d, j->used, s->n_groups, s->each, j->a, j->b);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_within, j->a);
  if (status == INS_OK) status = ins_work_write_numbers(j->work, s->v_between, j->b);
  return status;
}

/* Shifts of items that have no distance mean nothing: they are none. */
static void forget_unused(job *j) {
  for (size_t b = 0; b < j->d.local_columns; b++)
    for (size_t a = 0; a < j->d.local_rows; a++)
      if (!j->used[ins_matrix_row(&j->d, a)] || !j->used[ins_matrix_column(&j->d, b)])
        j->which[b * j->d.local_rows + a] = 0;
}

/* The distances are written: their matrix is free. */
static ins_status write_shifts(job *j) {
  const distances *s = j->s;
  ins_status status = INS_OK;
  if (s->shifts.n == 1) return INS_OK;
  forget_unused(j);
  for (int d = 0; d < INS_SHIFT_DIRECTIONS && status == INS_OK; d++) {
    if (!s->shifts.most[d]) continue;
    status = ins_shifts_component(&s->shifts, d, j->which, &j->d);
    if (status == INS_OK) status = ins_work_write_matrix(j->work, s->v_shift[d], &j->d);
  }
  return status;
}

static ins_status run(void *state, const ins_work *work) {
  const distances *s = state;
  job j = {.s = s, .work = work, .n = s->table->n_items, .k = s->table->n_features, .unit = 1};
  ins_status status = job_create(&j);
  if (status == INS_OK) status = compute(&j);
  if (status == INS_OK) status = ins_work_beat(work, 0.9);
  if (status == INS_OK) status = write_items(&j);
  if (status == INS_OK) status = ins_work_write_symmetric(work, s->v_distance, &j.d);
  if (status == INS_OK) status = write_shifts(&j);
  job_clear(&j);
  return status;
}

const ins_population_analysis ins_distances = {
    .declare = declare, .needs = needs, .run = run, .teardown = teardown};
