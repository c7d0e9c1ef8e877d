/* SPDX-License-Identifier: MIT */
/** The other end of a dealer: what a worker knows of its work. Pure, like the dealer: messages come
 * in by hand_hear, go out by `send`, time is told.
 *
 *   hand_start; then, again and again: hear what has arrived, hand_tick, and do what hand_next
 * says.
 */
#ifndef INSILICO_SCHEDULE_HAND_H
#define INSILICO_SCHEDULE_HAND_H

#include "message.h"

/** Who the worker is to its chief. */
typedef struct hand_owner {
  void *self;
  void (*send)(void *self, const message *m);
} hand_owner;

typedef struct hand_terms {
  double report_s;   /* finished batches are reported at least so often while a deal is worked at */
  double deadline_s; /* beats are sent eight times in it; a chief that is silent for PATIENCE of
                        them is lost */
} hand_terms;

typedef enum hand_step {
  HAND_WAIT,    /* there is nothing to do yet */
  HAND_COMPUTE, /* the batch that is told; then hand_finish */
  HAND_LEAVE,   /* there is no work any more, or a halt: hand_leave */
  HAND_GONE     /* the chief said bye: nothing will arrive or may be sent any more */
} hand_step;

/** What came of a batch. */
typedef struct outcome {
  int64_t n_done, n_failed, failed_task;
  double seconds, merit;
  char text[INS_MESSAGE_MAX]; /* why failed_task failed */
} outcome;

typedef struct hand {
  hand_terms terms;
  hand_owner owner;
  pair_end link;
  lot current, next; /* n = 0: none; `origin` is the deal's number */
  bool wants;        /* a WANT is not answered */
  bool over;         /* no more deals will come */
  bool halted, leaving, gone;
  double ticked_at, beat_at; /* when last */
  bool stalled;              /* this rank stood still: others may have done what it was dealt */
  bool withdrew;             /* a foreman's: its crew was dealt work twice */
  bool lost;                 /* the chief is not heard of, or messages are missing */
  double n_since;            /* when the first batch that is not reported was finished */
  message report;            /* what is not reported yet: n batches */
} hand;

void hand_start(const hand_terms *terms, const hand_owner *owner, double now, hand *h);
void hand_hear(hand *h, const message *m, double now);
/** Beats and reports that are due. To be called between iterations too. */
void hand_tick(hand *h, double now);
/** What to do now; for HAND_COMPUTE the batch, and whether some of its tasks may have results. */
hand_step hand_next(hand *h, int64_t *batch, bool *check);
void hand_finish(hand *h, const outcome *done, double now);
/** Tasks of a batch that was broken off: they count, the batch does not. */
void hand_finish_part(hand *h, const outcome *part, double now);
/** The next deal as a whole, for a foreman, who has others compute it; false: there is none. */
bool hand_take(hand *h, lot *out);
/** A report of a foreman, about deal->origin. */
void hand_report(hand *h, message *sum);
/** The last word, once: INS_OK, INS_ERR_STOPPED, or why this rank cannot go on. */
void hand_leave(hand *h, ins_status status, const char *text);

#endif
