/* SPDX-License-Identifier: MIT */
#include "insilico/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

static ins_layout *grid(size_t a, size_t b, size_t c) {
  ins_layout *layout;
  assert_int_equal(ins_layout_create("a grid", &layout), INS_OK);
  assert_int_equal(ins_layout_task_axis(layout, "neuron", a, NULL, NULL, NULL), INS_OK);
  assert_int_equal(ins_layout_task_axis(layout, "seed", b, NULL, NULL, NULL), INS_OK);
  assert_int_equal(ins_layout_task_axis(layout, "lr", c, NULL, NULL, NULL), INS_OK);
  return layout;
}

static ins_value *integers(const int64_t *x, size_t n) {
  ins_value *value = ins_value_array(INS_I64, 1, &n);
  memcpy(value->array.data, x, n * sizeof *x);
  return value;
}

static ins_value *reals(const double *x, size_t n) {
  ins_value *value = ins_value_array(INS_F64, 1, &n);
  memcpy(value->array.data, x, n * sizeof *x);
  return value;
}

static ins_value *texts(const char *a, const char *b) {
  ins_value *list = ins_value_list();
  assert_int_equal(ins_list_take(list, ins_value_text(a)), INS_OK);
  assert_int_equal(ins_list_take(list, ins_value_text(b)), INS_OK);
  return list;
}

static void a_task_and_its_coordinates_name_each_other(void **state) {
  (void)state;
  ins_layout *layout = grid(7, 3, 5);
  assert_int_equal(ins_layout_tasks(layout), 105);
  for (size_t task = 0; task < 105; task++) {
    size_t index[3];
    ins_layout_coordinates(layout, task, index);
    assert_int_equal(task, (index[0] * 3 + index[1]) * 5 + index[2]);
    assert_int_equal(ins_layout_task(layout, index), task);
  }
  ins_layout_destroy(&layout);
  assert_null(layout);
  ins_layout_destroy(&layout);
}

static void without_task_axes_there_is_one_task(void **state) {
  (void)state;
  ins_layout *layout;
  assert_int_equal(ins_layout_create("one", &layout), INS_OK);
  assert_int_equal(ins_layout_tasks(layout), 1);
  assert_int_equal(ins_layout_batches(layout), 1);
  assert_int_equal(ins_layout_task(layout, NULL), 0);
  assert_int_equal(ins_layout_groups(layout), 0);
  ins_layout_destroy(&layout);
}

static void the_last_batch_may_be_short(void **state) {
  (void)state;
  ins_layout *layout = grid(7, 3, 5);
  const size_t expected[][2] = {{1, 105}, {10, 11}, {21, 5}, {105, 1}, {1000, 1}};
  for (size_t i = 0; i < 5; i++) {
    layout->batch = expected[i][0];
    assert_int_equal(ins_layout_batches(layout), expected[i][1]);
  }
  ins_layout_destroy(&layout);
}

/* Each task is in exactly one group, and the tasks of a group differ in the reduced axis alone. */
static void groups_part_the_tasks_along_any_axis(void **state) {
  (void)state;
  const size_t lengths[] = {4, 3, 5};
  for (int reduced = 0; reduced < 3; reduced++) {
    ins_layout *layout = grid(4, 3, 5);
    size_t seen[60] = {0}, last = 0;
    layout->reduced = reduced;
    assert_int_equal(ins_layout_groups(layout), 60 / lengths[reduced]);
    for (size_t g = 0; g < ins_layout_groups(layout); g++) {
      size_t task[5], first[3], index[3];
      ins_layout_group(layout, g, task);
      ins_layout_coordinates(layout, task[0], first);
      for (size_t k = 0; k < lengths[reduced]; k++) {
        ins_layout_coordinates(layout, task[k], index);
        assert_int_equal(index[reduced], k);
        index[reduced] = first[reduced];
        assert_memory_equal(index, first, sizeof first);
        seen[task[k]]++;
      }
      assert_true(g == 0 || task[0] > last);
      last = task[0];
    }
    for (size_t i = 0; i < 60; i++) assert_int_equal(seen[i], 1);
    ins_layout_destroy(&layout);
  }
}

static void a_row_is_the_product_of_a_variables_own_axes(void **state) {
  (void)state;
  ins_layout *layout = grid(2, 3, 4);
  int frame, x, v;
  assert_int_equal(ins_layout_axis(layout, "frame", 50, NULL, "s", "time", &frame), INS_OK);
  assert_int_equal(ins_layout_axis(layout, "x", 16, NULL, "um", NULL, &x), INS_OK);
  assert_int_equal(frame, 3);
  ins_variable stimulus = {
      .name = "stimulus", .source = "here", .dtype = INS_F32, .n_axes = 2, .axes = {frame, x}};
  assert_int_equal(ins_layout_variable(layout, &stimulus, &v), INS_OK);
  assert_int_equal(ins_layout_row(layout, v), 800);
  assert_int_equal(ins_layout_row_bytes(layout, v), 3200);
  ins_variable loss = {.name = "loss", .dtype = INS_F64};
  assert_int_equal(ins_layout_variable(layout, &loss, &v), INS_OK);
  assert_int_equal(ins_layout_row_bytes(layout, v), 8);
  assert_int_equal(ins_layout_find(layout, "loss"), 1);
  assert_int_equal(ins_layout_find(layout, "lost"), -1);
  assert_string_equal(layout->variables[0].source, "here");
  assert_true(layout->variables[0].name != stimulus.name);
  ins_layout_destroy(&layout);
}

static void coordinates_fit_their_axis(void **state) {
  (void)state;
  ins_layout *layout;
  int index;
  assert_int_equal(ins_layout_create("t", &layout), INS_OK);
  assert_int_equal(
      ins_layout_task_axis(layout, "neuron", 2, integers((int64_t[]){9, 4}, 2), NULL, NULL),
      INS_OK);
  assert_int_equal(ins_layout_task_axis(layout, "kind", 2, texts("a", "b"), NULL, NULL), INS_OK);
  assert_int_equal(
      ins_layout_axis(layout, "t", 3, reals((double[]){0, 0, 1}, 3), "s", NULL, &index), INS_OK);
  assert_int_equal(
      ins_layout_axis(layout, "u", 2, reals((double[]){0, 0, 1}, 3), "s", NULL, &index),
      INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_axis(layout, "u", 3, texts("a", "b"), NULL, NULL, &index),
                   INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_axis(layout, "u", 1, ins_value_int(3), NULL, NULL, &index),
                   INS_ERR_INTERNAL);
  assert_int_equal(layout->n_axes, 3);
  ins_layout_destroy(&layout);
}

static void two_tasks_never_share_their_coordinates(void **state) {
  (void)state;
  ins_layout *layout;
  const char *const twice = "given more than once";
  assert_int_equal(ins_layout_create("t", &layout), INS_OK);
  assert_int_equal(
      ins_layout_task_axis(layout, "a", 3, integers((int64_t[]){4, 1, 4}, 3), NULL, NULL),
      INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), twice));
  assert_int_equal(
      ins_layout_task_axis(layout, "a", 3, reals((double[]){1, 0., -0.}, 3), NULL, NULL),
      INS_ERR_ARGUMENT);
  assert_int_equal(ins_layout_task_axis(layout, "a", 2, reals((double[]){1, NAN}, 2), NULL, NULL),
                   INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "NaN"));
  assert_int_equal(ins_layout_task_axis(layout, "a", 2, texts("x", "x"), NULL, NULL),
                   INS_ERR_ARGUMENT);
  assert_int_equal(layout->n_task_axes, 0);
  ins_layout_destroy(&layout);
}

static void axes_that_make_no_sense_are_refused(void **state) {
  (void)state;
  ins_layout *layout = grid(2, 3, 4);
  int index = -7;
  assert_int_equal(ins_layout_axis(layout, "seed", 2, NULL, NULL, NULL, &index), INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_axis(layout, "", 2, NULL, NULL, NULL, &index), INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_axis(layout, "a/b", 2, NULL, NULL, NULL, &index), INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_axis(layout, "none", 0, NULL, NULL, NULL, &index), INS_ERR_INTERNAL);
  assert_int_equal(index, -7);
  assert_int_equal(ins_layout_task_axis(layout, "big", SIZE_MAX / 8, NULL, NULL, NULL),
                   INS_ERR_ARGUMENT);
  assert_int_equal(ins_layout_axis(layout, "frame", 2, NULL, NULL, NULL, &index), INS_OK);
  assert_int_equal(ins_layout_task_axis(layout, "late", 2, NULL, NULL, NULL), INS_ERR_INTERNAL);
  assert_int_equal(ins_layout_tasks(layout), 24);
  ins_layout_destroy(&layout);
}

static void there_is_a_limit_to_axes(void **state) {
  (void)state;
  ins_layout *layout;
  char name[16];
  int index;
  assert_int_equal(ins_layout_create("t", &layout), INS_OK);
  for (int i = 0; i < INS_MAX_AXES + 1; i++) {
    snprintf(name, sizeof name, "axis%d", i);
    ins_status expected = i < INS_MAX_AXES ? INS_OK : INS_ERR_INTERNAL;
    if (i < INS_MAX_TASK_AXES)
      assert_int_equal(ins_layout_task_axis(layout, name, 1, NULL, NULL, NULL), INS_OK);
    else if (i == INS_MAX_TASK_AXES)
      assert_int_equal(ins_layout_task_axis(layout, name, 1, NULL, NULL, NULL), INS_ERR_INTERNAL);
    if (i >= INS_MAX_TASK_AXES)
      assert_int_equal(ins_layout_axis(layout, name, 1, NULL, NULL, NULL, &index), expected);
  }
  ins_layout_destroy(&layout);
}

static void variables_that_make_no_sense_are_refused(void **state) {
  (void)state;
  ins_layout *layout = grid(2, 3, 4);
  int frame, v;
  assert_int_equal(ins_layout_axis(layout, "frame", 5, NULL, NULL, NULL, &frame), INS_OK);
  const ins_variable wrong[] = {
      {.name = "seed", .dtype = INS_F32},
      {.name = NULL, .dtype = INS_F32},
      {.name = "v", .dtype = INS_F16},
      {.name = "v", .dtype = INS_U8},
      {.name = "v", .dtype = INS_F32, .n_axes = 1, .axes = {0}},
      {.name = "v", .dtype = INS_F32, .n_axes = 1, .axes = {4}},
      {.name = "v", .dtype = INS_F32, .n_axes = 1, .axes = {-1}},
      {.name = "v", .dtype = INS_F32, .n_axes = 2, .axes = {frame, frame}},
      {.name = "v", .dtype = INS_F32, .n_axes = INS_MAX_DIMS + 1},
      {.name = "v", .dtype = INS_F32, .scope = INS_CONSTANT},
      {.name = "v", .dtype = INS_F32, .data = ins_value_array(INS_F32, 0, NULL)},
      {.name = "v", .dtype = INS_F64, .scope = INS_CONSTANT, .data = ins_value_int(3)},
      {.name = "v",
       .dtype = INS_F64,
       .scope = INS_CONSTANT,
       .n_axes = 1,
       .axes = {frame},
       .data = reals((double[]){1, 2}, 2)},
      {.name = "v",
       .dtype = INS_U8,
       .scope = INS_CONSTANT,
       .n_axes = 1,
       .axes = {frame},
       .data = texts("a", "b")},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(ins_layout_variable(layout, &wrong[i], &v), INS_ERR_INTERNAL);
  assert_int_equal(layout->n_variables, 0);
  ins_layout_destroy(&layout);
}

static void constants_may_lie_along_task_axes(void **state) {
  (void)state;
  ins_layout *layout = grid(2, 3, 4);
  int v;
  ins_variable types = {.name = "cell_type",
                        .dtype = INS_U8,
                        .scope = INS_CONSTANT,
                        .n_axes = 1,
                        .axes = {0},
                        .data = texts("ON alpha", "OFF alpha")};
  assert_int_equal(ins_layout_variable(layout, &types, &v), INS_OK);
  ins_variable rate = {.name = "frame_rate",
                       .dtype = INS_F64,
                       .scope = INS_CONSTANT,
                       .data = ins_value_array(INS_F64, 0, NULL)};
  assert_int_equal(ins_layout_variable(layout, &rate, &v), INS_OK);
  assert_int_equal(v, 1);
  assert_int_equal(ins_layout_row(layout, v), 1);
  ins_layout_destroy(&layout);
}

/* One row, over all neurons, of what needs all of them. */
static void a_summary_may_lie_along_the_axis_that_it_sums_up(void **state) {
  (void)state;
  ins_layout *layout = grid(2, 3, 4);
  int v;
  ins_variable q = {.name = "q", .dtype = INS_F64, .scope = INS_SUMMARY, .n_axes = 1, .axes = {1}};
  assert_int_equal(ins_layout_variable(layout, &q, &v), INS_ERR_INTERNAL);
  layout->reduced = 1;
  assert_int_equal(ins_layout_variable(layout, &q, &v), INS_OK);
  assert_int_equal(ins_layout_row(layout, v), 3);
  assert_int_equal(ins_layout_groups(layout), 8);
  q = (ins_variable){
      .name = "other", .dtype = INS_F64, .scope = INS_SUMMARY, .n_axes = 1, .axes = {0}};
  assert_int_equal(ins_layout_variable(layout, &q, &v), INS_ERR_INTERNAL);
  q.scope = INS_PER_TASK;
  q.axes[0] = 1;
  assert_int_equal(ins_layout_variable(layout, &q, &v), INS_ERR_INTERNAL);
  ins_layout_destroy(&layout);
}

static void a_layout_remembers_its_group(void **state) {
  (void)state;
  ins_layout *layout;
  char name[] = "moving_bar";
  assert_int_equal(ins_layout_create_in(name, NULL, &layout), INS_OK);
  name[0] = 'x';
  assert_string_equal(layout->group, "moving_bar");
  assert_null(layout->title);
  ins_layout_destroy(&layout);
  assert_int_equal(ins_layout_create("root", &layout), INS_OK);
  assert_null(layout->group);
  ins_layout_destroy(&layout);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_task_and_its_coordinates_name_each_other),
      cmocka_unit_test(without_task_axes_there_is_one_task),
      cmocka_unit_test(the_last_batch_may_be_short),
      cmocka_unit_test(groups_part_the_tasks_along_any_axis),
      cmocka_unit_test(a_row_is_the_product_of_a_variables_own_axes),
      cmocka_unit_test(coordinates_fit_their_axis),
      cmocka_unit_test(two_tasks_never_share_their_coordinates),
      cmocka_unit_test(axes_that_make_no_sense_are_refused),
      cmocka_unit_test(there_is_a_limit_to_axes),
      cmocka_unit_test(variables_that_make_no_sense_are_refused),
      cmocka_unit_test(constants_may_lie_along_task_axes),
      cmocka_unit_test(a_summary_may_lie_along_the_axis_that_it_sums_up),
      cmocka_unit_test(a_layout_remembers_its_group),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
