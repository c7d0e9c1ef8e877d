/* SPDX-License-Identifier: MIT */
/* What a results file says about itself, read without MPI and without getting in the way of a run.
 */
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"
#include "rows.h"

static ins_status copy_text(const ins_value *map, const char *key, char **out) {
  const char *text = ins_value_text_or(ins_map_get(map, key), NULL);
  *out = text ? strdup(text) : NULL;
  return text && !*out ? ins_fail(INS_ERR_MEMORY, "out of memory for attribute %s", key) : INS_OK;
}

static ins_status read_facts(const char *path, size_t n_stages, ins_layout *const *stages,
                             ins_store_facts *facts) {
  uint64_t identity = 0;
  char wanted[17];
  hid_t file = ins_h5_open_plain(path);
  if (file < 0) return ins_h5_fail(path, "cannot be opened");
  ins_status status = ins_h5_get_all(file, &facts->attributes);
  H5Fclose(file);
  if (status == INS_OK && n_stages) status = ins_store_identity(n_stages, stages, &identity);
  if (status == INS_OK) status = copy_text(facts->attributes, "job", &facts->job_json);
  if (status == INS_OK)
    status = copy_text(facts->attributes, "instruction_set", &facts->instruction_set);
  if (status != INS_OK) return status;
  snprintf(wanted, sizeof wanted, "%016llx", (unsigned long long)identity);
  facts->same_axes =
      n_stages &&
      !strcmp(wanted, ins_value_text_or(ins_map_get(facts->attributes, "layout_hash"), ""));
  return INS_OK;
}

ins_status ins_store_probe(const char *path, size_t n_stages, ins_layout *const *stages,
                           ins_store_facts *facts) {
  ins_store_kind kind;
  *facts = (ins_store_facts){0};
  ins_status status = ins_store_look(path, &kind, NULL);
  if (status != INS_OK) return status;
  facts->exists = kind != INS_STORE_ABSENT;
  facts->ours = kind == INS_STORE_WHOLE || kind == INS_STORE_DAMAGED;
  facts->opens = kind == INS_STORE_WHOLE;
  if (facts->opens) status = read_facts(path, n_stages, stages, facts);
  ins_h5_silent();
  if (status != INS_OK) ins_store_facts_clear(facts);
  return status;
}

void ins_store_facts_clear(ins_store_facts *facts) {
  free(facts->job_json);
  free(facts->instruction_set);
  ins_value_destroy(&facts->attributes);
  *facts = (ins_store_facts){0};
}

/* status and checksums only: what the file claims, in a fraction of the time of verifying. */
static ins_status count_claims(const ins_rows *rows, size_t first, size_t n, uint8_t *state) {
  if (!ins_rows_read(rows, rows->status.offset + first, n, state))
    return ins_fail(INS_ERR_FORMAT, "%s: the status of tasks from %zu on cannot be read",
                    rows->path, first);
  for (size_t k = 0; k < n; k++)
    if (state[k] > INS_TASK_FAILED) state[k] = INS_TASK_PENDING;
  return INS_OK;
}

static ins_status count_tasks(const ins_rows *rows, bool verify, ins_store_counts *out) {
  enum { STEP = 1 << 16 };
  uint8_t *state;
  ins_status status = ins_alloc(STEP, 1, &state);
  for (size_t at = 0; at < rows->n_tasks && status == INS_OK; at += STEP) {
    size_t n = rows->n_tasks - at < STEP ? rows->n_tasks - at : STEP;
    status = verify ? ins_rows_verify(rows, at, n, state, &out->n_damaged)
                    : count_claims(rows, at, n, state);
    for (size_t k = 0; k < n && status == INS_OK; k++) {
      out->n_done += state[k] == INS_TASK_DONE;
      out->n_failed += state[k] == INS_TASK_FAILED;
    }
  }
  ins_free(&state);
  out->n_tasks = rows->n_tasks;
  out->n_pending = out->n_tasks - out->n_done - out->n_failed;
  return status;
}

static ins_status count_stage(hid_t file, const char *path, const char *name, bool verify,
                              ins_store_counts *out) {
  ins_rows rows = {.fd = -1};
  out->name = strdup(name);
  if (!out->name) return ins_fail(INS_ERR_MEMORY, "out of memory for the name of a stage");
  ins_status status = ins_rows_open(file, name, path, &rows);
  if (status == INS_OK) status = count_tasks(&rows, verify, out);
  ins_rows_close(&rows);
  return status;
}

static ins_status count_stages(hid_t file, const char *path, bool verify, ins_store_summary *out) {
  ins_value *names = NULL;
  ins_status status = ins_store_stage_names(file, &names);
  if (status == INS_OK)
    status = ins_alloc(ins_value_count(names), sizeof *out->stages, &out->stages);
  for (size_t k = 0; k < ins_value_count(names) && status == INS_OK; k++) {
    ins_store_counts *stage = &out->stages[out->n_stages++];
    status = count_stage(file, path, names->children.items[k]->text, verify, stage);
    out->n_tasks += stage->n_tasks;
    out->n_done += stage->n_done;
    out->n_failed += stage->n_failed;
    out->n_pending += stage->n_pending;
    out->n_damaged += stage->n_damaged;
  }
  ins_value_destroy(&names);
  return status;
}

ins_status ins_store_summarise(const char *path, bool verify, ins_store_summary *out) {
  ins_store_kind kind;
  char why[INS_MESSAGE_MAX];
  *out = (ins_store_summary){0};
  ins_status status = ins_store_look(path, &kind, why);
  if (status != INS_OK) return status;
  if (kind == INS_STORE_ABSENT) return ins_fail(INS_ERR_IO, "%s: there is no such file", path);
  if (kind == INS_STORE_STRANGER) return ins_fail(INS_ERR_ARGUMENT, "%s: %.600s", path, why);
  if (kind == INS_STORE_DAMAGED)
    return ins_fail(INS_ERR_FORMAT, "%.600s; run its job again: rows that are whole will be kept",
                    why);

  hid_t file = ins_h5_open_plain(path);
  status =
      file < 0 ? ins_h5_fail(path, "cannot be opened") : ins_h5_get_all(file, &out->attributes);
  if (status == INS_OK) status = copy_text(out->attributes, "title", &out->title);
  if (status == INS_OK) status = copy_text(out->attributes, "experiment", &out->experiment);
  if (status == INS_OK) status = copy_text(out->attributes, "model", &out->model);
  if (status == INS_OK) status = count_stages(file, path, verify, out);
  if (file >= 0) H5Fclose(file);
  ins_h5_silent();
  if (status != INS_OK) ins_store_summary_clear(out);
  return status;
}

void ins_store_summary_clear(ins_store_summary *summary) {
  for (size_t k = 0; k < summary->n_stages; k++) free(summary->stages[k].name);
  ins_free(&summary->stages);
  free(summary->title);
  free(summary->experiment);
  free(summary->model);
  ins_value_destroy(&summary->attributes);
  *summary = (ins_store_summary){0};
}
