/* SPDX-License-Identifier: MIT */
/* Analysis `discriminability`: how well the population tells two conditions apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "discriminability_parts.h"
#include "insilico/memory.h"

const ins_key ins_discriminability_keys[] = {
    INS_ANALYSIS_KEYS,
    {.name = "conditions",
     .type = INS_KEY_RANGE,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc =
         "numbers of the features that are compared, all with each other; null: all, or `along`"},
    {.name = "along",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "axis of the features: neighbours along it are compared"},
    {.name = "reference",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .doc = "value of `along` that all others are compared with, instead of their neighbours"},
    {.name = "period",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .max = 1e12,
     .doc =
         "of `along`: the last value is a neighbour of the first; 0: not circular; null: 360 for "
         "degrees that go all around"},
    {.name = "max_pairs",
     .type = INS_KEY_INT,
     .fallback = "10000000",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 1e9,
     .doc = "more pairs than this are refused"},
    {.name = "shrinkage",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .min = 0,
     .max = 1,
     .doc = "of noise correlations towards 0, from 0 (as measured) to 1 (ignored); null: estimated "
            "(Ledoit & Wolf 2004)"},
    {.name = "gain",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
     .min = 1e-12,
     .max = 1e12,
     .doc = "without trials: expected count for a response of 1, of independent Poisson noise"},
    {.name = "floor",
     .type = INS_KEY_REAL,
     .fallback = "1e-3",
     .min = 1e-12,
     .max = 1e12,
     .doc = "with `gain`: responses below it count as it (spontaneous activity)"},
    INS_PRECISION_KEY,
    {0},
};

/* ---- which conditions ---------------------------------------------------------------------------
 */

static bool given(const ins_analysis_context *c, const char *key) {
  const ins_value *value = ins_map_get(c->settings, key);
  return value && value->kind != INS_NULL;
}

static ins_status pick_all(const ins_analysis_context *c, ins_dprime *s) {
  s->all_pairs = true;
  s->n_conditions = c->table->n_features;
  ins_status status = INS_OK;
  if (given(c, "conditions")) {
    int64_t *numbers = NULL;
    status = ins_range_parse(ins_map_get(c->settings, "conditions"), c->table->n_features,
                             "conditions", &numbers, &s->n_conditions);
    if (status == INS_OK) status = ins_alloc(s->n_conditions, sizeof *s->features, &s->features);
    for (size_t i = 0; status == INS_OK && i < s->n_conditions; i++)
      s->features[i] = (size_t)numbers[i];
    ins_free(&numbers);
  } else {
    status = ins_alloc(s->n_conditions, sizeof *s->features, &s->features);
    for (size_t i = 0; status == INS_OK && i < s->n_conditions; i++) s->features[i] = i;
  }
  s->n_pairs = s->n_conditions * (s->n_conditions - 1) / 2;
  return status;
}

static ins_status find_reference(const ins_analysis_context *c, const ins_parameter *p,
                                 size_t *place) {
  const double value = ins_value_real_or(ins_map_get(c->settings, "reference"), 0);
  for (*place = 0; *place < p->n; (*place)++)
    if (fabs(p->values[*place] - value) <= 1e-9 * fmax(1, fabs(value))) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "reference %g is no value of axis %s (%g to %g)", value,
                  c->table->feature_axes[p->axis].name, p->values[p->order[0]],
                  p->values[p->order[p->n - 1]]);
}

/* Pairs in the order of the features, steps (of sorted values) in the place of the axis. */
static ins_status list_pairs(const ins_table *table, const ins_parameter *p, size_t steps,
                             const size_t *reference, ins_dprime *s) {
  s->n_pairs = table->n_features / p->n * steps;
  ins_status status = ins_alloc(s->n_pairs, sizeof *s->first, &s->first);
  if (status == INS_OK) status = ins_alloc(s->n_pairs, sizeof *s->second, &s->second);
  for (size_t k = 0; status == INS_OK && k < s->n_pairs; k++) {
    const size_t inner = k % p->stride, step = k / p->stride % steps, outer = k / p->stride / steps;
    const size_t base = outer * p->n * p->stride + inner;
    const size_t from = reference ? *reference : p->order[step],
                 to = reference ? step : p->order[(step + 1) % p->n];
    s->first[k] = base + from * p->stride;
    s->second[k] = base + to * p->stride;
  }
  return status;
}

/* The axis of steps between neighbours, and the values that they lie between. */
static ins_status declare_steps(const ins_table *table, const ins_parameter *p, size_t steps,
                                ins_layout *l, int *axis) {
  const ins_axis *along = &table->feature_axes[p->axis];
  char *names[3] = {ins_format("%s_step", along->name), ins_format("%s_from", along->name),
                    ins_format("%s_to", along->name)};
  ins_status status = names[0] && names[1] && names[2] ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status =
        ins_layout_axis(l, names[0], steps, NULL, NULL, "step between neighbouring values", axis);
  for (size_t end = 0; status == INS_OK && end < 2; end++) {
    ins_variable v = {.name = names[1 + end],
                      .units = along->units,
                      .long_name = end ? "value after the step" : "value before the step",
                      .scope = INS_CONSTANT,
                      .dtype = INS_F64,
                      .n_axes = 1,
                      .axes = {*axis},
                      .data = ins_value_array(INS_F64, 1, &steps)};
    int index;
    if (!v.data) status = INS_ERR_MEMORY;
    for (size_t i = 0; v.data && i < steps; i++)
      ((double *)v.data->array.data)[i] = p->values[p->order[(i + end) % p->n]];
    if (status == INS_OK) status = ins_layout_variable(l, &v, &index);
  }
  for (int k = 0; k < 3; k++) free(names[k]);
  return status;
}

/* The axes of features, with that of the steps instead of `along`. */
static ins_status declare_list(const ins_table *table, const ins_parameter *p, size_t steps,
                               bool reference, ins_layout *l, int *axes) {
  ins_status status = INS_OK;
  for (int a = 0; status == INS_OK && a < table->n_feature_axes; a++) {
    const ins_axis *axis = &table->feature_axes[a];
    if (a == p->axis && !reference) {
      status = declare_steps(table, p, steps, l, &axes[a]);
      continue;
    }
    ins_value *coordinates = axis->coordinates ? ins_value_copy(axis->coordinates) : NULL;
    if (axis->coordinates && !coordinates) return INS_ERR_MEMORY;
    status = ins_layout_axis(l, axis->name, axis->length, coordinates, axis->units, axis->long_name,
                             &axes[a]);
  }
  return status;
}

static ins_status set_list(const ins_analysis_context *c, ins_dprime *s, ins_layout *l, int *n,
                           int *axes) {
  const bool reference = given(c, "reference");
  ins_parameter p;
  ins_status status =
      ins_parameter_create(c->table, ins_value_text_or(ins_map_get(c->settings, "along"), NULL),
                           ins_map_get(c->settings, "period"), &p);
  if (status != INS_OK) return ins_within(status, "along");
  size_t place = 0;
  const size_t steps = reference || (p.period > 0 && p.n > 2) ? p.n : p.n - 1;
  if (p.n < 2)
    status = ins_fail(INS_ERR_ARGUMENT, "axis %s has one value: there is nothing to compare",
                      c->table->feature_axes[p.axis].name);
  if (status == INS_OK && reference) status = find_reference(c, &p, &place);
  if (status == INS_OK) status = list_pairs(c->table, &p, steps, reference ? &place : NULL, s);
  *n = c->table->n_feature_axes;
  if (status == INS_OK) status = declare_list(c->table, &p, steps, reference, l, axes);
  ins_parameter_clear(&p);
  return status;
}

static ins_status set_matrix(const ins_analysis_context *c, ins_dprime *s, ins_layout *l, int *n,
                             int *axes) {
  ins_status status = pick_all(c, s);
  if (status == INS_OK && s->n_conditions < 2)
    status = ins_fail(INS_ERR_ARGUMENT, "'%s' has one condition: give two", c->table->name);
  if (status != INS_OK) return status;
  if (!given(c, "conditions") && c->table->n_feature_axes == 1)
    status = ins_table_feature_axes(c->table, l, axes, n);
  else
    status = ins_condition_axis(c->table, l, "condition", s->features, s->n_conditions, &axes[0]);
  *n = 2;
  return status == INS_OK ? ins_axis_again(l, axes[0], &axes[1]) : status;
}

static ins_status set_pairs(const ins_analysis_context *c, ins_dprime *s, ins_layout *l, int *n,
                            int *axes) {
  const double most = ins_value_real_or(ins_map_get(c->settings, "max_pairs"), 1e7);
  if (given(c, "along") && given(c, "conditions"))
    return ins_fail(INS_ERR_ARGUMENT, "either `conditions`, all with each other, or `along`");
  if (given(c, "reference") && !given(c, "along"))
    return ins_fail(INS_ERR_ARGUMENT, "`reference` is a value of an axis that "
                                      "`along` names");
  ins_status status = given(c, "along") ? set_list(c, s, l, n, axes) : set_matrix(c, s, l, n, axes);
  if (status == INS_OK && (double)s->n_pairs > most)
    status = ins_fail(INS_ERR_ARGUMENT,
                      "%zu pairs are more than max_pairs, %.0f; choose "
                      "`conditions` or an axis `along`, or raise it",
                      s->n_pairs, most);
  if (status == INS_OK && *n > INS_MAX_DIMS)
    status =
        ins_fail(INS_ERR_UNSUPPORTED, "'%s' has %d axes of features, too many", c->table->name, *n);
  return status;
}

/* ---- which noise --------------------------------------------------------------------------------
 */

static ins_status set_noise(const ins_analysis_context *c, ins_dprime *s) {
  const size_t trials = c->table->n_repeats;
  s->gain = ins_value_real_or(ins_map_get(c->settings, "gain"), NAN);
  s->floor = ins_value_real_or(ins_map_get(c->settings, "floor"), 1e-3);
  s->shrinkage = ins_value_real_or(ins_map_get(c->settings, "shrinkage"), NAN);
  if (trials == 1)
    return ins_fail(INS_ERR_ARGUMENT,
                    "'%s' has one trial of each condition; noise "
                    "needs two",
                    c->table->name);
  if (!trials && isnan(s->gain))
    return ins_fail(INS_ERR_ARGUMENT,
                    "'%s' has no trials; give it repeats (keys `repeats`, or "
                    "`noise` and `draws`, of data), or `gain` for Poisson noise",
                    c->table->name);
  if (trials && !isnan(s->gain))
    return ins_fail(INS_ERR_ARGUMENT, "`gain` is for responses without trials, and '%s' has %zu",
                    c->table->name, trials);
  s->n_trials = trials;
  s->freedom = (double)c->table->n_features * (double)(trials ? trials - 1 : 0);
  if (trials && s->shrinkage == 0 && (double)c->table->n_items > s->freedom)
    return ins_fail(INS_ERR_ARGUMENT,
                    "the noise covariance of %zu neurons from %.0f degrees of "
                    "freedom has no inverse without shrinkage; leave it out, or above 0",
                    c->table->n_items, s->freedom);
  s->corrected = trials && s->freedom > (double)c->table->n_items + 1;
  s->shuffled_corrected = trials && s->freedom > 2;
  return INS_OK;
}

/* ---- declaring ---------------------------------------------------------------------------------
 */

static ins_status declare_known(ins_dprime *s, ins_layout *l, int item, int n, const int *axes) {
  ins_status status = ins_declare_flag(l, item, &s->v_flag);
  if (status == INS_OK)
    status = ins_declare(
        l, "d_prime", INS_F32, "1", "how well the population's counts tell two conditions apart",
        "d'^2 = sum_n 2 gain (f_a - f_b)^2 / (f_a + f_b), independent Poisson counts "
        "of mean gain f, f = max(response, floor), variance the mean of both; numbers "
        "of ranks agree to rounding",
        n, axes, &s->v_d);
  return status;
}

static ins_status declare_noise(ins_dprime *s, ins_layout *l, int item) {
  const ins_variable flag = {.name = "flag",
                             .long_name = "whether the item was used",
                             .flags = INS_ITEM_FLAGS ", 3 noiseless",
                             .scope = INS_PER_TASK,
                             .dtype = INS_I8,
                             .n_axes = 1,
                             .axes = {item}};
  ins_status status = ins_layout_variable(l, &flag, &s->v_flag);
  if (status == INS_OK)
    status =
        ins_declare(l, "noise_sd", INS_F64, NULL,
                    "standard deviation of the item's noise, pooled over conditions",
                    "sqrt(sum over conditions and trials of (x - mean)^2 / (conditions (trials - "
                    "1)))",
                    1, &item, &s->v_sd);
  if (status == INS_OK)
    status = ins_declare(l, "noise_shrinkage", INS_F64, "1",
                         "share by which noise correlations were shrunk towards 0",
                         isnan(s->shrinkage) ? "Ledoit & Wolf 2004, of noise in units of its "
                                               "standard deviation"
                                             : "as set",
                         0, NULL, &s->v_shrinkage);
  if (status == INS_OK)
    status = ins_declare(l, "n_used", INS_I64, "1", "items that are used (flag 0)", NULL, 0, NULL,
                         &s->v_used);
  return status;
}

static ins_status declare_trials(ins_dprime *s, ins_layout *l, int item, int n, const int *axes) {
  ins_status status = declare_noise(s, l, item);
  if (status == INS_OK)
    status = ins_declare(l, "d_prime", INS_F32, "1",
                         "how well a linear readout of the population tells two conditions apart, "
                         "as measured: finite trials make it too large",
                         "d'^2 = dm^T S^-1 dm, S the noise covariance pooled over conditions, its "
                         "correlations shrunk; numbers of ranks agree to rounding",
                         n, axes, &s->v_d);
  if (status == INS_OK)
    status = ins_declare(l, "d_prime_shuffled", INS_F32, "1",
                         "the same when noise correlations are ignored: trials shuffled",
                         "d'^2 = sum_n dm_n^2 / S_nn", n, axes, &s->v_shuffled);
  if (status == INS_OK && s->corrected)
    status =
        ins_declare(l, "d_prime_squared_corrected", INS_F32, "1",
                    "square of d' without the bias of finite trials, unbiased for Gaussian noise: "
                    "may be below 0 where two conditions are alike; missing where neurons are "
                    "multiples of each other",
                    "(v - n - 1) / v dm^T S^-1 dm - 2 n / trials, no shrinkage, v = conditions "
                    "(trials - 1), n = n_used (Kanitscheider, Coen-Cagli, Kohn & Pouget 2015)",
                    n, axes, &s->v_corrected);
  if (status == INS_OK && s->shuffled_corrected)
    status = ins_declare(l, "d_prime_shuffled_squared_corrected", INS_F32, "1",
                         "likewise when noise correlations are ignored",
                         "(v - 2) / v sum_n dm_n^2 / S_nn - 2 n / trials", n, axes,
                         &s->v_shuffled_corrected);
  return status;
}

static ins_status declare(const ins_analysis_context *c, ins_layout *layout, void **state) {
  ins_dprime *s;
  int item, n = 0, axes[INS_TABLE_MAX_AXES];
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if ((*state = s) == NULL) return status;
  s->table = c->table;
  s->precision = ins_precision(c->settings);
  status = set_noise(c, s);
  if (status == INS_OK) status = ins_table_item_axis(c->table, layout, &item);
  if (status == INS_OK) status = set_pairs(c, s, layout, &n, axes);
  if (status != INS_OK) return status;
  return s->n_trials ? declare_trials(s, layout, item, n, axes)
                     : declare_known(s, layout, item, n, axes);
}

static void teardown(void **state) {
  ins_dprime *s = *state;
  if (!s) return;
  ins_free(&s->features);
  ins_free(&s->first);
  ins_free(&s->second);
  ins_free(state);
}

/* ---- what it takes ------------------------------------------------------------------------------
 */

static void needs(const void *state, int size, int block, ins_needs *out) {
  const ins_dprime *s = state;
  const double n = (double)s->table->n_items, k = (double)s->table->n_features,
               q = (double)(s->all_pairs ? s->n_conditions : s->n_pairs),
               samples = k * (double)s->n_trials, side = fmin(n, samples);
  const ins_dtype t = s->precision;
  const double one = ins_matrix_bytes(size, block, t, n, k),
               x = ins_matrix_bytes(size, block, t, n, q),
               gram = ins_matrix_bytes(size, block, t, fmax(side, 1), fmax(side, 1)),
               pairs = s->all_pairs ? ins_matrix_bytes(size, block, t, q, q) : 8 * q;
  const double numbers = 64 * n + 16 * k + 16 * q, read = ins_table_read_bytes(s->table, size, t),
               picked = ins_pick_bytes(size, t, n, k),
               product = ins_matrix_product_bytes(size, block, t, fmax(side, q), fmax(side, q));
  if (!s->n_trials) {
    out->bytes = 2 * one + fmax(read, fmax(picked, s->all_pairs ? product : 0)) + 2 * pairs +
                 8 * (double)s->n_pairs + numbers;
    out->flops = 6 * n * (double)s->n_pairs;
    return;
  }
  const bool dual = samples < n;
  const double all = dual ? ins_matrix_bytes(size, block, t, n, samples) : 0;
  const double reading = 3 * one + all + 2 * gram + fmax(read, product),
               solving = one + all + 2 * gram + 3 * x + fmax(picked, product) + pairs;
  out->bytes = fmax(reading, solving) + numbers;
  out->flops = n * side * fmax(samples, side) + side * side * side / 3 * (s->corrected ? 2 : 1) +
               (s->corrected ? 4 : 2) * side * side * q + (dual ? 4 * n * samples * q : 0) +
               (s->all_pairs ? 8 * n * q * q : 0);
}

const ins_population_analysis ins_discriminability = {declare, needs, ins_dprime_run, teardown};
