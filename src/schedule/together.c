/* SPDX-License-Identifier: MIT */
/* Stages that all ranks compute together. There is nothing to deal: such a stage is one task, and
 * is done or not. */
#include "insilico/clock.h"
#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/journal.h"
#include "run.h"

typedef struct beating {
  run *run;
  office *office;
} beating;

/* Signals may reach one rank only, and not at the same time. */
static ins_status beat(void *self, double done) {
  beating *b = self;
  int stop = ins_signals_caught() != 0;
  MPI_Allreduce(MPI_IN_PLACE, &stop, 1, MPI_INT, MPI_MAX, b->run->comm);
  if (stop) return ins_fail(INS_ERR_STOPPED, "stopped on request");
  if (b->run->rank == 0) {
    b->office->progress.under_way = done;
    progress_show(&b->office->progress);
  }
  return INS_OK;
}

static void note_done(const run *r, office *o, ins_run_report *report, double seconds) {
  ins_value *fields = ins_value_map();
  const char *stage = stage_name(r);
  if (fields && ((stage && ins_map_take(fields, "stage", ins_value_text(stage)) != INS_OK) ||
                 ins_map_take(fields, "done", ins_value_int(1)) != INS_OK ||
                 ins_map_take(fields, "seconds", ins_value_real(seconds)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(o->journal, "batch", fields);
  report->n_done = ++o->progress.n_done;
  o->progress.under_way = 0;
  progress_show(&o->progress);
}

/* What was written in parts counts once all of it is there and has been read again, by all ranks.
 */
static ins_status seal(run *r) {
  ins_status status = ins_store_sync(r->store);
  if (status == INS_OK && r->rank == 0 && ins_fault("together.seal", (long)r->stage))
    status = ins_fail(INS_ERR_IO, "the stage cannot be sealed, on purpose (INS_FAULT)");
  status = ins_agree(r->comm, status);
  return status == INS_OK ? ins_store_seal(r->store, r->stage, 0) : status;
}

ins_status work_together(run *r, office *o, ins_run_report *report) {
  const ins_collective *collective = r->experiment->together;
  beating b = {r, o};
  const ins_together together = {
      .comm = r->comm, .store = r->store, .stage = r->stage, .self = &b, .beat = beat};
  int64_t left = r->todo[r->stage].n_batches;
  const double start = ins_clock_s();
  MPI_Bcast(&left, 1, MPI_INT64_T, 0, r->comm);
  if (!left) return INS_OK;
  ins_status status = beat(&b, 0);
  /* Rows that are damaged may still say that they are done. */
  if (status == INS_OK) status = ins_store_unseal(r->store, r->stage, 0);
  if (status == INS_OK) status = collective->run(r->state, &together);
  if (status == INS_OK) status = seal(r);
  if (status == INS_OK && r->rank == 0) note_done(r, o, report, ins_clock_s() - start);
  return status;
}
