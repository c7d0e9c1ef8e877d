/* SPDX-License-Identifier: MIT */
/* Every entry of a state dict is accounted for, and named when it is not what it should be. */
#include "checkpoint/state_dict.h"

#include "checkpoint/sessions.h"
#include "support.h"

static ins_model_source *model(const char *name) {
  char path[512];
  ins_model_source *s;
  snprintf(path, sizeof path, GOLDEN "%s", name);
  if (ins_model_open(path, NULL, &s) != INS_OK) fail_msg("%s", ins_message());
  return s;
}

static void add(ins_value *map, const char *name, ins_dtype dtype, int n_dims,
                const size_t *shape) {
  assert_ok(ins_map_take(map, name, ins_value_array(dtype, n_dims, shape)));
}

/* One of each kind of core and readout. */
static const struct {
  const char *path;
  size_t n_parameters;
} models[] = {{"variants/three_layers/model.ckpt", 3 * 8 + 2 * 5},
              {"variants/colour_squash/model.ckpt", 2 * 8 + 1 + 5},
              {"variants/full_convolution/model.ckpt", 2 * 6 + 5},
              {"variants/separable_convolution/model.ckpt", 2 * 7 + 5},
              {"variants/time_independent/model.ckpt", 2 * 6 + 5},
              {"variants/gru_core/model.ckpt", 2 * 7 + 1 + 12 + 5},
              {"kinds/gru_groups/model.ckpt", 3 + 2 + 1 + 12 + 5},
              {"kinds/gru_scalar_kernels/model.ckpt", 2 * 5 + 2 * 5},
              {"variants/factorized_readout/model.ckpt", 2 * 8 + 2 * 3},
              {"kinds/point_partial/model.ckpt", 8 + 2},
              {"variants/lnp/model.ckpt", 2 * 2},
              {"kinds/spatial_contrast/model.ckpt", 2 * 7},
              {"kinds/single_contrast/model.ckpt", 7},
              {"kinds/cloned_readout/model.ckpt", 8 + 5 + 2},
              {"kinds/legacy_one_speed", 2 * 5 + 2 * 5}};

static void each_missing_parameter_is_named(void **state) {
  (void)state;
  for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
    ins_model_source *s = model(models[m].path);
    size_t n = s->parameters->children.n;
    if (n != models[m].n_parameters) fail_msg("%s: %zu parameters", models[m].path, n);
    for (size_t i = 0; i < n; i++) {
      ins_value *fewer = ins_value_copy(s->parameters);
      const char *name = s->parameters->children.keys[i];
      assert_true(ins_map_remove(fewer, name));
      assert_int_equal(ins_state_check("file", s->architecture, fewer), INS_ERR_MISSING);
      assert_message(name);
      ins_value_destroy(&fewer);
    }
    assert_ok(ins_state_check("file", s->architecture, s->parameters));
    ins_model_source_destroy(&s);
  }
}

static void each_parameter_of_another_shape_is_named(void **state) {
  (void)state;
  for (size_t m = 0; m < sizeof models / sizeof models[0]; m++) {
    ins_model_source *s = model(models[m].path);
    for (size_t i = 0; i < s->parameters->children.n; i++) {
      ins_value *other = ins_value_copy(s->parameters);
      const char *name = s->parameters->children.keys[i];
      add(other, name, INS_F32, 6, (size_t[]){1, 1, 1, 1, 1, 1});
      assert_int_equal(ins_state_check("file", s->architecture, other), INS_ERR_SHAPE);
      assert_message(name);
      ins_value_destroy(&other);
    }
    ins_model_source_destroy(&s);
  }
}

static void a_parameter_of_another_length_or_type_is_named(void **state) {
  (void)state;
  ins_model_source *s = model(models[0].path);
  add(s->parameters, "readout.a_late.bias", INS_F32, 1, (size_t[]){4});
  assert_int_equal(ins_state_check("file", s->architecture, s->parameters), INS_ERR_SHAPE);
  assert_message("'readout.a_late.bias' has the shape [4], but its architecture asks for [3]");
  add(s->parameters, "readout.a_late.bias", INS_I64, 1, (size_t[]){3});
  assert_int_equal(ins_state_check("file", s->architecture, s->parameters), INS_ERR_UNSUPPORTED);
  assert_message("int64");
  add(s->parameters, "readout.a_late.bias", INS_BF16, 1, (size_t[]){3});
  assert_ok(ins_state_check("file", s->architecture, s->parameters));
  add(s->parameters, "core.features.layer3.norm.bias", INS_F32, 1, (size_t[]){3});
  assert_int_equal(ins_state_check("file", s->architecture, s->parameters), INS_ERR_SHAPE);
  assert_message("is of layer 3, but its architecture has 3");
  ins_model_source_destroy(&s);
}

static void an_unknown_entry_is_named(void **state) {
  (void)state;
  static const char *const names[] = {"core.features.layerx.norm.bias",
                                      "core.features.layer0.conv.log_speed_",
                                      "core.projection.weight",
                                      "readout.a_late.features.0",
                                      "readout.alpha",
                                      "encoder.weight",
                                      "bias"};
  ins_model_source *s = model(models[0].path);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ins_value *state_dict = ins_value_map(), *ignored = ins_value_list();
    add(state_dict, names[i], INS_F32, 0, NULL);
    assert_string_equal(ins_state_foreign(state_dict), names[i]);
    assert_int_equal(ins_state_sort("file", s->architecture, state_dict, ignored),
                     INS_ERR_UNSUPPORTED);
    assert_message(names[i]);
    ins_value_destroy(&state_dict);
    ins_value_destroy(&ignored);
  }
  ins_model_source_destroy(&s);
}

static void an_entry_of_another_kind_or_setting_is_named(void **state) {
  (void)state;
  static const struct {
    const char *model, *entry, *says;
  } cases[] = {
      {"variants/three_layers/model.ckpt", "readout.a_late._mu", "MultiGaussianMaskReadout"},
      {"variants/three_layers/model.ckpt", "core.features.layer0.conv.conv.weight",
       "convolution=full"},
      {"kinds/lnp_defaults/model.ckpt", "readout.a_late.inner_product_kernel.bias", "'bias'"},
      {"kinds/gru_groups/model.ckpt", "core.features.layer0.norm.weight", "batch_norm_scale"},
      {"kinds/gru_groups/model.ckpt", "core.features.projection.0.conv.weight", "use_projections"},
      {"kinds/cloned_readout/model.ckpt", "readout.a_late.bias", "MultiGaussianMaskReadout"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ins_model_source *s = model(cases[i].model);
    ins_value *state_dict = ins_value_map(), *ignored = ins_value_list();
    add(state_dict, cases[i].entry, INS_F32, 0, NULL);
    assert_null(ins_state_foreign(state_dict));
    assert_int_equal(ins_state_sort("file", s->architecture, state_dict, ignored),
                     INS_ERR_UNSUPPORTED);
    assert_message(cases[i].entry);
    assert_message(cases[i].says);
    ins_value_destroy(&state_dict);
    ins_value_destroy(&ignored);
    ins_model_source_destroy(&s);
  }
}

static void buffers_that_are_not_the_model_are_ignored_by_name(void **state) {
  (void)state;
  static const char *const names[] = {"core._input_weights_regularizer_spatial.laplace.filter",
                                      "core._input_weights_regularizer_temporal.filter",
                                      "core.features.layer0.norm.num_batches_tracked",
                                      "core.features.layer0.conv._log_speed_default",
                                      "readout.a_late.grid",
                                      "loss.weight",
                                      "evaluation_loss.x"};
  const size_t n = sizeof names / sizeof names[0];
  ins_model_source *s = model(models[0].path);
  ins_value *state_dict = ins_value_map(), *ignored = ins_value_list();
  for (size_t i = 0; i < n; i++) add(state_dict, names[i], INS_F32, 1, (size_t[]){1});
  add(state_dict, "core.features.layer1.conv._log_speed_default", INS_F32, 1, (size_t[]){1});
  float *speed = state_dict->children.items[n]->array.data;
  speed[0] = 0.25f;
  add(state_dict, "readout.a_late.bias_param", INS_F32, 1, (size_t[]){1});
  ins_state_modernise(state_dict);
  assert_ok(ins_state_sort("file", s->architecture, state_dict, ignored));
  assert_int_equal(ignored->children.n, n);
  for (size_t i = 0; i < n; i++) assert_string_equal(ignored->children.items[i]->text, names[i]);
  assert_int_equal(state_dict->children.n, 2);
  assert_non_null(ins_map_get(state_dict, "core.features.layer1.conv._log_speed_default"));
  assert_non_null(ins_map_get(state_dict, "readout.a_late.bias"));
  ins_value_destroy(&state_dict);
  ins_value_destroy(&ignored);
  ins_model_source_destroy(&s);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static ins_status sessions_of(const ins_value *state_dict, ins_value **out) {
  const ins_settings settings = {.file = "file", .root = ""};
  return ins_sessions_read(&settings, ins_readout_kinds[0], state_dict, out);
}

static void sessions_are_sorted_as_python_sorts_them(void **state) {
  (void)state;
  static const char *const names[] = {"readout.b.mask_mean", "readout.a_2.mask_mean",
                                      "readout.a.mask_mean", "readout.\xc3\xa4.mask_mean",
                                      "readout.B.mask_mean", "readout.10.mask_mean"};
  static const char *const sorted[] = {"10", "B", "a", "a_2", "b", "\xc3\xa4"};
  ins_value *state_dict = ins_value_map(), *sessions;
  for (size_t i = 0; i < 6; i++) add(state_dict, names[i], INS_F32, 2, (size_t[]){i + 1, 2});
  assert_ok(sessions_of(state_dict, &sessions));
  for (size_t i = 0; i < 6; i++)
    assert_string_equal(ins_map_get(sessions->children.items[i], "name")->text, sorted[i]);
  assert_int_equal(ins_map_get(sessions->children.items[0], "n_neurons")->integer, 6);
  ins_value_destroy(&sessions);
  ins_value_destroy(&state_dict);
}

static void a_session_without_neurons_is_named(void **state) {
  (void)state;
  ins_value *state_dict = ins_value_map(), *sessions;
  add(state_dict, "readout.a.mask_mean", INS_F32, 2, (size_t[]){3, 2});
  add(state_dict, "readout.b.features", INS_F32, 4, (size_t[]){1, 1, 1, 3});
  assert_int_equal(sessions_of(state_dict, &sessions), INS_ERR_MISSING);
  assert_message("'readout.b.mask_mean' is missing");
  ins_value_destroy(&state_dict);
}

static void a_clone_that_is_none_is_refused(void **state) {
  (void)state;
  ins_value *state_dict = ins_value_map(), *sessions;
  add(state_dict, "readout.b.mask_mean", INS_F32, 2, (size_t[]){3, 2});
  add(state_dict, "readout.a._source.mask_mean", INS_F32, 2, (size_t[]){3, 2});
  add(state_dict, "readout.a.alpha", INS_F32, 1, (size_t[]){3});
  assert_ok(sessions_of(state_dict, &sessions));
  assert_string_equal(ins_value_at(sessions, "0.clone_of")->text, "b");
  assert_null(ins_value_at(sessions, "1.clone_of"));
  ins_value_destroy(&sessions);
  ((float *)state_dict->children.items[1]->array.data)[5] = 1;
  assert_int_equal(sessions_of(state_dict, &sessions), INS_ERR_UNSUPPORTED);
  assert_message("'readout.a._source.mask_mean'");
  add(state_dict, "readout.a.alpha", INS_F32, 1, (size_t[]){4});
  assert_int_equal(sessions_of(state_dict, &sessions), INS_ERR_SHAPE);
  ins_value_destroy(&state_dict);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_missing_parameter_is_named),
      cmocka_unit_test(each_parameter_of_another_shape_is_named),
      cmocka_unit_test(a_parameter_of_another_length_or_type_is_named),
      cmocka_unit_test(an_unknown_entry_is_named),
      cmocka_unit_test(an_entry_of_another_kind_or_setting_is_named),
      cmocka_unit_test(buffers_that_are_not_the_model_are_ignored_by_name),
      cmocka_unit_test(sessions_are_sorted_as_python_sorts_them),
      cmocka_unit_test(a_session_without_neurons_is_named),
      cmocka_unit_test(a_clone_that_is_none_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
