/* SPDX-License-Identifier: MIT */
#include "cluster.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "events.h"
#include "insilico/memory.h"
#include "measure.h"
#include "schedule/foreman.h"
#include "schedule/team.h"

enum { ARRIVAL, BLOCK_END, TICK };

typedef struct cluster cluster;

typedef struct rank {
  cluster *cluster;
  team team;
  double free_at; /* what it does with messages ends */
  bool computes;  /* a block, from `begin` to `end` */
  double begin, end;
  lot own;          /* rank 0: the block it computes */
  hand hand;        /* of a worker */
  foreman *foreman; /* NULL: it is none */
} rank;

/** What of a message matters here: no text. */
typedef struct note {
  int32_t kind;
  uint32_t next_free;
  int64_t sent, heard, deal, first, n, n_done;
} note;

struct cluster {
  const cluster_job *job;
  const cluster_design *design;
  const cluster_costs *costs;
  rank *ranks;
  dealer dealer;
  events events;
  note *notes;
  size_t n_notes, capacity;
  uint32_t first_free; /* of the notes, + 1; 0: none */
  double work;
  double serving; /* seconds that rank 0 spent on messages */
  int64_t n_reported;
  uint64_t n_messages;
};

/* ---- chance ---------------------------------------------------------------------------------- */

/* A function of the seed and a number, so that every design gets the same blocks. (SplitMix64,
 * Steele et al. 2014) */
static double uniform(uint64_t seed, uint64_t number) {
  uint64_t z = seed * 0xd1342543de82ef95u + (number + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return ((double)((z ^ (z >> 31)) >> 11) + 0.5) / 9007199254740992.0;
}

/* Lognormal of mean 1. */
static double factor(double spread, uint64_t seed, int64_t number) {
  if (spread <= 0) return 1;
  const double u = uniform(seed, 2 * (uint64_t)number), v = uniform(seed, 2 * (uint64_t)number + 1);
  return exp(spread * sqrt(-2 * log(u)) * cos(2 * M_PI * v) - spread * spread / 2);
}

/* ---- messages -------------------------------------------------------------------------------- */

static uint32_t keep(cluster *c, const message *m) {
  uint32_t at = c->first_free;
  if (at) {
    c->first_free = c->notes[at - 1].next_free;
  } else {
    bench_must(ins_grow(&c->notes, &c->capacity, c->n_notes + 1, sizeof *c->notes));
    at = (uint32_t)++c->n_notes;
  }
  c->notes[at - 1] = (note){.kind = m->kind,
                            .sent = m->sent,
                            .heard = m->heard,
                            .deal = m->deal,
                            .first = m->first,
                            .n = m->n,
                            .n_done = m->n_done};
  return at;
}

static message give(cluster *c, uint32_t at) {
  note *n = &c->notes[at - 1];
  const message m = {.kind = n->kind,
                     .sent = n->sent,
                     .heard = n->heard,
                     .deal = n->deal,
                     .first = n->first,
                     .n = n->n,
                     .n_done = n->n_done,
                     .failed_task = -1,
                     .merit = (double)NAN};
  n->next_free = c->first_free;
  c->first_free = at;
  return m;
}

static void post(rank *r, int to, const message *m) {
  cluster *c = r->cluster;
  r->free_at += c->costs->message_s;
  c->n_messages++;
  events_add(&c->events, (event){.at = r->free_at + c->costs->latency_s,
                                 .kind = ARRIVAL,
                                 .to = to,
                                 .from = r->team.rank,
                                 .note = keep(c, m)});
}

static void send_member(void *self, int who, const message *m) {
  rank *r = self;
  post(r, team_member_rank(&r->team, who), m);
}

static void send_chief(void *self, const message *m) {
  rank *r = self;
  post(r, team_chief(&r->team), m);
}

static void take_report(void *self, int who, int64_t origin, const message *m) {
  rank *r = self;
  (void)who;
  (void)origin;
  r->cluster->n_reported += m->n;
  r->free_at += r->cluster->costs->journal_s;
}

/* ---- computing ------------------------------------------------------------------------------- */

static void begin_block(rank *r, int64_t block) {
  cluster *c = r->cluster;
  const double seconds = c->job->block_s * factor(c->job->spread, c->job->seed, block) *
                         factor(c->job->speeds, ~c->job->seed, r->team.rank);
  c->work += seconds;
  r->computes = true;
  r->begin = r->free_at;
  r->end = r->begin + seconds + c->costs->write_s;
  events_add(&c->events, (event){.at = r->end, .kind = BLOCK_END, .to = r->team.rank});
  const double due = r->hand.n_since + r->hand.terms.report_s;
  if (r->team.rank && r->hand.report.n && due < r->end)
    events_add(&c->events, (event){.at = due, .kind = TICK, .to = r->team.rank});
}

/* What a rank that does not compute does next. */
static void go_on(rank *r) {
  int64_t block;
  bool check;
  if (r->computes || r->foreman) return;
  if (r->team.rank == 0) {
    if (r->cluster->design->computes && dealer_take(&r->cluster->dealer, &r->own))
      begin_block(r, r->own.first);
    return;
  }
  const hand_step step = hand_next(&r->hand, &block, &check);
  if (step == HAND_COMPUTE) begin_block(r, block);
  if (step == HAND_LEAVE) hand_leave(&r->hand, INS_OK, "");
}

/* Messages that were heard meanwhile took time of their own. */
static void end_block(rank *r, const event *e) {
  static const outcome done = {.n_done = 1, .failed_task = -1, .merit = (double)NAN};
  if (e->at < r->end) {
    events_add(&r->cluster->events, (event){.at = r->end, .kind = BLOCK_END, .to = r->team.rank});
    return;
  }
  r->computes = false;
  r->free_at = r->end;
  if (r->team.rank) {
    hand_finish(&r->hand, &done, r->free_at);
  } else {
    const message own = {.kind = REPORT, .n = 1, .n_done = 1};
    take_report(r, 0, 0, &own);
    dealer_finish_own(&r->cluster->dealer, &r->own, r->free_at);
  }
  go_on(r);
}

/* ---- hearing --------------------------------------------------------------------------------- */

static double looks_up(const rank *r, double at, uint64_t order) {
  const cluster *c = r->cluster;
  double heard = at;
  if (r->computes) {
    heard = r->begin + ceil((at - r->begin) / c->costs->beat_s) * c->costs->beat_s;
    if (heard > r->end) heard = r->end;
  } else if (at > r->free_at) {
    heard += c->costs->pause_s * uniform(c->job->seed ^ 0x5eed, order);
  }
  return heard > r->free_at ? heard : r->free_at;
}

static void hear(rank *r, const event *e) {
  cluster *c = r->cluster;
  const message m = give(c, e->note);
  const double start = looks_up(r, e->at, e->order);
  r->free_at = start + c->costs->message_s + c->costs->decide_s;
  if (r->team.rank == 0)
    dealer_hear(&c->dealer, team_member(&r->team, e->from), &m, r->free_at);
  else if (!r->foreman)
    hand_hear(&r->hand, &m, r->free_at);
  else if (e->from == 0)
    foreman_hear_chief(r->foreman, &m, r->free_at);
  else
    foreman_hear_crew(r->foreman, team_member(&r->team, e->from), &m, r->free_at);
  if (r->computes) r->end += r->free_at - start;
  if (r->team.rank == 0) c->serving += r->free_at - start;
  go_on(r);
}

static void tick(rank *r, double now) {
  const double start = now > r->free_at ? now : r->free_at;
  r->free_at = start;
  hand_tick(&r->hand, start);
  if (r->computes) r->end += r->free_at - start;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void begin_master(cluster *c) {
  rank *r = &c->ranks[0];
  const dealer_owner owner = {.self = r, .send = send_member, .report = take_report, .reader = r};
  const dealer_terms terms = {.n_members = team_n_members(&r->team),
                              .computes = c->design->computes,
                              .in_order = !r->team.n_groups,
                              .share = c->design->share,
                              .deadline_s = (double)INFINITY};
  bench_must(dealer_create(&terms, &owner, 0, &c->dealer));
  dealer_supply(&c->dealer, (lot){.n = c->job->n_blocks}, 0);
  dealer_close(&c->dealer, 0);
}

static void begin_rank(rank *r) {
  const cluster_design *design = r->cluster->design;
  const hand_terms up = {.report_s = design->report_s, .deadline_s = (double)INFINITY};
  const hand_owner chief = {.self = r, .send = send_chief};
  if (!team_is_foreman(&r->team)) {
    hand_start(&up, &chief, 0, &r->hand);
    return;
  }
  const dealer_owner crew = {.self = r, .send = send_member};
  const dealer_terms down = {.n_members = team_n_members(&r->team),
                             .in_order = true,
                             .share = design->share,
                             .deadline_s = (double)INFINITY};
  bench_must(ins_alloc(1, sizeof *r->foreman, &r->foreman));
  bench_must(foreman_create(&up, &chief, &down, &crew, 0, r->foreman));
}

static void begin(cluster *c) {
  const int n = c->job->n_ranks, group = c->design->group ? c->design->group : n + 1;
  bench_must(ins_alloc((size_t)n, sizeof *c->ranks, &c->ranks));
  for (int k = 0; k < n; k++) c->ranks[k] = (rank){.cluster = c, .team = team_of(n, k, group)};
  begin_master(c);
  for (int k = 1; k < n; k++) begin_rank(&c->ranks[k]);
  go_on(&c->ranks[0]);
}

static void clear(cluster *c) {
  for (int k = 0; k < c->job->n_ranks; k++) {
    if (c->ranks[k].foreman) foreman_clear(c->ranks[k].foreman);
    ins_free(&c->ranks[k].foreman);
  }
  dealer_clear(&c->dealer);
  events_clear(&c->events);
  ins_free(&c->ranks);
  ins_free(&c->notes);
}

cluster_outcome cluster_run(const cluster_job *job, const cluster_design *design,
                            const cluster_costs *costs) {
  cluster c = {.job = job, .design = design, .costs = costs};
  event e;
  begin(&c);
  while (!dealer_is_over(&c.dealer) && events_next(&c.events, &e)) {
    rank *r = &c.ranks[e.to];
    if (e.kind == ARRIVAL)
      hear(r, &e);
    else if (e.kind == BLOCK_END)
      end_block(r, &e);
    else
      tick(r, e.at);
  }
  if (!dealer_is_over(&c.dealer) || c.n_reported != job->n_blocks) {
    fprintf(stderr, "simulate_scale: %lld of %lld blocks were reported\n", (long long)c.n_reported,
            (long long)job->n_blocks);
    exit(1);
  }
  const double seconds = c.ranks[0].free_at;
  const cluster_outcome out = {.seconds = seconds,
                               .efficiency = c.work / (job->n_ranks * seconds),
                               .busy = c.serving / seconds,
                               .n_messages = c.n_messages};
  clear(&c);
  return out;
}
