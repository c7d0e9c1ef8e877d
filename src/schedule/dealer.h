/* SPDX-License-Identifier: MIT */
/** Who computes what: the decisions of one who deals work to members (rank 0 to workers, or to
 * foremen and these to their crew). No MPI, no clock, no file: messages come in by dealer_hear, go
 * out by `send`, and time is told. So it can be simulated (tests/schedule/test_simulation.c), and
 * every decision is made in one place.
 *
 * Deals are guided: large at first, single batches at the end, so that all finish together. Members
 * want their next deal when they begin one, so that nobody waits. Who is not heard of for
 * `deadline_s` is silent: what it was dealt goes back into the queue (rows are the same whoever
 * computes them, unless a task fails on one rank alone: `withdrew` says that they should be looked
 * at). When everything else is done, or a halt was called, and somebody stays silent, the dealer is
 * `lost`: collective steps can follow only with everybody. */
#ifndef INSILICO_SCHEDULE_DEALER_H
#define INSILICO_SCHEDULE_DEALER_H

#include "message.h"

/** A deal that a member has not finished. */
typedef struct open_deal {
  int64_t number;
  lot lot;
  int64_t n_reported;
} open_deal;

typedef struct member {
  pair_end link;
  bool present;    /* has not left */
  bool waiting;    /* its WANT is not answered */
  bool silent;     /* nothing was heard for the deadline */
  int64_t awaited; /* message to it that it should have heard by now; 0: none */
  double awaited_since;
  size_t n_open, capacity;
  open_deal *open;
} member;

/** What a dealer tells its owner. `who` is a member, counted from 0. */
typedef struct dealer_owner {
  void *self;
  void (*send)(void *self, int who, const message *m);
  /** A report about work that counts; `origin`: of the lot it belongs to. */
  void (*report)(void *reader, int who, int64_t origin, const message *report);
  void *reader;
  /** A member became silent (`seconds`: since it was heard), or (0) is back. May be NULL. */
  void (*silence)(void *self, int who, double seconds);
} dealer_owner;

typedef struct dealer_terms {
  int n_members;
  bool computes;     /* the owner takes batches too */
  bool in_order;     /* members finish the batches of a deal one after the other; foremen do not */
  int share;         /* a deal is the queue / (share x all who compute), at least 1 */
  double deadline_s; /* infinite: nobody is ever silent */
} dealer_terms;

typedef struct dealer {
  dealer_terms terms;
  dealer_owner owner;
  member *members;
  int n_present, n_waiting;
  lots queue;
  int64_t n_open; /* batches that are dealt and not done, those of the owner among them */
  int64_t last_number;
  bool withdrew;     /* work was dealt twice: two ranks may have written the same rows */
  bool closed;       /* no more work will come */
  bool halting;      /* HALT was sent to all */
  double idle_since; /* when nothing was left but to wait for others; INFINITY: it is not so */
  double ticked_at, looked_at; /* when time passed last; when members were looked after last */
  bool lost;
  ins_status status; /* the worst that members left with; STOPPED gives way to failures */
  char text[INS_MESSAGE_MAX];
} dealer;

ins_status dealer_create(const dealer_terms *terms, const dealer_owner *owner, double now,
                         dealer *d) INS_CHECKED;
void dealer_clear(dealer *d);

/** More work; no more will come. */
void dealer_supply(dealer *d, lot more, double now);
void dealer_close(dealer *d, double now);
/** A message of a member has arrived. */
void dealer_hear(dealer *d, int from, const message *m, double now);
/** Time passes: to be called several times in a deadline, as often as one likes. */
void dealer_tick(dealer *d, double now);
/** Everybody stops, because of `status` (INS_ERR_STOPPED or a failure). */
void dealer_halt(dealer *d, ins_status status, const char *text, double now);
/** One batch for the owner itself, who says when it is done. */
bool dealer_take(dealer *d, lot *out);
void dealer_finish_own(dealer *d, const lot *done, double now);
/** Everybody has left; what the owner took is finished. */
bool dealer_is_over(const dealer *d);

#endif
