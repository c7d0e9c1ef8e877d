/* SPDX-License-Identifier: MIT */
#include "foreman.h"

#include <math.h>
#include <stdio.h>

#include "insilico/memory.h"

static tally *find(foreman *f, int64_t origin) {
  for (size_t i = 0; i < f->n_tallies; i++)
    if (f->tallies[i].sum.deal == origin) return &f->tallies[i];
  return NULL;
}

static void begin(tally *t, int64_t origin) {
  t->sum = (message){.kind = REPORT, .deal = origin, .failed_task = -1, .merit = (double)NAN};
}

static void report(foreman *f, tally *t) {
  if (!t->sum.n && !t->sum.n_done && !t->sum.n_failed) return;
  hand_report(&f->hand, &t->sum);
  begin(t, t->sum.deal);
}

/* A report of the crew, added to what else is done of the chief's deal. */
static void take_report(void *self, int who, int64_t origin, const message *m) {
  foreman *f = self;
  tally *t = find(f, origin);
  if (!t) return;
  if (!t->sum.n && !t->sum.n_done && !t->sum.n_failed)
    t->since = f->crew.members[who].link.heard_at;
  t->n_left -= m->n;
  t->sum.n += m->n;
  t->sum.n_done += m->n_done;
  t->sum.seconds += m->seconds;
  if (!isnan(m->merit) && !(t->sum.merit >= m->merit)) t->sum.merit = m->merit;
  if (m->n_failed && !t->sum.n_failed) {
    t->sum.failed_task = m->failed_task;
    snprintf(t->sum.text, sizeof t->sum.text, "%s", m->text);
  }
  t->sum.n_failed += m->n_failed;
}

static void report_due(foreman *f, double now, bool all) {
  for (size_t i = f->n_tallies; i-- > 0;) {
    tally *t = &f->tallies[i];
    if (all || !t->n_left || t->sum.n_failed || now - t->since >= f->hand.terms.report_s)
      report(f, t);
    if (!t->n_left) *t = f->tallies[--f->n_tallies];
  }
}

/* The crew has work ahead of it: what it does while the next deal is on its way. */
static bool is_short(const foreman *f) {
  return f->crew.queue.n_batches < 2 * (int64_t)f->crew.terms.n_members;
}

static void pass_on(foreman *f, double now) {
  lot next;
  while (is_short(f) && hand_take(&f->hand, &next)) {
    if (ins_grow(&f->tallies, &f->capacity, f->n_tallies + 1, sizeof *f->tallies) != INS_OK) {
      dealer_halt(&f->crew, INS_ERR_MEMORY, ins_message(), now);
      return;
    }
    tally *t = &f->tallies[f->n_tallies++];
    t->n_left = next.n;
    begin(t, next.origin);
    dealer_supply(&f->crew, next, now);
  }
  if (f->hand.over && !f->hand.next.n && !f->crew.closed) dealer_close(&f->crew, now);
}

void foreman_tick(foreman *f, double now) {
  if (f->hand.gone) return;
  if (f->hand.halted) dealer_halt(&f->crew, INS_ERR_STOPPED, "stopped on request", now);
  if (f->hand.stalled) lots_check(&f->crew.queue);
  f->hand.stalled = false;
  pass_on(f, now);
  dealer_tick(&f->crew, now);
  const bool over = dealer_is_over(&f->crew);
  report_due(f, now, over);
  f->hand.withdrew = f->crew.withdrew;
  if (over) hand_leave(&f->hand, f->crew.status, f->crew.text);
  hand_tick(&f->hand, now);
}

void foreman_hear_chief(foreman *f, const message *m, double now) {
  hand_hear(&f->hand, m, now);
  foreman_tick(f, now);
}

void foreman_hear_crew(foreman *f, int who, const message *m, double now) {
  dealer_hear(&f->crew, who, m, now);
  foreman_tick(f, now);
}

bool foreman_is_over(const foreman *f) {
  return f->hand.gone;
}

bool foreman_is_lost(const foreman *f) {
  return !f->hand.gone && (f->hand.lost || f->crew.lost);
}

ins_status foreman_create(const hand_terms *up, const hand_owner *chief, const dealer_terms *down,
                          const dealer_owner *crew, double now, foreman *f) {
  dealer_owner owner = *crew;
  *f = (foreman){0};
  owner.report = take_report;
  owner.reader = f;
  ins_status status = dealer_create(down, &owner, now, &f->crew);
  if (status == INS_OK) hand_start(up, chief, now, &f->hand);
  return status;
}

void foreman_clear(foreman *f) {
  dealer_clear(&f->crew);
  ins_free(&f->tallies);
}
