/* SPDX-License-Identifier: MIT */
/* One who passes work on: a foreman, with MPI. */
#include "foreman.h"

#include "insilico/clock.h"
#include "insilico/comm.h"
#include "insilico/log.h"
#include "run.h"

typedef struct post {
  run *run;
  foreman foreman;
} post;

static void send_chief(void *self, const message *m) {
  const post *p = self;
  wire_send(p->run, team_chief(&p->run->team), m);
}

static void send_crew(void *self, int who, const message *m) {
  const post *p = self;
  wire_send(p->run, team_member_rank(&p->run->team, who), m);
}

static void tell_silence(void *self, int who, double seconds) {
  const post *p = self;
  const int rank = team_member_rank(&p->run->team, who);
  if (seconds > 0)
    ins_log(INS_LOG_WARNING, "rank %d was not heard of for %.0f s; its work is dealt again", rank,
            seconds);
  else
    ins_log(INS_LOG_INFO, "rank %d is back", rank);
}

static bool listen(post *p) {
  message m;
  int from;
  bool any = false;
  while (!foreman_is_over(&p->foreman) && wire_receive(p->run, &from, &m)) {
    if (from == team_chief(&p->run->team))
      foreman_hear_chief(&p->foreman, &m, ins_clock_s());
    else
      foreman_hear_crew(&p->foreman, team_member(&p->run->team, from), &m, ins_clock_s());
    any = true;
  }
  foreman_tick(&p->foreman, ins_clock_s());
  return any;
}

ins_status foreman_loop(run *r) {
  post p = {.run = r};
  unsigned idle = 0;
  const hand_terms up = terms_of(r);
  const hand_owner chief = {.self = &p, .send = send_chief};
  const dealer_owner crew = {.self = &p, .send = send_crew, .silence = tell_silence};
  const dealer_terms terms = {.n_members = team_n_members(&r->team),
                              .in_order = true,
                              .share = INS_DEAL_SHARE,
                              .deadline_s = r->options->deadline_s};
  /* The crew waits for answers: without memory for its books a foreman cannot turn them away. */
  if (foreman_create(&up, &chief, &terms, &crew, ins_clock_s(), &p.foreman) != INS_OK)
    ins_fatal(INS_ERR_MEMORY, ins_message(), __FILE__, __LINE__);
  while (!foreman_is_over(&p.foreman) && !r->lost) {
    if (listen(&p))
      idle = 0;
    else
      wire_rest(&idle);
    if (ins_signals_caught())
      dealer_halt(&p.foreman.crew, INS_ERR_STOPPED, "stopped on request", ins_clock_s());
    if (foreman_is_lost(&p.foreman) && !r->lost)
      ins_fatal(INS_ERR_LOST,
                p.foreman.crew.lost ? p.foreman.crew.text
                                    : "the rank that deals the work does not answer any more",
                __FILE__, __LINE__);
  }
  ins_status status = p.foreman.crew.status;
  if (status != INS_OK) status = ins_fail(status, "%s", p.foreman.crew.text);
  foreman_clear(&p.foreman);
  return status;
}
