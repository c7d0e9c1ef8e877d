/* SPDX-License-Identifier: MIT */
/* What submit answers: to people, to scripts, and in a dry run. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "submit_tell.h"

/* "LABEL   text", as all commands answer, also to standard error: one line, whatever names hold. */
static void INS_PRINTF(3, 4) say(FILE *to, const char *label, const char *format, ...) {
  char *text = NULL, *line;
  va_list args;
  va_start(args, format);
  const int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0) return;
  if ((line = ins_format("%-19s %s", label, text))) {
    ins_text_tame(line, strlen(line), "");
    fprintf(to, "%s\n", line);
  }
  free(line);
  free(text);
}

/* As one types it: with quotes where a shell needs them. */
static void add_word(ins_text *text, const char *word) {
  if (*word && strspn(word, INS_SUBMIT_HARMLESS "/:,=@%+") == strlen(word))
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
  if (text.data) ins_text_tame(text.data, text.length, "\n");
  fprintf(stderr, "would submit: %s\n", text.data ? text.data : "");
  ins_text_free(&text);
}

/* What a rank may take, as it was given or as the plan has it. */
static const char *memory_of(const ins_submission *s, const ins_submit_needs *needs, char *out,
                             size_t size) {
  static const char *const given[] = {"mem", "mem-per-cpu", "mem-per-gpu"};
  char bytes[32];
  for (size_t i = 0; i < 3; i++) {
    const char *value = ins_sbatch_option(&s->order.given, given[i]);
    if (!value) continue;
    snprintf(out, size, "--%s=%.32s", given[i], value);
    return out;
  }
  snprintf(out, size, "%s a rank",
           ins_text_bytes((double)needs->mib_per_rank * (1 << 20), bytes, sizeof bytes));
  return out;
}

static void tell_size(FILE *to, const ins_submission *s, const ins_submit_entry *entry) {
  char memory[80], time[32], left[32];
  const ins_submit_needs *n = &entry->needs;
  say(to, "asks for", "%zu rank%s, %s, %s%s", n->ranks, n->ranks == 1 ? "" : "s",
      memory_of(s, n, memory, sizeof memory),
      isfinite(n->seconds) ? ins_text_duration(n->seconds, time, sizeof time) : "unlimited time",
      entry->n > 1 ? " each" : "");
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_job *job = &entry->jobs->at[entry->members[k]];
    if (!job->planned)
      say(to, k ? "" : "left to do", "not known yet: not measured");
    else
      say(to, k ? "" : "left to do", "%zu of %zu tasks, %s on %zu rank%s (measured here)",
          job->n_tasks - job->n_done, job->n_tasks,
          ins_text_duration(job->needs.seconds_left, left, sizeof left), job->needs.ranks,
          job->needs.ranks == 1 ? "" : "s");
  }
}

/* The paths of its jobs, for a line. */
static void add_paths(const ins_submit_entry *entry, ins_text *text) {
  for (size_t k = 0; k < entry->n; k++)
    ins_text_add(text, "%s%s", k ? ", " : "", entry->jobs->at[entry->members[k]].path);
}

void ins_submit_show(const ins_submission *s, const ins_submit_entry *entry,
                     const ins_submit_made *made) {
  ins_text paths = {0};
  add_paths(entry, &paths);
  if (s->n_entries > 1)
    ins_line("# ======== %s: %s", made->script_path, paths.data ? paths.data : "");
  fputs(made->script.data, stdout);
  fflush(stdout);
  say(stderr,
      entry->n > 1             ? "array"
      : entry->needs.links > 1 ? "chain"
                               : "job",
      "%s", paths.data ? paths.data : "");
  tell_size(stderr, s, entry);
  ins_text_free(&paths);
}

static void tell_numbers(const ins_submission *s, const ins_submit_entry *entry,
                         const ins_submit_made *made, const char *all) {
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_job *job = &s->jobs.at[entry->members[k]];
    if (entry->n > 1)
      say(stdout, k ? "" : "submitted", "job %s_%zu: %s", made->ids[0], k, job->path);
    else
      say(stdout, "submitted", "%s %s: %s", made->n_ids > 1 ? "a chain of jobs," : "job", all,
          job->path);
  }
}

static void tell_log(const ins_submit_entry *entry, const char *log) {
  ins_text plain = {0};
  for (const char *c = log; *c; c++) {
    ins_text_add_bytes(&plain, c, 1);
    c += c[0] == '%' && c[1] == '%'; /* Slurm's way to write one */
  }
  say(stdout, "log", "%s%s", plain.data ? plain.data : log,
      entry->n > 1 ? "   (%a is the element's number)" : "");
  ins_text_free(&plain);
}

static void add_numbers(const ins_submit_made *made, const char *between, ins_text *text) {
  for (size_t i = 0; i < made->n_ids; i++)
    ins_text_add(text, "%s%s", i ? between : "", made->ids[i]);
}

void ins_submit_tell(const ins_submission *s, const ins_submit_entry *entry,
                     const ins_submit_made *made) {
  ins_text spaced = {0}, listed = {0}, output = {0};
  add_numbers(made, " ", &spaced);
  add_numbers(made, ",", &listed);
  if (ins_text_ok(&spaced) != INS_OK || ins_text_ok(&listed) != INS_OK)
    goto done; /* the numbers are in NAME.sbatch.jobs */
  tell_numbers(s, entry, made, spaced.data);
  tell_size(stdout, s, entry);
  say(stdout, "script", "%s", made->script_path);
  tell_log(entry, made->log);
  say(stdout, "follow", "squeue -j %s", listed.data);
  for (size_t k = 0; k < entry->n; k++) {
    ins_text_free(&output);
    add_word(&output, s->jobs.at[entry->members[k]].output);
    say(stdout, "", "insilico status %s --watch", output.data ? output.data : "");
  }
  say(stdout, "stop", "scancel %s", spaced.data);
  say(stdout, "", "scancel --batch --signal=TERM %s   (in order, however long it takes)",
      spaced.data);
  say(stdout, "note",
      "the job file is read when a turn starts: leave it as it is until all is done");
done:
  ins_text_free(&spaced);
  ins_text_free(&listed);
  ins_text_free(&output);
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

static void add_needs(const ins_submission *s, const ins_submit_needs *needs, ins_text *json) {
  char unused[80];
  const char *memory = memory_of(s, needs, unused, sizeof unused);
  ins_text_add(json, ",\"ranks\":%zu", needs->ranks);
  if (memory[0] == '-') /* what was given is not looked into */
    ins_text_add(json, ",\"mib_per_rank\":null");
  else
    ins_text_add(json, ",\"mib_per_rank\":%zu", needs->mib_per_rank);
  if (isfinite(needs->seconds))
    ins_text_add(json, ",\"seconds\":%.0f", needs->seconds);
  else
    ins_text_add(json, ",\"seconds\":null");
  ins_text_add(json, ",\"signal_seconds\":%d", needs->signal_seconds);
}

static void add_job(ins_submission *s, const ins_submit_entry *entry, const ins_submit_made *made,
                    size_t k) {
  const ins_submit_job *job = &s->jobs.at[entry->members[k]];
  const bool dry = s->arguments->dry_run;
  ins_text *json = &s->json;
  ins_text_add(json, json->length ? ",{\"job\":" : "{\"job\":");
  ins_text_add_json(json, job->path);
  add_text(json, "output", job->output);
  add_text(json, "id", dry ? NULL : entry->n > 1 ? s->handle[entry->members[k]] : made->ids[0]);
  add_list(json, "ids", made->ids, dry ? 0 : made->n_ids);
  ins_text_add(json, ",\"planned\":%s", job->planned ? "true" : "false");
  if (job->planned)
    ins_text_add(json, ",\"tasks\":%zu,\"done\":%zu,\"seconds_left\":%.6g", job->n_tasks,
                 job->n_done, job->needs.seconds_left);
  add_needs(s, &entry->needs, json);
  ins_text_add(json, ",\"waits_for\":[");
  for (size_t w = 0; w < job->n_waits; w++) {
    if (w) ins_text_add(json, ",");
    ins_text_add_json(json, s->jobs.at[job->waits_for[w]].path);
  }
  ins_text_add(json, "]");
  add_text(json, "script", made->script_path);
  add_text(json, "log", made->log);
  add_list(json, "command", made->call.text, made->call.n);
  if (dry) add_text(json, "text", made->script.data);
  ins_text_add(json, "}");
}

void ins_submit_add_json(ins_submission *s, const ins_submit_entry *entry,
                         const ins_submit_made *made) {
  for (size_t k = 0; k < entry->n; k++) add_job(s, entry, made, k);
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
  ins_text_add(&s->json, ",\"id\":null,\"ids\":[],\"planned\":%s,\"tasks\":%zu,\"done\":%zu}",
               job->planned ? "true" : "false", job->n_tasks, job->n_done);
}

/* What was submitted must be known, also where the rest was not. */
void ins_submit_print_json(const ins_submission *s, ins_status status) {
  ins_text error = {0};
  if (status != INS_OK) add_text(&error, "error", ins_message());
  printf("{\"dry_run\":%s,\"jobs\":[%s]%s}\n", s->arguments->dry_run ? "true" : "false",
         s->json.data ? s->json.data : "", error.data ? error.data : "");
  ins_text_free(&error);
}
