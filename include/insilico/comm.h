/* SPDX-License-Identifier: MIT */
/** Ranks agreeing with each other: the few collective steps around a run. */
#ifndef INSILICO_COMM_H
#define INSILICO_COMM_H

#include <mpi.h>

#include "insilico/agree.h"
#include "insilico/text.h"

/** Rank 0's bytes for everybody: on rank 0 `text` holds them, on the others it is filled. `status`
 * is rank 0's: when it is not INS_OK nothing is sent and all ranks return it with its message.
 * Collective. */
ins_status ins_share(MPI_Comm comm, ins_status status, ins_text *text) INS_CHECKED;

/** Bytes that ranks of one node share. Zero-initialise. */
typedef struct ins_shared {
  const void *bytes; /* aligned to 64 bytes; read only */
  size_t n;
  void *map; /* of memory that the node's ranks share */
  bool is_mapped;
  void *own; /* where memory cannot be shared: a copy */
} ins_shared;

/** Like ins_share, with one copy a node in shared memory (each rank's own copy where that cannot be
 * had). `text` is rank 0's and is freed there. Collective; freeing is local. */
ins_status ins_share_node(MPI_Comm comm, ins_status status, ins_text *text,
                          ins_shared *out) INS_CHECKED;
void ins_shared_free(ins_shared *shared);

/** From now on an MPI call that fails on `comm` ends all ranks with one clear message (ins_fatal),
 * on communicators made from it too. */
void ins_comm_guard(MPI_Comm comm);

/** Can a run go on without ranks that are lost? Where MPI offers it (src/schedule/survive.c). */
bool ins_comm_survives(void);
/** Does this code of an MPI call say that a rank is lost? */
bool ins_comm_is_loss(int code);
/** Ends a phase in which ranks may have been lost: true when nobody noticed one (`lost`: this rank
 * did). When false, `comm` is good for ins_comm_shrink only. Collective over those who live. */
bool ins_comm_all_there(MPI_Comm comm, bool lost);
/** Replaces `comm` by one of those who live. Collective over them. INS_ERR_LOST: it cannot be done.
 */
ins_status ins_comm_shrink(MPI_Comm *comm) INS_CHECKED;
/** Ends MPI; after a loss the process, with `status`. */
void ins_comm_finish(int status);

/** Makes this process die with the launcher that started it: ranks that outlive a killed launcher
 * would collide with the resumed run. Does nothing without a launcher. */
void ins_die_with_launcher(void);

#endif
