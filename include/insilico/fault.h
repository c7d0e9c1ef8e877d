/* SPDX-License-Identifier: MIT */
/** Faults on purpose: what tests ask for by the environment variable INS_FAULT, and nobody else.
 *
 *   INS_FAULT="SITE[:NUMBER][+][@RANK][=ACTION]", several separated by spaces or commas
 *
 * At SITE (one of INS_FAULT_SITES), when its number is NUMBER (left out: any), once or with `+`
 * every time from then on (from NUMBER upwards), on RANK only (left out: on all). Sites that work
 * on tasks are numbered by task; the others by how often they were passed, from 1. ACTION: `fail`
 * (default: the site fails as if what it calls had), `kill` (SIGKILL to oneself), `stop` (SIGSTOP
 * to oneself).
 *
 * Without the variable a site costs one comparison.
 */
#ifndef INSILICO_FAULT_H
#define INSILICO_FAULT_H

#include "insilico/status.h"

/** The one list of sites: X(name, what fails there). */
#define INS_FAULT_SITES(X)                                                                         \
  X("compute", "computing a task")                                                                 \
  X("begin", "getting a stage ready")                                                              \
  X("finish", "summing up a group of tasks")                                                       \
  X("store.lay_out", "making the results file")                                                    \
  X("store.reserve", "reserving space for it")                                                     \
  X("store.publish", "putting it in its place")                                                    \
  X("store.open", "opening it on all ranks")                                                       \
  X("store.verify", "verifying a row")                                                             \
  X("store.write", "writing the data of a row")                                                    \
  X("store.write.status", "writing the status of a row, its data being there")                     \
  X("store.write.checksum", "writing the checksum of a row, its status being there")               \
  X("store.read", "reading a row back")                                                            \
  X("store.write.summary", "writing a summary")                                                    \
  X("store.relayout", "copying rows into a file laid out anew")                                    \
  X("store.reread", "reading a verified row again for it")                                         \
  X("store.sync", "making rows readable by other ranks")                                           \
  X("together.seal", "what all ranks computed together counting as done; numbered by stage")       \
  X("store.close", "closing the results file")                                                     \
  X("journal.open", "opening the journal")                                                         \
  X("journal.write", "writing a line of the journal")                                              \
  X("lock", "taking the lock")                                                                     \
  X("message", "a message between ranks")

/** Does a fault happen at `site` now? With `kill` and `stop` it has already happened. `number`: the
 * task, or -1 where there is none. A site that is not in the list is a defect (INS_FAULT is then
 * refused by ins_fault_check). */
bool ins_fault(const char *site, long number);
/** Is INS_FAULT well formed? INS_ERR_ARGUMENT names what is wrong and the sites. */
ins_status ins_fault_check(void) INS_CHECKED;
/** This process' number among the ranks, for `@RANK`. */
void ins_fault_set_rank(int rank);

#endif
