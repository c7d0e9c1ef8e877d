/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/population.h"
#include "insilico/schedule.h"

/* Where the job's experiment is a plug-in every rank loads the same one. Collective. */
static ins_status share_plugin(int rank, const ins_arguments *arguments, ins_status status,
                               ins_ready *ready) {
  ins_text packed = {0};
  if (rank == 0 && status == INS_OK && ready->plugin)
    ins_text_add(&packed, "%s%s%s", ready->plugin->sha256, "plugin:", ready->plugin->path);
  status = ins_share(MPI_COMM_WORLD, status, &packed);
  if (status == INS_OK && rank != 0 && packed.length >= INS_SHA256_HEX) {
    char sha256[INS_SHA256_HEX] = "";
    memcpy(sha256, packed.data, INS_SHA256_HEX - 1);
    status =
        ins_ready_plugin(arguments, packed.data + INS_SHA256_HEX - 1, NULL, sha256, &ready->plugin);
    status = ins_within(status, "rank %d", rank);
  }
  ins_text_free(&packed);
  return ins_agree(MPI_COMM_WORLD, status);
}

/* Rank 0 reads the job; the others get what it understood. Collective. */
static ins_status share_job(int rank, const ins_arguments *arguments, ins_ready *ready) {
  ins_text packed = {0};
  ins_status status = INS_OK;
  if (rank == 0) status = ins_ready_job(arguments, ready);
  if ((status = share_plugin(rank, arguments, status, ready)) != INS_OK) return status;
  if (rank == 0 && status == INS_OK) status = ins_job_pack(ready->job, &packed);
  status = ins_share(MPI_COMM_WORLD, status, &packed);
  if (status == INS_OK && rank != 0)
    status = ins_job_unpack(packed.data, packed.length, ins_ready_experiments(ready), &ready->job);
  ins_text_free(&packed);
  return ins_agree(MPI_COMM_WORLD, status);
}

/* Likewise the model: one rank reads the file system (or the network), each node holds the weights
 * once. Collective. */
static ins_status share_model(int rank, ins_ready *ready, ins_shared *weights) {
  ins_text packed = {0};
  ins_status status = INS_OK;
  if (rank == 0) status = ins_ready_source(ready);
  if (rank == 0 && status == INS_OK) status = ins_model_source_pack(ready->source, &packed);
  ins_model_source_destroy(&ready->source);
  status = ins_share_node(MPI_COMM_WORLD, status, &packed, weights);
  ins_text_free(&packed);
  if (status == INS_OK)
    status = ins_model_source_unpack_borrowing(weights->bytes, weights->n, &ready->source);
  if (status == INS_OK) ready->source->lasting = true;
  return ins_agree(MPI_COMM_WORLD, status);
}

static ins_status run_job(int rank, const ins_arguments *arguments, ins_ready *ready,
                          ins_shared *weights);

static void say_done(const ins_job *job, const ins_run_report *report, ins_status status,
                     bool fresh) {
  const char *output = ins_value_text_or(ins_map_get(job->settings, "output"), "");
  char duration[32];
  ins_text_duration(report->seconds, duration, sizeof duration);
  if (status == INS_OK)
    ins_log(INS_LOG_INFO, "done: %zu tasks (%zu kept from before) in %s; results in %s",
            report->n_tasks, report->n_kept, duration, output);
  if (status == INS_ERR_STOPPED)
    ins_log(INS_LOG_INFO, "stopped with %zu of %zu tasks done; run the same command%s to go on",
            report->n_kept + report->n_done, report->n_tasks, fresh ? " without --fresh" : "");
}

static const double default_deadline_s = 300;

/* Every rank reads the same command line. */
static ins_status read_deadline(const char *text, double *seconds) {
  char *end;
  *seconds = default_deadline_s;
  if (!text) return INS_OK;
  *seconds = strtod(text, &end);
  if (end != text && !*end && *seconds >= 1 && !isnan(*seconds)) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "--deadline wants seconds, at least 1, or inf; '%s' is not",
                  text);
}

/* Whoever is the first of those who live speaks for all and has what rank 0 needs. */
static ins_status run_once(MPI_Comm comm, const ins_kernels *kernels, ins_ready *ready,
                           const ins_run_options *options) {
  int rank;
  ins_run_report report;
  ins_status status = INS_OK;
  MPI_Comm_rank(comm, &rank);
  if (rank == 0 && !ready->attributes)
    status = ins_ready_attributes(ready, ins_kernels_name(kernels));
  status = ins_agree(comm, status);
  if (status != INS_OK) return status;
  ins_experiment_context context = {.job = ready->job,
                                    .model = ready->model,
                                    .source = ready->source,
                                    .sources = ready->sources,
                                    .kernels = kernels,
                                    .speaks = rank == 0};
  status =
      ins_run(comm, ready->job->experiment->ops, &context, ready->attributes, options, &report);
  if (rank == 0) say_done(ready->job, &report, status, options->fresh);
  return status;
}

/* A run that lost ranks goes on like one that is resumed, on those that are left. */
static ins_status run_on_survivors(MPI_Comm *comm, const ins_kernels *kernels, ins_ready *ready,
                                   ins_run_options *options) {
  ins_status status = run_once(*comm, kernels, ready, options);
  while (status == INS_ERR_LOST && (status = ins_comm_shrink(comm)) == INS_OK) {
    options->fresh = false;
    options->again = true;
    status = run_once(*comm, kernels, ready, options);
  }
  /* The first to leave after a loss may take the launcher along. */
  if (options->again && status != INS_ERR_LOST) MPI_Barrier(*comm);
  return status;
}

/* The job whose results are read, on all ranks; where they are there, nothing is left to do. */
static ins_status run_before(int rank, const ins_arguments *arguments, const ins_value *entry) {
  const ins_value *overrides = ins_map_get(entry, "overrides");
  const char *path = ins_value_text_or(ins_map_get(entry, "job"), NULL);
  const size_t n = ins_value_count(overrides);
  const char **words = NULL;
  ins_ready ready = {0};
  ins_shared weights = {0};
  if (!path) return INS_OK;
  ins_status status = ins_agree(MPI_COMM_WORLD, ins_alloc(n + 1, sizeof *words, &words));
  if (status != INS_OK) return status;
  words[0] = path;
  for (size_t i = 0; i < n; i++) words[i + 1] = ins_value_text_or(overrides->children.items[i], "");
  ins_arguments first = *arguments;
  first.words = words;
  first.n_words = n + 1;
  first.fresh = false; /* it may be hours of work, and others may read it */
  if (rank == 0) ins_log(INS_LOG_INFO, "first: %s", path);
  status = run_job(rank, &first, &ready, &weights);
  ins_ready_clear(&ready);
  ins_shared_free(&weights);
  ins_free(&words);
  return ins_within(status, "%s", path);
}

/* Does entry k name a job that an entry before it names, too? */
static bool is_run_already(const ins_value *data, size_t k) {
  const ins_value *entry = data->children.items[k];
  for (size_t i = 0; i < k; i++) {
    const ins_value *other = data->children.items[i];
    if (ins_map_get(other, "job") &&
        ins_value_equal(ins_map_get(other, "job"), ins_map_get(entry, "job")) &&
        ins_value_equal(ins_map_get(other, "overrides"), ins_map_get(entry, "overrides")))
      return true;
  }
  return false;
}

/* What takes the place of a model where results files are read: one rank looks at them. Collective.
 */
static ins_status share_sources(int rank, const ins_arguments *arguments, ins_ready *ready) {
  const ins_value *data = ins_map_get(ready->job->settings, "data");
  ins_text packed = {0};
  ins_status status = ins_agree(MPI_COMM_WORLD, rank ? INS_OK : ins_population_check(ready->job));
  for (size_t k = 0; k < ins_value_count(data) && status == INS_OK; k++)
    if (!is_run_already(data, k)) status = run_before(rank, arguments, data->children.items[k]);
  if (status != INS_OK) return status;
  if (rank == 0) status = ins_ready_sources(ready);
  if (rank == 0 && status == INS_OK) status = ins_value_pack(ready->sources, &packed);
  status = ins_share(MPI_COMM_WORLD, status, &packed);
  if (status == INS_OK && rank != 0)
    status = ins_value_unpack(packed.data, packed.length, &ready->sources);
  ins_text_free(&packed);
  return ins_agree(MPI_COMM_WORLD, status);
}

static ins_status share_inputs(int rank, const ins_arguments *arguments, ins_ready *ready,
                               ins_shared *weights) {
  return ins_ready_on_model(ready) ? share_model(rank, ready, weights)
                                   : share_sources(rank, arguments, ready);
}

static ins_status run_job(int rank, const ins_arguments *arguments, ins_ready *ready,
                          ins_shared *weights) {
  const ins_kernels *kernels = NULL;
  ins_run_options options = {
      .fresh = arguments->fresh, .quiet = arguments->quiet, .computing_master = -1};
  ins_status status = read_deadline(arguments->deadline, &options.deadline_s);
  if (status == INS_OK) status = share_job(rank, arguments, ready);
  if (status == INS_OK) status = share_inputs(rank, arguments, ready, weights);
  if (status != INS_OK) return status;
  const char *output = ins_value_text_or(ins_map_get(ready->job->settings, "output"), NULL);
  status = ins_agree_kernels(MPI_COMM_WORLD, output, arguments->fresh, &kernels);
  if (status == INS_OK && ready->source) status = ins_agree(MPI_COMM_WORLD, ins_ready_model(ready));
  if (status != INS_OK) return status;
  MPI_Comm comm; /* shrinks when ranks are lost */
  MPI_Comm_dup(MPI_COMM_WORLD, &comm);
  return run_on_survivors(&comm, kernels, ready, &options);
}

/* An MPI that does not understand its launcher makes of every rank a run of its own. */
static ins_status check_launcher(int size) {
  const char *wanted = getenv("SLURM_STEP_NUM_TASKS"), *launched = getenv("SLURM_PROCID");
  if (size > 1 || !wanted || !launched || atoi(wanted) < 2 || getenv("OMPI_COMM_WORLD_SIZE"))
    return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "srun started %s ranks, but this MPI takes each for a run of its own; use srun "
                  "--mpi=pmix (srun --mpi=list names what there is), or mpirun",
                  wanted);
}

ins_status ins_command_run(const ins_arguments *arguments) {
  ins_ready ready = {0};
  ins_shared weights = {0};
  int rank, size;
  ins_die_with_launcher();
  ins_signals_catch(); /* first: a signal during start-up is one too */
  MPI_Init(NULL, NULL);
  ins_comm_guard(MPI_COMM_WORLD); /* before any other call of MPI, which may fail */
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  ins_status status = check_launcher(size);
  ins_fault_set_rank(rank);
  if (size > 1) ins_log_set_rank(rank == 0 ? -1 : rank);
  if (status == INS_OK) status = run_job(rank, arguments, &ready, &weights);
  ins_ready_clear(&ready);
  ins_shared_free(&weights);
  return status;
}
