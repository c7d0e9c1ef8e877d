/* SPDX-License-Identifier: MIT */
/** Preference for a colour, and opponency. */
#include "cmocka_all.h"

#include "cell.h"

static const ins_analysis *const ANALYSIS = &ins_color_analysis;
static const char *const LABELS[] = {"white", "uv", "1, -0.5", "green", "opponent"};
enum { WHITE, UV, WEIGHTS, GREEN, OPPONENT, N };
static cell CELL;

static const ins_measure *run(cell *c, const char *name) {
  c->data.labels = LABELS;
  assert_int_equal(ANALYSIS->run(&c->data, c->out), INS_OK);
  return cell_get(ANALYSIS, c, name);
}

static void preference_compares_green_and_uv(void **state) {
  (void)state;
  cell *c = &CELL;
  const double y[N] = {[WHITE] = 4, [UV] = 1, [WEIGHTS] = 2, [GREEN] = 3, [OPPONENT] = 2};
  memcpy(c->y, y, sizeof y);
  cell_set(c, 1, N, 0);
  const ins_measure *m = run(c, "colour_preference");
  assert_true(m->valid && m->value == 0.5 && isnan(m->p));
  assert_true(cell_get(ANALYSIS, c, "preferred_colour")->value == WHITE);
  assert_true(fabs(cell_get(ANALYSIS, c, "colour_opponency_index")->value + 1.0 / 3) < 1e-12);
}

static void darkness_excites_with_the_same_preference(void **state) {
  (void)state;
  cell *c = &CELL;
  memset(c->y, 0, sizeof c->y);
  c->y[GREEN] = -3, c->y[UV] = -1;
  cell_set(c, 1, N, 0);
  assert_true(run(c, "colour_preference")->value == 0.5);
  c->y[UV] = 1; /* green OFF, UV ON */
  assert_true(run(c, "colour_preference")->value == 1);
}

static void what_was_not_shown_is_not_valid(void **state) {
  (void)state;
  cell *c = &CELL;
  for (size_t i = 0; i < N; i++) c->y[i] = 1;
  cell_set(c, 1, 2, 0); /* white and UV alone */
  assert_false(run(c, "colour_preference")->valid);
  assert_false(cell_get(ANALYSIS, c, "colour_opponency_index")->valid);
  assert_true(cell_get(ANALYSIS, c, "preferred_colour")->valid);
  memset(c->y, 0, sizeof c->y);
  cell_set(c, 1, N, 3);
  for (size_t i = 0; i < ANALYSIS->n_indices; i++)
    assert_false((run(c, "colour_preference"), c->out[i].valid));
}

static void trials_tell_a_preference_from_chance(void **state) {
  (void)state;
  cell *c = &CELL;
  size_t n_false = 0, n_found = 0, n_held = 0;
  for (uint64_t seed = 0; seed < 200; seed++) {
    for (size_t i = 0; i < N; i++) c->y[i] = 5;
    cell_set(c, seed, N, 12);
    n_false += run(c, "colour_preference")->p < 0.05;
    c->y[GREEN] = 10;
    cell_set(c, seed, N, 12);
    const ins_measure *m = run(c, "colour_preference");
    n_found += m->p < 0.05;
    n_held += m->low <= 1.0 / 3 && 1.0 / 3 <= m->high;
  }
  assert_in_range(n_false, 1, 22);
  assert_in_range(n_found, 195, 200);
  assert_in_range(n_held, 170, 200);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(preference_compares_green_and_uv),
      cmocka_unit_test(darkness_excites_with_the_same_preference),
      cmocka_unit_test(what_was_not_shown_is_not_valid),
      cmocka_unit_test(trials_tell_a_preference_from_chance),
  };
  return cmocka_run_group_tests_name("tuning.color", tests, NULL, NULL);
}
