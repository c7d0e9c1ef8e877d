/* SPDX-License-Identifier: MIT */
/* insilico submit: jobs to Slurm, one sbatch for each entry, later ones waiting for earlier ones.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/file.h"
#include "insilico/journal.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "submit_tell.h"

/* ---- arguments of sbatch --------------------------------------------------------------------- */

/* What the entry waits for: what was given, and each job whose results it reads. */
static ins_status dependency(const ins_submission *s, const ins_submit_entry *entry,
                             ins_text *out) {
  const char *given = ins_sbatch_option(&s->order.given, "dependency");
  const ins_submit_job *job = &s->jobs.at[entry->members[0]];
  if (given) ins_text_add(out, "%s", given);
  if (given && strchr(given, '?') && job->n_waits)
    return ins_fail(INS_ERR_ARGUMENT,
                    "--dependency=%.100s: '?' cannot be joined with the jobs that %s waits for",
                    given, job->path);
  for (size_t k = 0; k < job->n_waits; k++)
    ins_text_add(out, "%safterok:%s", out->length ? "," : "", s->handle[job->waits_for[k]]);
  return ins_text_ok(out);
}

/* sbatch --parsable [what #SBATCH lines do not take] [--dependency=...] SCRIPT [LINK]; ends with
 * NULL. `previous`: the link before in a chain, or NULL. */
static ins_status call_of(const ins_submission *s, const ins_submit_entry *entry,
                          const ins_sbatch_options *arguments, const char *path, size_t link,
                          const char *previous, ins_sbatch_options *argv) {
  ins_text wait = {0};
  const bool waits = s->jobs.at[entry->members[0]].n_waits > 0;
  ins_status status = ins_alloc(arguments->n + 8, sizeof *argv->text, &argv->text);
  if (status != INS_OK) return status;
  argv->capacity = arguments->n + 8;
  argv->text[argv->n++] = strdup("sbatch");
  argv->text[argv->n++] = strdup("--parsable");
  for (size_t i = 0; i < arguments->n; i++) argv->text[argv->n++] = strdup(arguments->text[i]);
  if (previous)
    ins_text_add(&wait, "afterany:%s", previous);
  else
    status = dependency(s, entry, &wait);
  if (wait.length) argv->text[argv->n++] = ins_format("--dependency=%s", wait.data);
  if (waits && !previous) argv->text[argv->n++] = strdup("--kill-on-invalid-dep=yes");
  argv->text[argv->n++] = strdup(path);
  if (link) argv->text[argv->n++] = ins_format("%zu", link);
  ins_text_free(&wait);
  for (size_t i = 0; i < argv->n && status == INS_OK; i++)
    if (!argv->text[i]) status = ins_fail(INS_ERR_MEMORY, "out of memory");
  return status; /* ins_alloc zeroed the end */
}

/* ---- one entry ------------------------------------------------------------------------------- */

/* The same job twice: the second would wait for the lock of the first, and spoil its books. */
static ins_status check_queue(const ins_submit_job *job) {
  char ids[4096];
  if (ins_submit_numbers(job->output, ids, sizeof ids) && ins_submit_queued(ids))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s was submitted and is not done: squeue -j %s; scancel it first, or say "
                    "--again",
                    job->path, ids);
  if (ins_lock_held(job->output))
    ins_log(INS_LOG_WARNING, "%s: a run is writing these results now; the job waits for its end",
            job->output);
  return INS_OK;
}

/* An element of an array has the array's number and its own. */
static void note_numbers(const ins_submission *s, const ins_submit_entry *entry,
                         const ins_submit_made *made) {
  ins_text ids = {0};
  for (size_t k = 0; k < entry->n; k++) {
    ins_text_free(&ids);
    for (size_t i = 0; i < made->n_ids; i++) {
      ins_text_add(&ids, "%s%s", i ? "," : "", made->ids[i]);
      if (entry->n > 1) ins_text_add(&ids, "_%zu", k);
    }
    if (ids.data) ins_submit_note(s->jobs.at[entry->members[k]].output, ids.data);
  }
  ins_text_free(&ids);
}

/* Books of an earlier submission must not end a chain before it begins. */
static ins_status clear_books(const ins_submission *s, const ins_submit_entry *entry) {
  for (size_t k = 0; k < entry->n; k++) {
    char *books = ins_beside(s->jobs.at[entry->members[k]].output, "sbatch.state");
    if (!books) return INS_ERR_MEMORY;
    const int failed = unlink(books) && errno != ENOENT;
    ins_status status =
        failed ? ins_fail(INS_ERR_IO, "%s: cannot be removed: %s", books, strerror(errno)) : INS_OK;
    free(books);
    if (status != INS_OK) return status;
  }
  return INS_OK;
}

static ins_status prepare(const ins_submission *s, const ins_submit_entry *entry, const char *path,
                          const ins_text *script) {
  ins_status status = INS_OK;
  for (size_t k = 0; k < entry->n && status == INS_OK; k++)
    status = ins_file_make_parents(s->jobs.at[entry->members[k]].output);
  if (status == INS_OK) status = clear_books(s, entry);
  return status == INS_OK ? ins_submit_write(path, script) : status;
}

static ins_status set_handles(ins_submission *s, const ins_submit_entry *entry, const char *id) {
  for (size_t k = 0; k < entry->n; k++) {
    char **handle = &s->handle[entry->members[k]];
    *handle = entry->n > 1 ? ins_format("%s_%zu", id, k) : strdup(id);
    if (!*handle) return ins_fail(INS_ERR_MEMORY, "out of memory");
  }
  return INS_OK;
}

/* In a dry run jobs have no numbers yet: their scripts' places stand for them. */
static ins_status invent_id(const ins_submit_entry *entry, size_t link, char **id) {
  *id = link > 1 ? ins_format("JOB_%zu_LINK_%zu", entry->members[0] + 1, link)
                 : ins_format("JOB_%zu", entry->members[0] + 1);
  return *id ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory");
}

/* Submits (or shows) the entry, link by link. */
static ins_status hand_over(ins_submission *s, const ins_submit_entry *entry,
                            ins_submit_made *made) {
  const bool chain = s->setting.mode == INS_SUBMIT_CHAIN, dry = s->arguments->dry_run;
  const bool shown = dry && !s->arguments->json && ins_submit_for_slurm(s);
  ins_status status = INS_OK;
  for (size_t k = 0; k < entry->needs.links && status == INS_OK; k++) {
    ins_sbatch_options call = {0}, *argv = k ? &call : &made->call;
    status = call_of(s, entry, &made->arguments, made->script_path, chain ? k + 1 : 0,
                     k ? made->ids[k - 1] : NULL, argv);
    if (status == INS_OK && shown) ins_submit_print_call(argv);
    if (status == INS_OK)
      status =
          dry ? invent_id(entry, k + 1, &made->ids[k]) : ins_submit_call(argv->text, &made->ids[k]);
    ins_sbatch_options_clear(&call);
    if (status != INS_OK) break;
    made->n_ids++;
    if (!dry) ins_text_add(&s->numbers, "%s%s", s->numbers.length ? " " : "", made->ids[k]);
  }
  if (made->n_ids) {
    ins_status named = set_handles(s, entry, made->ids[made->n_ids - 1]);
    if (status == INS_OK) status = named;
  }
  return status;
}

/* How many jobs stand in line: none know how many it takes where nothing was planned. */
static ins_status choose_links(const ins_submission *s, ins_submit_entry *entry) {
  if (s->setting.mode != INS_SUBMIT_CHAIN)
    entry->needs.links = 1;
  else if (s->links)
    entry->needs.links = s->links;
  else if (!entry->needs.links)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: nothing is measured, so say how many jobs the chain has: --chain=N",
                    s->jobs.at[entry->members[0]].path);
  return INS_OK;
}

static ins_status make(ins_submission *s, ins_submit_entry *entry, ins_submit_made *made) {
  const char *given_log = ins_sbatch_option(&s->order.given, "output");
  ins_status status = choose_links(s, entry);
  if (status != INS_OK) return status;
  made->script_path = ins_submit_script_path(entry);
  made->log = given_log ? strdup(given_log) : ins_submit_log_path(entry);
  if (!made->script_path || !made->log) return ins_fail(INS_ERR_MEMORY, "out of memory for paths");
  status = ins_alloc(entry->needs.links, sizeof *made->ids, &made->ids);
  if (status != INS_OK) return status;
  return ins_submit_script(&s->setting, entry, &made->script, &made->arguments);
}

static void clear_made(ins_submit_made *made) {
  for (size_t k = 0; k < made->n_ids; k++) free(made->ids[k]);
  ins_free(&made->ids);
  ins_sbatch_options_clear(&made->arguments);
  ins_sbatch_options_clear(&made->call);
  ins_text_free(&made->script);
  free(made->script_path);
  free(made->log);
}

static ins_status submit_entry(ins_submission *s, ins_submit_entry *entry) {
  const bool dry = s->arguments->dry_run, json = s->arguments->json;
  ins_submit_made made = {0};
  ins_status status = make(s, entry, &made);
  if (status == INS_OK && !dry) status = prepare(s, entry, made.script_path, &made.script);
  const bool written = status == INS_OK && !dry;
  if (status == INS_OK && dry && !json) ins_submit_show(s, entry, &made);
  if (status == INS_OK) status = hand_over(s, entry, &made);
  if (made.n_ids && !dry) note_numbers(s, entry, &made);
  if (written && !made.n_ids) unlink(made.script_path);
  if (made.n_ids && json)
    ins_submit_add_json(s, entry, &made);
  else if (status == INS_OK && !dry)
    ins_submit_tell(s, entry, &made);
  clear_made(&made);
  return status;
}

/* ---- all entries ----------------------------------------------------------------------------- */

/* An array asks for the same for all. */
static void join_needs(const ins_submit_jobs *jobs, ins_submit_entry *entry) {
  for (size_t k = 0; k < entry->n; k++) {
    const ins_submit_needs *one = &jobs->at[entry->members[k]].needs;
    ins_submit_needs *all = &entry->needs;
    if (one->ranks > all->ranks) all->ranks = one->ranks;
    if (one->mib_per_rank > all->mib_per_rank) all->mib_per_rank = one->mib_per_rank;
    if (one->links > all->links) all->links = one->links;
    if (one->signal_seconds > all->signal_seconds) all->signal_seconds = one->signal_seconds;
    all->seconds = fmax(all->seconds, one->seconds);
    all->seconds_left = fmax(all->seconds_left, one->seconds_left);
  }
}

static ins_status submit_members(ins_submission *s, const size_t *members, size_t n) {
  ins_submit_entry entry = {.jobs = &s->jobs, .members = members, .n = n};
  join_needs(&s->jobs, &entry);
  return submit_entry(s, &entry);
}

/* In the queue for an hour, to find that all is done? */
static bool is_wanted(const ins_submission *s, size_t k) {
  return !s->jobs.at[k].finished || s->arguments->again;
}

/* Jobs that wait for nothing are one array; each of the others is one of its own, and so is each
 * where chains are made: an array's elements go on together, which a chain must not. */
static bool is_element(const ins_submission *s, size_t k) {
  return !s->jobs.at[k].n_waits && s->setting.mode != INS_SUBMIT_CHAIN;
}

static ins_status submit_all(ins_submission *s) {
  size_t *members, n = 0, n_alone = 0;
  ins_status status = ins_alloc(s->jobs.n, sizeof *members, &members);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < s->jobs.n && status == INS_OK; i++) {
    const size_t k = s->jobs.order[i];
    if (!is_wanted(s, k)) continue;
    if (is_element(s, k))
      members[n++] = k;
    else
      n_alone++;
    if (!s->arguments->dry_run && !s->arguments->again) status = check_queue(&s->jobs.at[k]);
  }
  s->n_entries = (n > 0) + n_alone;
  for (size_t k = 0; k < s->jobs.n && status == INS_OK; k++)
    if (!is_wanted(s, k)) ins_submit_tell_finished(s, &s->jobs.at[k]);
  if (n && status == INS_OK) status = submit_members(s, members, n);
  for (size_t i = 0; i < s->jobs.n && status == INS_OK; i++)
    if (!s->handle[s->jobs.order[i]] && is_wanted(s, s->jobs.order[i]))
      status = submit_members(s, &s->jobs.order[i], 1);
  ins_free(&members);
  return status;
}

static void clear(ins_submission *s) {
  for (size_t i = 0; s->handle && i < s->jobs.n; i++) free(s->handle[i]);
  ins_free(&s->handle);
  ins_submit_jobs_clear(&s->jobs);
  ins_submit_order_clear(&s->order);
  ins_value_destroy(&s->site);
  ins_text_free(&s->json);
  ins_text_free(&s->numbers);
  free(s->site_file);
  free(s->template);
  free(s->deadline);
}

ins_status ins_command_submit(const ins_arguments *arguments) {
  ins_submission s = {.arguments = arguments};
  ins_status status = ins_submit_set_up(&s);
  if (status == INS_OK) status = ins_submit_jobs_read(&s.order, arguments, s.site, &s.jobs);
  if (status == INS_OK) status = ins_alloc(s.jobs.n, sizeof *s.handle, &s.handle);
  if (status == INS_OK) status = submit_all(&s);
  if (status != INS_OK && s.numbers.length) /* status 2 would say that nothing was */
    status = ins_within(status == INS_ERR_ARGUMENT ? INS_ERR_IO : status,
                        "submitted before this failed: %s", s.numbers.data);
  if (arguments->json && (status == INS_OK || s.numbers.length)) ins_submit_print_json(&s, status);
  clear(&s);
  return status;
}
