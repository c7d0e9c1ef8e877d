/* SPDX-License-Identifier: MIT */
/* The decisions of one who deals, one by one; whole schedules are played in test_simulation.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"
#include "schedule/dealer.h"
#include "schedule/hand.h"
#include "schedule/team.h"

enum { MEMBERS = 3, MOST = 256 };

/* What was said to members, and what was reported. */
typedef struct ears {
  int n, to[MOST], n_silent, n_back;
  message said[MOST];
  int64_t n_reported;
  pair_end member[MEMBERS]; /* the members' own count of messages */
} ears;

static void hear(void *self, int who, const message *m) {
  ears *e = self;
  assert_true(e->n < MOST);
  e->to[e->n] = who;
  memcpy(&e->said[e->n++], m, message_bytes(m));
  e->member[who].n_heard++;
}

static void hear_report(void *reader, int who, int64_t origin, const message *m) {
  ears *e = reader;
  (void)who, (void)origin;
  e->n_reported += m->n;
}

static void hear_silence(void *self, int who, double seconds) {
  ears *e = self;
  (void)who;
  e->n_silent += seconds > 0;
  e->n_back += seconds == 0;
}

static dealer new_dealer(ears *e, int64_t n_batches, bool computes) {
  const dealer_terms terms = {
      .n_members = MEMBERS, .computes = computes, .in_order = true, .share = 4, .deadline_s = 8};
  const dealer_owner owner = {
      .self = e, .send = hear, .report = hear_report, .reader = e, .silence = hear_silence};
  dealer d;
  *e = (ears){0};
  assert_int_equal(dealer_create(&terms, &owner, 0, &d), INS_OK);
  dealer_supply(&d, (lot){.n = n_batches}, 0);
  dealer_close(&d, 0);
  return d;
}

static const message *last(const ears *e) {
  return &e->said[e->n - 1];
}

static void say(dealer *d, ears *e, int who, message m, double now) {
  link_stamp(&e->member[who], &m);
  dealer_hear(d, who, &m, now);
}

static void want(dealer *d, ears *e, int who, double now) {
  say(d, e, who, (message){.kind = WANT}, now);
}

static void report(dealer *d, ears *e, int who, int64_t number, int64_t n, double now) {
  say(d, e, who, (message){.kind = REPORT, .deal = number, .n = n}, now);
}

static void deals_become_smaller_and_end_with_single_batches(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 1000, false);
  int64_t before = INT64_MAX, next = 0;
  for (int k = 0; next < 1000; k++) {
    want(&d, &e, k % MEMBERS, 1);
    const message *m = last(&e);
    assert_true(m->kind == DEAL && m->first == next && m->n >= 1 && m->n <= before);
    next += before = m->n;
    if (k == 0) assert_int_equal(m->n, 1000 / (4 * MEMBERS));
  }
  assert_int_equal(before, 1);
  dealer_clear(&d);
}

static void nobody_is_sent_away_before_everything_is_done(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 1, false);
  want(&d, &e, 0, 1);
  const int64_t number = last(&e)->deal;
  want(&d, &e, 1, 1);
  want(&d, &e, 0, 1);
  assert_int_equal(e.n, 1); /* both wait */
  report(&d, &e, 0, number, 1, 2);
  assert_int_equal(e.n, 3);
  for (int k = 1; k < 3; k++) assert_true(e.said[k].kind == DEAL && e.said[k].n == 0);
  dealer_clear(&d);
}

/* `tick` every second, members 1 and 2 beat. */
static void let_time_pass(dealer *d, ears *e, double from, double to) {
  for (double t = from; t < to; t++) {
    if (d->members[1].present) say(d, e, 1, (message){.kind = BEAT}, t);
    if (d->members[2].present) say(d, e, 2, (message){.kind = BEAT}, t);
    dealer_tick(d, t);
  }
}

static void work_of_a_silent_member_is_dealt_again_and_counted_once(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 12, false);
  want(&d, &e, 0, 1);
  const message first = *last(&e);
  assert_int_equal(first.n, 1);
  for (int k = 0; k < 11; k++) {
    want(&d, &e, 1, 1);
    report(&d, &e, 1, last(&e)->deal, 1, 1);
  }
  want(&d, &e, 1, 1); /* waits: one batch is out */
  let_time_pass(&d, &e, 1.5, 9);
  assert_int_equal(e.n_silent, 0);
  let_time_pass(&d, &e, 9.5, 10);
  assert_int_equal(e.n_silent, 1);
  assert_true(last(&e)->kind == DEAL && last(&e)->first == first.first && last(&e)->check);
  report(&d, &e, 1, last(&e)->deal, 1, 10);
  report(&d, &e, 0, first.deal, 1, 11); /* it is back, too late */
  assert_true(e.n_back == 1 && e.n_reported == 12 && !d.lost && d.withdrew);
  dealer_clear(&d);
}

static void a_member_that_stays_silent_ends_the_run_when_all_else_is_done(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 3, true);
  lot own;
  want(&d, &e, 0, 1);
  let_time_pass(&d, &e, 2, 40);
  assert_false(d.lost); /* work is left for others, however long it takes */
  for (int k = 0; k < 3; k++) {
    assert_true(dealer_take(&d, &own));
    dealer_finish_own(&d, &own, 40);
  }
  assert_false(dealer_take(&d, &own));
  let_time_pass(&d, &e, 41, 47);
  assert_false(d.lost);
  let_time_pass(&d, &e, 47, 60);
  assert_true(d.lost && d.status == INS_ERR_LOST);
  dealer_clear(&d);
}

static void who_does_not_leave_after_a_halt_is_not_waited_for(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 30, false);
  want(&d, &e, 0, 1);
  dealer_halt(&d, INS_ERR_STOPPED, "stopped on request", 2);
  say(&d, &e, 1, (message){.kind = LEAVE, .status = INS_ERR_STOPPED}, 2);
  say(&d, &e, 2, (message){.kind = LEAVE, .status = INS_ERR_STOPPED}, 2);
  let_time_pass(&d, &e, 3, 9);
  assert_false(d.lost);
  let_time_pass(&d, &e, 9, 13);
  assert_true(d.lost && d.status == INS_ERR_STOPPED); /* it was asked for, so that is the answer */
  dealer_clear(&d);
}

static void a_dealer_that_stood_still_blames_nobody(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 3, true);
  let_time_pass(&d, &e, 1, 4);
  dealer_tick(&d, 1000);
  assert_int_equal(e.n_silent, 0);
  dealer_clear(&d);
}

static void a_missing_message_is_noticed(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 3, false);
  e.member[0].n_sent++; /* one that never arrived */
  want(&d, &e, 0, 1);
  assert_true(d.lost && d.status == INS_ERR_LOST);
  dealer_clear(&d);
}

static void the_first_failure_is_told_and_everybody_halts(void **state) {
  (void)state;
  ears e;
  dealer d = new_dealer(&e, 30, false);
  say(&d, &e, 1, (message){.kind = LEAVE, .status = INS_ERR_STOPPED, .text = "stopped"}, 1);
  say(&d, &e, 2, (message){.kind = LEAVE, .status = INS_ERR_IO, .text = "no disk"}, 1);
  say(&d, &e, 0, (message){.kind = LEAVE, .status = INS_ERR_MEMORY, .text = "no memory"}, 1);
  assert_true(d.halting && d.status == INS_ERR_IO && dealer_is_over(&d));
  assert_string_equal(d.text, "no disk");
  int halts = 0, byes = 0;
  for (int k = 0; k < e.n; k++) {
    halts += e.said[k].kind == HALT;
    byes += e.said[k].kind == BYE;
  }
  assert_true(halts == 2 && byes == MEMBERS);
  dealer_clear(&d);
}

static void lots_that_follow_each_other_are_one(void **state) {
  (void)state;
  lots queue = {0};
  lot out;
  for (int64_t b = 0; b < 100000; b++) assert_int_equal(lots_add(&queue, (lot){b, 1, 0, false}), 0);
  assert_true(queue.n == 1 && queue.n_batches == 100000);
  assert_int_equal(lots_add(&queue, (lot){100000, 5, 0, true}), INS_OK);
  assert_int_equal(queue.n, 2);
  assert_int_equal(lots_put_back(&queue, (lot){200000, 2, 0, true}), INS_OK);
  assert_true(lots_take(&queue, 10, &out) && out.first == 200000 && out.n == 2);
  assert_true(lots_take(&queue, 10, &out) && out.first == 0 && out.n == 10);
  assert_true(lots_take(&queue, INT64_MAX, &out) && out.first == 10 && out.n == 99990);
  assert_true(lots_take(&queue, 10, &out) && out.n == 5 && out.check);
  assert_true(!lots_take(&queue, 10, &out) && queue.n_batches == 0);
  lots_clear(&queue);
}

/* Every rank but the first has one chief, who has it among its members. */
static void expect_a_tree(int size, int group) {
  int found = 0;
  for (int rank = 0; rank < size; rank++) {
    const team t = team_of(size, rank, group);
    for (int k = 0; k < team_n_members(&t); k++) {
      const int below_it = team_member_rank(&t, k);
      const team below = team_of(size, below_it, group);
      assert_true(below_it > rank && below_it < size);
      assert_int_equal(team_chief(&below), rank);
      assert_int_equal(team_member(&t, below_it), k);
      found++;
    }
    if (rank && team_is_foreman(&t)) assert_true(team_n_members(&t) >= 1);
  }
  assert_int_equal(found, size - 1);
}

static void every_rank_has_a_place_in_the_team(void **state) {
  (void)state;
  for (int group = 2; group < 9; group++)
    for (int size = 1; size < 80; size++) expect_a_tree(size, group);
  expect_a_tree(1000, 256);
  expect_a_tree(100003, 256);
}

/* ---- the other end --------------------------------------------------------------------------- */

typedef struct chief {
  int n;
  message said[MOST];
} chief;

static void tell_chief(void *self, const message *m) {
  chief *c = self;
  assert_true(c->n < MOST);
  memcpy(&c->said[c->n++], m, message_bytes(m));
}

static void a_worker_wants_its_next_deal_when_it_begins_one(void **state) {
  (void)state;
  chief c = {0};
  const hand_terms terms = {.report_s = 0.5, .deadline_s = 8};
  const hand_owner owner = {.self = &c, .send = tell_chief};
  hand h;
  int64_t batch;
  bool check;
  hand_start(&terms, &owner, 0, &h);
  assert_true(c.n == 1 && c.said[0].kind == WANT);
  assert_int_equal(hand_next(&h, &batch, &check), HAND_WAIT);
  message deal = {.kind = DEAL, .sent = 1, .deal = 1, .first = 7, .n = 3};
  hand_hear(&h, &deal, 0.1);
  assert_int_equal(hand_next(&h, &batch, &check), HAND_COMPUTE);
  assert_true(batch == 7 && !check && c.n == 2 && c.said[1].kind == WANT);
}

static void short_batches_are_reported_together(void **state) {
  (void)state;
  chief c = {0};
  const hand_terms terms = {.report_s = 0.5, .deadline_s = 1000};
  const hand_owner owner = {.self = &c, .send = tell_chief};
  const outcome done = {.n_done = 2, .merit = (double)NAN};
  hand h;
  int64_t batch, n_batches = 0, n_tasks = 0;
  bool check;
  int reports = 0;
  hand_start(&terms, &owner, 0, &h);
  message deal = {.kind = DEAL, .sent = 1, .deal = 1, .n = 1000};
  hand_hear(&h, &deal, 0);
  for (int k = 0; k < 1000; k++) {
    assert_int_equal(hand_next(&h, &batch, &check), HAND_COMPUTE);
    assert_int_equal(batch, k);
    hand_finish(&h, &done, 0.01 * k);
  }
  for (int k = 0; k < c.n; k++) {
    if (c.said[k].kind != REPORT) continue;
    reports++;
    n_batches += c.said[k].n;
    n_tasks += c.said[k].n_done;
  }
  assert_true(n_batches == 1000 && n_tasks == 2000 && reports >= 10 && reports <= 21);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(deals_become_smaller_and_end_with_single_batches),
      cmocka_unit_test(nobody_is_sent_away_before_everything_is_done),
      cmocka_unit_test(work_of_a_silent_member_is_dealt_again_and_counted_once),
      cmocka_unit_test(a_member_that_stays_silent_ends_the_run_when_all_else_is_done),
      cmocka_unit_test(who_does_not_leave_after_a_halt_is_not_waited_for),
      cmocka_unit_test(a_dealer_that_stood_still_blames_nobody),
      cmocka_unit_test(a_missing_message_is_noticed),
      cmocka_unit_test(the_first_failure_is_told_and_everybody_halts),
      cmocka_unit_test(lots_that_follow_each_other_are_one),
      cmocka_unit_test(every_rank_has_a_place_in_the_team),
      cmocka_unit_test(a_worker_wants_its_next_deal_when_it_begins_one),
      cmocka_unit_test(short_batches_are_reported_together),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
