/* SPDX-License-Identifier: MIT */
/* Before and after the run: the results file is laid out or taken up, the journal opened and
 * closed.
 */
#include <stdlib.h>
#include <string.h>

#include "insilico/comm.h"
#include "insilico/file.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "run.h"

static const double lock_patience_s = 10, lock_patience_after_loss_s = 300;

/* ---- lay out or resume ----------------------------------------------------------------------- */

static const char *output_of(const run *r) {
  return ins_value_text_or(ins_map_get(r->context->job->settings, "output"), "");
}

/* Inputs are known by their contents: a moved file is the same, a changed one is not. */
static ins_status check_same_input(const char *path, const char *key, const char *what,
                                   const ins_value *old, const ins_value *new) {
  const char *before = ins_value_text_or(ins_map_get(old, key), "");
  const char *now = ins_value_text_or(ins_map_get(new, key), "");
  if (strcmp(before, now) == 0) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s holds results of another %s (sha256 %.12s..., now %.12s...); choose another "
                  "output, or start over with --fresh",
                  path, what, before, now);
}

static const struct {
  const char *key, *what;
} inputs[] = {
    {"model_sha256", "model"},
    {"plugin_sha256", "plug-in"},
    {"data_sha256", "results file that is read"},
};

static bool same_attribute(const ins_store_facts *facts, const ins_value *attributes,
                           const char *key) {
  return strcmp(ins_value_text_or(ins_map_get(facts->attributes, key), ""),
                ins_value_text_or(ins_map_get(attributes, key), "")) == 0;
}

/* `stimuli.2.file_sha256` of the file and what its stimulus has now, maybe under another number. */
static ins_status match_input(const run *r, const ins_store_facts *facts,
                              const ins_value *attributes, const char *key, bool *same) {
  char *now = NULL;
  ins_status status = ins_job_renumber(r->context->job, facts->job_json, key, &now);
  *same = now && strcmp(ins_value_text_or(ins_map_get(facts->attributes, key), ""),
                        ins_value_text_or(ins_map_get(attributes, now), "-")) == 0;
  free(now);
  return status;
}

/* Files of the stimuli, together; or, where stimuli were added, of each that was there before. */
static ins_status check_same_stimuli(const run *r, const ins_store_facts *facts,
                                     const ins_value *attributes) {
  static const char all[] = "stimulus_sha256", suffix[] = "_sha256";
  const ins_value *old = facts->attributes;
  size_t n_named = 0, n_same = 0;
  if (!ins_map_get(old, all) || same_attribute(facts, attributes, all)) return INS_OK;
  for (size_t i = 0; i < ins_value_count(old); i++) {
    const char *key = old->children.keys[i];
    const size_t n = strlen(key), m = strlen(suffix);
    bool same;
    if (!strchr(key, '.') || n < m || strcmp(key + n - m, suffix) != 0) continue;
    ins_status status = match_input(r, facts, attributes, key, &same);
    if (status != INS_OK) return status;
    n_named++;
    n_same += same;
  }
  if (n_named && n_same == n_named) return INS_OK;
  return check_same_input(output_of(r), all, "stimulus file", old, attributes);
}

/* The path was agreed before the lock was held: another run may have begun the file in between. */
static ins_status check_same_path(const char *path, const ins_store_facts *facts,
                                  const ins_value *attributes) {
  const char *now = ins_value_text_or(ins_map_get(attributes, "instruction_set"), "");
  if (!facts->instruction_set || strcmp(facts->instruction_set, now) == 0) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s was begun with instruction set '%s' by another run just now; run again", path,
                  facts->instruction_set);
}

static ins_status check_continues(const run *r, const ins_value *attributes,
                                  const ins_store_facts *facts) {
  const char *path = output_of(r);
  if (!facts->job_json)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s exists and was not written by insilico; choose another output", path);
  ins_status status = ins_job_continues(r->context->job, facts->job_json);
  if (status != INS_OK) return ins_within(status, "%s exists", path);
  for (size_t i = 0; status == INS_OK && i < sizeof inputs / sizeof inputs[0]; i++)
    status = check_same_input(path, inputs[i].key, inputs[i].what, facts->attributes, attributes);
  if (status == INS_OK) status = check_same_stimuli(r, facts, attributes);
  return status == INS_OK ? check_same_path(path, facts, attributes) : status;
}

/* Why a file has to be laid out anew; NULL: it goes on as it is. */
static ins_status find_reason(const run *r, const ins_value *attributes,
                              const ins_store_facts *facts, const char **reason) {
  bool intact = false;
  *reason = "was damaged and is laid out anew";
  if (!facts->opens) return INS_OK;
  ins_status status = check_continues(r, attributes, facts);
  if (status != INS_OK) return status;
  if (!facts->same_axes || !same_attribute(facts, attributes, "job")) {
    *reason = "laid out anew for the extended job";
    return INS_OK;
  }
  status = ins_store_intact(output_of(r), r->stages.n, r->stages.layout, attributes, &intact);
  if (intact)
    *reason = NULL;
  else if (!same_attribute(facts, attributes, "insilico_version"))
    *reason = "is of another version of insilico and laid out anew";
  return status;
}

/* An existing results file: goes on as it is, or is laid out anew for an extended or damaged job.
 */
static ins_status take_up(const run *r, const ins_value *attributes, const ins_store_facts *facts,
                          office *o) {
  const char *path = output_of(r), *reason;
  ins_status status = find_reason(r, attributes, facts, &reason);
  if (status != INS_OK || !reason) return status;
  status = ins_store_relayout(path, path, r->stages.n, r->stages.layout, attributes, &o->n_kept);
  if (status == INS_OK)
    ins_log(INS_LOG_INFO, "%s: %s, %zu finished tasks kept", path, reason, o->n_kept);
  return status;
}

ins_status prepare_file(const run *r, const ins_value *attributes, office *o) {
  const char *path = output_of(r);
  ins_store_facts facts = {0};
  ins_status status = ins_file_make_parents(path);
  const double patience = r->options->again ? lock_patience_after_loss_s : lock_patience_s;
  if (status == INS_OK) status = ins_lock_take(path, patience, &o->lock);
  if (status == INS_OK) status = ins_store_probe(path, r->stages.n, r->stages.layout, &facts);
  if (status == INS_OK) {
    if (facts.exists && !r->options->fresh)
      status = take_up(r, attributes, &facts, o);
    else
      status = ins_store_create(path, r->stages.n, r->stages.layout, attributes);
  }
  if (status == INS_OK) status = ins_journal_open(path, &o->journal);
  ins_store_facts_clear(&facts);
  return status;
}

/* ---- the journal's opening and closing lines ------------------------------------------------- */

static ins_status add_text(ins_value *map, const char *key, const char *text) {
  return text ? ins_map_take(map, key, ins_value_text(text)) : INS_OK;
}

static ins_status start_fields(const run *r, const char *hosts, const ins_run_report *report,
                               ins_value *fields) {
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  for (int k = 0; status == INS_OK && k < r->size; k++)
    status = ins_list_take(list, ins_value_text(hosts + (size_t)k * MPI_MAX_PROCESSOR_NAME));
  if (status == INS_OK)
    status = ins_map_take(fields, "hosts", list);
  else
    ins_value_destroy(&list);
  if (status == INS_OK) status = ins_map_take(fields, "ranks", ins_value_int(r->size));
  if (status == INS_OK)
    status = ins_map_take(fields, "tasks", ins_value_int((int64_t)report->n_tasks));
  if (status == INS_OK)
    status = ins_map_take(fields, "kept", ins_value_int((int64_t)report->n_kept));
  if (status == INS_OK)
    status = add_text(fields, "instruction_set", ins_kernels_name(r->context->kernels));
  if (status == INS_OK) status = add_text(fields, "slurm_job_id", getenv("SLURM_JOB_ID"));
  if (status == INS_OK) status = add_text(fields, "slurm_restarts", getenv("SLURM_RESTART_COUNT"));
  return status;
}

/* Collective: every rank names its host. */
ins_status open_journal(const run *r, office *o, const ins_run_report *report) {
  char mine[MPI_MAX_PROCESSOR_NAME] = "";
  int length;
  ins_status status = INS_OK;
  if (r->rank == 0) status = ins_alloc((size_t)r->size, sizeof mine, &o->hosts);
  if ((status = ins_agree(r->comm, status)) != INS_OK) return status;
  MPI_Get_processor_name(mine, &length);
  MPI_Gather(mine, sizeof mine, MPI_CHAR, o->hosts, sizeof mine, MPI_CHAR, 0, r->comm);
  if (r->rank != 0) return INS_OK;
  ins_value *fields = ins_value_map();
  if (fields && start_fields(r, o->hosts, report, fields) != INS_OK) ins_value_destroy(&fields);
  ins_journal_write(o->journal, "start", fields);
  return INS_OK;
}

void close_journal(office *o, ins_status status, const ins_run_report *report) {
  ins_value *fields = ins_value_map();
  if (fields &&
      (ins_map_take(fields, "status", ins_value_text(ins_status_name(status))) != INS_OK ||
       ins_map_take(fields, "message", ins_value_text(status == INS_OK ? "" : ins_message())) !=
           INS_OK ||
       ins_map_take(fields, "done", ins_value_int((int64_t)report->n_done)) != INS_OK ||
       ins_map_take(fields, "failed", ins_value_int((int64_t)report->n_failed)) != INS_OK ||
       ins_map_take(fields, "seconds", ins_value_real(report->seconds)) != INS_OK))
    ins_value_destroy(&fields);
  ins_journal_write(o->journal, status == INS_ERR_STOPPED ? "stop" : "end", fields);
  ins_journal_close(&o->journal);
}
