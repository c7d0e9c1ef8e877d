/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "insilico/objective.h"
#include "insilico/random.h"
#include "settings.h"

enum { T = 12, N = 3 };

static ins_objective *make(const char *yaml, bool compat) {
  ins_value *settings = settings_of(ins_objectives, yaml);
  ins_objective *objective = NULL;
  if (ins_objective_create(settings, T, N, compat, &objective) != INS_OK)
    fail_msg("%s", ins_message());
  ins_value_destroy(&settings);
  return objective;
}

/* Central differences of size h; float32 responses near 1 leave about 1e-7 / h. */
static void every_gradient_agrees_with_finite_differences(void **state) {
  (void)state;
  const float h = 0.0625f;
  for (const ins_variant *o = ins_objectives; o->name; o++)
    for (int slice = 0; slice < 2; slice++) {
      char yaml[128];
      float r[T * N], dr[T * N];
      size_t first, n;
      snprintf(yaml, sizeof yaml, "{kind: %s, reduce: %s}", o->name,
               slice ? "{kind: slice_mean, start: 3, length: 5}" : "mean");
      ins_objective *objective = make(yaml, false);
      ins_objective_window(objective, &first, &n);
      ins_stream stream = ins_stream_at(1, o->name, NULL, 0);
      ins_stream_normal(&stream, 0, n * N, r);
      ins_objective_evaluate(objective, r, dr);
      for (size_t i = 0; i < n * N; i++) {
        float kept = r[i];
        r[i] = kept + h;
        double up = ins_objective_evaluate(objective, r, NULL);
        r[i] = kept - h;
        double down = ins_objective_evaluate(objective, r, NULL);
        r[i] = kept;
        assert_true(fabs((up - down) / (2 * (double)h) - (double)dr[i]) < 1e-5);
      }
      ins_objective_destroy(&objective);
    }
}

static void windows_are_what_the_reducer_reads(void **state) {
  (void)state;
  size_t first, n;
  ins_objective *all = make("increase", false);
  ins_objective_window(all, &first, &n);
  assert_true(first == 0 && n == T);
  ins_objective *cut =
      make("{kind: increase, reduce: {kind: slice_mean, start: 10, length: 10}}", false);
  ins_objective_window(cut, &first, &n);
  assert_true(first == 10 && n == 2);
  ins_objective_destroy(&all);
  ins_objective_destroy(&cut);
}

static void a_slice_beyond_the_response_is_refused_unless_compatible(void **state) {
  (void)state;
  const char *yaml = "{kind: increase, reduce: {kind: slice_mean, start: 12, length: 4}}";
  ins_value *settings = settings_of(ins_objectives, yaml);
  ins_objective *objective = NULL;
  size_t first, n;
  assert_int_equal(ins_objective_create(settings, T, N, false, &objective), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "only 12 frames"));
  ins_value_destroy(&settings);
  objective = make(yaml, true);
  ins_objective_window(objective, &first, &n);
  assert_true(first == 0 && n == 4);
  ins_objective_destroy(&objective);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_gradient_agrees_with_finite_differences),
      cmocka_unit_test(windows_are_what_the_reducer_reads),
      cmocka_unit_test(a_slice_beyond_the_response_is_refused_unless_compatible),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
