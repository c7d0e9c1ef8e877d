/* SPDX-License-Identifier: MIT */
#include "golden.h"
#include "serial_run.h"

#define MODEL    "model: " INS_TEST_DATA "/golden/trained/model.ckpt\n"
#define STIMULUS "stimulus: " INS_TEST_DATA "/golden/trained/stimulus.npy\n"
#define RESPONSE "experiment: response\noutput: x.h5\n" MODEL

static void compare(const char *extra, const char *file) {
  char yaml[2048];
  snprintf(yaml, sizeof yaml, RESPONSE STIMULUS "%s", extra);
  serial_run r = serial_run_job(yaml);
  ins_value *expected = golden(file);
  size_t n = ins_array_count(&expected->array);
  assert_int_equal(r.n_tasks, 3);
  assert_int_equal(n, 3 * ins_layout_row(r.layout, ins_layout_find(r.layout, "response")));
  double error = relative_error(serial_row(&r, "response", 0), golden_data(expected), n);
  print_message("%-36s relative error %.1e\n", file, error);
  assert_true(error < 1e-5);
  ins_value_destroy(&expected);
  serial_clear(&r);
}

static void responses_are_those_of_the_peer(void **state) {
  (void)state;
  compare("", "trained/responses_all.npy");
  compare("session: 1_ventral1_20200226\n", "trained/responses_1_ventral1_20200226.npy");
  compare("session: 2_dorsal1_20200306\n", "trained/responses_2_dorsal1_20200306.npy");
}

/* A neuron's response has the same bits whichever others are asked for. */
static void some_neurons_answer_as_among_all(void **state) {
  (void)state;
  serial_run all = serial_run_job(RESPONSE STIMULUS);
  serial_run some = serial_run_job(RESPONSE STIMULUS "neurons: [30, 2, 17]\n");
  const float *a = serial_row(&all, "response", 1), *s = serial_row(&some, "response", 1);
  const size_t chosen[] = {30, 2, 17};
  for (size_t t = 0; t < 20; t++)
    for (size_t k = 0; k < 3; k++) assert_true(a[t * 40 + chosen[k]] == s[t * 3 + k]);
  serial_clear(&all);
  serial_clear(&some);
}

static void neurons_are_described_along_their_axis(void **state) {
  (void)state;
  serial_run r = serial_run_job(RESPONSE STIMULUS "neurons: [30, 2]\n");
  const ins_variable *session = &r.layout->variables[ins_layout_find(r.layout, "session")];
  const ins_variable *number = &r.layout->variables[ins_layout_find(r.layout, "neuron_in_session")];
  assert_string_equal(session->data->children.items[0]->text, "2_dorsal1_20200306");
  assert_string_equal(session->data->children.items[1]->text, "1_ventral1_20200226");
  assert_true(ins_array_get(&number->data->array, 0) == 12);
  assert_true(ins_array_get(&number->data->array, 1) == 2);
  assert_true(ins_layout_find(r.layout, "group_assignment") >= 0);
  serial_clear(&r);
}

static void cell_types_choose_neurons(void **state) {
  (void)state;
  serial_run all = serial_run_job(RESPONSE STIMULUS);
  const ins_variable *types =
      &all.layout->variables[ins_layout_find(all.layout, "group_assignment")];
  int type = (int)ins_array_get(&types->data->array, 5);
  size_t expected = 0;
  for (size_t k = 0; k < 40; k++) expected += (int)ins_array_get(&types->data->array, k) == type;
  char yaml[2048];
  snprintf(yaml, sizeof yaml, RESPONSE STIMULUS "neurons: {group: %d}\n", type);
  serial_run some = serial_run_job(yaml);
  assert_int_equal(ins_layout_row(some.layout, ins_layout_find(some.layout, "response")),
                   20 * expected);
  serial_clear(&all);
  serial_clear(&some);
}

static void a_stimulus_of_another_size_is_refused_with_both_shapes(void **state) {
  (void)state;
  serial_run r;
  assert_int_equal(serial_setup(&r, "experiment: response\noutput: x.h5\n"
                                    "model: builtin:ground_truth\n" STIMULUS),
                   INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "[3, 2, 50, 18, 16]"));
  assert_non_null(strstr(ins_message(), "H=36, W=32"));
  serial_clear(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(responses_are_those_of_the_peer),
      cmocka_unit_test(some_neurons_answer_as_among_all),
      cmocka_unit_test(neurons_are_described_along_their_axis),
      cmocka_unit_test(cell_types_choose_neurons),
      cmocka_unit_test(a_stimulus_of_another_size_is_refused_with_both_shapes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
