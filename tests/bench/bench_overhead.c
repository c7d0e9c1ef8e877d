/* SPDX-License-Identifier: MIT */
/* What a job costs beside computing: dealing, messages, checksums, writing rows.
 *
 *   [mpirun -n RANKS] bench_overhead JOB RESULTS.h5 [key=value]...
 *
 * runs the job from its beginning into RESULTS.h5 (which it overwrites) and prints one line of
 * JSON: seconds of the run phase, over all ranks those of computing tasks, of writing them with
 * their checksums, of the sums over groups of tasks, and of all the rest (dealing, messages, the
 * journal, waiting); `percent`: all but computing and sums, of computing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"
#include "insilico/checkpoint.h"
#include "insilico/journal.h"
#include "measure.h"

/* The experiment of the job, and the seconds that this rank spent in it. */
static const ins_experiment *inner;
static double compute_s, finish_s, beat_s;

/* Messages are answered between iterations: that is not computing. */
static bool beat(void *context) {
  const ins_pulse *outer = context;
  const double start = bench_seconds();
  const bool go_on = outer->beat(outer->context);
  beat_s += bench_seconds() - start;
  return go_on;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  ins_pulse outer = *pulse;
  const ins_pulse timed = {beat, &outer};
  const double start = bench_seconds(), beats = beat_s;
  const ins_status status = inner->compute(state, batch, &timed);
  compute_s += bench_seconds() - start - (beat_s - beats);
  return status;
}

static ins_status finish(void *state, const ins_group *group) {
  const double start = bench_seconds();
  const ins_status status = inner->finish(state, group);
  finish_s += bench_seconds() - start;
  return status;
}

/* Seconds that ranks spent on batches, from the journal of the run, which is alone in it. */
static double batches_s(const char *results) {
  enum { ALL = 1 << 20 };
  ins_value *events;
  double sum = 0;
  bench_must(ins_journal_read(results, ALL, &events));
  for (size_t i = 0; i < ins_value_count(events); i++) {
    const ins_value *e = events->children.items[i];
    if (strcmp(ins_value_text_or(ins_map_get(e, "event"), ""), "batch") == 0)
      sum += ins_value_real_or(ins_map_get(e, "seconds"), 0);
  }
  ins_value_destroy(&events);
  return sum;
}

static ins_job *load(int argc, char **argv, ins_model_source **source) {
  enum { MOST = 64 };
  const char *overrides[MOST];
  char output[4096];
  ins_job *job;
  if (argc < 3 || argc > MOST) {
    fprintf(stderr, "usage: bench_overhead JOB RESULTS.h5 [key=value]...\n");
    exit(2);
  }
  snprintf(output, sizeof output, "output=%s", argv[2]);
  overrides[0] = output;
  for (int i = 3; i < argc; i++) overrides[i - 2] = argv[i];
  bench_must(ins_job_load(argv[1], overrides, (size_t)argc - 2, ins_experiments, &job));
  const ins_value *model = ins_map_get(job->settings, "model");
  bench_must(ins_model_open(ins_value_text_or(ins_map_get(model, "file"), NULL), model, source));
  return job;
}

static void show(const ins_run_report *report, int n_ranks, const double *sum,
                 const char *results) {
  const double all = n_ranks * report->seconds, write = batches_s(results) - sum[0] - sum[2];
  printf(
      "{\"ranks\": %d, \"tasks\": %zu, \"seconds\": %.3f, \"compute_s\": %.3f, \"write_s\": %.4f, "
      "\"finish_s\": %.4f, \"rest_s\": %.4f, \"percent\": %.3f}\n",
      n_ranks, report->n_done, report->seconds, sum[0], write, sum[1],
      all - sum[0] - sum[1] - write, 100 * (all - sum[0] - sum[1]) / sum[0]);
}

int main(int argc, char **argv) {
  int rank, n_ranks;
  char journal[4096];
  ins_model_source *source;
  ins_run_report report;
  MPI_Init(NULL, NULL);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  ins_job *job = load(argc, argv, &source);
  inner = job->experiment->ops;
  ins_experiment timed = *inner;
  timed.compute = compute;
  if (inner->finish) timed.finish = finish;
  char *beside = ins_beside(argv[2], "journal.jsonl");
  snprintf(journal, sizeof journal, "%s", beside ? beside : "");
  free(beside);
  if (rank == 0) remove(journal);
  drive_run(job, &timed, source, &report);
  const double mine[3] = {compute_s, finish_s, beat_s};
  double sum[3] = {0};
  MPI_Reduce(mine, sum, 3, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  if (rank == 0) show(&report, n_ranks, sum, argv[2]);
  ins_model_source_destroy(&source);
  ins_job_destroy(&job);
  MPI_Finalize();
  return 0;
}
