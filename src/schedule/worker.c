/* SPDX-License-Identifier: MIT */
/* One who computes: a hand, with MPI and a bench. */
#include <stdio.h>

#include "insilico/clock.h"
#include "insilico/comm.h"
#include "run.h"

typedef struct worker {
  run *run;
  int chief;
  hand hand;
} worker;

hand_terms terms_of(const run *r) {
  static const double report_s = 0.5;
  return (hand_terms){.report_s = report_s, .deadline_s = r->options->deadline_s};
}

static void send(void *self, const message *m) {
  worker *w = self;
  wire_send(w->run, w->chief, m);
}

/* Hears all that has arrived; true when there was anything. */
static bool listen(worker *w) {
  message m;
  int from;
  bool any = false;
  while (!w->hand.gone && wire_receive(w->run, &from, &m)) {
    hand_hear(&w->hand, &m, ins_clock_s());
    any = true;
  }
  hand_tick(&w->hand, ins_clock_s());
  w->run->stood_still = w->run->stood_still || w->hand.stalled;
  w->hand.stalled = false;
  if (w->hand.lost && !w->run->lost)
    ins_fatal(INS_ERR_LOST, "the rank that deals the work does not answer any more", __FILE__,
              __LINE__);
  return any;
}

static bool beat(void *context) {
  worker *w = context;
  if (ins_signals_caught()) return false;
  listen(w);
  return !w->hand.halted && !w->run->lost;
}

static ins_status compute(worker *w, bench *b, int64_t batch, bool check) {
  ins_pulse pulse = {beat, w};
  outcome out;
  ins_status status = compute_batch(w->run, b, batch, check, &pulse, &out);
  if (status == INS_OK)
    hand_finish(&w->hand, &out, ins_clock_s());
  else if (status == INS_ERR_STOPPED)
    hand_finish_part(&w->hand, &out, ins_clock_s());
  return status;
}

/* What the hand says comes next; `status` is what this rank leaves with. */
static ins_status take_step(worker *w, bench *b, unsigned *idle) {
  int64_t batch;
  bool check;
  switch (hand_next(&w->hand, &batch, &check)) {
  case HAND_COMPUTE:
    *idle = 0;
    return compute(w, b, batch, check);
  case HAND_LEAVE:
    hand_leave(&w->hand, w->hand.halted ? INS_ERR_STOPPED : INS_OK, "stopped on request");
    break;
  case HAND_WAIT:
    wire_rest(idle);
    break;
  case HAND_GONE:
    break;
  }
  return INS_OK;
}

ins_status worker_loop(run *r) {
  worker w = {.run = r, .chief = team_chief(&r->team)};
  const hand_owner owner = {.self = &w, .send = send};
  const hand_terms terms = terms_of(r);
  bench b = {0};
  unsigned idle = 0;
  char why[INS_MESSAGE_MAX] = "";
  hand_start(&terms, &owner, ins_clock_s(), &w.hand);
  ins_status status = bench_create(r, &b);
  while (!w.hand.gone && !r->lost) {
    if (listen(&w)) idle = 0;
    if (status == INS_OK && ins_signals_caught())
      status = ins_fail(INS_ERR_STOPPED, "stopped on request");
    if (status != INS_OK && !w.hand.leaving) {
      snprintf(why, sizeof why, "%s", ins_message());
      hand_leave(&w.hand, status, why);
    }
    ins_status step = take_step(&w, &b, &idle);
    if (status == INS_OK) status = step;
  }
  bench_clear(&b);
  return status == INS_OK || status == INS_ERR_STOPPED ? status : ins_fail(status, "%s", why);
}
