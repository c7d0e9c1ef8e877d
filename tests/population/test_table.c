/* SPDX-License-Identifier: MIT */
/* Entries of `data`: what becomes items and features, which are chosen, what is known of them, what
 * is refused. One process. */
#include <stdlib.h>

#include "insilico/noise.h"
#include "table_fixture.h"

static char folder[] = "/tmp/insilico-table-XXXXXX";

static void enter(void) {
  static const int64_t others[] = {40, 41}, same[] = {3, 1};
  if (!mkdtemp(folder) || chdir(folder)) abort();
  write_first("first.h5", N, neurons);
  write_first("others.h5", 2, others);
  write_first("same.h5", 2, same);
  write_last("last.h5", N, neurons);
  write_part_of_first("begun.h5", N, neurons, 25);
}

static void check_axis(const ins_axis *axis, const char *name, size_t length, double first,
                       double last) {
  assert_string_equal(axis->name, name);
  assert_int_equal(axis->length, length);
  assert_non_null(axis->coordinates);
  assert_true(ins_array_get(&axis->coordinates->array, 0) == first);
  assert_true(ins_array_get(&axis->coordinates->array, length - 1) == last);
}

/* ---- items and features ---- */

static void an_item_is_a_neuron_and_all_else_are_features(void **state) {
  (void)state;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response}");
  assert_string_equal(t.table->name, "data");
  assert_int_equal(t.table->n_items, N);
  assert_int_equal(t.table->n_features, DIRECTIONS * FRAMES);
  assert_int_equal(t.table->n_repeats, 0);
  assert_int_equal(t.table->n_item_axes, 1);
  check_axis(&t.table->item_axes[0], "neuron", N, 3, 30);
  assert_int_equal(t.table->n_feature_axes, 2);
  check_axis(&t.table->feature_axes[0], "direction_deg", DIRECTIONS, 0, 270);
  check_axis(&t.table->feature_axes[1], "response_frame", FRAMES, 0, 0.2);
  assert_string_equal(t.table->feature_axes[0].units, "degree");
  table_clear(&t);
}

static void axes_of_means_and_repeats_are_no_features(void **state) {
  (void)state;
  table_test t =
      table_of("{kind: results, name: flashes, file: first.h5, variable: flash/response, mean: "
               "[response_frame]}");
  assert_string_equal(t.table->name, "flashes");
  assert_int_equal(t.table->n_repeats, REPEATS);
  assert_int_equal(t.table->n_features, CONTRASTS);
  assert_int_equal(t.table->n_feature_axes, 1);
  table_clear(&t);
  t = table_of("{kind: results, file: first.h5, variable: flash/response, mean: [repeat]}");
  assert_int_equal(t.table->n_repeats, 0);
  assert_int_equal(t.table->n_features, CONTRASTS * FLASH_FRAMES);
  table_clear(&t);
  t = table_of("{kind: results, file: last.h5, variable: trace, repeats: seed}");
  assert_int_equal(t.table->n_repeats, SEEDS);
  assert_int_equal(t.table->n_features, DIRECTIONS * FRAMES);
  table_clear(&t);
}

static void items_of_several_axes_are_their_combinations(void **state) {
  (void)state;
  int axis, again, features[INS_TABLE_MAX_AXES], n;
  ins_layout *layout;
  table_test t = table_of("{kind: results, file: last.h5, variable: trace, rows: [neuron, seed], "
                          "mean: [response_frame]}");
  assert_int_equal(t.table->n_items, N * SEEDS);
  assert_string_equal(t.table->item_axes[0].name, "neuron");
  assert_string_equal(t.table->item_axes[1].name, "seed");
  OK(ins_layout_create("results", &layout));
  OK(ins_table_item_axis(t.table, layout, &axis));
  OK(ins_table_item_axis_again(t.table, layout, &again));
  OK(ins_table_feature_axes(t.table, layout, features, &n));
  assert_string_equal(layout->axes[axis].name, "item");
  assert_int_equal(layout->axes[axis].length, N * SEEDS);
  assert_string_equal(layout->axes[again].name, "item_2");
  assert_int_equal(n, 1);
  assert_string_equal(layout->axes[features[0]].name, "direction_deg");
  const int neuron = ins_layout_find(layout, "neuron"), seed = ins_layout_find(layout, "seed");
  const int group = ins_layout_find(layout, "group_assignment");
  for (size_t i = 0; i < N * SEEDS; i++) {
    assert_true(ins_array_get(&layout->variables[neuron].data->array, i) == (double)neurons[i / 3]);
    assert_true(ins_array_get(&layout->variables[seed].data->array, i) == (double)seeds[i % 3]);
    assert_true(ins_array_get(&layout->variables[group].data->array, i) ==
                group_of(neurons[i / 3]));
  }
  ins_layout_destroy(&layout);
  table_clear(&t);
}

static void results_get_the_axis_of_the_items_with_what_is_known_of_them(void **state) {
  (void)state;
  int axis, again, features[INS_TABLE_MAX_AXES], n;
  ins_layout *layout;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response, where: {neuron: "
                          "[30, 1]}}");
  OK(ins_layout_create("results", &layout));
  OK(ins_table_item_axis(t.table, layout, &axis));
  OK(ins_table_item_axis_again(t.table, layout, &again));
  OK(ins_table_feature_axes(t.table, layout, features, &n));
  check_axis(&layout->axes[axis], "neuron", 2, 30, 1);
  check_axis(&layout->axes[again], "neuron_2", 2, 30, 1);
  assert_int_equal(n, 2);
  assert_string_equal(layout->axes[features[1]].name, "response_frame");
  const int x = ins_layout_find(layout, "truth_x"), session = ins_layout_find(layout, "session");
  assert_true(ins_array_get(&layout->variables[x].data->array, 0) == 15);
  assert_string_equal(layout->variables[session].data->children.items[1]->text, "day 1");
  assert_int_equal(ins_layout_find(layout, "dsi"), -1);
  assert_int_equal(ins_layout_find(layout, "cell_type"), -1);
  ins_layout_destroy(&layout);
  table_clear(&t);
  t = table_of("{kind: results, file: first.h5, variable: dsi, labels: [cell_type, osi]}");
  OK(ins_layout_create("results", &layout));
  OK(ins_table_item_axis(t.table, layout, &axis));
  assert_true(ins_layout_find(layout, "cell_type") >= 0);
  assert_true(ins_layout_find(layout, "osi") >= 0);
  assert_int_equal(ins_layout_find(layout, "session"), -1);
  ins_layout_destroy(&layout);
  table_clear(&t);
}

/* ---- where ---- */

static void check_chosen(const char *where, size_t n, const double *expected, int n_feature_axes) {
  char *yaml = ins_format("{kind: results, file: last.h5, variable: trace, rows: [neuron], mean: "
                          "[response_frame], where: %s}",
                          where);
  table_test t = table_of(yaml);
  assert_int_equal(t.table->n_feature_axes, n_feature_axes);
  assert_int_equal(t.table->n_items, n);
  for (size_t i = 0; i < n; i++)
    assert_true(ins_array_get(&t.table->item_axes[0].coordinates->array, i) == expected[i]);
  table_clear(&t);
  free(yaml);
}

static void where_chooses_by_coordinate(void **state) {
  (void)state;
  check_chosen("{neuron: [20, 3]}", 2, (double[]){20, 3}, 2);
  check_chosen("{neuron: '1:20'}", 4, (double[]){3, 1, 7, 12}, 2);
  check_chosen("{neuron: '1:31:2'}", 4, (double[]){3, 1, 7, 21}, 2);
  check_chosen("{neuron: ['20:22', 1]}", 3, (double[]){20, 21, 1}, 2);
  check_chosen("{neuron: [12], seed: 9}", 1, (double[]){12}, 1);
  check_chosen("{neuron: [12], seed: 9, direction_deg: 90}", 1, (double[]){12}, 0);
}

static void where_chooses_ranges_of_real_coordinates(void **state) {
  (void)state;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response, where: "
                          "{response_frame: '0.05:0.2', direction_deg: [180.0, 0]}}");
  check_axis(&t.table->feature_axes[0], "direction_deg", 2, 180, 0);
  check_axis(&t.table->feature_axes[1], "response_frame", 3, 0.05, 0.15);
  table_clear(&t);
}

static void an_axis_that_is_only_a_length_goes_by_numbers(void **state) {
  (void)state;
  table_test t = table_of("{kind: results, file: first.h5, variable: flash/response, where: "
                          "{response_frame: [1]}}");
  check_axis(&t.table->feature_axes[1], "response_frame", 1, 1, 1);
  table_clear(&t);
  t = table_of("{kind: results, file: first.h5, variable: flash/response}");
  assert_null(t.table->feature_axes[1].coordinates);
  table_clear(&t);
}

/* ---- labels ---- */

static void labels_group_items_by_sorted_values(void **state) {
  (void)state;
  int32_t group[N];
  ins_value *values;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response}");
  OK(ins_table_groups(t.table, "group_assignment", group, &values));
  assert_int_equal(ins_array_count(&values->array), 2);
  assert_int_equal(values->array.dtype, INS_I64);
  for (size_t i = 0; i < N; i++)
    assert_true(ins_array_get(&values->array, (size_t)group[i]) == group_of(neurons[i]));
  assert_true(ins_array_get(&values->array, 0) == 5);
  ins_value_destroy(&values);
  OK(ins_table_groups(t.table, "cell_type", group, &values));
  assert_int_equal(ins_value_count(values), 3);
  assert_string_equal(values->children.items[0]->text, "OFF");
  assert_string_equal(values->children.items[2]->text, "ON-OFF");
  for (size_t i = 0; i < N; i++)
    assert_string_equal(values->children.items[group[i]]->text, type_of(neurons[i]));
  ins_value_destroy(&values);
  table_clear(&t);
}

static void missing_labels_belong_to_no_group(void **state) {
  (void)state;
  int32_t group[N];
  double number[N];
  ins_value *values;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response}");
  OK(ins_table_groups(t.table, "dsi", group, &values));
  OK(ins_table_label_numbers(t.table, "dsi", number));
  assert_int_equal(ins_array_count(&values->array), N - 1);
  for (size_t i = 0; i < N; i++)
    if (neurons[i] == 7) {
      assert_int_equal(group[i], -1);
      assert_true(isnan(number[i]));
    } else {
      assert_true(ins_array_get(&values->array, (size_t)group[i]) == dsi(neurons[i]));
      assert_true(number[i] == dsi(neurons[i]));
    }
  ins_value_destroy(&values);
  table_clear(&t);
}

static void coordinates_of_items_are_labels_too(void **state) {
  (void)state;
  int32_t group[N * SEEDS];
  double number[N * SEEDS];
  ins_value *values;
  table_test t = table_of("{kind: results, file: last.h5, variable: trace, rows: [neuron, seed]}");
  OK(ins_table_groups(t.table, "seed", group, &values));
  OK(ins_table_label_numbers(t.table, "group_assignment", number));
  for (size_t i = 0; i < N * SEEDS; i++) {
    assert_int_equal(group[i], i % SEEDS);
    assert_true(number[i] == group_of(neurons[i / SEEDS]));
  }
  ins_value_destroy(&values);
  assert_int_equal(ins_table_groups(t.table, "group_asignment", group, &values), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "did you mean 'group_assignment'?"));
  assert_int_equal(ins_table_label_numbers(t.table, "cell_type", number), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "is text"));
  table_clear(&t);
}

/* ---- several ---- */

static void variables_beside_each_other_are_features_of_the_same_items(void **state) {
  (void)state;
  int features[INS_TABLE_MAX_AXES], n;
  ins_layout *layout;
  table_test t = table_of("{kind: results, file: first.h5, variables: [dsi, bar/response, osi]}");
  assert_int_equal(t.table->n_items, N);
  assert_int_equal(t.table->n_features, 2 + DIRECTIONS * FRAMES);
  assert_int_equal(t.table->n_feature_axes, 0);
  OK(ins_layout_create("results", &layout));
  OK(ins_table_feature_axes(t.table, layout, features, &n));
  assert_int_equal(n, 1);
  assert_string_equal(layout->axes[features[0]].name, "feature");
  const ins_variable *which = &layout->variables[ins_layout_find(layout, "feature_variable")];
  assert_non_null(strstr(which->long_name, "0 dsi, 1 bar/response, 2 osi"));
  assert_true(ins_array_get(&which->data->array, 0) == 0);
  assert_true(ins_array_get(&which->data->array, DIRECTIONS * FRAMES) == 1);
  assert_true(ins_array_get(&which->data->array, 1 + DIRECTIONS * FRAMES) == 2);
  ins_layout_destroy(&layout);
  table_clear(&t);
  t = table_of("{kind: results, file: first.h5, variables: [dsi, osi]}");
  OK(ins_layout_create("results", &layout));
  OK(ins_table_feature_axes(t.table, layout, features, &n));
  assert_string_equal(layout->axes[features[0]].coordinates->children.items[1]->text, "osi");
  ins_layout_destroy(&layout);
  table_clear(&t);
}

static void files_below_each_other_keep_the_axis_where_it_tells_items_apart(void **state) {
  (void)state;
  double number[N + 2];
  table_test t = table_of("{kind: results, files: [first.h5, others.h5], join: items, variable: "
                          "bar/response}");
  assert_int_equal(t.table->n_items, N + 2);
  assert_int_equal(t.table->n_features, DIRECTIONS * FRAMES);
  assert_int_equal(t.table->n_feature_axes, 2);
  check_axis(&t.table->item_axes[0], "neuron", N + 2, 3, 41);
  OK(ins_table_label_numbers(t.table, "file", number));
  for (size_t i = 0; i < N + 2; i++) assert_true(number[i] == (i >= N));
  OK(ins_table_label_numbers(t.table, "group_assignment", number));
  for (size_t i = 0; i < N + 2; i++)
    assert_true(number[i] == group_of(i < N ? neurons[i] : (int64_t)(40 + i - N)));
  table_clear(&t);
}

static void files_with_the_same_neurons_below_each_other_have_items(void **state) {
  (void)state;
  double number[N + 2];
  int axis;
  ins_layout *layout;
  table_test t = table_of("{kind: results, files: [first.h5, same.h5], join: items, variables: "
                          "[dsi, osi]}");
  assert_int_equal(t.table->n_items, N + 2);
  assert_int_equal(t.table->n_features, 2);
  assert_string_equal(t.table->item_axes[0].name, "item");
  OK(ins_table_label_numbers(t.table, "neuron", number));
  for (size_t i = 0; i < N + 2; i++) assert_true(number[i] == (double)neurons[i % N]);
  OK(ins_layout_create("results", &layout));
  OK(ins_table_item_axis(t.table, layout, &axis));
  assert_true(ins_layout_find(layout, "neuron") >= 0);
  assert_true(ins_layout_find(layout, "file") >= 0);
  assert_true(ins_layout_find(layout, "session") >= 0);
  ins_layout_destroy(&layout);
  table_clear(&t);
}

static void axes_called_like_one_of_the_analysis_get_another_name(void **state) {
  (void)state;
  int own, features[INS_TABLE_MAX_AXES], n;
  ins_layout *layout;
  table_test t = table_of("{kind: results, file: first.h5, variable: bar/response}");
  OK(ins_layout_create("results", &layout));
  OK(ins_layout_axis(layout, "direction_deg", 2, NULL, NULL, NULL, &own));
  OK(ins_table_feature_axes(t.table, layout, features, &n));
  assert_string_equal(layout->axes[features[0]].name, "data_direction_deg");
  ins_layout_destroy(&layout);
  table_clear(&t);
}

/* ---- refusals ---- */

static void refuse(const char *keys, ins_status code, const char *expected) {
  table_test t;
  char *yaml = ins_format("{kind: results, %s}", keys);
  const ins_status status = table_try(yaml, 7, &t);
  if (status != code || !strstr(ins_message(), expected))
    fail_msg("%s gives %s: %s", keys, ins_status_name(status), ins_message());
  table_clear(&t);
  free(yaml);
}

#define BAR "file: first.h5, variable: bar/response"

static void axes_that_are_not_there_are_named_with_those_that_are(void **state) {
  (void)state;
  refuse(BAR ", rows: [nueron]", INS_ERR_ARGUMENT,
         "rows: first.h5: bar/response has no axis 'nueron'; it has neuron, direction_deg, "
         "response_frame");
  refuse(BAR ", mean: [frame]", INS_ERR_ARGUMENT, "mean: first.h5: bar/response has no axis 'f");
  refuse(BAR ", where: {seed: 1}", INS_ERR_ARGUMENT, "where: first.h5: bar/response has no axis");
  refuse(BAR ", repeats: trial", INS_ERR_ARGUMENT, "repeats: first.h5: bar/response has no axis");
}

static void axes_are_for_one_thing(void **state) {
  (void)state;
  refuse(BAR ", mean: [neuron]", INS_ERR_ARGUMENT, "neuron is named in both rows and mean");
  refuse(BAR ", repeats: neuron", INS_ERR_ARGUMENT, "neuron is named in both rows and repeats");
  refuse(BAR ", rows: [neuron, neuron]", INS_ERR_ARGUMENT, "neuron is there twice");
  refuse(BAR ", where: {neuron: 3}", INS_ERR_ARGUMENT, "where chooses one neuron alone");
}

static void coordinates_that_are_not_there_are_refused(void **state) {
  (void)state;
  refuse(BAR ", where: {neuron: 4}", INS_ERR_ARGUMENT,
         "where.neuron: 4 is not there; the axis has 3, 1, 7, 12, 20, 21, 30");
  refuse(BAR ", where: {neuron: [3, 7, 3]}", INS_ERR_ARGUMENT, "3 is chosen twice");
  refuse(BAR ", where: {neuron: '50:60'}", INS_ERR_ARGUMENT, "chooses nothing");
  refuse(BAR ", where: {neuron: []}", INS_ERR_ARGUMENT, "chooses nothing");
  refuse(BAR ", where: {neuron: many}", INS_ERR_ARGUMENT, "is no coordinate");
  refuse(BAR ", where: {neuron: '1:9:0'}", INS_ERR_ARGUMENT, "is no coordinate");
  refuse(BAR ", where: {direction_deg: '0:90:10'}", INS_ERR_ARGUMENT, "is no coordinate");
  refuse(BAR ", where: {neuron: true}", INS_ERR_ARGUMENT, "is no number");
  refuse(BAR ", where: [3]", INS_ERR_ARGUMENT, "expected {AXIS: VALUE, ...}");
}

static void what_does_not_fit_is_named(void **state) {
  (void)state;
  refuse("files: [first.h5, same.h5], variable: dsi", INS_ERR_ARGUMENT,
         "axis neuron has 7 elements in first.h5: dsi, but 2 in same.h5: dsi");
  refuse("files: [others.h5, same.h5], variable: dsi", INS_ERR_ARGUMENT,
         "axis neuron: element 0 is 40 in others.h5: dsi, but 3 in same.h5: dsi");
  refuse("files: [first.h5, last.h5], join: items, variable: trace", INS_ERR_ARGUMENT, "trace");
  refuse("file: first.h5, variables: [flash/response, dsi]", INS_ERR_ARGUMENT,
         "first.h5: flash/response has 3 repeats, but first.h5: dsi has 0");
}

static void noise_and_draws_go_together(void **state) {
  (void)state;
  refuse(BAR ", draws: 5", INS_ERR_ARGUMENT, "without noise all draws are the same");
  refuse(BAR ", noise: poisson", INS_ERR_ARGUMENT, "noise needs draws");
  refuse("file: first.h5, variable: flash/response, draws: 5, noise: poisson", INS_ERR_ARGUMENT,
         "has 3 repeats of its own");
}

static void noise_of_one_element_is_that_of_the_whole_trace(void **state) {
  (void)state;
  static const float trace_of[] = {0, 0.5f, 2, 40, -1};
  const ins_noise noises[] = {
      {INS_NOISE_NONE, 1, 1}, {INS_NOISE_POISSON, 3, 1}, {INS_NOISE_GAUSSIAN, 1, 0.25}};
  const int64_t at[] = {4, 2};
  const ins_stream stream = ins_stream_at(7, "noise of a test", at, 2);
  for (int k = 0; k < 3; k++) {
    double whole[5];
    ins_noise_add(&noises[k], &stream, 5, trace_of, whole);
    for (size_t t = 0; t < 5; t++)
      assert_true(ins_noise_at(&noises[k], &stream, t, trace_of[t]) == whole[t]);
  }
}

static void unknown_labels_are_refused(void **state) {
  (void)state;
  refuse(BAR ", labels: [sesion]", INS_ERR_ARGUMENT, "did you mean 'session'?");
}

/* ---- sources ---- */

static void files_and_variables_must_be_there(void **state) {
  (void)state;
  refuse("variable: dsi", INS_ERR_ARGUMENT, "file (or files) is missing");
  refuse("file: first.h5", INS_ERR_ARGUMENT, "variable (or variables) is missing");
  refuse("file: first.h5, files: [last.h5], variable: dsi", INS_ERR_ARGUMENT,
         "give file or files, not both");
  refuse("file: nowhere.h5, variable: dsi", INS_ERR_MISSING,
         "nowhere.h5 is not there; run its job first");
  refuse("file: first.h5, variable: bar/respnse", INS_ERR_ARGUMENT, "respons");
  refuse("file: first.h5, variable: cell_type", INS_ERR_ARGUMENT, "cell_type");
}

static void results_with_pending_tasks_are_refused(void **state) {
  (void)state;
  refuse("file: begun.h5, variable: bar/response", INS_ERR_MISSING,
         "begun.h5: 3 of 28 tasks of stage bar are not done; run its job again first");
  table_test t = table_of("{kind: results, file: begun.h5, variable: flash/response}");
  assert_int_equal(t.table->n_items, N);
  table_clear(&t);
}

static void entries_have_names_of_their_own(void **state) {
  (void)state;
  const char *both[] = {"{kind: results, file: first.h5, variable: dsi}",
                        "{kind: results, file: first.h5, variable: osi, name: data}"};
  ins_value *settings, *sources;
  assert_int_equal(find_sources(2, both, &settings, &sources), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "data.1: data.0 is called 'data' too"));
  assert_null(sources);
  ins_value_destroy(&settings);
  both[1] = "{kind: results, files: [first.h5, first.h5], variables: [dsi, osi], name: b}";
  OK(find_sources(2, both, &settings, &sources));
  assert_int_equal(ins_value_count(sources), 2);
  assert_int_equal(ins_value_count(sources->children.items[1]), 4);
  ins_value_destroy(&settings);
  ins_value_destroy(&sources);
}

static void the_output_of_a_job_is_read(void **state) {
  (void)state;
  FILE *job = fopen("job.yaml", "w");
  fputs("experiment: tuning\nmodel: 'builtin:ground_truth?neurons=8'\noutput: elsewhere.h5\n"
        "stimuli: [{kind: moving_bar}]\n",
        job);
  fclose(job);
  table_test t =
      table_of("{kind: run, job: job.yaml, overrides: [output=first.h5], variable: dsi}");
  assert_int_equal(t.table->n_items, N);
  table_clear(&t);
  assert_int_equal(table_try("{kind: run, job: job.yaml, variable: dsi}", 7, &t), INS_ERR_MISSING);
  assert_non_null(strstr(ins_message(), "elsewhere.h5 is not there; run its job: insilico run "
                                        "job.yaml first"));
  table_clear(&t);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  enter();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_item_is_a_neuron_and_all_else_are_features),
      cmocka_unit_test(axes_of_means_and_repeats_are_no_features),
      cmocka_unit_test(items_of_several_axes_are_their_combinations),
      cmocka_unit_test(results_get_the_axis_of_the_items_with_what_is_known_of_them),
      cmocka_unit_test(where_chooses_by_coordinate),
      cmocka_unit_test(where_chooses_ranges_of_real_coordinates),
      cmocka_unit_test(an_axis_that_is_only_a_length_goes_by_numbers),
      cmocka_unit_test(labels_group_items_by_sorted_values),
      cmocka_unit_test(missing_labels_belong_to_no_group),
      cmocka_unit_test(coordinates_of_items_are_labels_too),
      cmocka_unit_test(variables_beside_each_other_are_features_of_the_same_items),
      cmocka_unit_test(files_below_each_other_keep_the_axis_where_it_tells_items_apart),
      cmocka_unit_test(files_with_the_same_neurons_below_each_other_have_items),
      cmocka_unit_test(axes_called_like_one_of_the_analysis_get_another_name),
      cmocka_unit_test(axes_that_are_not_there_are_named_with_those_that_are),
      cmocka_unit_test(axes_are_for_one_thing),
      cmocka_unit_test(coordinates_that_are_not_there_are_refused),
      cmocka_unit_test(what_does_not_fit_is_named),
      cmocka_unit_test(noise_and_draws_go_together),
      cmocka_unit_test(noise_of_one_element_is_that_of_the_whole_trace),
      cmocka_unit_test(unknown_labels_are_refused),
      cmocka_unit_test(files_and_variables_must_be_there),
      cmocka_unit_test(results_with_pending_tasks_are_refused),
      cmocka_unit_test(entries_have_names_of_their_own),
      cmocka_unit_test(the_output_of_a_job_is_read),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  char command[100];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (chdir("/") || system(command)) fprintf(stderr, "%s stays\n", folder);
  MPI_Finalize();
  return failed;
}
