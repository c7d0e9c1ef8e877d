/* SPDX-License-Identifier: MIT */
#include "planted.h"

static const ins_analysis *const area = &ins_area_analysis;

typedef struct neuron {
  double k, center, surround, strength, base;
} neuron;

static double response(const neuron *n, double d) {
  return n->base + n->k * (1 - exp(-d * d / (8 * n->center * n->center)) -
                           n->strength * (1 - exp(-d * d / (8 * n->surround * n->surround))));
}

static void plant(planted *p, const neuron *n, size_t n_conditions, double largest) {
  planted_axis(p, n_conditions, largest / (double)n_conditions, largest, false);
  for (size_t i = 0; i < n_conditions; i++) p->y[i] = response(n, p->x[i]);
}

/* The definitions, by walking along the curve. */
static double walk_to_95_percent(const neuron *n) {
  double most = 0, d = 0;
  for (d = 0; d < 5000; d += 0.01) most = fmax(most, response(n, d) - n->base);
  for (d = 0; response(n, d) - n->base < 0.95 * most; d += 0.01) continue;
  return d;
}

static double measured_suppression(const planted *p) {
  double most = 0;
  for (size_t i = 0; i < p->data.n; i++) most = fmax(most, p->y[i]);
  return (most - p->y[p->data.n - 1]) / most;
}

static const neuron neurons[] = {
    {10, 60, 180, 0.6, 1}, {1, 40, 100, 0.9, 0},    {2e6, 60, 240, 0.3, 0},
    {20, 50, 150, 0.2, 4}, {3e-4, 70, 140, 0.8, 0}, {5, 50, 130, 1.2, 2},
};

static void planted_parameters_are_found(void **state) {
  (void)state;
  planted p;
  for (size_t i = 0; i < sizeof neurons / sizeof *neurons; i++) {
    const neuron *n = &neurons[i];
    plant(&p, n, 16, 800);
    planted_run(&p, area);
    planted_expect(&p, area, "area_center_sigma_um", n->center, 1e-4);
    planted_expect(&p, area, "area_surround_sigma_um", n->surround, 1e-4);
    planted_expect(&p, area, "area_surround_strength", n->strength, 1e-4);
    planted_expect(&p, area, "area_fit_r2", 1, 1e-6);
    planted_expect(&p, area, "preferred_diameter_um", walk_to_95_percent(n), 2e-4);
    planted_expect(&p, area, "suppression_index", measured_suppression(&p), 1e-12);
  }
}

static void a_neuron_without_surround_sums_to_its_edge(void **state) {
  (void)state;
  const neuron n = {10, 60, 180, 0, 1};
  planted p;
  plant(&p, &n, 12, 600);
  planted_run(&p, area);
  planted_expect(&p, area, "area_center_sigma_um", 60, 1e-3);
  planted_expect(&p, area, "preferred_diameter_um", 60 * sqrt(-8 * log(0.05)), 1e-3);
  planted_expect(&p, area, "suppression_index", 0, 0);
  planted_expect_unknown(&p, area, "area_surround_sigma_um");
  assert_true(planted_find(&p, area, "area_surround_strength")->value < 1e-3);
}

static void a_neuron_larger_than_all_spots_has_no_preferred_diameter(void **state) {
  (void)state;
  const neuron n = {10, 400, 1200, 0, 0};
  planted p;
  plant(&p, &n, 12, 600);
  planted_run(&p, area);
  planted_expect_unknown(&p, area, "preferred_diameter_um");
  planted_expect(&p, area, "suppression_index", 0, 0);
}

static void a_neuron_that_spots_only_suppress_has_no_preferred_diameter(void **state) {
  (void)state;
  const neuron off = {-10, 60, 180, 0, 10}, below = {-10, 60, 180, 0, 0};
  planted p;
  plant(&p, &off, 12, 600);
  planted_run(&p, area);
  planted_expect_unknown(&p, area, "preferred_diameter_um");
  planted_expect_unknown(&p, area, "area_center_sigma_um");
  plant(&p, &below, 12, 600);
  planted_run(&p, area);
  for (size_t k = 0; k < area->n_indices; k++)
    if (strcmp(area->indices[k].name, "area_fit_r2")) assert_false(p.out[k].valid);
}

static void few_diameters_give_straight_lines(void **state) {
  (void)state;
  const double y[] = {0, 4, 10, 6};
  planted p;
  planted_axis(&p, 4, 100, 400, false);
  memcpy(p.y, y, sizeof y);
  planted_run(&p, area);
  planted_expect(&p, area, "preferred_diameter_um", 200 + 100 * 5.5 / 6, 1e-12);
  planted_expect(&p, area, "suppression_index", 0.4, 1e-12);
  planted_expect_unknown(&p, area, "area_center_sigma_um");
}

static void flat_curves_have_no_fit(void **state) {
  (void)state;
  const neuron n = {0, 60, 180, 0, 3};
  planted p;
  plant(&p, &n, 12, 600);
  planted_run(&p, area);
  planted_expect(&p, area, "suppression_index", 0, 0);
  for (size_t k = 0; k < area->n_indices; k++)
    if (strcmp(area->indices[k].name, "suppression_index")) assert_false(p.out[k].valid);
}

static void nonsense_is_a_flag(void **state) {
  (void)state;
  planted_survives_nonsense(area, 50, 600);
}

static void suppression_is_tested_against_growth_alone(void **state) {
  (void)state;
  const neuron with = {40, 60, 180, 0.6, 1}, without = {20, 60, 180, 0, 1};
  int found = 0, claimed = 0;
  planted p;
  for (int64_t number = 0; number < 40; number++) {
    plant(&p, &with, 12, 600);
    planted_noise(&p, number);
    planted_run(&p, area);
    found += planted_find(&p, area, "suppression_index")->p < 0.05;
    plant(&p, &without, 12, 600);
    planted_noise(&p, number);
    planted_run(&p, area);
    claimed += planted_find(&p, area, "suppression_index")->p < 0.05;
  }
  print_message("p < 0.05: %d of 40 with, %d of 40 without\n", found, claimed);
  assert_in_range(found, 34, 40);
  assert_in_range(claimed, 0, 4);
}

/* As in test_contrast.c. The sizes are nonlinear in the responses, so a little less is asked. */
static void intervals_cover_the_truth(void **state) {
  (void)state;
  const neuron n = {40, 60, 180, 0.6, 2};
  double diameter = walk_to_95_percent(&n);
  int center = 0, preferred = 0;
  planted p;
  for (int64_t number = 0; number < 60; number++) {
    plant(&p, &n, 16, 800);
    planted_noise(&p, number);
    planted_run(&p, area);
    center += planted_covers(&p, area, "area_center_sigma_um", 60);
    preferred += planted_covers(&p, area, "preferred_diameter_um", diameter);
  }
  print_message("center %d, preferred %d of 60\n", center, preferred);
  assert_in_range(center, 45, 60);
  assert_in_range(preferred, 45, 60);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(planted_parameters_are_found),
      cmocka_unit_test(a_neuron_without_surround_sums_to_its_edge),
      cmocka_unit_test(a_neuron_larger_than_all_spots_has_no_preferred_diameter),
      cmocka_unit_test(a_neuron_that_spots_only_suppress_has_no_preferred_diameter),
      cmocka_unit_test(few_diameters_give_straight_lines),
      cmocka_unit_test(flat_curves_have_no_fit),
      cmocka_unit_test(nonsense_is_a_flag),
      cmocka_unit_test(suppression_is_tested_against_growth_alone),
      cmocka_unit_test(intervals_cover_the_truth),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
