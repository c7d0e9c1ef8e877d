/* SPDX-License-Identifier: MIT */
/* Rank 0 in the run phase: a dealer, with MPI, a journal and a progress bar; on few ranks it
 * computes too. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dealer.h"
#include "insilico/clock.h"
#include "insilico/comm.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "run.h"

enum { FAILURES_SHOWN = 5 };

/* What a line of the journal will say of a rank. */
typedef struct entry {
  int64_t n, n_done;
  double seconds, since;
} entry;

typedef struct master {
  run *run;
  entry *entries; /* [size] */
  dealer dealer;
  office *office;
  ins_run_report *report;
} master;

/* ---- what is told to people ------------------------------------------------------------------ */

/* A line of the journal begins with its stage, where there are several. */
static ins_value *new_fields(const run *r) {
  const char *stage = stage_name(r);
  ins_value *fields = ins_value_map();
  if (fields && stage && ins_map_take(fields, "stage", ins_value_text(stage)) != INS_OK)
    ins_value_destroy(&fields);
  return fields;
}

static ins_value *failure_fields(const run *r, const message *m) {
  ins_value *fields = new_fields(r);
  if (fields && (ins_map_take(fields, "task", ins_value_int(m->failed_task)) != INS_OK ||
                 ins_map_take(fields, "failed_in_batch", ins_value_int(m->n_failed)) != INS_OK ||
                 ins_map_take(fields, "message", ins_value_text(m->text)) != INS_OK))
    ins_value_destroy(&fields);
  return fields;
}

static void note_failures(master *m, const message *report) {
  char stage[160];
  progress *shown = &m->office->progress;
  if (shown->n_failed < FAILURES_SHOWN)
    ins_log(INS_LOG_WARNING, "task %lld%s failed: %s", (long long)report->failed_task,
            stage_of(m->run, stage, sizeof stage), report->text);
  if (shown->n_failed == 0) {
    m->report->first_failed_stage = m->run->stage;
    m->report->first_failed_task = (size_t)report->failed_task;
    snprintf(m->report->first_failure, sizeof m->report->first_failure, "%s", report->text);
  }
  ins_journal_write(m->office->journal, "failure", failure_fields(m->run, report));
}

static void write_entry(master *m, int rank) {
  entry *e = &m->entries[rank];
  ins_value *fields = new_fields(m->run);
  if (fields && (ins_map_take(fields, "n", ins_value_int(e->n)) != INS_OK ||
                 ins_map_take(fields, "rank", ins_value_int(rank)) != INS_OK ||
                 ins_map_take(fields, "done", ins_value_int(e->n_done)) != INS_OK ||
                 ins_map_take(fields, "seconds", ins_value_real(e->seconds)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(m->office->journal, "batch", fields);
  *e = (entry){0};
}

/* About a line a second, whatever the number of ranks: a journal of months can still be read. */
static void note_batches(master *m, int rank, const message *report) {
  static const double shortest_s = 10;
  const double now = ins_clock_s(), interval = fmax(shortest_s, team_n_members(&m->run->team));
  entry *e = &m->entries[rank];
  if (!e->n && !e->n_done) e->since = now;
  e->n += report->n;
  e->n_done += report->n_done;
  e->seconds += report->seconds;
  if (now - e->since >= interval) write_entry(m, rank);
}

static void write_entries(master *m) {
  for (int k = 0; k < m->run->size; k++)
    if (m->entries[k].n || m->entries[k].n_done) write_entry(m, k);
}

static void take_report(master *m, int rank, const message *report) {
  progress *shown = &m->office->progress;
  if (report->n_failed) note_failures(m, report);
  note_batches(m, rank, report);
  shown->n_done += (size_t)report->n_done;
  shown->n_failed += (size_t)report->n_failed;
  if (!isnan(report->merit) && !(shown->best >= report->merit)) shown->best = report->merit;
}

/* ---- what the dealer asks for ---------------------------------------------------------------- */

static void send(void *self, int who, const message *said) {
  const master *m = self;
  wire_send(m->run, team_member_rank(&m->run->team, who), said);
}

static void hear_report(void *self, int who, int64_t origin, const message *report) {
  master *m = self;
  (void)origin;
  take_report(m, team_member_rank(&m->run->team, who), report);
}

static void tell_silence(void *self, int who, double seconds) {
  const master *m = self;
  const int rank = team_member_rank(&m->run->team, who);
  const char *host = m->office->hosts + (size_t)rank * MPI_MAX_PROCESSOR_NAME;
  if (seconds > 0)
    ins_log(INS_LOG_WARNING,
            "rank %d on %s was not heard of for %.0f s; its work is dealt again, and the run ends "
            "when all else is done unless it answers",
            rank, host, seconds);
  else
    ins_log(INS_LOG_INFO, "rank %d on %s is back", rank, host);
  ins_value *fields = new_fields(m->run);
  if (fields && (ins_map_take(fields, "rank", ins_value_int(rank)) != INS_OK ||
                 ins_map_take(fields, "host", ins_value_text(host)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(m->office->journal, seconds > 0 ? "silence" : "back", fields);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* Others cannot be waited for: all ranks end, and what was written stays. */
static _Noreturn void end_all(master *m) {
  ins_run_report *report = m->report;
  report->n_done = m->office->progress.n_done;
  report->n_failed = m->office->progress.n_failed;
  ins_status status = ins_fail(m->dealer.status == INS_OK ? INS_ERR_LOST : m->dealer.status,
                               "%s; all ranks end now, run again to go on", m->dealer.text);
  write_entries(m);
  close_journal(m->office, status, report);
  ins_fatal(status, ins_message(), __FILE__, __LINE__);
}

/* Hears all that has arrived; true when there was anything. */
static bool serve(master *m) {
  message heard;
  int from;
  bool any = false;
  while (wire_receive(m->run, &from, &heard)) {
    dealer_hear(&m->dealer, team_member(&m->run->team, from), &heard, ins_clock_s());
    any = true;
  }
  dealer_tick(&m->dealer, ins_clock_s());
  if (m->dealer.lost && !m->run->lost) end_all(m);
  if (ins_signals_caught())
    dealer_halt(&m->dealer, INS_ERR_STOPPED, "stopped on request", ins_clock_s());
  progress_show(&m->office->progress);
  return any;
}

static bool beat(void *context) {
  master *m = context;
  serve(m);
  return !m->dealer.halting && !m->run->lost;
}

static message report_of(const outcome *out, int64_t n) {
  message m = {.kind = REPORT,
               .n = n,
               .n_done = out->n_done,
               .n_failed = out->n_failed,
               .failed_task = out->failed_task,
               .seconds = out->seconds,
               .merit = out->merit};
  memcpy(m.text, out->text, sizeof m.text);
  return m;
}

/* One batch of its own; true when there was one. */
static bool compute_own(master *m, bench *b) {
  ins_pulse pulse = {beat, m};
  outcome out;
  lot own;
  if (!dealer_take(&m->dealer, &own)) return false;
  ins_status status = compute_batch(m->run, b, own.first, own.check, &pulse, &out);
  if (status == INS_OK || status == INS_ERR_STOPPED) {
    message report = report_of(&out, status == INS_OK);
    take_report(m, 0, &report);
  }
  if (status != INS_OK && !(status == INS_ERR_STOPPED && (m->dealer.halting || m->run->lost)))
    dealer_halt(&m->dealer, status, ins_message(), ins_clock_s());
  dealer_finish_own(&m->dealer, &own, ins_clock_s());
  return true;
}

static ins_status supply(master *m) {
  lots *todo = &m->run->todo[m->run->stage];
  lot next;
  const double now = ins_clock_s();
  while (lots_take(todo, INT64_MAX, &next)) {
    ins_status status = lots_add(&m->dealer.queue, next);
    if (status != INS_OK) return status;
  }
  lots_clear(todo);
  dealer_close(&m->dealer, now);
  return INS_OK;
}

static ins_status create(master *m, bench *b) {
  const run *r = m->run;
  const int computing = r->options->computing_master;
  const dealer_owner owner = {
      .self = m, .send = send, .report = hear_report, .reader = m, .silence = tell_silence};
  const dealer_terms terms = {
      .n_members = team_n_members(&r->team),
      .computes = r->size == 1 || (computing < 0 ? r->size <= INS_COMPUTING_MASTER : computing),
      .in_order = !r->team.n_groups,
      .share = INS_DEAL_SHARE,
      .deadline_s = r->options->deadline_s};
  ins_status status = dealer_create(&terms, &owner, ins_clock_s(), &m->dealer);
  if (status == INS_OK) status = ins_alloc((size_t)r->size, sizeof *m->entries, &m->entries);
  if (status == INS_OK) status = supply(m);
  if (status == INS_OK && terms.computes) status = bench_create(r, b);
  return status;
}

ins_status master_loop(run *r, office *o, ins_run_report *report) {
  master m = {.run = r, .office = o, .report = report};
  bench b = {0};
  unsigned idle = 0;
  /* Workers wait for answers: without memory for its books the master cannot even turn them away.
   */
  if (create(&m, &b) != INS_OK) ins_fatal(INS_ERR_MEMORY, ins_message(), __FILE__, __LINE__);
  while (!dealer_is_over(&m.dealer) && !r->lost) {
    bool busy = serve(&m);
    if (m.dealer.terms.computes) busy = compute_own(&m, &b) || busy;
    if (busy)
      idle = 0;
    else
      wire_rest(&idle);
  }
  ins_status status = m.dealer.status;
  if (status != INS_OK) status = ins_fail(status, "%s", m.dealer.text);
  r->withdrew = m.dealer.withdrew;
  report->n_done = o->progress.n_done;
  report->n_failed = o->progress.n_failed;
  write_entries(&m);
  ins_free(&m.entries);
  bench_clear(&b);
  dealer_clear(&m.dealer);
  return status;
}
