/* SPDX-License-Identifier: MIT */
#include "dealer.h"

#include <math.h>
#include <stdio.h>

#include "insilico/memory.h"

enum { LOOKS_IN_DEADLINE = 32 };
/* Who does not leave so long after a halt is not waited for. */
static const double halt_patience_s = 30;

/* ---- messages -------------------------------------------------------------------------------- */

void link_stamp(pair_end *l, message *m) {
  m->sent = ++l->n_sent;
  m->heard = l->n_heard;
}

bool link_note(pair_end *l, const message *m, double now) {
  l->heard_at = now;
  l->n_heard++;
  return m->sent == l->n_heard;
}

static void say(dealer *d, int to, message *m) {
  link_stamp(&d->members[to].link, m);
  d->owner.send(d->owner.self, to, m);
}

static void say_kind(dealer *d, int to, message_kind kind) {
  message m = {.kind = kind};
  say(d, to, &m);
}

/* ---- stopping -------------------------------------------------------------------------------- */

/* The worst that happened; a stop on request gives way to any real failure. */
static void remember(dealer *d, ins_status status, const char *text) {
  if (status == INS_OK || (d->status != INS_OK && d->status != INS_ERR_STOPPED)) return;
  if (d->status == INS_ERR_STOPPED && status == INS_ERR_STOPPED) return;
  d->status = status;
  snprintf(d->text, sizeof d->text, "%s", text);
}

void dealer_halt(dealer *d, ins_status status, const char *text, double now) {
  remember(d, status, text);
  if (d->halting) return;
  d->halting = true;
  d->idle_since = now;
  for (int k = 0; k < d->terms.n_members; k++)
    if (d->members[k].present) say_kind(d, k, HALT);
}

/* Without memory for its books, or with a message missing, the dealer knows nothing for sure. Who
 * asked to stop still gets that answer. */
static void give_up(dealer *d, const char *why) {
  if (d->status != INS_ERR_STOPPED) remember(d, INS_ERR_LOST, why);
  d->lost = true;
}

/* ---- dealing --------------------------------------------------------------------------------- */

static int64_t size_of_deal(const dealer *d) {
  int64_t n = d->queue.n_batches / ((int64_t)d->terms.share * (d->n_present + d->terms.computes));
  return n < 1 ? 1 : n;
}

static void stop_waiting(dealer *d, member *w) {
  d->n_waiting -= w->waiting;
  w->waiting = false;
}

static void deal(dealer *d, int to) {
  member *w = &d->members[to];
  lot next;
  if (!w->waiting || w->silent || d->halting || d->lost ||
      !lots_take(&d->queue, size_of_deal(d), &next))
    return;
  if (ins_grow(&w->open, &w->capacity, w->n_open + 1, sizeof *w->open) != INS_OK) {
    give_up(d, ins_message());
    return;
  }
  message m = {.kind = DEAL,
               .deal = ++d->last_number,
               .first = next.first,
               .n = next.n,
               .check = next.check};
  w->open[w->n_open++] = (open_deal){.number = m.deal, .lot = next};
  stop_waiting(d, w);
  d->n_open += next.n;
  say(d, to, &m);
}

static bool all_done(const dealer *d) {
  return d->closed && !d->queue.n && !d->n_open;
}

/* Answers those who wait: with work, or that there is none any more. */
static void deal_to_all(dealer *d, double now) {
  for (int k = 0; k < d->terms.n_members && d->queue.n && d->n_waiting; k++) deal(d, k);
  if (d->halting || !all_done(d)) return;
  if (isinf(d->idle_since)) d->idle_since = now;
  for (int k = 0; k < d->terms.n_members && d->n_waiting; k++) {
    if (!d->members[k].waiting) continue;
    stop_waiting(d, &d->members[k]);
    say_kind(d, k, DEAL);
  }
}

/* What a member has not reported goes back; what it did of that is found by looking. */
static void withdraw(dealer *d, member *w) {
  while (w->n_open) {
    d->withdrew = true;
    open_deal *o = &w->open[--w->n_open];
    lot rest = o->lot;
    d->n_open -= o->lot.n - o->n_reported;
    rest.check = true;
    if (d->terms.in_order) {
      rest.first += o->n_reported;
      rest.n -= o->n_reported;
    }
    if (lots_put_back(&d->queue, rest) != INS_OK) give_up(d, ins_message());
  }
}

/* ---- hearing --------------------------------------------------------------------------------- */

static open_deal *find_open(member *w, int64_t number) {
  for (size_t i = 0; i < w->n_open; i++)
    if (w->open[i].number == number) return &w->open[i];
  return NULL;
}

/* Reports about what was withdrawn do not count: somebody else reports it. */
static void take_report(dealer *d, int from, const message *m, double now) {
  member *w = &d->members[from];
  open_deal *o = find_open(w, m->deal);
  if (!o) return;
  const int64_t origin = o->lot.origin;
  o->n_reported += m->n;
  d->n_open -= m->n;
  if (o->n_reported == o->lot.n) *o = w->open[--w->n_open];
  d->owner.report(d->owner.reader, from, origin, m);
  deal_to_all(d, now);
}

static void let_go(dealer *d, int from, const message *m, double now) {
  member *w = &d->members[from];
  say_kind(d, from, BYE);
  withdraw(d, w);
  d->withdrew = d->withdrew || m->check;
  stop_waiting(d, w);
  w->present = false;
  d->n_present--;
  if (m->status != INS_OK)
    dealer_halt(d, (ins_status)m->status, m->text, now);
  else
    deal_to_all(d, now);
}

/* What a member should have heard by now is what was sent when it last had heard all before. */
static void note_heard(member *w, const message *m, double now) {
  if (m->heard < w->awaited) return;
  w->awaited = m->heard < w->link.n_sent ? w->link.n_sent : 0;
  w->awaited_since = now;
}

static void welcome_back(dealer *d, int k, double now) {
  d->members[k].silent = false;
  d->members[k].awaited_since = now;
  if (!d->halting) d->idle_since = (double)INFINITY; /* found anew if there is nothing to do */
  if (d->owner.silence) d->owner.silence(d->owner.self, k, 0);
}

void dealer_hear(dealer *d, int from, const message *m, double now) {
  member *w = &d->members[from];
  if (!link_note(&w->link, m, now)) give_up(d, "messages between ranks were lost");
  if (d->lost || !w->present) return;
  note_heard(w, m, now);
  if (w->silent) welcome_back(d, from, now);
  if (m->kind == WANT && !w->waiting) {
    w->waiting = true;
    d->n_waiting++;
  }
  deal(d, from); /* first: others who wait are rare */
  switch ((message_kind)m->kind) {
  case WANT:
    deal_to_all(d, now);
    break;
  case REPORT:
    take_report(d, from, m, now);
    break;
  case BEAT:
    say_kind(d, from, BEAT);
    break;
  case LEAVE:
    let_go(d, from, m, now);
    break;
  case DEAL:
  case HALT:
  case BYE:
    break; /* never said to a dealer */
  }
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool somebody_works(const dealer *d) {
  for (int k = 0; k < d->terms.n_members; k++)
    if (d->members[k].present && !d->members[k].silent) return true;
  return d->terms.computes;
}

static void look_after(dealer *d, int k, double now) {
  member *w = &d->members[k];
  const double quiet = now - w->link.heard_at, deadline = d->terms.deadline_s;
  if (w->silent) return;
  if (w->awaited && now - w->awaited_since > 2 * deadline)
    give_up(d, "messages between ranks were lost");
  if (quiet <= deadline) return;
  w->silent = true;
  if (d->owner.silence) d->owner.silence(d->owner.self, k, quiet);
  withdraw(d, w);
}

/* Nothing is left but to wait for this one, and that was done for long enough. */
static bool is_lost(const dealer *d, const member *w, double now) {
  const double deadline = d->terms.deadline_s, quiet = now - w->link.heard_at;
  if (!w->present || isinf(d->idle_since)) return false;
  if (d->halting) {
    const double patience = deadline < halt_patience_s ? deadline : halt_patience_s;
    return quiet > patience && now - d->idle_since > patience;
  }
  return w->silent && quiet > PATIENCE * deadline && now - d->idle_since > deadline;
}

/* Who stood still itself cannot tell whether others did. */
static void forgive(dealer *d, double now) {
  if (isfinite(d->idle_since)) d->idle_since = now;
  for (int k = 0; k < d->terms.n_members; k++)
    d->members[k].link.heard_at = d->members[k].awaited_since = now;
}

void dealer_tick(dealer *d, double now) {
  if (now - d->ticked_at > d->terms.deadline_s / 2) forgive(d, now);
  d->ticked_at = now;
  if (now - d->looked_at < d->terms.deadline_s / LOOKS_IN_DEADLINE) return;
  d->looked_at = now;
  for (int k = 0; k < d->terms.n_members; k++)
    if (d->members[k].present) look_after(d, k, now);
  deal_to_all(d, now);
  if (d->n_present && !somebody_works(d) && isinf(d->idle_since)) d->idle_since = now;
  for (int k = 0; k < d->terms.n_members; k++)
    if (is_lost(d, &d->members[k], now)) give_up(d, "a rank does not answer any more");
}

/* ---- the owner ------------------------------------------------------------------------------- */

void dealer_supply(dealer *d, lot more, double now) {
  if (lots_add(&d->queue, more) != INS_OK) give_up(d, ins_message());
  deal_to_all(d, now);
}

void dealer_close(dealer *d, double now) {
  d->closed = true;
  deal_to_all(d, now);
}

bool dealer_take(dealer *d, lot *out) {
  if (d->halting || d->lost || !lots_take(&d->queue, 1, out)) return false;
  d->n_open += out->n;
  return true;
}

void dealer_finish_own(dealer *d, const lot *done, double now) {
  d->n_open -= done->n;
  deal_to_all(d, now);
}

bool dealer_is_over(const dealer *d) {
  return !d->n_present && (d->halting || all_done(d));
}

ins_status dealer_create(const dealer_terms *terms, const dealer_owner *owner, double now,
                         dealer *d) {
  *d = (dealer){.terms = *terms, .owner = *owner, .idle_since = (double)INFINITY, .ticked_at = now};
  ins_status status = ins_alloc((size_t)terms->n_members, sizeof *d->members, &d->members);
  for (int k = 0; status == INS_OK && k < terms->n_members; k++)
    d->members[k] = (member){.present = true, .link = {.heard_at = now}};
  if (status == INS_OK) d->n_present = terms->n_members;
  return status;
}

void dealer_clear(dealer *d) {
  for (int k = 0; d->members && k < d->terms.n_members; k++) ins_free(&d->members[k].open);
  ins_free(&d->members);
  lots_clear(&d->queue);
}
