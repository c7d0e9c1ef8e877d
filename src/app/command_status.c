/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/file.h"
#include "insilico/journal.h"
#include "insilico/store.h"
#include "submit.h"

/* What the journal says of the runs so far. */
typedef struct history {
  size_t n_starts;
  const ins_value *closing; /* event with which the last run closed in order, or NULL */
  bool closed;              /* it did. Without a journal nobody knows better */
} history;

static history read_history(const ins_value *events) {
  history h = {.closed = true};
  for (size_t i = 0; i < ins_value_count(events); i++) {
    const char *event = ins_value_text_or(ins_map_get(events->children.items[i], "event"), "");
    if (strcmp(event, "start") == 0) {
      h.n_starts++;
      h.closing = NULL;
      h.closed = false;
    }
    if (strcmp(event, "end") == 0 || strcmp(event, "stop") == 0) {
      h.closing = events->children.items[i];
      h.closed = true;
    }
  }
  return h;
}

/* "running" while a run holds the lock; else what is left says it. */
static const char *state_of(const char *path, const ins_store_summary *s, const ins_value *events) {
  if (ins_lock_held(path)) return "running";
  if (s->n_stages > 1 && s->n_failed && s->n_pending)
    return "stopped with failed tasks; run the job again to try them and go on";
  if (s->n_pending + s->n_damaged != 0) return "stopped; run the job again to go on";
  if (!read_history(events).closed)
    return "computed, but stopped before the end; run the job again to sum up";
  return s->n_failed ? "finished with failed tasks" : "finished";
}

enum { EVENTS_READ = 1000000, EVENTS_SHOWN = 12 };

/* Batches are for machines to read; people want starts, stops and failures. */
static bool worth_showing(const ins_value *event) {
  return strcmp(ins_value_text_or(ins_map_get(event, "event"), ""), "batch") != 0;
}

static void print_events(const ins_value *events) {
  size_t n = 0, skipped;
  for (size_t i = 0; i < ins_value_count(events); i++)
    n += worth_showing(events->children.items[i]);
  if (n) printf("journal\n");
  skipped = n > EVENTS_SHOWN ? n - EVENTS_SHOWN : 0;
  if (skipped) printf("  ... %zu earlier events\n", skipped);
  for (size_t i = 0; i < ins_value_count(events); i++) {
    const ins_value *event = events->children.items[i];
    const char *name = ins_value_text_or(ins_map_get(event, "event"), "?");
    const char *message = ins_value_text_or(ins_map_get(event, "message"), "");
    if (!worth_showing(event) || (skipped && skipped--)) continue;
    const char *stage = ins_value_text_or(ins_map_get(event, "stage"), NULL);
    printf("  %s  %-8s", ins_value_text_or(ins_map_get(event, "time"), "?"), name);
    if (ins_map_get(event, "ranks"))
      printf(" %lld rank%s, %lld tasks, %lld kept",
             (long long)ins_value_int_or(ins_map_get(event, "ranks"), 0),
             ins_value_int_or(ins_map_get(event, "ranks"), 0) == 1 ? "" : "s",
             (long long)ins_value_int_or(ins_map_get(event, "tasks"), 0),
             (long long)ins_value_int_or(ins_map_get(event, "kept"), 0));
    if (ins_map_get(event, "done"))
      printf(" %lld done in %.1f s", (long long)ins_value_int_or(ins_map_get(event, "done"), 0),
             ins_value_real_or(ins_map_get(event, "seconds"), 0));
    if (stage) printf(" in stage %s", stage);
    printf("%s%s\n", message[0] ? "  " : "", message);
  }
}

static void print_counts(const char *label, size_t n_tasks, size_t n_done, size_t n_failed,
                         size_t n_pending) {
  double share = n_tasks ? 100.0 * (double)n_done / (double)n_tasks : 100;
  ins_print(label, "%zu of %zu done (%.1f %%), %zu failed, %zu pending", n_done, n_tasks, share,
            n_failed, n_pending);
}

static const char *name_of(const ins_store_counts *stage) {
  return strcmp(stage->name, "/") ? stage->name : "(root)";
}

static void print_stages(const ins_store_summary *s) {
  int width = 0;
  if (s->n_stages < 2) return;
  for (size_t k = 0; k < s->n_stages; k++) {
    const int n = (int)strlen(name_of(&s->stages[k]));
    width = n > width ? n : width;
  }
  for (size_t k = 0; k < s->n_stages; k++) {
    const ins_store_counts *stage = &s->stages[k];
    printf("  %-*s  %zu of %zu done", width, name_of(stage), stage->n_done, stage->n_tasks);
    if (stage->n_failed) printf(", %zu failed", stage->n_failed);
    printf("\n");
  }
}

static void print_people(const char *path, const ins_store_summary *s, const ins_value *events,
                         bool verified) {
  ins_print("results", "%s", path);
  ins_print("experiment", "%s", s->experiment ? s->experiment : "?");
  if (s->model) ins_print("model", "%s", s->model); /* what reads results files has none */
  ins_print("state", "%s", state_of(path, s, events));
  print_counts("tasks", s->n_tasks, s->n_done, s->n_failed, s->n_pending);
  print_stages(s);
  if (s->n_damaged)
    ins_print("", "%zu rows do not match their checksum and will be computed again", s->n_damaged);
  if (verified && !s->n_damaged) ins_print("checksums", "all match");
  print_events(events);
}

static void add_counts(ins_text *text, size_t n_tasks, size_t n_done, size_t n_failed,
                       size_t n_pending, size_t n_damaged) {
  ins_text_add(text, ",\"tasks\":%zu,\"done\":%zu,\"failed\":%zu,\"pending\":%zu,\"damaged\":%zu",
               n_tasks, n_done, n_failed, n_pending, n_damaged);
}

/* The exit status of the program for the name of a code; -1 for none. */
static int exit_of(const char *name) {
#define EXIT_OF(code, value, exit, text)                                                           \
  if (strcmp(name, #code) == 0) return exit;
  INS_STATUS_LIST(EXIT_OF)
#undef EXIT_OF
  return -1;
}

/* Scripts tell a run that closed in order from one that died: the launchers' statuses do not. */
static void add_history(ins_text *text, const ins_value *events) {
  const history h = read_history(events);
  const int code = exit_of(ins_value_text_or(ins_map_get(h.closing, "status"), ""));
  ins_text_add(text, ",\"starts\":%zu,\"exit\":", h.n_starts);
  if (code >= 0)
    ins_text_add(text, "%d", code);
  else
    ins_text_add(text, "null");
}

static void print_json(const char *path, const ins_store_summary *s, const ins_value *events) {
  ins_text text = {0};
  ins_text_add(&text, "{\"results\":");
  ins_text_add_json(&text, path);
  ins_text_add(&text, ",\"experiment\":");
  ins_text_add_json(&text, s->experiment ? s->experiment : "");
  ins_text_add(&text, ",\"model\":");
  if (s->model)
    ins_text_add_json(&text, s->model);
  else
    ins_text_add(&text, "null");
  ins_text_add(&text, ",\"state\":");
  ins_text_add_json(&text, state_of(path, s, events));
  add_counts(&text, s->n_tasks, s->n_done, s->n_failed, s->n_pending, s->n_damaged);
  add_history(&text, events);
  if (s->n_stages > 1) ins_text_add(&text, ",\"stages\":[");
  for (size_t k = 0; k < s->n_stages && s->n_stages > 1; k++) {
    const ins_store_counts *stage = &s->stages[k];
    ins_text_add(&text, k ? ",{\"stage\":" : "{\"stage\":");
    ins_text_add_json(&text, stage->name);
    add_counts(&text, stage->n_tasks, stage->n_done, stage->n_failed, stage->n_pending,
               stage->n_damaged);
    ins_text_add(&text, "}");
  }
  ins_text_add(&text, s->n_stages > 1 ? "]}" : "}");
  printf("%s\n", text.data);
  ins_text_free(&text);
}

/* ---- before the first run --------------------------------------------------------------------
 */

/* What `submit` left beside the results is all there is to go by. */
static ins_status look_in_queue(const ins_arguments *arguments, bool *waits) {
  const char *path = arguments->words[0];
  char ids[4096];
  *waits = false;
  if (!ins_submit_numbers(path, ids, sizeof ids))
    return ins_fail(INS_ERR_IO, "%s: there is no such file: no run has begun that writes it", path);
  if (!ins_submit_queued(ids))
    return ins_fail(INS_ERR_IO,
                    "%s: there is no such file: it was submitted as job %s, which is not in the "
                    "queue now and left no results; its log says why",
                    path, ids);
  *waits = true;
  if (arguments->watch) ins_output_clear_screen();
  if (arguments->json) {
    ins_text text = {0};
    ins_text_add(&text, "{\"results\":");
    ins_text_add_json(&text, path);
    ins_text_add(&text, ",\"state\":\"submitted\",\"jobs\":\"%s\"}", ids);
    printf("%s\n", text.data ? text.data : "");
    ins_text_free(&text);
  } else {
    ins_print("results", "%s", path);
    ins_print("state", "submitted as job %s, no run has begun yet (squeue -j %s)", ids, ids);
  }
  return INS_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* Seconds until it is worth looking again; 0: what there is will not change. */
static ins_status look(const ins_arguments *arguments, unsigned *again) {
  const char *path = arguments->words[0];
  ins_store_summary summary = {0};
  ins_value *events = NULL; /* no journal, no events: it is only a help */
  bool waits = false;
  *again = 0;
  if (!ins_file_exists(path)) {
    ins_status status = look_in_queue(arguments, &waits);
    if (waits) *again = 30; /* everybody's queue is asked */
    return status;
  }
  ins_status status = ins_store_summarise(path, arguments->verify, &summary);
  if (status != INS_OK) return status;
  if (ins_journal_read(path, EVENTS_READ, &events) != INS_OK) ins_value_destroy(&events);
  if (arguments->watch) ins_output_clear_screen();
  if (arguments->json)
    print_json(path, &summary, events);
  else
    print_people(path, &summary, events, arguments->verify);
  if (ins_lock_held(path)) *again = 2;
  ins_value_destroy(&events);
  ins_store_summary_clear(&summary);
  return INS_OK;
}

ins_status ins_command_status(const ins_arguments *arguments) {
  unsigned again = 0;
  ins_status status = look(arguments, &again);
  fflush(stdout);
  while (status == INS_OK && arguments->watch && again) {
    sleep(again);
    status = look(arguments, &again);
    fflush(stdout);
  }
  return status;
}
