/* SPDX-License-Identifier: MIT */
/* How fast work is dealt when ranks are many.
 *
 *   mpirun -n RANKS bench_dispatch FOLDER [--seconds S] [--tasks-ms LIST]
 *   mpirun -n 2 bench_dispatch --constants
 *
 * Ranks may be many more than cores. FOLDER is for a results file. Prints, each for about S seconds
 * (default 2):
 *   message   a bare master: ranks send the bytes of a message and wait for an answer of as many
 *   dispatch  the dealer and the hands of a real run, over the same MPI: every task is a deal of
 * its own and has a report of its own; nothing is computed or written run       whole runs, rows
 * written, one task a batch, for each length of a task. Tasks sleep, so that every rank has the
 * core that it would have on a cluster: what is measured is dealing and writing, and all of that on
 * the few cores that there are and the length of a task at which half of the time is work, between
 * the lengths that were tried. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "drive.h"
#include "insilico/memory.h"
#include "measure.h"
#include "schedule/dealer.h"
#include "schedule/run.h"

enum { LONGEST_LIST = 16, TAG_BARE = 7 };

static struct {
  int rank, n_ranks;
  const char *folder;
  double seconds;
  int n_lengths;
  double ms[LONGEST_LIST];
} o = {.seconds = 2, .n_lengths = 7, .ms = {0.1, 0.3, 1, 3, 10, 30, 100}};

/* ---- the bare master ------------------------------------------------------------------------- */

/* Answers until time is up, then takes leave of everybody. Exchanges in `seconds`. */
static double bare_master(double *seconds) {
  message m = {.kind = DEAL};
  const double start = bench_seconds();
  double n = 0;
  for (int left = o.n_ranks - 1; left > 0;) {
    MPI_Status from;
    MPI_Recv(&m, sizeof m, MPI_BYTE, MPI_ANY_SOURCE, TAG_BARE, MPI_COMM_WORLD, &from);
    const bool over = bench_seconds() - start > o.seconds;
    m.kind = over ? BYE : DEAL;
    left -= over;
    MPI_Send(&m, (int)message_bytes(&m), MPI_BYTE, from.MPI_SOURCE, TAG_BARE, MPI_COMM_WORLD);
    n++;
  }
  *seconds = bench_seconds() - start;
  return n;
}

static void bare_worker(void) {
  message m = {.kind = WANT};
  while (m.kind != BYE) {
    MPI_Send(&m, (int)message_bytes(&m), MPI_BYTE, 0, TAG_BARE, MPI_COMM_WORLD);
    MPI_Recv(&m, sizeof m, MPI_BYTE, 0, TAG_BARE, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  }
}

static double measure_bare(void) {
  double seconds = 1, n = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  if (o.rank == 0)
    n = bare_master(&seconds);
  else
    bare_worker();
  if (o.rank == 0) printf("message   %10.0f exchanges/s\n", n / seconds);
  return n / seconds;
}

/* ---- what a message takes -------------------------------------------------------------------- */

enum { BURST = 32, N_BURSTS = 2000 };

static void receive_one(run *wire) {
  message m;
  int from;
  while (!wire_receive(wire, &from, &m)) continue;
}

/* Seconds of sending a message, or of receiving one that lies there already. */
static double burst_s(run *wire, bool sends) {
  const message m = {.kind = BEAT};
  double total = 0;
  for (int k = 0; k < N_BURSTS; k++) {
    double start = bench_seconds();
    for (int i = 0; sends && i < BURST; i++) wire_send(wire, 1 - o.rank, &m);
    if (sends) total += bench_seconds() - start;
    MPI_Barrier(wire->comm);
    start = bench_seconds();
    for (int i = 0; !sends && i < BURST; i++) receive_one(wire);
    if (!sends) total += bench_seconds() - start;
    MPI_Barrier(wire->comm);
  }
  return total / (BURST * N_BURSTS);
}

static double way_s(run *wire) {
  const message m = {.kind = BEAT};
  const double start = bench_seconds();
  for (int k = 0; k < BURST * N_BURSTS; k++) {
    if (o.rank == 0) wire_send(wire, 1, &m);
    receive_one(wire);
    if (o.rank == 1) wire_send(wire, 0, &m);
  }
  return (bench_seconds() - start) / (2 * BURST * N_BURSTS);
}

static void measure_messages(void) {
  run wire = {.comm = MPI_COMM_WORLD, .rank = o.rank, .size = o.n_ranks};
  const double send = burst_s(&wire, o.rank == 0), receive = burst_s(&wire, o.rank == 1);
  const double way = way_s(&wire), rest = way - send - receive;
  if (o.rank == 0)
    printf("message_us %.2f\nlatency_us %.2f\n", 5e5 * (send + receive), rest > 0 ? 1e6 * rest : 0);
}

/* ---- the dispatcher alone -------------------------------------------------------------------- */

static void send_member(void *self, int who, const message *m) {
  wire_send(self, who + 1, m);
}

static void send_chief(void *self, const message *m) {
  wire_send(self, 0, m);
}

static void count_report(void *reader, int who, int64_t origin, const message *report) {
  (void)who, (void)origin;
  *(int64_t *)reader += report->n;
}

/* Until time is up there is always work for everybody. */
static int64_t dispatch(run *wire, double *seconds) {
  const dealer_terms terms = {.n_members = o.n_ranks - 1,
                              .in_order = true,
                              .share = 1 << 30, /* single tasks */
                              .deadline_s = (double)INFINITY};
  int64_t n = 0, supplied = 0;
  const dealer_owner owner = {
      .self = wire, .send = send_member, .report = count_report, .reader = &n};
  unsigned idle = 0;
  dealer d;
  const double start = bench_seconds();
  bench_must(dealer_create(&terms, &owner, start, &d));
  while (!dealer_is_over(&d)) {
    message m;
    int from;
    const double now = bench_seconds();
    const lot more = {.first = supplied, .n = 2 * (int64_t)o.n_ranks};
    if (now - start > o.seconds && !d.closed) dealer_close(&d, now);
    if (!d.closed && d.queue.n_batches < more.n) {
      dealer_supply(&d, more, now);
      supplied += more.n;
    }
    if (wire_receive(wire, &from, &m)) {
      dealer_hear(&d, from - 1, &m, now);
      idle = 0;
    } else {
      dealer_tick(&d, now);
      wire_rest(&idle);
    }
  }
  *seconds = bench_seconds() - start;
  dealer_clear(&d);
  return n;
}

static void work_at_nothing(run *wire) {
  static const outcome done = {.n_done = 1, .failed_task = -1, .merit = (double)NAN};
  const hand_terms terms = {.report_s = 0, .deadline_s = (double)INFINITY};
  const hand_owner owner = {.self = wire, .send = send_chief};
  hand h;
  message m;
  int from;
  int64_t batch;
  bool check;
  unsigned idle = 0;
  hand_step step;
  hand_start(&terms, &owner, bench_seconds(), &h);
  while ((step = hand_next(&h, &batch, &check)) != HAND_GONE) {
    if (step == HAND_COMPUTE) hand_finish(&h, &done, bench_seconds());
    if (step == HAND_LEAVE) hand_leave(&h, INS_OK, "");
    if (wire_receive(wire, &from, &m)) {
      hand_hear(&h, &m, bench_seconds());
      idle = 0;
    } else if (step == HAND_WAIT) {
      wire_rest(&idle);
    }
  }
}

static double measure_dispatch(double bare) {
  run wire = {.comm = MPI_COMM_WORLD, .rank = o.rank, .size = o.n_ranks};
  double seconds = 1;
  int64_t n = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  if (o.rank == 0)
    n = dispatch(&wire, &seconds);
  else
    work_at_nothing(&wire);
  const double rate = (double)n / seconds;
  if (o.rank == 0)
    printf("dispatch  %10.0f tasks/s, %.2f of the bare exchanges\n", rate, rate / bare);
  return rate;
}

/* ---- whole runs ------------------------------------------------------------------------------ */

typedef struct sleeper {
  ins_layout *layout;
  int v_value;
  double seconds; /* of a task */
} sleeper;

static const ins_key sleeper_keys[] = {
    {.name = "tasks", .type = INS_KEY_INT, .fallback = "1", .flags = INS_KEY_AXIS, .max = 1e9},
    {.name = "ms", .type = INS_KEY_REAL, .fallback = "1.0", .max = 1e6},
    {0},
};

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  const ins_value *settings = context->job->settings;
  const ins_variable value = {.name = "value", .scope = INS_PER_TASK, .dtype = INS_F64};
  const size_t n = (size_t)ins_value_int_or(ins_map_get(settings, "tasks"), 1);
  sleeper *s;
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  *state = s;
  s->seconds = 1e-3 * ins_value_real_or(ins_map_get(settings, "ms"), 1);
  status = ins_layout_create("Sleep", &s->layout);
  if (status != INS_OK) return status;
  *stages = (ins_stages){.n = 1, .layout = {s->layout}};
  s->layout->batch = 1;
  status = ins_layout_task_axis(s->layout, "task", n, NULL, NULL, "task");
  if (status == INS_OK) status = ins_layout_variable(s->layout, &value, &s->v_value);
  return status;
}

/* Messages are looked for between slices, as between iterations. */
static ins_status sleep_for(double seconds, const ins_pulse *pulse) {
  static const double slice = 1e-3;
  const double end = bench_seconds() + seconds;
  for (double left = seconds; left > 0; left = end - bench_seconds()) {
    const struct timespec pause = {.tv_nsec = (long)(1e9 * (left < slice ? left : slice))};
    nanosleep(&pause, NULL);
    ins_status status = ins_pulse_beat(pulse);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  const sleeper *s = state;
  for (size_t k = 0; k < batch->n; k++) {
    ins_status status = sleep_for(s->seconds, pulse);
    if (status != INS_OK) return status;
    ((double *)batch->rows[s->v_value])[k] = (double)batch->task[k];
    batch->status[k] = INS_OK;
  }
  return INS_OK;
}

static void teardown(void **state) {
  ins_free(state);
}

static const ins_experiment sleeper_ops = {
    .setup = setup, .compute = compute, .teardown = teardown};
static const ins_variant registry[] = {
    {"sleep", "for this measurement", sleeper_keys, &sleeper_ops}, {0}};

/* Seconds of the run phase. */
static double run_tasks(const char *path, int64_t n_tasks, double ms) {
  char tasks[64], length[64];
  const char *overrides[] = {tasks, length};
  ins_job *job;
  ins_run_report report;
  snprintf(tasks, sizeof tasks, "tasks=%lld", (long long)n_tasks);
  snprintf(length, sizeof length, "ms=%.17g", ms);
  bench_must(ins_job_load(path, overrides, 2, registry, &job));
  drive_run(job, &sleeper_ops, NULL, &report);
  ins_job_destroy(&job);
  return report.seconds;
}

/* So many tasks that a run takes about o.seconds, judged by shorter ones; the same on all ranks. */
static int64_t choose_n_tasks(const char *path, double ms) {
  enum { FEW = 10, GUESSES = 2 };
  const int64_t few = FEW * (int64_t)o.n_ranks;
  int64_t n = few;
  for (int guess = 0; guess < GUESSES; guess++) {
    const double seconds = run_tasks(path, n, ms); /* on rank 0 */
    if (o.rank == 0) n = (int64_t)((double)n * o.seconds / seconds);
    if (n < few) n = few;
    MPI_Bcast(&n, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
  }
  return n;
}

static void write_job(const char *path) {
  FILE *f = o.rank == 0 ? fopen(path, "w") : NULL;
  if (f) {
    fprintf(f, "experiment: sleep\nmodel: none\noutput: %s/dispatch.h5\n", o.folder);
    fclose(f);
  } else if (o.rank == 0) {
    perror(path);
    MPI_Abort(MPI_COMM_WORLD, 3);
  }
  MPI_Barrier(MPI_COMM_WORLD);
}

static void measure_runs(void) {
  char path[4096];
  double half = (double)NAN, before = 0;
  snprintf(path, sizeof path, "%s/dispatch.yaml", o.folder);
  write_job(path);
  for (int i = 0; i < o.n_lengths; i++) {
    const double ms = o.ms[i];
    const int64_t n = choose_n_tasks(path, ms);
    const double seconds = run_tasks(path, n, ms);
    const double share = 1e-3 * ms * (double)n / (o.n_ranks * seconds);
    if (o.rank == 0)
      printf("run       %10.0f tasks/s of %g ms (%lld in %.2f s): %.1f %% of the time is work\n",
             (double)n / seconds, ms, (long long)n, seconds, 100 * share);
    fflush(stdout);
    if (i && isnan(half) && share >= 0.5 && before < 0.5)
      half =
          exp(log(o.ms[i - 1]) + (log(ms) - log(o.ms[i - 1])) * (0.5 - before) / (share - before));
    before = share;
  }
  if (o.rank) return;
  if (isnan(half))
    printf("half      none of these lengths and the next has half between them\n");
  else
    printf("half      of the time is work at %.3g ms a task, on %d ranks and %ld cores\n", half,
           o.n_ranks, sysconf(_SC_NPROCESSORS_ONLN));
}

/* ---- the command line ------------------------------------------------------------------------ */

static _Noreturn void usage(void) {
  if (o.rank == 0)
    fprintf(stderr, "usage: mpirun -n RANKS bench_dispatch FOLDER [--seconds S] [--tasks-ms LIST]; "
                    "at least 2 ranks, lengths ascending\n"
                    "       mpirun -n 2 bench_dispatch --constants\n");
  MPI_Finalize();
  exit(2);
}

static double read_number(const char *text, char **end) {
  const double x = strtod(text, end);
  if (*end == text || !(x > 0)) usage();
  return x;
}

static void read_lengths(const char *text) {
  char *end;
  for (o.n_lengths = 0;; text = end + 1) {
    if (o.n_lengths == LONGEST_LIST) usage();
    o.ms[o.n_lengths] = read_number(text, &end);
    if (o.n_lengths && o.ms[o.n_lengths] <= o.ms[o.n_lengths - 1]) usage();
    o.n_lengths++;
    if (!*end) return;
    if (*end != ',') usage();
  }
}

int main(int argc, char **argv) {
  char *end;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &o.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &o.n_ranks);
  if (argc == 2 && o.n_ranks == 2 && strcmp(argv[1], "--constants") == 0) {
    measure_messages();
    MPI_Finalize();
    return 0;
  }
  if (argc % 2 || o.n_ranks < 2) usage();
  o.folder = argv[1];
  for (int i = 2; i < argc; i += 2) {
    if (strcmp(argv[i], "--seconds") == 0)
      o.seconds = read_number(argv[i + 1], &end);
    else if (strcmp(argv[i], "--tasks-ms") == 0)
      read_lengths(argv[i + 1]);
    else
      usage();
  }
  const double bare = measure_bare();
  measure_dispatch(bare);
  fflush(stdout);
  measure_runs();
  MPI_Finalize();
  return 0;
}
