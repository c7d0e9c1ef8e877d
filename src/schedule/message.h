/* SPDX-License-Identifier: MIT */
/** What those who deal work and those who do it say to each other.
 *
 *   to the chief    WANT    give me a deal: answered by one DEAL, perhaps much later
 *                   REPORT  n more batches of a deal are done: counts, first failure, best merit
 *                   BEAT    I am there, eight times in a deadline: answered by BEAT
 *                   LEAVE   my last word: there is nothing left for me, or I stopped or failed
 *   from the chief  DEAL    batches [first, first + n) of the deal's number; n = 0: nothing is left
 *                   HALT    stop within an iteration
 *                   BEAT    I am there
 *                   BYE     my last word, after your LEAVE
 *
 * Messages of one pair of ranks arrive in the order they were sent, and each says how many were
 * sent and heard: that none is missing is known, not assumed. A message is below 4 kB, so that it
 * is sent eagerly and nobody blocks; only as much of `text` travels as there is. */
#ifndef INSILICO_SCHEDULE_MESSAGE_H
#define INSILICO_SCHEDULE_MESSAGE_H

#include <stddef.h>
#include <string.h>

#include "lots.h"

typedef enum message_kind { WANT = 1, REPORT, BEAT, LEAVE, DEAL, HALT, BYE } message_kind;

typedef struct message {
  int32_t kind, status; /* status of a LEAVE */
  int64_t sent, heard;  /* how many messages of this pair, this one among them */
  int64_t deal;         /* number of a deal: DEAL, REPORT */
  int64_t first, n;     /* DEAL: batches; REPORT: n that were finished */
  int64_t check;        /* DEAL: some of its tasks may have results; LEAVE: work was dealt twice */
  int64_t n_done, n_failed;   /* REPORT: tasks */
  int64_t failed_task;        /* REPORT: the first that failed */
  double seconds, merit;      /* REPORT: it took; the best (NaN: none) */
  char text[INS_MESSAGE_MAX]; /* REPORT: why it failed; LEAVE: why */
} message;
_Static_assert(sizeof(message) < 4096, "messages are sent eagerly");

/** Bytes of a message that travel. */
static inline size_t message_bytes(const message *m) {
  return offsetof(message, text) + strlen(m->text) + 1;
}

/** Silence for a deadline means that the work is dealt again; for so many that it is for good. The
 * verdict is rank 0's: a worker whose foreman stands still waits for it. */
enum { PATIENCE = 6 };

/** One end of a pair: what was said and heard. Zero-initialise. */
typedef struct pair_end {
  int64_t n_sent, n_heard;
  double heard_at; /* when last */
} pair_end;

/** Numbers a message that is about to be sent. */
void link_stamp(pair_end *l, message *m);
/** Takes note of a message that arrived; false: others are missing before it. */
bool link_note(pair_end *l, const message *m, double now);

#endif
