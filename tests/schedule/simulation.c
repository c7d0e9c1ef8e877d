/* SPDX-License-Identifier: MIT */
#include "simulation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmocka_all.h"

enum { MAX_EVENTS = 4096, MAX_STEPS = 200000 };

typedef enum event_kind { ARRIVAL, COMPUTED, TICK, TROUBLE, RECOVERY, LAUNCHER } event_kind;

typedef struct event {
  double time;
  uint64_t order; /* events of one time happen in the order they were made */
  event_kind kind;
  int rank, from;
  int generation; /* COMPUTED: of the computation; others that came after end it */
  message *message;
} event;

typedef enum role { MASTER, FOREMAN, WORKER } role;

typedef struct player {
  struct world *world;
  int rank;
  role role;
  team team;
  dealer dealer;
  foreman foreman;
  hand hand;
  bool dead, frozen;
  bool has_error; /* a worker: the next computation fails */
  bool over;      /* its run phase has ended */
  bool computing;
  bool check;
  int64_t batch;
  int generation;
  ins_status status;
} player;

typedef struct world {
  const sim_plan *plan;
  sim_result *result;
  uint64_t random;
  double now;
  player players[SIM_MAX_RANKS];
  double thaw;                                       /* when the frozen one goes on */
  double last_arrival[SIM_MAX_RANKS][SIM_MAX_RANKS]; /* a pair keeps its order */
  event *events[MAX_EVENTS];                         /* a heap: the next one first */
  int n_events, n_messages;
  uint64_t n_made;
  bool ended; /* a rank ended all */
  bool loses; /* the next message of the troubled rank is lost */
  lot own;    /* of a computing master */
} world;

/* ---- chance (xorshift64*) and time ----------------------------------------------------------- */

static double chance(world *w) {
  w->random ^= w->random >> 12;
  w->random ^= w->random << 25;
  w->random ^= w->random >> 27;
  return (double)((w->random * 0x2545f4914f6cdd1dULL) >> 11) / 9007199254740992.0;
}

static bool before(const event *a, const event *b) {
  return a->time != b->time ? a->time < b->time : a->order < b->order;
}

static void add_event(world *w, event e) {
  event *made = malloc(sizeof *made);
  assert_non_null(made);
  assert_true(w->n_events < MAX_EVENTS);
  e.order = w->n_made++;
  *made = e;
  int k = w->n_events++;
  for (; k > 0 && before(made, w->events[(k - 1) / 2]); k = (k - 1) / 2)
    w->events[k] = w->events[(k - 1) / 2];
  w->events[k] = made;
}

static event *next_event(world *w) {
  event *first = w->events[0], *last = w->events[--w->n_events];
  int k = 0;
  for (int child; (child = 2 * k + 1) < w->n_events; k = child) {
    if (child + 1 < w->n_events && before(w->events[child + 1], w->events[child])) child++;
    if (!before(w->events[child], last)) break;
    w->events[k] = w->events[child];
  }
  w->events[k] = last;
  return first;
}

/* ---- the network ----------------------------------------------------------------------------- */

static void post(world *w, int from, int to, const message *m) {
  const sim_plan *plan = w->plan;
  if (w->loses && (from == plan->rank || to == plan->rank)) {
    w->loses = false;
    return;
  }
  /* Most messages are quick, some take very long. */
  const double slow = chance(w), delay = plan->slowest_message_s * slow * slow * slow * slow;
  double time = w->now + delay;
  if (time < w->last_arrival[from][to]) time = w->last_arrival[from][to];
  w->last_arrival[from][to] = time;
  message *copy = malloc(sizeof *copy);
  assert_non_null(copy);
  memcpy(copy, m, message_bytes(m));
  w->n_messages++;
  add_event(w, (event){.time = time, .kind = ARRIVAL, .rank = to, .from = from, .message = copy});
}

static void send_to_member(void *self, int who, const message *m) {
  const player *p = self;
  post(p->world, p->rank, team_member_rank(&p->team, who), m);
}

static void send_to_chief(void *self, const message *m) {
  const player *p = self;
  post(p->world, p->rank, team_chief(&p->team), m);
}

static void count_report(void *self, int who, int64_t origin, const message *m) {
  const player *p = self;
  (void)who, (void)origin;
  p->world->result->n_reported += (int)m->n;
}

/* ---- what players do ------------------------------------------------------------------------- */

static void begin_computing(player *p, int64_t batch, bool check) {
  world *w = p->world;
  p->computing = true;
  p->batch = batch;
  p->check = check;
  const double seconds = check && w->result->done[batch] ? 0.001 : 0.2 + 1.6 * chance(w);
  add_event(w, (event){.time = w->now + seconds,
                       .kind = COMPUTED,
                       .rank = p->rank,
                       .generation = ++p->generation});
}

static void write_result(player *p) {
  sim_result *r = p->world->result;
  if (!p->check || !r->done[p->batch]) r->n_computed++;
  r->done[p->batch] = true;
}

static void move_worker(player *p) {
  int64_t batch;
  bool check;
  if (p->computing) {
    if (!p->hand.halted) return;
    p->computing = false; /* the pulse breaks it off */
    hand_leave(&p->hand, INS_ERR_STOPPED, "stopped on request");
  }
  switch (hand_next(&p->hand, &batch, &check)) {
  case HAND_COMPUTE:
    begin_computing(p, batch, check);
    break;
  case HAND_LEAVE:
    hand_leave(&p->hand, p->hand.halted ? INS_ERR_STOPPED : INS_OK, "stopped on request");
    break;
  case HAND_GONE:
    p->over = true;
    break;
  case HAND_WAIT:
    break;
  }
}

static void move_master(player *p) {
  world *w = p->world;
  if (p->computing && p->dealer.halting) {
    p->computing = false;
    dealer_finish_own(&p->dealer, &w->own, w->now);
  }
  if (!p->computing && p->dealer.terms.computes && dealer_take(&p->dealer, &w->own))
    begin_computing(p, w->own.first, w->own.check);
  p->over = !p->computing && dealer_is_over(&p->dealer);
}

/* A machine that is lost ends all ranks. */
static void look_for_end(player *p) {
  bool lost = p->role == MASTER    ? p->dealer.lost
              : p->role == FOREMAN ? foreman_is_lost(&p->foreman)
                                   : p->hand.lost && !p->hand.gone;
  if (lost && !p->over) p->world->ended = true;
}

static void move(player *p) {
  if (p->over) return;
  look_for_end(p);
  if (p->role == MASTER) move_master(p);
  if (p->role == WORKER) move_worker(p);
  if (p->role == FOREMAN) {
    foreman_tick(&p->foreman, p->world->now);
    p->over = foreman_is_over(&p->foreman);
  }
  look_for_end(p);
}

static void hear(player *p, int from, const message *m) {
  const double now = p->world->now;
  if (p->role == MASTER) dealer_hear(&p->dealer, team_member(&p->team, from), m, now);
  if (p->role == WORKER) hand_hear(&p->hand, m, now);
  if (p->role == FOREMAN && from == team_chief(&p->team)) foreman_hear_chief(&p->foreman, m, now);
  if (p->role == FOREMAN && from != team_chief(&p->team))
    foreman_hear_crew(&p->foreman, team_member(&p->team, from), m, now);
}

static void tick(player *p) {
  const double now = p->world->now;
  if (p->role == MASTER) dealer_tick(&p->dealer, now);
  if (p->role == WORKER) hand_tick(&p->hand, now);
  if (p->role == FOREMAN) foreman_tick(&p->foreman, now);
}

static void finish_computing(player *p) {
  world *w = p->world;
  outcome out = {.n_done = 1, .failed_task = -1, .merit = (double)NAN};
  p->computing = false;
  if (p->has_error) {
    p->status = INS_ERR_IO;
    if (p->role == WORKER)
      hand_leave(&p->hand, INS_ERR_IO, "the disk is gone");
    else
      dealer_halt(&p->dealer, INS_ERR_IO, "the disk is gone", w->now);
  } else {
    write_result(p);
  }
  if (p->role == MASTER) {
    w->result->n_reported += !p->has_error;
    dealer_finish_own(&p->dealer, &w->own, w->now);
  } else if (!p->has_error) {
    hand_finish(&p->hand, &out, w->now);
  }
}

/* ---- trouble --------------------------------------------------------------------------------- */

static void signal_to(player *p) {
  const double now = p->world->now;
  if (p->role == MASTER) dealer_halt(&p->dealer, INS_ERR_STOPPED, "stopped on request", now);
  if (p->role == FOREMAN) dealer_halt(&p->foreman.crew, INS_ERR_STOPPED, "stopped on request", now);
  if (p->role == WORKER) {
    p->computing = false;
    hand_leave(&p->hand, INS_ERR_STOPPED, "stopped on request");
  }
}

static void make_trouble(world *w) {
  player *p = &w->players[w->plan->rank];
  if (p->over && w->plan->trouble != SIM_LOSS) return;
  switch (w->plan->trouble) {
  case SIM_SIGNAL:
    signal_to(p);
    break;
  case SIM_ERROR:
    p->has_error = true;
    if (p->role == FOREMAN) dealer_halt(&p->foreman.crew, INS_ERR_IO, "no memory", w->now);
    break;
  case SIM_DEATH:
    add_event(w, (event){.time = w->now + w->plan->deadline_s * 2 * chance(w), .kind = LAUNCHER});
    p->dead = true;
    break;
  case SIM_UNNOTICED_DEATH:
    p->dead = true;
    break;
  case SIM_FREEZE:
    p->frozen = true;
    w->thaw = w->now + w->plan->freeze_s;
    add_event(w, (event){.time = w->thaw, .kind = RECOVERY, .rank = p->rank});
    break;
  case SIM_LOSS:
    w->loses = true;
    break;
  case SIM_NOTHING:
  case SIM_TROUBLES:
    break;
  }
}

/* ---- the play -------------------------------------------------------------------------------- */

static void create(world *w, player *p, int rank) {
  const sim_plan *plan = w->plan;
  const hand_terms up = {.report_s = 0.5, .deadline_s = plan->deadline_s};
  const hand_owner chief = {.self = p, .send = send_to_chief};
  const dealer_owner owner = {
      .self = p, .send = send_to_member, .report = count_report, .reader = p};
  *p = (player){.world = w, .rank = rank, .team = team_of(plan->n_ranks, rank, plan->group)};
  dealer_terms down = {.n_members = team_n_members(&p->team),
                       .share = 2,
                       .in_order = rank > 0 || !p->team.n_groups,
                       .deadline_s = plan->deadline_s};
  p->role = rank == 0 ? MASTER : team_is_foreman(&p->team) ? FOREMAN : WORKER;
  if (p->role == MASTER) {
    down.computes = plan->computing_master || plan->n_ranks == 1;
    assert_int_equal(dealer_create(&down, &owner, 0, &p->dealer), INS_OK);
    for (int b = 0; b < plan->n_batches; b++)
      if (!w->result->done[b]) dealer_supply(&p->dealer, (lot){.first = b, .n = 1}, 0);
    dealer_close(&p->dealer, 0);
  } else if (p->role == FOREMAN) {
    assert_int_equal(foreman_create(&up, &chief, &down, &owner, 0, &p->foreman), INS_OK);
  } else {
    hand_start(&up, &chief, 0, &p->hand);
  }
  add_event(w, (event){.time = chance(w) * plan->deadline_s / 16, .kind = TICK, .rank = rank});
}

/* A frozen rank hears everything when it goes on. */
static void put_off(world *w, event *e) {
  event later = *e;
  later.time = w->thaw;
  e->message = NULL;
  w->n_messages += later.message != NULL;
  add_event(w, later);
}

static void happen(world *w, event *e) {
  player *p = &w->players[e->rank];
  w->now = e->time;
  w->n_messages -= e->message != NULL;
  if (e->kind == LAUNCHER) w->ended = true;
  if (e->kind == TROUBLE) make_trouble(w);
  if (e->kind == RECOVERY) p->frozen = false;
  if (e->kind == LAUNCHER || e->kind == TROUBLE || p->dead) return;
  if (p->frozen) {
    put_off(w, e);
    return;
  }
  if (e->kind == ARRIVAL && p->over) w->result->n_stray++;
  if (p->over) return;
  if (e->kind == ARRIVAL) hear(p, e->from, e->message);
  if (e->kind == COMPUTED && p->computing && e->generation == p->generation) finish_computing(p);
  if (e->kind == TICK) {
    tick(p);
    event again = {.time = w->now + w->plan->deadline_s / 16, .kind = TICK, .rank = p->rank};
    add_event(w, again);
  }
  move(p);
}

static bool all_over(const world *w) {
  for (int k = 0; k < w->plan->n_ranks; k++)
    if (!w->players[k].over) return false;
  return true;
}

static bool all_dead_or_over(const world *w) {
  for (int k = 0; k < w->plan->n_ranks; k++)
    if (!w->players[k].over && !w->players[k].dead) return false;
  return true;
}

static void judge(world *w) {
  sim_result *r = w->result;
  r->seconds = w->now;
  r->status = w->players[0].dealer.status;
  if (all_over(w)) {
    r->end = r->status == INS_OK ? SIM_COMPLETE : SIM_STOPPED;
    r->n_stray += w->n_messages;
  } else if (w->ended || all_dead_or_over(w)) {
    r->end = SIM_ENDED;
  } else {
    r->end = SIM_HANGS;
  }
}

void sim_play(const sim_plan *plan, sim_result *result) {
  world *w = calloc(1, sizeof *w);
  int steps = 0;
  assert_non_null(w);
  w->plan = plan;
  w->result = result;
  w->random = plan->seed * 0x9e3779b97f4a7c15ULL + 1;
  result->n_computed = result->n_reported = result->n_stray = 0;
  for (int k = 0; k < plan->n_ranks; k++) create(w, &w->players[k], k);
  add_event(w, (event){.time = plan->at, .kind = TROUBLE});
  for (int k = 0; k < plan->n_ranks; k++) move(&w->players[k]);
  while (!w->ended && !all_dead_or_over(w) && w->n_events && steps++ < MAX_STEPS) {
    event *e = next_event(w);
    happen(w, e);
    free(e->message);
    free(e);
  }
  judge(w);
  for (int k = 0; k < w->n_events; k++) {
    free(w->events[k]->message);
    free(w->events[k]);
  }
  for (int k = 0; k < plan->n_ranks; k++) {
    if (w->players[k].role == MASTER) dealer_clear(&w->players[k].dealer);
    if (w->players[k].role == FOREMAN) foreman_clear(&w->players[k].foreman);
  }
  free(w);
}
