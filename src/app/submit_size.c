/* SPDX-License-Identifier: MIT */
/* From a plan to a request: ranks, memory, time. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "submit.h"

/* Times are measured on the machine that submits, and other nodes are slower by half at times. */
static const double time_margin = 1.5, memory_margin = 1.25;
/* Reading the model, verifying what is there, closing the file. */
static const double start_seconds = 300;
/* The program, MPI and HDF5 take this before any model is there. */
enum { PROGRAM_MIB = 256 };
/* `range`: "2-4" is 2. */
static ins_status count_of(const ins_sbatch_options *given, const char *name, bool range,
                           size_t *out) {
  const char *text = ins_sbatch_option(given, name);
  char *end;
  *out = 0;
  if (!text) return INS_OK;
  const long n = strtol(text, &end, 10);
  if (end == text || n < 1 || (*end && !(range && (*end == '-' || *end == ','))))
    return ins_fail(INS_ERR_ARGUMENT, "--%s is '%.60s'; expected a number of at least 1", name,
                    text);
  *out = (size_t)n;
  return INS_OK;
}

static double time_of(const ins_value *site, const char *key) {
  double seconds = 0;
  ins_submit_time(ins_value_text_or(ins_map_get(site, key), ""), &seconds);
  return seconds;
}

static ins_status choose_ranks(const ins_submit_left *left, const ins_sbatch_options *given,
                               const ins_value *site, size_t *ranks) {
  const size_t most = (size_t)ins_value_int_or(ins_map_get(site, "max_ranks"), 128);
  size_t nodes, per_node;
  ins_status status = count_of(given, "ntasks", false, ranks);
  if (status == INS_OK) status = count_of(given, "nodes", true, &nodes);
  if (status == INS_OK) status = count_of(given, "ntasks-per-node", false, &per_node);
  if (status != INS_OK || *ranks) return status;
  if (nodes && per_node)
    *ranks = nodes * per_node;
  else
    *ranks = left->ranks < most ? left->ranks : most;
  if (*ranks < nodes) *ranks = nodes; /* one that is paid for should not stand idle */
  return INS_OK;
}

static ins_status choose_time(const ins_sbatch_options *given, const ins_value *site,
                              ins_submit_needs *needs) {
  const char *text = ins_sbatch_option(given, "time");
  const double signal = (double)ins_value_int_or(ins_map_get(site, "signal_seconds"), 120);
  if (text && strcmp(text, "0") == 0) /* so says Slurm */
    needs->seconds = INFINITY;
  else if (text && !ins_submit_time(text, &needs->seconds))
    return ins_fail(INS_ERR_ARGUMENT,
                    "--time is '%.60s'; expected minutes, H:M:S or D-H:M:S, as Slurm reads it",
                    text);
  if (!text) {
    const double wanted = needs->seconds_left * time_margin + start_seconds + signal;
    needs->seconds = fmin(fmax(wanted, time_of(site, "min_time")), time_of(site, "max_time"));
    needs->seconds = 60 * ceil(needs->seconds / 60); /* Slurm counts minutes */
  }
  needs->signal_seconds = (int)fmax(1, fmin(signal, needs->seconds / 4));
  return INS_OK;
}

/* Two more than the plan says: a chain cannot grow. */
static size_t links_of(const ins_submit_needs *needs, const ins_value *site) {
  const double most = (double)ins_value_int_or(ins_map_get(site, "max_requeues"), 100) + 1;
  const double useful = fmax(60, needs->seconds - needs->signal_seconds - start_seconds);
  return (size_t)fmin(most, ceil(needs->seconds_left * time_margin / useful) + 2);
}

ins_status ins_submit_size(const ins_submit_left *left, const ins_sbatch_options *given,
                           const ins_value *site, ins_submit_needs *needs) {
  *needs = (ins_submit_needs){0};
  ins_status status = choose_ranks(left, given, site, &needs->ranks);
  if (status != INS_OK) return status;
  /* However little is left, the last task takes its time. */
  if (left->seconds_on)
    needs->seconds_left = fmax(left->seconds_on(left->plan, needs->ranks),
                               left->n_done < left->n_tasks ? left->seconds_per_task : 0);
  const double bytes = left->bytes_on ? left->bytes_on(left->plan, needs->ranks) : 0;
  if (isinf(bytes))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%zu rank%s too few: a matrix has more numbers on each than ScaLAPACK counts, "
                    "2^31; `insilico plan` says how many are worth asking for",
                    needs->ranks, needs->ranks == 1 ? " is" : "s are");
  needs->mib_per_rank = (size_t)ceil(bytes * memory_margin / (1 << 20)) + PROGRAM_MIB;
  status = choose_time(given, site, needs);
  if (status == INS_OK && left->seconds_on) needs->links = links_of(needs, site);
  return status;
}
