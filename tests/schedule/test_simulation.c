/* SPDX-License-Identifier: MIT */
/* Any schedule ends in the same results or in a clean stop: thousands here, more by
 * INSILICO_SCHEDULES=1000000. A failure names its seed: INSILICO_SCHEDULE=SEED plays that one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "simulation.h"

static const double deadline_s = 10;

static uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/* Everything about a schedule follows from its seed. */
static sim_plan plan_of(uint64_t seed) {
  const uint64_t a = mix(seed), b = mix(a), c = mix(b);
  sim_plan plan = {.seed = seed,
                   .n_ranks = 1 + (int)(a % SIM_MAX_RANKS),
                   .group = 2 + (int)(a >> 8) % 5,
                   .n_batches = (int)((a >> 16 & 0xffff) % (SIM_MAX_BATCHES + 1)),
                   .computing_master = a >> 32 & 1,
                   .trouble = (sim_trouble)(b % SIM_TROUBLES),
                   .at = (double)(c % 30000) * 1e-3,
                   .freeze_s = (double)(c >> 20 & 0xff) * 0.2,
                   .deadline_s = deadline_s};
  plan.group = 2 + (int)(a >> 8 & 0xff) % 5;
  plan.rank = (int)((b >> 8 & 0xffff) % (unsigned)plan.n_ranks);
  plan.slowest_message_s = c >> 40 & 1 ? 0.001 : 1.5;
  return plan;
}

static bool all_done(const sim_plan *plan, const sim_result *r) {
  for (int b = 0; b < plan->n_batches; b++)
    if (!r->done[b]) return false;
  return true;
}

#define expect(condition)                                                                          \
  if (!(condition))                                                                                \
  fail_msg("schedule %llu: not so: %s (end %d, status %s, %.1f s, trouble %d, rank %d of %d)",     \
           (unsigned long long)plan.seed, #condition, (int)r.end, ins_status_name(r.status),       \
           r.seconds, (int)plan.trouble, plan.rank, plan.n_ranks)

/* Nothing went wrong: everything is done, once. */
static void expect_perfection(sim_plan plan, sim_result r) {
  expect(r.end == SIM_COMPLETE);
  expect(r.n_computed == plan.n_batches && r.n_reported == plan.n_batches);
}

static void expect_fitting_end(sim_plan plan, sim_result r) {
  expect(r.end != SIM_HANGS);
  expect(r.n_stray == 0);
  expect(r.end != SIM_COMPLETE || all_done(&plan, &r));
  /* Compared with what it takes undisturbed the end comes within a few deadlines. */
  expect(r.seconds < 130 + plan.freeze_s + 8 * deadline_s);
  if (plan.trouble == SIM_SIGNAL || plan.trouble == SIM_ERROR) expect(r.end != SIM_ENDED);
  if (r.end == SIM_STOPPED)
    expect((plan.trouble == SIM_SIGNAL && r.status == INS_ERR_STOPPED) ||
           (plan.trouble == SIM_ERROR && r.status == INS_ERR_IO));
  if (r.end == SIM_ENDED)
    expect(plan.trouble == SIM_DEATH || plan.trouble == SIM_UNNOTICED_DEATH ||
           plan.trouble == SIM_FREEZE || plan.trouble == SIM_LOSS);
  /* A short standstill is no reason to end. */
  if (plan.trouble == SIM_FREEZE && plan.freeze_s * 1.25 < deadline_s / 2)
    expect(r.end == SIM_COMPLETE);
}

static sim_end play(uint64_t seed) {
  sim_plan plan = plan_of(seed);
  sim_result r = {0};
  sim_play(&plan, &r);
  expect_fitting_end(plan, r);
  if (plan.trouble == SIM_NOTHING) expect_perfection(plan, r);
  const sim_end end = r.end;
  /* Whatever it left behind, a second run completes it, on another number of ranks. */
  plan.trouble = SIM_NOTHING;
  plan.n_ranks = 1 + (plan.n_ranks + 3) % SIM_MAX_RANKS;
  sim_play(&plan, &r);
  expect(r.end == SIM_COMPLETE && all_done(&plan, &r));
  return end;
}

static void any_schedule_ends_in_the_same_results_or_a_clean_stop(void **state) {
  const char *one = getenv("INSILICO_SCHEDULE"), *many = getenv("INSILICO_SCHEDULES");
  const uint64_t n = many ? strtoull(many, NULL, 10) : 20000;
  uint64_t ends[SIM_HANGS + 1] = {0};
  (void)state;
  if (one) {
    play(strtoull(one, NULL, 10));
    return;
  }
  for (uint64_t seed = 1; seed <= n; seed++) ends[play(seed)]++;
  printf("%llu schedules: %llu complete, %llu stopped, %llu ended\n", (unsigned long long)n,
         (unsigned long long)ends[SIM_COMPLETE], (unsigned long long)ends[SIM_STOPPED],
         (unsigned long long)ends[SIM_ENDED]);
  for (int k = SIM_COMPLETE; k < SIM_HANGS; k++) assert_true(ends[k] > n / 50);
}

static void a_schedule_is_a_function_of_its_seed(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 200; seed++) {
    const sim_plan plan = plan_of(seed);
    sim_result a = {0}, b = {0};
    sim_play(&plan, &a);
    sim_play(&plan, &b);
    assert_true(a.end == b.end && a.seconds == b.seconds && a.n_computed == b.n_computed);
    assert_memory_equal(a.done, b.done, sizeof a.done);
  }
}

static void work_of_a_silent_worker_is_done_by_others(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 400; seed++) {
    sim_plan plan = {.seed = seed,
                     .n_ranks = 3,
                     .group = 100,
                     .n_batches = 48,
                     .trouble = SIM_FREEZE,
                     .rank = 2,
                     .at = 1 + 0.02 * (double)seed,
                     .freeze_s = 25, /* back before the other has done all */
                     .slowest_message_s = 1.5,
                     .deadline_s = deadline_s};
    sim_result r = {0};
    sim_play(&plan, &r);
    expect(r.end == SIM_COMPLETE && all_done(&plan, &r));
    expect(r.n_reported == plan.n_batches);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_schedule_is_a_function_of_its_seed),
      cmocka_unit_test(work_of_a_silent_worker_is_done_by_others),
      cmocka_unit_test(any_schedule_ends_in_the_same_results_or_a_clean_stop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
