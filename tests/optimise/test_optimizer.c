/* SPDX-License-Identifier: MIT */
/* One contract over every optimiser, and PyTorch's own numbers (tests/golden/optimizers.txt). */
#include <math.h>

#include "insilico/optimizer.h"
#include "settings.h"

enum { N = 3 };

/* Gradient of sum a (x - b)^2 / 2. */
static void gradient(const float *x, float *g) {
  const float a[N] = {1, 0.3f, 4}, b[N] = {0.2f, 0.1f, -0.4f};
  for (int i = 0; i < N; i++) g[i] = a[i] * (x[i] - b[i]);
}

static void descend(ins_optimizer *optimizer, int steps, float x[N]) {
  const float start[N] = {1, -2, 0.5f};
  float g[N];
  memcpy(x, start, sizeof start);
  for (int i = 0; i < steps; i++) {
    gradient(x, g);
    ins_optimizer_step(optimizer, x, g);
  }
}

static ins_optimizer *make(const char *yaml) {
  ins_value *settings = settings_of(ins_optimizers, yaml);
  ins_optimizer *optimizer = NULL;
  assert_int_equal(ins_optimizer_create(settings, N, &optimizer), INS_OK);
  ins_value_destroy(&settings);
  return optimizer;
}

/* Eight float32 steps: a few units in the last place. */
static void steps_are_those_of_pytorch(void **state) {
  (void)state;
  char line[512];
  int cases = 0;
  FILE *file = fopen(INS_TEST_DATA "/golden/optimizers.txt", "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file)) {
    float x[N];
    double expected[N];
    char *answer = strchr(line, ';');
    assert_non_null(answer);
    *answer++ = '\0';
    assert_int_equal(sscanf(answer, "%lf %lf %lf", &expected[0], &expected[1], &expected[2]), N);
    ins_optimizer *optimizer = make(line);
    descend(optimizer, 8, x);
    for (int i = 0; i < N; i++)
      if (fabs((double)x[i] - expected[i]) > 1e-6)
        fail_msg("%s: x[%d] = %.9g, PyTorch has %.9g", line, i, (double)x[i], expected[i]);
    ins_optimizer_destroy(&optimizer);
    cases++;
  }
  fclose(file);
  assert_int_equal(cases, 9);
}

static void every_optimiser_descends_and_forgets_on_reset(void **state) {
  (void)state;
  for (const ins_variant *v = ins_optimizers; v->name; v++) {
    char yaml[64];
    float first[N], again[N], far[N];
    snprintf(yaml, sizeof yaml, "{kind: %s, lr: 0.05}", v->name);
    ins_optimizer *optimizer = make(yaml);
    descend(optimizer, 5, first);
    ins_optimizer_reset(optimizer);
    descend(optimizer, 5, again);
    assert_memory_equal(first, again, sizeof first);
    ins_optimizer_reset(optimizer);
    descend(optimizer, 4000, far);
    assert_true(fabsf(far[0] - 0.2f) < 0.05f && fabsf(far[2] + 0.4f) < 0.05f);
    ins_optimizer_destroy(&optimizer);
    assert_null(optimizer);
  }
}

static void nesterov_without_momentum_is_refused(void **state) {
  (void)state;
  ins_value *settings = settings_of(ins_optimizers, "{kind: sgd, lr: 1, nesterov: true}");
  ins_optimizer *optimizer = NULL;
  assert_int_equal(ins_optimizer_create(settings, N, &optimizer), INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "momentum"));
  assert_null(optimizer);
  ins_value_destroy(&settings);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_are_those_of_pytorch),
      cmocka_unit_test(every_optimiser_descends_and_forgets_on_reset),
      cmocka_unit_test(nesterov_without_momentum_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
