/* SPDX-License-Identifier: MIT */
/* Agreement of two ways to group the same items, against values by hand and of scikit-learn 1.9. */
#include "population/agreement.h"

#include <math.h>

#include "cmocka_all.h"

enum { N = 60 };

/* Exactly the same where `tolerance` is 0. */
static void near(double is, double should, double tolerance) {
  if (!(fabs(is - should) <= tolerance)) fail_msg("%.17g is not %.17g", is, should);
}

static double rand_of(const int32_t *a, const int32_t *b, size_t n) {
  int64_t counts[64];
  double out;
  ins_contingency(a, 8, b, 8, n, counts);
  assert_int_equal(ins_adjusted_rand(counts, 8, 8, &out), INS_OK);
  return out;
}

static double information_of(const int32_t *a, const int32_t *b, size_t n) {
  int64_t counts[64];
  double out;
  ins_contingency(a, 8, b, 8, n, counts);
  assert_int_equal(ins_adjusted_information(counts, 8, 8, &out), INS_OK);
  return out;
}

static void counts_are_of_items_that_both_have_in_a_group(void **state) {
  const int32_t a[] = {0, 0, 1, 1, -1, 2, 1}, b[] = {1, 1, 0, 1, 0, -1, 0};
  const int64_t expected[] = {0, 2, 2, 1, 0, 0};
  int64_t counts[6];
  (void)state;
  ins_contingency(a, 3, b, 2, 7, counts);
  assert_memory_equal(counts, expected, sizeof expected);
}

/* Of {0,0,1,1} against {0,0,1,2}: one pair is together in both, two in the first, one in the
 * second, of six: (1 - 2/6) / (3/2 - 2/6) = 4/7. Against {0,1,0,1}: (0 - 4/6) / (2 - 4/6) = -1/2.
 */
static void the_adjusted_rand_index_is_what_pairs_say(void **state) {
  const int32_t a[] = {0, 0, 1, 1}, finer[] = {0, 0, 1, 2}, crossed[] = {0, 1, 0, 1};
  (void)state;
  near(rand_of(a, finer, 4), 4.0 / 7, 1e-15);
  near(rand_of(a, crossed, 4), -0.5, 1e-15);
}

static void indices_are_those_of_scikit_learn(void **state) {
  int32_t a[N], b[N], g[N], h[N];
  (void)state;
  for (int32_t i = 0; i < N; i++) {
    a[i] = i * i % 7 % 4;
    b[i] = i / 3 % 3;
    g[i] = i % 3;
    h[i] = i % 10 ? g[i] : (g[i] + 1) % 3;
  }
  near(rand_of(a, b, N), -0.03386508482496333, 1e-14);
  near(rand_of(a, g, N), -0.03132107349405419, 1e-14);
  near(rand_of(g, h, N), 0.7205263157894737, 1e-14);
  near(information_of(a, b, N), -0.03327415482123697, 1e-12);
  near(information_of(a, g, N), -0.030800094436975577, 1e-12);
  near(information_of(g, h, N), 0.6943678183876386, 1e-12);
}

static void names_of_groups_and_their_side_do_not_matter(void **state) {
  int32_t a[N], b[N], renamed[N];
  (void)state;
  for (int32_t i = 0; i < N; i++) {
    a[i] = i * 5 % 11 % 4;
    b[i] = i % 7;
    renamed[i] = (3 - a[i]) * 2;
  }
  near(rand_of(a, renamed, N), 1, 1e-15);
  near(information_of(a, renamed, N), 1, 1e-12);
  near(rand_of(a, b, N), rand_of(b, renamed, N), 1e-14);
  near(information_of(a, b, N), information_of(b, renamed, N), 1e-12);
}

/* Where every item is alone, or all are one group, the formulas have nothing to divide by. */
static void trivial_groups_agree_with_themselves_only(void **state) {
  const int32_t one[] = {2, 2, 2, 2, 2}, alone[] = {4, 1, 0, 3, 2}, some[] = {0, 0, 1, 1, 1};
  const int32_t none[] = {-1, -1, -1, -1, -1};
  (void)state;
  near(rand_of(one, one, 5), 1, 0);
  near(rand_of(alone, alone, 5), 1, 0);
  near(rand_of(one, alone, 5), 0, 0);
  near(rand_of(one, some, 5), 0, 1e-15);
  near(information_of(one, one, 5), 1, 0);
  near(information_of(alone, alone, 5), 1, 0);
  near(information_of(one, alone, 5), 0, 1e-12);
  near(information_of(one, some, 5), 0, 1e-12);
  assert_true(isnan(rand_of(none, some, 5)));
  assert_true(isnan(information_of(some, none, 5)));
  near(rand_of(one, one, 1), 1, 0);
}

static void purity_is_the_share_of_the_most_frequent(void **state) {
  const int64_t counts[] = {5, 1, 0, 0, 2, 2, 0, 0, 0};
  const int64_t none[] = {0, 0};
  (void)state;
  near(ins_purity(counts, 3, 3), 0.7, 1e-15);
  assert_true(isnan(ins_purity(none, 1, 2)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_are_of_items_that_both_have_in_a_group),
      cmocka_unit_test(the_adjusted_rand_index_is_what_pairs_say),
      cmocka_unit_test(indices_are_those_of_scikit_learn),
      cmocka_unit_test(names_of_groups_and_their_side_do_not_matter),
      cmocka_unit_test(trivial_groups_agree_with_themselves_only),
      cmocka_unit_test(purity_is_the_share_of_the_most_frequent),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
