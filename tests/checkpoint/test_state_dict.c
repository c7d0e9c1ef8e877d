/* SPDX-License-Identifier: MIT */
/* Every entry of a state dict is accounted for, and named when it is not what it should be. */
#include "checkpoint/state_dict.h"
#include "support.h"

static ins_model_source *model(void) {
  ins_model_source *s;
  if (ins_model_open(GOLDEN "variants/three_layers/model.ckpt", NULL, &s) != INS_OK)
    fail_msg("%s", ins_message());
  return s;
}

static void add(ins_value *map, const char *name, ins_dtype dtype, int n_dims,
                const size_t *shape) {
  assert_ok(ins_map_take(map, name, ins_value_array(dtype, n_dims, shape)));
}

static void each_missing_parameter_is_named(void **state) {
  (void)state;
  ins_model_source *s = model();
  size_t n = s->parameters->children.n;
  assert_int_equal(n, 3 * 8 + 2 * 5);
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

static void a_parameter_of_another_shape_or_type_is_named(void **state) {
  (void)state;
  ins_model_source *s = model();
  add(s->parameters, "readout.a_late.bias", INS_F32, 1, (size_t[]){4});
  assert_int_equal(ins_state_check("file", s->architecture, s->parameters), INS_ERR_SHAPE);
  assert_message("'readout.a_late.bias' has the shape [4], but its architecture asks for [3]");
  add(s->parameters, "readout.a_late.bias", INS_I64, 1, (size_t[]){3});
  assert_int_equal(ins_state_check("file", s->architecture, s->parameters), INS_ERR_UNSUPPORTED);
  assert_message("int64");
  add(s->parameters, "readout.a_late.bias", INS_BF16, 1, (size_t[]){3});
  assert_ok(ins_state_check("file", s->architecture, s->parameters));
  ins_model_source_destroy(&s);
}

static void an_unknown_entry_is_named_with_its_module(void **state) {
  (void)state;
  static const char *const names[] = {"core.features.layer0.conv.weight",
                                      "core.features.layerx.norm.bias",
                                      "core.projection.weight",
                                      "readout.a_late._mu",
                                      "readout.alpha",
                                      "encoder.weight",
                                      "bias"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    ins_value *state_dict = ins_value_map(), *ignored = ins_value_list();
    add(state_dict, names[i], INS_F32, 0, NULL);
    assert_string_equal(ins_state_foreign(state_dict), names[i]);
    assert_int_equal(ins_state_sort("file", state_dict, ignored), INS_ERR_UNSUPPORTED);
    assert_message(names[i]);
    ins_value_destroy(&state_dict);
    ins_value_destroy(&ignored);
  }
}

static void buffers_that_are_not_the_model_are_ignored_by_name(void **state) {
  (void)state;
  static const char *const names[] = {"core._input_weights_regularizer_spatial.laplace.filter",
                                      "core._input_weights_regularizer_temporal.filter",
                                      "core.features.layer0.norm.num_batches_tracked",
                                      "core.features.layer0.conv._log_speed_default",
                                      "readout.s.grid",
                                      "loss.weight",
                                      "evaluation_loss.x"};
  const size_t n = sizeof names / sizeof names[0];
  ins_value *state_dict = ins_value_map(), *ignored = ins_value_list();
  for (size_t i = 0; i < n; i++) add(state_dict, names[i], INS_F32, 1, (size_t[]){1});
  add(state_dict, "core.features.layer1.conv._log_speed_default", INS_F32, 1, (size_t[]){1});
  float *speed = state_dict->children.items[n]->array.data;
  speed[0] = 0.25f;
  add(state_dict, "readout.s.bias_param", INS_F32, 1, (size_t[]){1});
  assert_ok(ins_state_sort("file", state_dict, ignored));
  assert_int_equal(ignored->children.n, n);
  for (size_t i = 0; i < n; i++) assert_string_equal(ignored->children.items[i]->text, names[i]);
  assert_int_equal(state_dict->children.n, 2);
  assert_non_null(ins_map_get(state_dict, "core.features.layer1.conv._log_speed_default"));
  assert_non_null(ins_map_get(state_dict, "readout.s.bias"));
  ins_value_destroy(&state_dict);
  ins_value_destroy(&ignored);
}

static void sessions_are_sorted_as_python_sorts_them(void **state) {
  (void)state;
  static const char *const names[] = {"readout.b.mask_mean", "readout.a_2.mask_mean",
                                      "readout.a.mask_mean", "readout.\xc3\xa4.mask_mean",
                                      "readout.B.mask_mean", "readout.10.mask_mean"};
  static const char *const sorted[] = {"10", "B", "a", "a_2", "b", "\xc3\xa4"};
  ins_value *state_dict = ins_value_map(), *sessions;
  for (size_t i = 0; i < 6; i++) add(state_dict, names[i], INS_F32, 2, (size_t[]){i + 1, 2});
  assert_ok(ins_state_sessions(state_dict, &sessions));
  for (size_t i = 0; i < 6; i++)
    assert_string_equal(ins_map_get(sessions->children.items[i], "name")->text, sorted[i]);
  assert_int_equal(ins_map_get(sessions->children.items[0], "n_neurons")->integer, 6);
  ins_value_destroy(&sessions);
  ins_value_destroy(&state_dict);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_missing_parameter_is_named),
      cmocka_unit_test(a_parameter_of_another_shape_or_type_is_named),
      cmocka_unit_test(an_unknown_entry_is_named_with_its_module),
      cmocka_unit_test(buffers_that_are_not_the_model_are_ignored_by_name),
      cmocka_unit_test(sessions_are_sorted_as_python_sorts_them),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
