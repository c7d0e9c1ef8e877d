/* SPDX-License-Identifier: MIT */
/* What submit answers: to people, to scripts, and in a dry run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "submit_tell.h"

/* As one types it: with quotes where a shell needs them. */
static void add_word(ins_text *text, const char *word) {
  if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "_-./:,=@%+") == strlen(word))
    ins_text_add(text, "%s", word);
  else
    ins_text_add_quoted(text, word);
}

void ins_submit_print_call(const ins_sbatch_options *argv) {
  ins_text text = {0};
  for (size_t i = 0; i < argv->n; i++) {
    if (i) ins_text_add(&text, " ");
    add_word(&text, argv->text[i]);
  }
  fprintf(stderr, "would submit: %s\n", text.data ? text.data : "");
  ins_text_free(&text);
}

static void tell_size(const ins_submission *s, const ins_submit_entry *entry) {
  static const char *const given[] = {"mem", "mem-per-cpu", "mem-per-gpu"};
  char memory[80], time[32], left[32];
  const ins_submit_needs *n = &entry->needs;
  ins_text_bytes((double)n->mib_per_rank * (1 << 20), memory, 32);
  strcat(memory, " a rank");
  for (size_t i = 0; i < 3; i++) {
    const char *value = ins_sbatch_option(&s->order.given, given[i]);
    if (value) snprintf(memory, sizeof memory, "--%s=%.32s", given[i], value);
  }
  ins_print("asks for", "%zu rank%s, %s, %s%s", n->ranks, n->ranks == 1 ? "" : "s", memory,
            isfinite(n->seconds) ? ins_text_duration(n->seconds, time, sizeof time)
                                 : "unlimited time",
            entry->n > 1 ? " each" : "");
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_job *job = &entry->jobs->at[entry->members[k]];
    if (!job->planned)
      ins_print(k ? "" : "left to do", "not known yet: not measured");
    else
      ins_print(k ? "" : "left to do", "%zu of %zu tasks, %s on %zu rank%s (measured here)",
                job->n_tasks - job->n_done, job->n_tasks,
                ins_text_duration(job->needs.seconds_left, left, sizeof left), job->needs.ranks,
                job->needs.ranks == 1 ? "" : "s");
  }
}

void ins_submit_tell(const ins_submission *s, const ins_submit_entry *entry, const char *script,
                     const char *log, char *const *ids, size_t n_ids) {
  ins_text all = {0};
  for (size_t i = 0; i < n_ids; i++) ins_text_add(&all, "%s%s", i ? " " : "", ids[i]);
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_job *job = &s->jobs.at[entry->members[k]];
    if (entry->n > 1)
      ins_print(k ? "" : "submitted", "job %s_%zu: %s", ids[0], k, job->path);
    else
      ins_print("submitted", "%s %s: %s", n_ids > 1 ? "a chain of jobs," : "job", all.data,
                job->path);
  }
  tell_size(s, entry);
  ins_print("script", "%s", script);
  ins_text plain = {0};
  for (const char *c = log; *c; c++) {
    ins_text_add_bytes(&plain, c, 1);
    c += c[0] == '%' && c[1] == '%'; /* Slurm's way to write one */
  }
  ins_print("log", "%s%s", plain.data ? plain.data : log,
            entry->n > 1 ? "   (%a is the element's number)" : "");
  for (size_t i = 0; i < all.length; i++)
    if (all.data[i] == ' ') all.data[i] = ',';
  ins_print("follow", "squeue -j %s", all.data);
  for (size_t k = 0; k < entry->n; k++) {
    ins_text_free(&plain);
    add_word(&plain, s->jobs.at[entry->members[k]].output);
    ins_print("", "insilico status %s --watch%s", plain.data ? plain.data : "",
              k ? "" : "   (once it has begun)");
  }
  ins_text_free(&plain);
  for (size_t i = 0; i < all.length; i++)
    if (all.data[i] == ',') all.data[i] = ' ';
  ins_print("stop", "scancel %s", all.data);
  ins_print("", "scancel --batch --signal=TERM %s   (in order, however long it takes)", all.data);
  ins_text_free(&all);
  ins_print("note", "the job file is read when a turn starts: leave it as it is until all is done");
}

static void add_text(ins_text *json, const char *key, const char *value) {
  ins_text_add(json, ",\"%s\":", key);
  if (value)
    ins_text_add_json(json, value);
  else
    ins_text_add(json, "null");
}

static void add_list(ins_text *json, const char *key, char *const *texts, size_t n) {
  ins_text_add(json, ",\"%s\":[", key);
  for (size_t i = 0; i < n; i++) {
    if (i) ins_text_add(json, ",");
    ins_text_add_json(json, texts[i]);
  }
  ins_text_add(json, "]");
}

/* One object a job: `call` is that of its (first) sbatch. */
void ins_submit_add_json(ins_submission *s, const ins_submit_entry *entry, const char *path,
                         const char *log, const ins_text *script, const ins_sbatch_options *call,
                         char *const *ids, size_t n_ids) {
  ins_text *json = &s->json;
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_job *job = &s->jobs.at[entry->members[k]];
    ins_text_add(json, json->length ? ",{\"job\":" : "{\"job\":");
    ins_text_add_json(json, job->path);
    add_text(json, "output", job->output);
    add_text(json, "id",
             s->arguments->dry_run ? NULL
             : entry->n > 1        ? s->handle[entry->members[k]]
                                   : ids[0]);
    add_list(json, "ids", ids, s->arguments->dry_run ? 0 : n_ids);
    ins_text_add(json, ",\"planned\":%s", job->planned ? "true" : "false");
    if (job->planned)
      ins_text_add(json, ",\"tasks\":%zu,\"done\":%zu,\"seconds_left\":%.6g", job->n_tasks,
                   job->n_done, job->needs.seconds_left);
    ins_text_add(json, ",\"ranks\":%zu,\"mib_per_rank\":%zu", entry->needs.ranks,
                 entry->needs.mib_per_rank);
    if (isfinite(entry->needs.seconds))
      ins_text_add(json, ",\"seconds\":%.0f", entry->needs.seconds);
    else
      ins_text_add(json, ",\"seconds\":null");
    ins_text_add(json, ",\"signal_seconds\":%d", entry->needs.signal_seconds);
    ins_text_add(json, ",\"waits_for\":[");
    for (size_t w = 0; w < job->n_waits; w++) {
      if (w) ins_text_add(json, ",");
      ins_text_add_json(json, s->jobs.at[job->waits_for[w]].path);
    }
    ins_text_add(json, "]");
    add_text(json, "script", path);
    add_text(json, "log", log);
    add_list(json, "command", call->text, call->n);
    if (s->arguments->dry_run) add_text(json, "text", script->data);
    ins_text_add(json, "}");
  }
}

void ins_submit_tell_finished(ins_submission *s, const ins_submit_job *job) {
  if (!s->arguments->json) {
    ins_line("%s: nothing left to do, %zu of %zu tasks are done in %s; not submitted", job->path,
             job->n_done, job->n_tasks, job->output);
    return;
  }
  ins_text_add(&s->json, s->json.length ? ",{\"job\":" : "{\"job\":");
  ins_text_add_json(&s->json, job->path);
  add_text(&s->json, "output", job->output);
  ins_text_add(&s->json, ",\"id\":null,\"ids\":[],\"planned\":true,\"tasks\":%zu,\"done\":%zu}",
               job->n_tasks, job->n_done);
}

/* What was submitted must be known, also where the rest was not. */
void ins_submit_print_json(const ins_submission *s, ins_status status) {
  ins_text error = {0};
  if (status != INS_OK) add_text(&error, "error", ins_message());
  printf("{\"dry_run\":%s,\"jobs\":[%s]%s}\n", s->arguments->dry_run ? "true" : "false",
         s->json.data ? s->json.data : "", error.data ? error.data : "");
  ins_text_free(&error);
}
