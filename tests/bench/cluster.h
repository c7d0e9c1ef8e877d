/* SPDX-License-Identifier: MIT */
/** A cluster that exists only as events: every rank is the state machine that ranks run (dealer,
 * foreman, hand of src/schedule), messages and blocks take the time that they are said to take. */
#ifndef INSILICO_BENCH_CLUSTER_H
#define INSILICO_BENCH_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

/** What things take, in seconds. */
typedef struct cluster_costs {
  double message_s; /* to receive a message, or to send one: of the rank that does it */
  double decide_s;  /* to decide what follows from one that was received */
  double journal_s; /* a line of the journal: rank 0, for every report */
  double latency_s; /* from the end of sending to arrival */
  double pause_s;   /* who has nothing to do looks for messages so often */
  double beat_s;    /* who computes looks for messages so often: an iteration */
  double write_s;   /* the rows of a block into the results file */
} cluster_costs;

/** How work is shared out. */
typedef struct cluster_design {
  int share;       /* a deal is the queue / (share x all who compute), at least 1 block */
  double report_s; /* 0: every block is reported by itself */
  int group;       /* ranks a foreman; 0: no foremen */
  bool computes;   /* rank 0 computes too */
} cluster_design;

/** The work. */
typedef struct cluster_job {
  int n_ranks;
  int64_t n_blocks;
  double block_s; /* mean */
  double spread;  /* of block times: standard deviation of their logarithm */
  double speeds;  /* of ranks: the same */
  uint64_t seed;
} cluster_job;

typedef struct cluster_outcome {
  double seconds;    /* from the first message to the last */
  double efficiency; /* seconds of blocks / (ranks x seconds) */
  double busy;       /* share of the time that rank 0 spends on messages */
  uint64_t n_messages;
} cluster_outcome;

/** Runs a job to its end. Blocks take the same time in every design. Ends the program with a
 * message where memory ends or not every block was reported once. */
cluster_outcome cluster_run(const cluster_job *job, const cluster_design *design,
                            const cluster_costs *costs);

#endif
