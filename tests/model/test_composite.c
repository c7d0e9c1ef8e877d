/* SPDX-License-Identifier: MIT */
/** Models made of models: ensembles, sessions with weights run apart, cloned readouts. */
#include "plan_problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(ins_status status) {
  if (status != INS_OK) fail_msg("%s", ins_message());
}

/* Moves the parameters of `from` to `to`, with a prefix to their names. */
static void move_parameters(ins_value *from, const char *prefix, ins_value *to) {
  for (size_t i = 0; i < from->children.n; i++) {
    char *name = ins_format("%s%s", prefix, from->children.keys[i]);
    must(ins_map_take(to, name, ins_value_copy(from->children.items[i])));
    free(name);
  }
}

static ins_model_source *empty_source(const char *combine) {
  ins_model_source *source;
  must(ins_alloc(1, sizeof *source, &source));
  source->architecture = ins_value_map();
  source->parameters = ins_value_map();
  must(ins_map_take(source->architecture, "combine", ins_value_text(combine)));
  must(ins_map_take(source->architecture, "members", ins_value_list()));
  return source;
}

/* The mean of n models that differ by their seeds. */
static ins_model_source *ensemble(const model_fixture *f, size_t n) {
  ins_model_source *source = empty_source("mean");
  ins_value *members = source->architecture->children.items[1];
  for (size_t m = 0; m < n; m++) {
    model_fixture one = *f;
    one.seed = f->seed + m;
    ins_model_source *part = fixture_source(&one);
    char prefix[32];
    snprintf(prefix, sizeof prefix, "members.%zu.", m);
    move_parameters(part->parameters, prefix, source->parameters);
    must(ins_list_take(members, ins_value_copy(part->architecture)));
    if (m == 0)
      must(ins_map_take(source->architecture, "sessions",
                        ins_value_copy(ins_map_get(part->architecture, "sessions"))));
    ins_model_source_destroy(&part);
  }
  return source;
}

/* One model whose sessions are run apart. */
static ins_model_source *by_session(const model_fixture *f) {
  ins_model_source *part = fixture_source(f), *source = empty_source("sessions");
  ins_value *members = source->architecture->children.items[1];
  const ins_value *sessions = ins_map_get(part->architecture, "sessions");
  for (size_t s = 0; s < sessions->children.n; s++) {
    ins_value *member = ins_value_copy(part->architecture), *one = ins_value_list();
    must(ins_list_take(one, ins_value_copy(sessions->children.items[s])));
    must(ins_map_take(member, "sessions", one));
    must(ins_list_take(members, member));
  }
  must(ins_map_take(source->architecture, "sessions", ins_value_copy(sessions)));
  move_parameters(part->parameters, "", source->parameters);
  ins_model_source_destroy(&part);
  return source;
}

static ins_model *model_of(ins_model_source *source) {
  ins_model *model;
  must(ins_model_create(source, &model));
  ins_model_source_destroy(&source);
  return model;
}

typedef struct answers {
  float *r, *dx; /* [n_read,n], [C,T,H,W] */
  size_t n_r, n_x;
} answers;

/* Both passes for some neurons, given by number. */
static answers run(const model_fixture *f, const ins_model *model, const int64_t *neurons,
                   size_t n) {
  ins_plan_spec spec = whole(f, model, NULL);
  ins_plan *plan = plan_of(model, &spec);
  answers a = {.n_r = spec.n_read * n, .n_x = stimulus_size(model, &spec)};
  float *x = noise(1, a.n_x), *dr = noise(2, a.n_r);
  a.r = zeros(a.n_r, sizeof *a.r);
  a.dx = noise(3, a.n_x); /* to be overwritten */
  select_neurons(plan, 0, neurons, n);
  ins_plan_forward(plan, 0, x, a.r);
  ins_plan_backward(plan, 0, dr, a.dx);
  ins_free(&x);
  ins_free(&dr);
  ins_plan_destroy(&plan);
  return a;
}

static void clear(answers *a) {
  ins_free(&a->r);
  ins_free(&a->dx);
}

static void expect_near(const float *is, const float *should, size_t n, double tolerance) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, isfinite(is[i]) ? fabs((double)is[i] - (double)should[i]) : INFINITY);
    largest = fmax(largest, fabs((double)should[i]));
  }
  if (worst > tolerance * largest) fail_msg("off by %g of %g", worst, largest);
}

static const int64_t some[] = {3, 0, 4, 2};
enum { N_SOME = sizeof some / sizeof *some, N_MEMBERS = 3 };

static void an_ensemble_answers_with_the_mean_of_its_members(void **state) {
  (void)state;
  const model_fixture f = fixture_small(7);
  ins_model *mean = model_of(ensemble(&f, N_MEMBERS));
  assert_int_equal(ins_model_describe(mean)->n_members, N_MEMBERS);
  assert_null(ins_model_member(mean, N_MEMBERS));
  answers whole_answers = run(&f, mean, some, N_SOME), sum = {0};
  for (size_t m = 0; m < N_MEMBERS; m++) {
    model_fixture one = f;
    one.seed = f.seed + m;
    ins_model *alone = fixture_model(&one);
    answers a = run(&f, alone, some, N_SOME), b = run(&f, ins_model_member(mean, m), some, N_SOME);
    assert_memory_equal(a.r, b.r, a.n_r * sizeof *a.r);
    assert_memory_equal(a.dx, b.dx, a.n_x * sizeof *a.dx);
    if (m == 0)
      sum = (answers){zeros(a.n_r, sizeof(float)), zeros(a.n_x, sizeof(float)), a.n_r, a.n_x};
    for (size_t k = 0; k < a.n_r; k++) sum.r[k] += a.r[k] / N_MEMBERS;
    for (size_t k = 0; k < a.n_x; k++) sum.dx[k] += a.dx[k] / N_MEMBERS;
    clear(&a);
    clear(&b);
    ins_model_destroy(&alone);
  }
  expect_near(whole_answers.r, sum.r, sum.n_r, 1e-6);
  expect_near(whole_answers.dx, sum.dx, sum.n_x, 1e-6);
  clear(&whole_answers);
  clear(&sum);
  ins_model_destroy(&mean);
}

static void members_can_be_heard_one_by_one_in_the_same_pass(void **state) {
  (void)state;
  const model_fixture f = fixture_small(7);
  ins_model *mean = model_of(ensemble(&f, N_MEMBERS));
  ins_plan_spec spec = whole(&f, mean, NULL);
  ins_plan *plan = plan_of(mean, &spec);
  const size_t n_r = spec.n_read * N_SOME;
  float *x = noise(1, stimulus_size(mean, &spec)), *r = zeros(n_r, sizeof *r);
  float *again = zeros(n_r, sizeof *r), *each = zeros(N_MEMBERS * n_r, sizeof *each);
  select_neurons(plan, 0, some, N_SOME);
  ins_plan_forward(plan, 0, x, r);
  ins_plan_forward_members(plan, 0, x, each, again);
  assert_memory_equal(r, again, n_r * sizeof *r);
  for (size_t m = 0; m < N_MEMBERS; m++) {
    answers a = run(&f, ins_model_member(mean, m), some, N_SOME);
    assert_memory_equal(each + m * n_r, a.r, n_r * sizeof *r);
    clear(&a);
  }
  void *all[] = {x, r, again, each};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
  ins_plan_destroy(&plan);
  ins_model_destroy(&mean);
}

static void sessions_run_apart_answer_as_they_do_together(void **state) {
  (void)state;
  const model_fixture f = fixture_small(3);
  ins_model *together = fixture_model(&f), *apart = model_of(by_session(&f));
  assert_int_equal(ins_model_describe(apart)->n_neurons, ins_model_describe(together)->n_neurons);
  assert_int_equal(ins_model_describe(apart)->n_members, 0); /* no ensemble */
  answers a = run(&f, together, some, N_SOME), b = run(&f, apart, some, N_SOME);
  assert_memory_equal(a.r, b.r, a.n_r * sizeof *a.r);
  expect_near(b.dx, a.dx, a.n_x, 1e-6); /* added up session by session */
  clear(&a);
  clear(&b);
  ins_model_destroy(&together);
  ins_model_destroy(&apart);
}

static void the_reference_of_a_composite_agrees_with_its_plan(void **state) {
  (void)state;
  const model_fixture f = fixture_small(5);
  ins_model *models[] = {model_of(ensemble(&f, 2)), model_of(by_session(&f))};
  for (size_t k = 0; k < 2; k++) {
    answers a = run(&f, models[k], some, N_SOME);
    float *x32 = noise(1, a.n_x), *dr32 = noise(2, a.n_r), *r32 = zeros(a.n_r, sizeof *r32);
    float *dx32 = zeros(a.n_x, sizeof *dx32);
    double *x = zeros(a.n_x, sizeof *x), *r = zeros(a.n_r, sizeof *r);
    double *dr = zeros(a.n_r, sizeof *dr), *dx = zeros(a.n_x, sizeof *dx);
    for (size_t i = 0; i < a.n_x; i++) x[i] = (double)x32[i];
    for (size_t i = 0; i < a.n_r; i++) dr[i] = (double)dr32[i];
    must(ins_reference_run(models[k], (size_t)f.in_shape[1], x, some, N_SOME, r, dr, dx));
    for (size_t i = 0; i < a.n_r; i++) r32[i] = (float)r[i];
    for (size_t i = 0; i < a.n_x; i++) dx32[i] = (float)dx[i];
    expect_near(a.r, r32, a.n_r, 3e-6);
    expect_near(a.dx, dx32, a.n_x, 3e-6);
    void *all[] = {x32, dr32, r32, dx32, x, r, dr, dx};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) ins_free(&all[i]);
    clear(&a);
    ins_model_destroy(&models[k]);
  }
}

static void a_cloned_readout_scales_and_shifts_the_one_it_clones(void **state) {
  (void)state;
  model_fixture f = fixture_small(2);
  f.n_neurons[1] = f.n_neurons[0];
  const size_t n = (size_t)f.n_neurons[0], shape[1] = {n};
  ins_model_source *source = fixture_source(&f);
  ins_value *clone = (ins_value *)ins_value_at(source->architecture, "sessions.1");
  ins_value *alpha = ins_value_array(INS_F32, 1, shape), *beta = ins_value_array(INS_F32, 1, shape);
  for (size_t i = 0; i < n; i++) {
    ((float *)alpha->array.data)[i] = 0.5f + (float)i;
    ((float *)beta->array.data)[i] = 0.1f * (float)i;
  }
  static const char *const own[] = {"mask_mean", "mask_log_var", "features", "scale_param", "bias"};
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    char name[64];
    snprintf(name, sizeof name, "readout.b.%s", own[i]);
    assert_true(ins_map_remove(source->parameters, name));
  }
  must(ins_map_take(clone, "clone_of", ins_value_text("a")));
  must(ins_map_take(source->parameters, "readout.b.alpha", alpha));
  must(ins_map_take(source->parameters, "readout.b.beta", beta));
  ins_model *model = model_of(source);
  for (size_t i = 0; i < n; i++) {
    const int64_t original = (int64_t)i, cloned = (int64_t)(n + i);
    answers a = run(&f, model, &original, 1), b = run(&f, model, &cloned, 1);
    for (size_t t = 0; t < a.n_r; t++)
      assert_true(fabsf(b.r[t] - ((0.5f + (float)i) * a.r[t] + 0.1f * (float)i)) <= 1e-6f);
    for (size_t k = 0; k < a.n_x; k++) a.dx[k] *= 0.5f + (float)i;
    expect_near(b.dx, a.dx, a.n_x, 1e-6);
    clear(&a);
    clear(&b);
  }
  ins_model_destroy(&model);
}

static void members_that_do_not_fit_together_are_refused(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  ins_model *model;
  ins_model_source *source = ensemble(&f, 2), *other;
  f.n_neurons[1]++;
  other = ensemble(&f, 2);
  ins_value *members = (ins_value *)ins_map_get(source->architecture, "members");
  ins_value_destroy(&members->children.items[1]);
  members->children.items[1] = ins_value_copy(ins_value_at(other->architecture, "members.1"));
  for (size_t i = 0; i < other->parameters->children.n; i++)
    if (strncmp(other->parameters->children.keys[i], "members.1.", 10) == 0)
      must(ins_map_take(source->parameters, other->parameters->children.keys[i],
                        ins_value_copy(other->parameters->children.items[i])));
  assert_int_equal(ins_model_create(source, &model), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "member 1 of the model has a session 'b'"));
  assert_true(ins_map_remove(source->parameters, "members.1.readout.b.bias"));
  assert_int_equal(ins_model_create(source, &model), INS_ERR_MISSING);
  assert_non_null(strstr(ins_message(), "member 1: "));
  ins_model_source_destroy(&source);
  ins_model_source_destroy(&other);
}

static void absurd_numbers_of_neurons_are_refused(void **state) {
  (void)state;
  const int64_t absurd[] = {INT64_MAX, (int64_t)1 << 32, (1 << 24) - 1};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
    const model_fixture f = fixture_small(1);
    ins_model_source *source = fixture_source(&f);
    ins_model *model;
    ins_value *session = (ins_value *)ins_value_at(source->architecture, "sessions.1");
    must(ins_map_take(session, "n_neurons", ins_value_int(absurd[i])));
    assert_int_equal(ins_model_create(source, &model), INS_ERR_FORMAT);
    assert_non_null(strstr(ins_message(), "more than 16777216 neurons"));
    ins_model_source_destroy(&source);
  }
}

static void the_least_stimulus_is_found_at_once_whatever_is_cut(void **state) {
  (void)state;
  model_fixture f = fixture_small(1);
  size_t n;
  f.cut = 0;
  ins_model *model = fixture_model(&f);
  const size_t without = ins_model_least_frames(model);
  ins_model_destroy(&model);
  f.cut = 1000000;
  model = fixture_model(&f);
  assert_int_equal(ins_model_least_frames(model), without + 1000000);
  assert_int_equal(ins_model_output_frames(model, without + 1000000, &n), INS_OK);
  assert_int_equal(n, 1);
  assert_int_equal(ins_model_output_frames(model, without + 999999, &n), INS_ERR_SHAPE);
  assert_non_null(strstr(ins_message(), "at least 1000"));
  ins_model_destroy(&model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_ensemble_answers_with_the_mean_of_its_members),
      cmocka_unit_test(members_can_be_heard_one_by_one_in_the_same_pass),
      cmocka_unit_test(sessions_run_apart_answer_as_they_do_together),
      cmocka_unit_test(the_reference_of_a_composite_agrees_with_its_plan),
      cmocka_unit_test(a_cloned_readout_scales_and_shifts_the_one_it_clones),
      cmocka_unit_test(members_that_do_not_fit_together_are_refused),
      cmocka_unit_test(absurd_numbers_of_neurons_are_refused),
      cmocka_unit_test(the_least_stimulus_is_found_at_once_whatever_is_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
