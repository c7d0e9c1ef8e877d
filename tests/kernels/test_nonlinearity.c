/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "kernels/nonlinearity.h"
#include "kernels_paths.h"

enum { N = 20011 };

/* Small and large, both signs, and close to where pieces meet. */
static float *numbers(void) {
  float *x = zeros(N, sizeof *x);
  normal(1, N, x);
  for (int i = 0; i < N; i++) {
    switch (i % 5) {
    case 0:
      break;
    case 1:
      x[i] *= 10;
      break;
    case 2:
      x[i] *= 0.01f;
      break;
    case 3:
      x[i] = ldexpf(x[i], -(i % 60));
      break;
    default:
      x[i] = -86.0f + 172.0f * (float)i / N;
      break;
    }
  }
  const float special[] = {0.0f, -0.0f, 20.0f, nextafterf(20.0f, 21.0f), -20.0f, 1e-30f, -1e-30f};
  for (size_t i = 0; i < sizeof special / sizeof *special; i++) x[i] = special[i];
  return x;
}

/* Nothing below the range of normal numbers; and a slope that changes its sign has no relative
 * error there. */
static double allowed(ins_nonlinearity kind, double should, bool slope) {
  const bool bends =
      slope && (kind == INS_SILU || kind == INS_GELU || kind == INS_MISH || kind == INS_HARDSWISH);
  return 3e-7 * (bends ? fmax(fabs(should), 1) : fabs(should)) + 1e-37;
}

static void check_values(const ins_kernels *kernels, void *arg) {
  const float *x = arg;
  float *y = zeros(N, sizeof *y), *slope = zeros(N, sizeof *slope);
  for (int k = 0; k < INS_N_NONLINEARITIES; k++) {
    const ins_nonlinearity kind = (ins_nonlinearity)k;
    kernels->nonlinear(kind, N, x, y, slope);
    for (int i = 0; i < N; i++) {
      const double z = (double)x[i], f = ins_nonlinearity_of(kind, z),
                   d = ins_nonlinearity_slope(kind, z);
      if (!(fabs((double)y[i] - f) <= allowed(kind, f, false)))
        fail_msg("%s: %s(%.9g) = %.9g, not %.9g", kernels->name, ins_nonlinearity_name(kind), z,
                 (double)y[i], f);
      if (!(fabs((double)slope[i] - d) <= allowed(kind, d, true)))
        fail_msg("%s: slope of %s(%.9g) = %.9g, not %.9g", kernels->name,
                 ins_nonlinearity_name(kind), z, (double)slope[i], d);
    }
  }
  ins_free(&y);
  ins_free(&slope);
}

static void values_and_slopes_are_those_of_double_precision(void **state) {
  (void)state;
  float *x = numbers();
  for_each_path(check_values, x);
  ins_free(&x);
}

static void slopes_are_derivatives_of_the_values(void **state) {
  (void)state;
  for (int k = 0; k < INS_N_NONLINEARITIES; k++) {
    const ins_nonlinearity kind = (ins_nonlinearity)k;
    for (double x = -7.035; x < 7; x += 0.11) {
      const double h = 1e-5;
      const double d =
          (ins_nonlinearity_of(kind, x + h) - ins_nonlinearity_of(kind, x - h)) / (2 * h);
      const double slope = ins_nonlinearity_slope(kind, x);
      if (fabs(d - slope) > 1e-8 * fmax(1, fabs(slope)))
        fail_msg("%s at %g: slope %g, by differences %g", ins_nonlinearity_name(kind), x, slope, d);
    }
  }
}

/* Known answers: torch 2.13 in double precision, at -1.5 and 0.7. */
static void values_are_those_of_torch(void **state) {
  (void)state;
  static const struct {
    ins_nonlinearity kind;
    double low, high;
  } known[] = {
      {INS_ELU, -0.7768698398515702, 0.7},
      {INS_RELU, 0.0, 0.7},
      {INS_LEAKY_RELU, -0.015, 0.7},
      {INS_SOFTPLUS, 0.2014132779827524, 1.103186048885458},
      {INS_SIGMOID, 0.18242552380635635, 0.6681877721681662},
      {INS_TANH, -0.9051482536448664, 0.6043677771171635},
      {INS_EXP, 0.22313016014842982, 2.0137527074704766},
      {INS_SILU, -0.2736382857095345, 0.46773144051771626},
      {INS_GELU, -0.10021080190328704, 0.5306254434438489},
      {INS_SELU, -1.3658143533672527, 0.7354906911488363},
      {INS_ELU1, 0.22313016014842982, 1.7}, /* elu(x) + 1 */
      {INS_RRELU, -0.34375, 0.7},
      {INS_RELU6, 0.0, 0.7},
      {INS_HARDTANH, -1.0, 0.7},
      {INS_HARDSIGMOID, 0.25, 0.6166666666666667},
      {INS_HARDSWISH, -0.375, 0.43166666666666664},
      {INS_HARDSHRINK, -1.5, 0.7},
      {INS_SOFTSHRINK, -1.0, 0.2},
      {INS_TANHSHRINK, -0.5948517463551336, 0.09563222288283646},
      {INS_SOFTSIGN, -0.6, 0.4117647058823529},
      {INS_LOGSIGMOID, -1.7014132779827524, -0.4031860488854579},
      {INS_MISH, -0.29809974216680674, 0.5611483776438518},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    assert_true(fabs(ins_nonlinearity_of(known[i].kind, -1.5) - known[i].low) < 1e-14);
    assert_true(fabs(ins_nonlinearity_of(known[i].kind, 0.7) - known[i].high) < 1e-14);
  }
}

/* Where pieces meet, a slope is that of one of them: torch 2.13's, for float32. */
static void slopes_at_kinks_are_those_of_torch(void **state) {
  (void)state;
  enum { POINTS = 9 };
  static const float x[POINTS] = {-3, -1, -0.5f, 0, 0.5f, 1, 3, 6, 20};
  static const struct {
    ins_nonlinearity kind;
    float slopes[POINTS];
  } known[] = {
      {INS_ELU, {0.04978707f, 0.3678795f, 0.6065307f, 1, 1, 1, 1, 1, 1}},
      {INS_RELU, {0, 0, 0, 0, 1, 1, 1, 1, 1}},
      {INS_LEAKY_RELU, {0.01f, 0.01f, 0.01f, 0.01f, 1, 1, 1, 1, 1}},
      {INS_SOFTPLUS,
       {0.04742587f, 0.2689414f, 0.3775407f, 0.5f, 0.6224594f, 0.7310586f, 0.9525741f, 0.9975274f,
        1}},
      {INS_SELU,
       {0.08753061f, 0.6467686f, 1.066341f, 1.758099f, 1.050701f, 1.050701f, 1.050701f, 1.050701f,
        1.050701f}},
      {INS_RRELU, {0.2291667f, 0.2291667f, 0.2291667f, 0.2291667f, 1, 1, 1, 1, 1}},
      {INS_RELU6, {0, 0, 0, 0, 1, 1, 1, 0, 0}},
      {INS_HARDTANH, {0, 0, 1, 1, 1, 0, 0, 0, 0}},
      {INS_HARDSIGMOID, {0, 0.1666667f, 0.1666667f, 0.1666667f, 0.1666667f, 0.1666667f, 0, 0, 0}},
      {INS_HARDSWISH, {0, 0.1666667f, 0.3333333f, 0.5f, 0.6666667f, 0.8333334f, 1, 1, 1}},
      {INS_HARDSHRINK, {1, 1, 0, 0, 0, 1, 1, 1, 1}},
      {INS_SOFTSHRINK, {1, 1, 0, 0, 0, 1, 1, 1, 1}},
      {INS_TANHSHRINK,
       {0.990134f, 0.5800257f, 0.2135523f, 0, 0.2135523f, 0.5800257f, 0.990134f, 0.9999754f, 1}},
      {INS_SOFTSIGN,
       {0.0625f, 0.25f, 0.4444445f, 1, 0.4444445f, 0.25f, 0.0625f, 0.02040817f, 0.002267573f}},
      {INS_LOGSIGMOID,
       {0.9525741f, 0.7310586f, 0.6224593f, 0.5f, 0.3775407f, 0.2689414f, 0.04742587f, 0.002472623f,
        2.061154e-09f}},
      {INS_MISH,
       {-0.09339312f, 0.05921673f, 0.2895106f, 0.6f, 0.8864244f, 1.049036f, 1.021107f, 1.000134f,
        1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    float y[POINTS], slope[POINTS];
    ins_nonlinearity_run(known[i].kind, POINTS, x, y, slope);
    for (int k = 0; k < POINTS; k++) {
      const double should = (double)known[i].slopes[k];
      if (fabs((double)slope[k] - should) > 1e-6 ||
          fabs(ins_nonlinearity_slope(known[i].kind, (double)x[k]) - should) > 1e-6)
        fail_msg("%s at %g: slope %g, not %g", ins_nonlinearity_name(known[i].kind), (double)x[k],
                 (double)slope[k], should);
    }
  }
}

static void check_bits(const ins_kernels *kernels, void *arg) {
  const float *x = arg;
  float whole[41], slopes[41], one[1], slope[1], in_place[41];
  for (int k = 0; k < INS_N_NONLINEARITIES; k++) {
    const ins_nonlinearity kind = (ins_nonlinearity)k;
    kernels->nonlinear(kind, 41, x, whole, slopes);
    memcpy(in_place, x, sizeof in_place);
    kernels->nonlinear(kind, 41, in_place, in_place, NULL);
    assert_memory_equal(whole, in_place, sizeof whole);
    for (int i = 0; i < 41; i++) {
      kernels->nonlinear(kind, 1, x + i, one, slope);
      assert_memory_equal(&whole[i], one, sizeof *one);
      assert_memory_equal(&slopes[i], slope, sizeof *slope);
    }
  }
}

static void bits_do_not_depend_on_the_place(void **state) {
  (void)state;
  float *x = numbers();
  for_each_path(check_bits, x);
  ins_free(&x);
}

static void check_extremes(const ins_kernels *kernels, void *arg) {
  (void)arg;
  const float x[] = {NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 88.7f, 88.8f, -103.0f};
  float y[8], slope[8];
  for (int k = 0; k < INS_N_NONLINEARITIES; k++) {
    kernels->nonlinear((ins_nonlinearity)k, 8, x, y, slope);
    assert_true(isnan(y[0]));
    kernels->nonlinear((ins_nonlinearity)k, 2, x + 3, y, slope);
    assert_false(isnan(y[0]) || isnan(y[1]) || isnan(slope[0]) || isnan(slope[1]));
  }
  kernels->nonlinear(INS_EXP, 8, x, y, NULL);
  assert_true(isinf(y[1]) && y[2] < 1e-44f && isinf(y[3]) && y[4] < 1e-44f && isinf(y[6]));
  assert_true(fabs((double)y[5] / exp((double)x[5]) - 1) < 3e-7);
  assert_true(fabs((double)y[7] - exp(-103)) < 2e-45);
  kernels->nonlinear(INS_SIGMOID, 8, x, y, NULL);
  assert_true(y[1] == 1 && y[2] < 1e-37f && y[3] == 1);
  kernels->nonlinear(INS_TANH, 8, x, y, NULL);
  assert_true(y[1] == 1 && y[2] == -1);
  kernels->nonlinear(INS_ELU1, 8, x, y, slope);
  assert_true(isinf(y[1]) && y[2] >= 0 && y[2] < 1e-37f && y[3] == 1e30f && y[4] >= 0);
  kernels->nonlinear(INS_SOFTPLUS, 8, x, y, slope);
  assert_true(isinf(y[1]) && y[3] == 1e30f && slope[3] == 1 && y[4] < 1e-37f);
}

static void extremes_are_limits_and_what_is_not_a_number_stays(void **state) {
  (void)state;
  for_each_path(check_extremes, NULL);
}

static void names_are_those_of_modules_and_functions(void **state) {
  (void)state;
  static const struct {
    const char *name;
    ins_nonlinearity kind;
  } known[] = {{"ELU", INS_ELU},
               {"elu", INS_ELU},
               {"torch.nn.functional.softplus", INS_SOFTPLUS},
               {"Softplus", INS_SOFTPLUS},
               {"torch.exp", INS_EXP},
               {"LeakyReLU", INS_LEAKY_RELU},
               {"leaky_relu", INS_LEAKY_RELU},
               {"linear", INS_IDENTITY},
               {"Identity", INS_IDENTITY},
               {"SiLU", INS_SILU},
               {"elu1", INS_ELU1},
               {"neuralpredictors.layers.activations.Elu1", INS_ELU1},
               {"gelu", INS_GELU},
               {"CELU", INS_ELU},
               {"torch.celu", INS_ELU},
               {"Hardswish", INS_HARDSWISH},
               {"torch.nn.functional.logsigmoid", INS_LOGSIGMOID},
               {"ReLU6", INS_RELU6}};
  ins_nonlinearity kind;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    assert_true(ins_nonlinearity_find(known[i].name, &kind));
    assert_int_equal(kind, known[i].kind);
    assert_true(ins_nonlinearity_find(ins_nonlinearity_name(kind), &kind));
    assert_int_equal(kind, known[i].kind);
  }
  assert_false(ins_nonlinearity_find("PReLU", &kind)); /* has a weight of its own */
  assert_false(ins_nonlinearity_find("Softmax", &kind));
  assert_false(ins_nonlinearity_find("", &kind));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_and_slopes_are_those_of_double_precision),
      cmocka_unit_test(slopes_are_derivatives_of_the_values),
      cmocka_unit_test(values_are_those_of_torch),
      cmocka_unit_test(slopes_at_kinks_are_those_of_torch),
      cmocka_unit_test(bits_do_not_depend_on_the_place),
      cmocka_unit_test(extremes_are_limits_and_what_is_not_a_number_stays),
      cmocka_unit_test(names_are_those_of_modules_and_functions),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
