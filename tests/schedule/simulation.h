/* SPDX-License-Identifier: MIT */
/** Master, foremen and workers of one stage in one process and in virtual time: the machines that
 * the program runs, with a network that delays, a file that is a table, and every kind of trouble.
 * What happens is a pure function of the seed. */
#ifndef INSILICO_TESTS_SCHEDULE_SIMULATION_H
#define INSILICO_TESTS_SCHEDULE_SIMULATION_H

#include "schedule/foreman.h"
#include "schedule/team.h"

enum { SIM_MAX_RANKS = 12, SIM_MAX_BATCHES = 48 };

/** What goes wrong, at `at`, with `rank`. */
typedef enum sim_trouble {
  SIM_NOTHING,
  SIM_SIGNAL,          /* it is asked to stop */
  SIM_ERROR,           /* it cannot go on and says so (a worker: while it computes) */
  SIM_DEATH,           /* it is gone; the launcher notices after a while and ends all */
  SIM_UNNOTICED_DEATH, /* it is gone and no launcher notices: a host that was cut off */
  SIM_FREEZE,          /* it stands still, for long, and then goes on */
  SIM_LOSS,            /* one message to or from it is lost */
  SIM_TROUBLES
} sim_trouble;

typedef struct sim_plan {
  uint64_t seed;
  int n_ranks, group, n_batches;
  bool computing_master;
  sim_trouble trouble;
  int rank;
  double at, freeze_s;
  double slowest_message_s; /* messages take up to so long */
  double deadline_s;
} sim_plan;

typedef enum sim_end {
  SIM_COMPLETE, /* everybody left, everything is done */
  SIM_STOPPED,  /* everybody left, with the dealer's status */
  SIM_ENDED,    /* a rank ended all (or the launcher did) */
  SIM_HANGS     /* a defect: nothing moves, or no end is in sight */
} sim_end;

typedef struct sim_result {
  sim_end end;
  ins_status status;
  double seconds;             /* virtual */
  int n_computed;             /* batches, counted as often as they were */
  int n_reported;             /* that the master heard of */
  int n_stray;                /* messages that were left when everybody had left: a defect */
  bool done[SIM_MAX_BATCHES]; /* the file; in: what is there already */
} sim_result;

/** Plays one schedule. `result->done` says what is in the file before and after. */
void sim_play(const sim_plan *plan, sim_result *result);

#endif
