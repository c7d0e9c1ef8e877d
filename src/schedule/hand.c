/* SPDX-License-Identifier: MIT */
#include "hand.h"

#include <math.h>
#include <stdio.h>

enum { BEATS_IN_DEADLINE = 8 };

static void say(hand *h, message *m) {
  link_stamp(&h->link, m);
  h->owner.send(h->owner.self, m);
}

static void want(hand *h) {
  message m = {.kind = WANT};
  if (h->wants || h->over || h->next.n || h->halted || h->leaving) return;
  h->wants = true;
  say(h, &m);
}

static const message nothing = {.kind = REPORT, .failed_task = -1};

static void clear_report(hand *h) {
  h->report = nothing;
  h->report.merit = (double)NAN;
}

static bool has_news(const hand *h) {
  return h->report.n || h->report.n_done || h->report.n_failed;
}

static void report(hand *h) {
  if (!has_news(h)) return;
  say(h, &h->report);
  clear_report(h);
}

void hand_start(const hand_terms *terms, const hand_owner *owner, double now, hand *h) {
  *h = (hand){.terms = *terms,
              .owner = *owner,
              .link = {.heard_at = now},
              .ticked_at = now,
              .beat_at = now};
  clear_report(h);
  want(h);
}

/* Work that arrives after the last word, or with a halt behind it, is nobody's: the chief knows. */
static void take_deal(hand *h, const message *m) {
  const lot deal = {.first = m->first, .n = m->n, .origin = m->deal, .check = m->check};
  h->wants = false;
  if (!m->n) h->over = true;
  if (!h->leaving) h->next = deal;
}

void hand_hear(hand *h, const message *m, double now) {
  if (!link_note(&h->link, m, now)) h->lost = true;
  switch ((message_kind)m->kind) {
  case DEAL:
    take_deal(h, m);
    break;
  case HALT:
    h->halted = true;
    break;
  case BYE:
    h->gone = true;
    break;
  case BEAT:
  case WANT:
  case REPORT:
  case LEAVE:
    break; /* a beat is noted above; the others are never said to a worker */
  }
}

void hand_tick(hand *h, double now) {
  message beat = {.kind = BEAT};
  if (h->gone) return;
  /* Who stood still itself cannot tell whether others did. */
  if (now - h->ticked_at > h->terms.deadline_s / 2) {
    h->link.heard_at = now;
    h->stalled = h->current.check = h->next.check = true;
  }
  h->ticked_at = now;
  if (!h->leaving && has_news(h) && now - h->n_since >= h->terms.report_s) report(h);
  if (!h->leaving && now - h->beat_at >= h->terms.deadline_s / BEATS_IN_DEADLINE) {
    h->beat_at = now;
    say(h, &beat);
  }
  if (now - h->link.heard_at > PATIENCE * h->terms.deadline_s) h->lost = true;
}

hand_step hand_next(hand *h, int64_t *batch, bool *check) {
  if (h->gone) return HAND_GONE;
  if (h->leaving) return HAND_WAIT;
  if (h->halted) return HAND_LEAVE;
  if (!h->current.n && h->next.n) {
    h->current = h->next;
    h->next.n = 0;
    want(h);
  }
  if (h->current.n) {
    *batch = h->current.first;
    *check = h->current.check;
    return HAND_COMPUTE;
  }
  return h->over ? HAND_LEAVE : HAND_WAIT;
}

bool hand_take(hand *h, lot *out) {
  if (!h->next.n || h->leaving) return false;
  *out = h->next;
  h->next.n = 0;
  want(h);
  return true;
}

void hand_report(hand *h, message *sum) {
  if (!h->leaving) say(h, sum);
}

static void add(hand *h, const outcome *done, double now) {
  message *r = &h->report;
  if (!has_news(h)) h->n_since = now;
  r->deal = h->current.origin;
  r->n_done += done->n_done;
  r->seconds += done->seconds;
  if (!isnan(done->merit) && !(r->merit >= done->merit)) r->merit = done->merit;
  if (!done->n_failed) return;
  if (!r->n_failed) {
    r->failed_task = done->failed_task;
    snprintf(r->text, sizeof r->text, "%s", done->text);
  }
  r->n_failed += done->n_failed;
}

void hand_finish(hand *h, const outcome *done, double now) {
  add(h, done, now);
  h->report.n++;
  h->current.first++;
  h->current.n--;
  if (!h->current.n || done->n_failed || now - h->n_since >= h->terms.report_s) report(h);
}

void hand_finish_part(hand *h, const outcome *part, double now) {
  add(h, part, now);
  report(h);
}

void hand_leave(hand *h, ins_status status, const char *text) {
  message m = {.kind = LEAVE, .status = (int32_t)status, .check = h->withdrew};
  if (h->leaving) return;
  report(h);
  h->leaving = true;
  h->current.n = h->next.n = 0;
  snprintf(m.text, sizeof m.text, "%s", text);
  say(h, &m);
}
