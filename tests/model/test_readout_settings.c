/* SPDX-License-Identifier: MIT */
/** What readouts say of their masks, of cloned sessions, and of settings that make no sense. */
#include "readout_cases.h"

static float at(const float *mask, const readout_case *c, size_t row, size_t column) {
  return mask[row * c->width + column];
}

static float *mask_of(const readout_case *c, size_t neuron) {
  float *mask = noise(1, c->height * c->width); /* to be overwritten */
  ins_model_mask(c->model, neuron, mask);
  return mask;
}

static double sum(const float *values, size_t n) {
  double total = 0;
  for (size_t i = 0; i < n; i++) total += (double)values[i];
  return total;
}

/* A parameter of the case, to be changed before the model is made again. */
static float *parameter(const readout_case *c, const char *name) {
  const ins_value *value = ins_map_get(c->source->parameters, name);
  if (!value) fail_msg("no parameter %s", name);
  return value->array.data;
}

static void remake(readout_case *c) {
  ins_model_destroy(&c->model);
  c->model = model_of(c->source, c->name);
}

/* ---- masks ---------------------------------------------------------------------------------- */

/* Map of 6 x 5: x from -1 to 1 is column 0 to 4, y row 0 to 5; with edges, -0.5 to 4.5 and 5.5. */
static void a_point_is_seen_through_the_pixels_around_it(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "point_gaussian"));
  const float places[3][2] = {{0.125f, -0.9f}, {7, -7}, {-1, 1}}; /* x, y of session a */
  memcpy(parameter(&c, "readout.a._mu"), places, sizeof places);
  remake(&c);
  float *mask = mask_of(&c, 0);
  assert_true(fabsf(at(mask, &c, 0, 2) - 0.75f * 0.75f) < 1e-6f);
  assert_true(fabsf(at(mask, &c, 0, 3) - 0.75f * 0.25f) < 1e-6f);
  assert_true(fabsf(at(mask, &c, 1, 2) - 0.25f * 0.75f) < 1e-6f);
  assert_true(fabsf(at(mask, &c, 1, 3) - 0.25f * 0.25f) < 1e-6f);
  assert_true(fabs(sum(mask, 30) - 1) < 1e-6);
  ins_free(&mask);
  mask = mask_of(&c, 1); /* clamped to the corner */
  assert_true(at(mask, &c, 0, 4) == 1);
  ins_free(&mask);
  mask = mask_of(&c, 2);
  assert_true(at(mask, &c, 5, 0) == 1);
  ins_free(&mask);
  close_case(&c);
  ins_value_destroy(&all);
}

static void a_point_at_the_edge_sees_half_of_nothing(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "point_gaussian_edges"));
  const float place[2] = {1, 0};
  memcpy(parameter(&c, "readout.a._mu"), place, sizeof place);
  remake(&c);
  float *mask = mask_of(&c, 0);
  assert_true(fabsf(at(mask, &c, 2, 4) - 0.25f) < 1e-6f);
  assert_true(fabsf(at(mask, &c, 3, 4) - 0.25f) < 1e-6f);
  assert_true(fabs(sum(mask, 30) - 0.5) < 1e-6);
  ins_free(&mask);
  close_case(&c);
  ins_value_destroy(&all);
}

static void the_mask_of_a_linear_readout_is_the_norm_of_its_kernel(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "lnp"));
  const float *kernel = parameter(&c, "readout.b.inner_product_kernel.weight");
  float *mask = mask_of(&c, 4); /* neuron 1 of b, which follows the 3 of a */
  for (size_t p = 0; p < 30; p++) {
    double square = 0;
    for (size_t k = 0; k < 3; k++) square += pow((double)kernel[(3 + k) * 30 + p], 2);
    assert_true(fabs((double)mask[p] - sqrt(square)) < 1e-6);
  }
  ins_free(&mask);
  close_case(&c);
  ins_value_destroy(&all);
}

/* The patch is 3 x 4 at row 2, column 1; the filter has rank 1. */
static void outside_its_patch_a_single_cell_sees_nothing(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "single_lnp_crop"));
  const float *space = parameter(&c, "space_conv.weight"),
              *time = parameter(&c, "time_conv.weight");
  float *mask = mask_of(&c, 0);
  double norm = 0;
  for (int k = 0; k < 4; k++) norm += pow((double)time[k], 2);
  for (size_t h = 0; h < 6; h++) {
    for (size_t w = 0; w < 5; w++) {
      double square = 0;
      const bool inside = h >= 2 && h < 5 && w >= 1;
      for (size_t k = 0; inside && k < 3; k++)
        square += pow((double)space[k * 12 + (h - 2) * 4 + w - 1], 2);
      assert_true(fabs((double)at(mask, &c, h, w) - sqrt(square * norm)) < 1e-6);
    }
  }
  ins_free(&mask);
  close_case(&c);
  ins_value_destroy(&all);
}

static void the_mask_of_spatial_contrast_sums_to_one(void **state) {
  (void)state;
  static const char *const names[] = {"spatial_contrast", "single_spatial_contrast_crop"};
  ins_value *all = read_cases();
  for (int k = 0; k < 2; k++) {
    readout_case c = open_case(case_entry(all, names[k]));
    float *mask = mask_of(&c, 0);
    assert_true(fabs(sum(mask, 30) - 1) < 1e-6);
    if (k == 1) /* the patch has columns 0 to 2 */
      for (size_t h = 0; h < 6; h++)
        assert_true(at(mask, &c, h, 3) == 0 && at(mask, &c, h, 4) == 0);
    ins_free(&mask);
    close_case(&c);
  }
  ins_value_destroy(&all);
}

/* ---- clones, frames ------------------------------------------------------------------------- */

/* The clone's only trained numbers are alpha and beta. */
static void cloned_weights_are_counted_once(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "cloned_gaussian_mask"));
  assert_int_equal(ins_model_describe(c.model)->n_parameters, 3 * (2 + 1 + 3 + 1 + 1) + 2 * 3);
  close_case(&c);
  c = open_case(case_entry(all, "cloned_point_gaussian"));
  assert_int_equal(ins_model_describe(c.model)->n_parameters, 5 * (2 + 3 + 1) + 2 * 3);
  close_case(&c);
  ins_value_destroy(&all);
}

static void readouts_that_filter_in_time_need_more_frames(void **state) {
  (void)state;
  ins_value *all = read_cases();
  readout_case c = open_case(case_entry(all, "spatial_contrast"));
  size_t n;
  long first, last;
  assert_int_equal(c.n_output, 12 - 4);
  ins_model_window(c.model, 3, &first, &last);
  assert_int_equal(first, 0);
  assert_int_equal(last, 4);
  assert_int_equal(ins_model_output_frames(c.model, 4, &n), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "at least 5"));
  close_case(&c);
  ins_value_destroy(&all);
}

static void unused_parameters_that_openretina_stores_are_accepted(void **state) {
  (void)state;
  const size_t sigma[4] = {1, 3, 2, 2}, bias[1] = {3};
  const struct {
    const char *name, *parameter;
    int n_dims;
    const size_t *shape;
  } stored[] = {{"point_gaussian", "readout.a.sigma", 4, sigma},
                {"spatial_contrast", "readout.a.bias", 1, bias}};
  ins_value *all = read_cases();
  for (int k = 0; k < 2; k++) {
    readout_case c = open_case(case_entry(all, stored[k].name));
    const size_t n = ins_model_describe(c.model)->n_parameters;
    assert_int_equal(ins_map_take(c.source->parameters, stored[k].parameter,
                                  ins_value_array(INS_F32, stored[k].n_dims, stored[k].shape)),
                     INS_OK);
    remake(&c);
    assert_int_equal(ins_model_describe(c.model)->n_parameters, n);
    close_case(&c);
  }
  ins_value_destroy(&all);
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* The case's model with one setting changed (YAML). */
static void expect_refusal(const ins_value *all, const char *name, const char *path,
                           const char *setting, ins_status status, const char *says) {
  ins_value *value;
  ins_model *model;
  ins_model_source *source = case_source(case_entry(all, name));
  if (ins_yaml_parse(setting, strlen(setting), NULL, NULL, &value) != INS_OK)
    fail_msg("%s", ins_message());
  assert_int_equal(ins_value_set(source->architecture, path, value), INS_OK);
  const ins_status is = ins_model_create(source, &model);
  if (is != status || !strstr(ins_message(), says))
    fail_msg("%s with %s %s: status %d, %s", name, path, setting, (int)is, ins_message());
  ins_model_source_destroy(&source);
}

static void settings_that_make_no_sense_are_refused(void **state) {
  (void)state;
  const struct {
    const char *name, *path, *setting;
    ins_status status;
    const char *says;
  } wrong[] = {
      {"spatial_contrast", "in_shape", "[2, 12, 6, 5]", INS_ERR_UNSUPPORTED, "one channel"},
      {"single_spatial_contrast", "in_shape", "[2, 12, 6, 5]", INS_ERR_UNSUPPORTED, "one channel"},
      {"single_spatial_contrast_crop", "readout.crop", "[3, 1]", INS_ERR_SHAPE, "lies beyond"},
      {"single_spatial_contrast_crop", "readout.crop", "null", INS_ERR_SHAPE, "readout.crop"},
      {"single_lnp_crop", "readout.crop", "[0, 2]", INS_ERR_SHAPE, "lies beyond"},
      {"single_lnp_crop", "readout.crop", "[1]", INS_ERR_FORMAT, "list of 2"},
      {"single_lnp", "sessions", "[{name: cell, n_neurons: 2}]", INS_ERR_SHAPE, "one neuron"},
      {"single_spatial_contrast", "sessions", "[{name: cell, n_neurons: 2}]", INS_ERR_SHAPE,
       "one neuron"},
      {"lnp", "in_shape", "[3, 7, 6, 6]", INS_ERR_SHAPE, "inner_product_kernel.weight"},
      {"lnp", "readout.nonlinearity", "softmax", INS_ERR_UNSUPPORTED, "softmax"},
      {"lnp_softplus", "readout.bias", "false", INS_ERR_UNSUPPORTED, "inner_product_kernel.bias"},
      {"point_gaussian", "readout.nonlinearity", "3", INS_ERR_FORMAT, "name"},
      {"factorized", "readout.mask_constraint", "norm", INS_ERR_UNSUPPORTED, "mask_constraint"},
      {"factorized", "readout.weights_constraint", "l1", INS_ERR_UNSUPPORTED, "'l1'"},
      {"factorized_abs", "in_shape", "[3, 7, 5, 5]", INS_ERR_SHAPE, "mask_weights"},
      {"spatial_x_feature_free", "readout.gaussian_masks", "true", INS_ERR_MISSING, "mask_mean"},
      {"cloned_point_gaussian", "sessions",
       "[{name: a, n_neurons: 3}, {name: b, n_neurons: 2}, {name: c, n_neurons: 3, clone_of: b}]",
       INS_ERR_SHAPE, "readout.b._mu"},
  };
  ins_value *all = read_cases();
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    expect_refusal(all, wrong[i].name, wrong[i].path, wrong[i].setting, wrong[i].status,
                   wrong[i].says);
  ins_value_destroy(&all);
}

/* The case's model with a parameter that is another array, or NULL: missing. */
static void expect_bad_parameter(const ins_value *all, const char *name, const char *parameter,
                                 ins_value *value, ins_status status, const char *says) {
  ins_model *model;
  ins_model_source *source = case_source(case_entry(all, name));
  if (value)
    assert_int_equal(ins_map_take(source->parameters, parameter, value), INS_OK);
  else
    assert_true(ins_map_remove(source->parameters, parameter));
  const ins_status is = ins_model_create(source, &model);
  if (is != status || !strstr(ins_message(), says))
    fail_msg("%s with another %s: status %d, %s", name, parameter, (int)is, ins_message());
  ins_model_source_destroy(&source);
}

static ins_value *array(int n_dims, const size_t *shape, float fill) {
  ins_value *value = ins_value_array(INS_F32, n_dims, shape);
  float *to = value->array.data;
  for (size_t i = 0; i < ins_array_count(&value->array); i++) to[i] = fill;
  return value;
}

static void parameters_that_make_no_sense_are_refused(void **state) {
  (void)state;
  const size_t other_taps[2] = {3, 4}, no_taps[1] = {0}, five[1] = {5}, layer[2] = {2, 5},
               space[5] = {2, 3, 1, 6, 5}, none[2] = {0, 5};
  ins_value *all = read_cases();
  expect_bad_parameter(all, "spatial_contrast", "readout.b.temporal_filters", NULL, INS_ERR_MISSING,
                       "temporal_filters");
  expect_bad_parameter(all, "spatial_contrast", "readout.a.temporal_filters",
                       array(2, other_taps, 1), INS_ERR_UNSUPPORTED, "'b'");
  expect_bad_parameter(all, "single_spatial_contrast", "temporal_filter", array(1, no_taps, 0),
                       INS_ERR_SHAPE, "0 frames");
  expect_bad_parameter(all, "single_spatial_contrast", "spatial_filter", array(2, none, 0),
                       INS_ERR_SHAPE, "0 x 5");
  expect_bad_parameter(all, "point_gaussian_shared_features", "readout.a.feature_sharing_index",
                       array(1, five, 3), INS_ERR_FORMAT, "feature_sharing_index");
  expect_bad_parameter(all, "point_gaussian_shared_grid", "readout.a.grid_sharing_index",
                       array(1, five, NAN), INS_ERR_FORMAT, "grid_sharing_index");
  expect_bad_parameter(all, "point_gaussian_predicted", "readout.a.mu_transform.4.weight",
                       array(2, layer, 1), INS_ERR_SHAPE, "mu_transform.4.weight");
  expect_bad_parameter(all, "single_lnp", "space_conv.weight", array(5, space, 0), INS_ERR_FORMAT,
                       "unit norm");
  expect_bad_parameter(all, "cloned_point_gaussian", "readout.c.beta", NULL, INS_ERR_MISSING,
                       "readout.c.beta");
  ins_value_destroy(&all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_point_is_seen_through_the_pixels_around_it),
      cmocka_unit_test(a_point_at_the_edge_sees_half_of_nothing),
      cmocka_unit_test(the_mask_of_a_linear_readout_is_the_norm_of_its_kernel),
      cmocka_unit_test(outside_its_patch_a_single_cell_sees_nothing),
      cmocka_unit_test(the_mask_of_spatial_contrast_sums_to_one),
      cmocka_unit_test(cloned_weights_are_counted_once),
      cmocka_unit_test(readouts_that_filter_in_time_need_more_frames),
      cmocka_unit_test(unused_parameters_that_openretina_stores_are_accepted),
      cmocka_unit_test(settings_that_make_no_sense_are_refused),
      cmocka_unit_test(parameters_that_make_no_sense_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
