/* SPDX-License-Identifier: MIT */
/* insilico submit: jobs to Slurm, one sbatch for each entry, later ones waiting for earlier ones.
 */
#include <errno.h>
#include <limits.h>
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

/* ---- what all entries have in common --------------------------------------------------------- */

static ins_status read_text(const char *path, char **out) {
  ins_text text = {0};
  char piece[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  while ((n = fread(piece, 1, sizeof piece, file)) > 0) ins_text_add_bytes(&text, piece, n);
  ins_status status =
      ferror(file) ? ins_fail(INS_ERR_IO, "%s: cannot be read", path) : ins_text_ok(&text);
  fclose(file);
  if (status == INS_OK && !text.length) status = ins_fail(INS_ERR_ARGUMENT, "%s: is empty", path);
  if (status == INS_OK && strlen(text.data) != text.length)
    status = ins_fail(INS_ERR_ARGUMENT, "%s: is no text", path);
  *out = status == INS_OK ? text.data : NULL;
  if (status != INS_OK) ins_text_free(&text);
  return status;
}

static ins_status read_links(ins_submission *s) {
  const char *text = s->arguments->chain;
  char *end;
  if (!text || !*text) return INS_OK;
  const long n = strtol(text, &end, 10);
  if (*end || n < 1 || n > 100000)
    return ins_fail(INS_ERR_ARGUMENT, "--chain is '%.40s'; expected a number of jobs", text);
  s->links = (size_t)n;
  return INS_OK;
}

static bool for_slurm(const ins_submission *s) {
  return !s->template || strstr(s->template, "#SBATCH") || strstr(s->template, "@DIRECTIVES@");
}

/* Only Slurm can be handed a script. Others look for their options in all lines of it, also in
 * those that a name with a line end in it makes. */
static ins_status check_template(const ins_submission *s) {
  bool lines = strchr(s->directory, '\n') != NULL;
  if (for_slurm(s)) return INS_OK;
  for (size_t i = 0; i < s->arguments->n_words; i++)
    lines = lines || strchr(s->arguments->words[i], '\n');
  if (lines)
    return ins_fail(INS_ERR_ARGUMENT, "%s cannot take names with line ends in them",
                    s->arguments->template);
  if (!s->arguments->dry_run)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s is no script for Slurm: print it with --dry-run and submit it yourself",
                    s->arguments->template);
  for (size_t i = 0; i < s->order.n_typed; i++) {
    const char *option = s->order.given.text[i];
    if (strncmp(option, "--ntasks=", 9) && strncmp(option, "--time=", 7) &&
        strcmp(option, "--requeue") && strcmp(option, "--no-requeue"))
      return ins_fail(INS_ERR_ARGUMENT,
                      "%s is an option of sbatch; write what stands for it into %s", option,
                      s->arguments->template);
  }
  if (s->order.n_jobs > 1)
    return ins_fail(INS_ERR_ARGUMENT, "%s takes one JOB; several are an array of Slurm only",
                    s->arguments->template);
  return INS_OK;
}

static ins_status check_launcher(const char *launcher) {
  if (!launcher || !strcmp(launcher, "srun") || !strcmp(launcher, "mpirun")) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "--launcher is '%.40s'; expected srun or mpirun", launcher);
}

static ins_status find_program(ins_submission *s) {
  const ssize_t n = readlink("/proc/self/exe", s->program, sizeof s->program - 1);
  if (n <= 0 || !getcwd(s->directory, sizeof s->directory))
    return ins_fail(INS_ERR_IO, "the program or the working directory has no name: %s",
                    strerror(errno));
  s->program[n] = '\0';
  return INS_OK;
}

static ins_status set_up(ins_submission *s) {
  const ins_arguments *a = s->arguments;
  ins_status status = ins_submit_read(a, &s->order);
  if (status == INS_OK) status = read_links(s);
  if (status == INS_OK) status = check_launcher(a->launcher);
  if (status == INS_OK && a->deadline && !ins_submit_deadline(a->deadline))
    status = ins_fail(INS_ERR_ARGUMENT, "--deadline is '%.40s'; expected seconds", a->deadline);
  if (status == INS_OK) status = ins_site_read(a->site, &s->site, &s->site_file);
  if (status == INS_OK) status = ins_site_options(s->site, &s->order.given);
  if (status == INS_OK && a->template) status = read_text(a->template, &s->template);
  if (status == INS_OK) status = find_program(s);
  if (status == INS_OK) status = check_template(s);
  if (status != INS_OK) return status;
  size_t n = 0;
  if (a->allow_plugins) s->run_options[n++] = "--allow-plugins";
  if (a->deadline && !(s->deadline = ins_format("--deadline=%s", a->deadline)))
    return INS_ERR_MEMORY;
  if (a->deadline) s->run_options[n++] = s->deadline;
  s->setting = (ins_submit_setting){.order = &s->order,
                                    .site = s->site,
                                    .program = s->program,
                                    .directory = s->directory,
                                    .launcher = a->launcher,
                                    .template = s->template,
                                    .template_name = a->template ? a->template : "slurm/job.sh",
                                    .run_options = s->run_options,
                                    .n_run_options = n,
                                    .chain = a->chain != NULL};
  return INS_OK;
}

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

/* The numbers of the last submission, beside the results: only this command reads and writes
 * them. */
static char *numbers_path(const ins_submit_job *job) {
  return ins_beside(job->output, "sbatch.jobs");
}

/* The same job twice: the second would wait for the lock of the first, and spoil its books. */
static ins_status check_queue(const ins_submit_job *job) {
  char ids[4096] = "", *path = numbers_path(job);
  if (!path) return INS_ERR_MEMORY;
  FILE *file = fopen(path, "r");
  if (file && !fgets(ids, sizeof ids, file)) ids[0] = '\0';
  if (file) fclose(file);
  free(path);
  ids[strspn(ids, "0123456789_,")] = '\0';
  if (*ids && ins_submit_queued(ids))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s was submitted and is not done: squeue -j %s; scancel it first, or say "
                    "--again",
                    job->path, ids);
  if (ins_lock_held(job->output))
    ins_log(INS_LOG_WARNING, "%s: a run is writing these results now; the job waits for its end",
            job->output);
  return INS_OK;
}

static void note_numbers(const ins_submission *s, const ins_submit_entry *entry, char *const *ids,
                         size_t n_ids) {
  for (size_t k = 0; k < entry->n; k++) {
    char *path = numbers_path(&s->jobs.at[entry->members[k]]);
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) /* the job is submitted, which matters more */
      ins_log(INS_LOG_WARNING, "%s: cannot be written: %s", path ? path : "?", strerror(errno));
    for (size_t i = 0; file && i < n_ids; i++)
      if (entry->n > 1)
        fprintf(file, "%s_%zu", ids[i], k);
      else
        fprintf(file, "%s%s", i ? "," : "", ids[i]);
    if (file) fputc('\n', file);
    if (file) fclose(file);
    free(path);
  }
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

/* Submits (or shows) the entry, link by link; first_call = the arguments of the first. */
static ins_status hand_over(ins_submission *s, const ins_submit_entry *entry, const char *path,
                            const ins_sbatch_options *arguments, char **ids, size_t n_links,
                            ins_sbatch_options *first_call, size_t *n_made) {
  const bool chain = !strcmp(ins_submit_mode(&s->setting), "chain"), dry = s->arguments->dry_run;
  ins_status status = INS_OK;
  for (size_t k = 0; k < n_links && status == INS_OK; k++) {
    ins_sbatch_options call = {0}, *argv = k ? &call : first_call;
    status = call_of(s, entry, arguments, path, chain ? k + 1 : 0, k ? ids[k - 1] : NULL, argv);
    if (status == INS_OK && dry && !s->arguments->json && for_slurm(s)) ins_submit_print_call(argv);
    if (status == INS_OK)
      status = dry ? invent_id(entry, k + 1, &ids[k]) : ins_submit_call(argv->text, &ids[k]);
    ins_sbatch_options_clear(&call);
    if (status != INS_OK) break;
    ++*n_made;
    if (!dry) ins_text_add(&s->numbers, "%s%s", s->numbers.length ? " " : "", ids[k]);
  }
  if (*n_made) {
    ins_status named = set_handles(s, entry, ids[*n_made - 1]);
    if (status == INS_OK) status = named;
  }
  return status;
}

static ins_status submit_entry(ins_submission *s, ins_submit_entry *entry) {
  const bool chain = !strcmp(ins_submit_mode(&s->setting), "chain");
  if (!chain || s->links) entry->needs.links = chain ? s->links : 1;
  const size_t n_links = entry->needs.links;
  char *path = ins_submit_script_path(entry), *log = ins_submit_log_path(entry), **ids = NULL;
  const char *given_log = ins_sbatch_option(&s->order.given, "output");
  ins_text script = {0};
  size_t n_made = 0;
  ins_sbatch_options arguments = {0}, call = {0};
  ins_status status = path && log ? ins_alloc(n_links, sizeof *ids, &ids) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_submit_script(&s->setting, entry, &script, &arguments);
  if (status == INS_OK && !s->arguments->dry_run) status = prepare(s, entry, path, &script);
  if (status == INS_OK && s->arguments->dry_run && !s->arguments->json) fputs(script.data, stdout);
  if (status == INS_OK) fflush(stdout); /* the commands go to standard error */
  if (status == INS_OK)
    status = hand_over(s, entry, path, &arguments, ids, n_links, &call, &n_made);
  if (n_made && !s->arguments->dry_run) note_numbers(s, entry, ids, n_made);
  if (status != INS_OK && !n_made && path && !s->arguments->dry_run) unlink(path);
  if (n_made && s->arguments->json)
    ins_submit_add_json(s, entry, path, given_log ? given_log : log, &script, &call, ids, n_made);
  else if (status == INS_OK && !s->arguments->dry_run)
    ins_submit_tell(s, entry, path, given_log ? given_log : log, ids, n_links);
  for (size_t k = 0; ids && k < n_links; k++) free(ids[k]);
  ins_free(&ids);
  ins_sbatch_options_clear(&arguments);
  ins_sbatch_options_clear(&call);
  ins_text_free(&script);
  free(path);
  free(log);
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
static ins_status submit_all(ins_submission *s) {
  const bool chain = !strcmp(ins_submit_mode(&s->setting), "chain");
  size_t *members, n = 0;
  ins_status status = ins_alloc(s->jobs.n, sizeof *members, &members);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < s->jobs.n && status == INS_OK; i++) {
    const size_t k = s->jobs.order[i];
    if (!is_wanted(s, k)) continue;
    if (!s->jobs.at[k].n_waits && !chain) members[n++] = k;
    if (!s->arguments->dry_run && !s->arguments->again) status = check_queue(&s->jobs.at[k]);
  }
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
  ins_status status = set_up(&s);
  if (status == INS_OK) status = ins_submit_jobs_read(&s.order, arguments, s.site, &s.jobs);
  if (status == INS_OK) status = ins_alloc(s.jobs.n, sizeof *s.handle, &s.handle);
  if (status == INS_OK) status = submit_all(&s);
  if (status != INS_OK && s.numbers.length)
    status = ins_within(status, "submitted before this failed: %s", s.numbers.data);
  if (arguments->json && (status == INS_OK || s.numbers.length)) ins_submit_print_json(&s, status);
  clear(&s);
  return status;
}
