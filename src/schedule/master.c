/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "protocol.h"

enum { FAILURES_SHOWN = 5, SMALL_RUN = 16 };

typedef struct master {
  run *run;
  size_t next;   /* first pending batch that was not dealt */
  int n_present; /* workers that have not left */
  bool *present; /* [size] */
  bool halting;  /* a stop was asked for or a rank failed; HALT went to all who were present */
  bool *halted;  /* [size] was sent a HALT */
  ins_status status;
  char text[INS_MESSAGE_MAX];
  progress *progress; /* of all stages */
  ins_journal *journal;
  ins_run_report *report;
} master;

/* ---- stopping -------------------------------------------------------------------------------- */

static void halt_all(master *m) {
  message halt = {.kind = HALT};
  if (m->halting) return;
  m->halting = true;
  for (int k = 1; k < m->run->size; k++) {
    if (!m->present[k]) continue;
    MPI_Send(&halt, sizeof halt, MPI_BYTE, k, TAG_HALT, m->run->comm);
    m->halted[k] = true;
  }
}

/* Remembers the worst that happened; a stop on request gives way to any real failure. */
static void remember(master *m, ins_status status, const char *text) {
  if (status == INS_OK || (m->status != INS_OK && m->status != INS_ERR_STOPPED)) return;
  if (m->status == INS_ERR_STOPPED && status == INS_ERR_STOPPED) return;
  m->status = status;
  snprintf(m->text, sizeof m->text, "%s", text);
}

static void look_at_signals(master *m) {
  if (!ins_signals_caught() || m->halting) return;
  remember(m, INS_ERR_STOPPED, "stopped on request");
  halt_all(m);
}

/* ---- dealing --------------------------------------------------------------------------------- */

/* Guided: large deals at first, single batches at the end, so that all finish together. */
static message deal_to(master *m, int worker) {
  run *r = m->run;
  size_t left = r->n_pending - m->next, n = left / (4 * (size_t)r->size);
  message deal = {.kind = DEAL, .first = (int64_t)m->next};
  if (n < 1) n = 1;
  deal.n = m->halting || left == 0 ? 0 : (int64_t)(n < left ? n : left);
  if (worker == 0 && deal.n > 1) deal.n = 1; /* the master looks up often */
  m->next += (size_t)deal.n;
  return deal;
}

/* A line of the journal begins with its stage, where there are several. */
static ins_value *new_fields(const run *r) {
  const char *stage = stage_name(r);
  ins_value *fields = ins_value_map();
  if (fields && stage && ins_map_take(fields, "stage", ins_value_text(stage)) != INS_OK)
    ins_value_destroy(&fields);
  return fields;
}

static ins_value *failure_fields(const run *r, const message *report) {
  ins_value *fields = new_fields(r);
  if (fields &&
      (ins_map_take(fields, "task", ins_value_int(report->failed_task)) != INS_OK ||
       ins_map_take(fields, "failed_in_batch", ins_value_int(report->n_failed)) != INS_OK ||
       ins_map_take(fields, "message", ins_value_text(report->text)) != INS_OK))
    ins_value_destroy(&fields);
  return fields;
}

static void note_failures(master *m, const message *report) {
  char stage[160];
  if (m->progress->n_failed < FAILURES_SHOWN)
    ins_log(INS_LOG_WARNING, "task %lld%s failed: %s", (long long)report->failed_task,
            stage_of(m->run, stage, sizeof stage), report->text);
  if (m->progress->n_failed == 0) {
    m->report->first_failed_stage = m->run->stage;
    m->report->first_failed_task = (size_t)report->failed_task;
    strcpy(m->report->first_failure, report->text);
  }
  ins_journal_write(m->journal, "failure", failure_fields(m->run, report));
}

static void note_batch(master *m, int worker, const message *report) {
  ins_value *fields = new_fields(m->run);
  if (fields &&
      (ins_map_take(fields, "batch", ins_value_int(m->run->pending[report->first])) != INS_OK ||
       ins_map_take(fields, "rank", ins_value_int(worker)) != INS_OK ||
       ins_map_take(fields, "done", ins_value_int(report->n_done)) != INS_OK ||
       ins_map_take(fields, "seconds", ins_value_real(report->seconds)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(m->journal, "batch", fields);
}

static void take_report(master *m, int worker, const message *report) {
  if (report->n_failed) note_failures(m, report);
  note_batch(m, worker, report);
  m->progress->n_done += (size_t)report->n_done;
  m->progress->n_failed += (size_t)report->n_failed;
  if (!(m->progress->best >= report->merit) && !isnan(report->merit))
    m->progress->best = report->merit;
}

/* ---- answering ------------------------------------------------------------------------------- */

static void let_go(master *m, int worker, const message *last) {
  message bye = {.kind = BYE, .n = m->halted[worker]};
  MPI_Send(&bye, sizeof bye, MPI_BYTE, worker, TAG_BYE, m->run->comm);
  m->present[worker] = false;
  m->n_present--;
  if (last->status == INS_OK) return;
  remember(m, (ins_status)last->status, last->text);
  halt_all(m);
}

static void answer(master *m, int worker, const message *asked) {
  message deal;
  switch ((message_kind)asked->kind) {
  case WANT:
    deal = deal_to(m, worker);
    MPI_Send(&deal, sizeof deal, MPI_BYTE, worker, TAG_DEAL, m->run->comm);
    break;
  case REPORT:
    take_report(m, worker, asked);
    break;
  case LEAVE:
    let_go(m, worker, asked);
    break;
  case DEAL:
  case HALT:
  case BYE:
    break; /* never sent to the master */
  }
}

/* Answers all that has arrived; true when there was anything. */
static bool serve(master *m) {
  bool any = false;
  int arrived = 1;
  while (arrived) {
    MPI_Status from;
    message asked;
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_TO_MASTER, m->run->comm, &arrived, &from);
    if (!arrived) break;
    MPI_Recv(&asked, sizeof asked, MPI_BYTE, from.MPI_SOURCE, TAG_TO_MASTER, m->run->comm,
             MPI_STATUS_IGNORE);
    answer(m, from.MPI_SOURCE, &asked);
    any = true;
  }
  look_at_signals(m);
  progress_show(m->progress);
  return any;
}

static bool beat(void *context) {
  master *m = context;
  serve(m);
  return !m->halting;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void compute_own(master *m, bench *b) {
  ins_pulse pulse = {beat, m};
  message report, deal = deal_to(m, 0);
  if (deal.n == 0) return;
  ins_status status = compute_batch(m->run, b, (size_t)deal.first, &pulse, &report);
  if (status == INS_OK || status == INS_ERR_STOPPED) take_report(m, 0, &report);
  if (status == INS_OK || (status == INS_ERR_STOPPED && m->halting)) return;
  remember(m, status, ins_message());
  halt_all(m);
}

static ins_status create(master *m, run *r, office *o, ins_run_report *report) {
  *m = (master){.run = r,
                .n_present = r->size - 1,
                .progress = &o->progress,
                .journal = o->journal,
                .report = report};
  ins_status status = ins_alloc((size_t)r->size, sizeof(bool), &m->present);
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof(bool), &m->halted);
  for (int k = 1; status == INS_OK && k < r->size; k++) m->present[k] = true;
  return status;
}

ins_status master_loop(run *r, const ins_run_options *options, office *o, ins_run_report *report) {
  master m;
  bench b = {0};
  unsigned idle = 0;
  bool computes = options->computing_master < 0 ? r->size <= SMALL_RUN : options->computing_master;
  ins_status status = create(&m, r, o, report);
  if (status == INS_OK) status = bench_create(r, &b);
  /* Workers wait for answers: without memory for its tables the master cannot even turn them away.
   */
  if (status != INS_OK) ins_fatal(ins_message(), __FILE__, __LINE__);
  computes = computes || r->size == 1;
  do {
    bool busy = serve(&m);
    bool more = computes && !m.halting && m.next < r->n_pending;
    if (more) compute_own(&m, &b);
    if (busy || more)
      idle = 0;
    else
      rest(&idle);
  } while (m.n_present > 0 || (computes && !m.halting && m.next < r->n_pending));
  report->n_done = m.progress->n_done;
  report->n_failed = m.progress->n_failed;
  bench_clear(&b);
  ins_free(&m.present);
  ins_free(&m.halted);
  return m.status == INS_OK ? INS_OK : ins_fail(m.status, "%s", m.text);
}
