/* SPDX-License-Identifier: MIT */
/* The script: a template with its gaps filled, every text from a job or a path quoted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/journal.h"
#include "insilico/memory.h"
#include "submit.h"
#include "submit_templates.h"

/* ---- files beside the results ---------------------------------------------------------------- */

static const ins_submit_job *member(const ins_submit_entry *entry, size_t k) {
  return &entry->jobs->at[entry->members[k]];
}

char *ins_submit_script_path(const ins_submit_entry *entry) {
  return ins_beside(member(entry, 0)->output, entry->n > 1 ? "array.sbatch.sh" : "sbatch.sh");
}

/* What Slurm cannot be told as a name: it takes a backslash and '%' for its own. */
static bool slurm_takes(const char *path) {
  for (; *path; path++)
    if ((unsigned char)*path < ' ' || *path == '\\' || *path == 0x7f) return false;
  return true;
}

char *ins_submit_log_path(const ins_submit_entry *entry) {
  const char *output = member(entry, 0)->output;
  if (!slurm_takes(output)) return strdup(entry->n > 1 ? "insilico-%A_%a.log" : "insilico-%j.log");
  char *plain = ins_beside(output, entry->n > 1 ? "array.sbatch" : "sbatch");
  ins_text text = {0};
  for (const char *s = plain; s && *s; s++) {
    if (*s == '%') ins_text_add(&text, "%%");
    ins_text_add_bytes(&text, s, 1);
  }
  ins_text_add(&text, entry->n > 1 ? ".%%a.log" : ".log");
  free(plain);
  char *out = plain && ins_text_ok(&text) == INS_OK ? strdup(text.data) : NULL;
  ins_text_free(&text);
  return out;
}

/* ---- options of sbatch ----------------------------------------------------------------------- */

/* Letters, digits and little else: it names the job in listings. */
static char *job_name(const ins_submit_entry *entry) {
  const char *slash = strrchr(member(entry, 0)->output, '/');
  char *name = ins_format("%.60s", slash ? slash + 1 : member(entry, 0)->output);
  char *dot = name ? strrchr(name, '.') : NULL;
  if (dot && dot > name) *dot = '\0';
  for (char *s = name; s && *s; s++)
    if (!strchr(INS_SUBMIT_HARMLESS, *s)) *s = '_';
  return name;
}

static ins_status copy_options(const ins_sbatch_options *from, ins_sbatch_options *to) {
  return ins_sbatch_options_add(to, (const char *const *)from->text, from->n);
}

static ins_status memory_option(const ins_submit_needs *needs, ins_sbatch_options *options) {
  static const char *const others[] = {"mem", "mem-per-gpu"};
  const char *cpus = ins_sbatch_option(options, "cpus-per-task");
  const long per_rank = cpus ? strtol(cpus, NULL, 10) : 1;
  for (size_t i = 0; i < 2; i++)
    if (ins_sbatch_option(options, others[i])) return INS_OK;
  return ins_sbatch_options_default(
      options, "--mem-per-cpu=%.0fM",
      ceil((double)needs->mib_per_rank / (double)(per_rank > 0 ? per_rank : 1)));
}

/* Where a job has fewer ranks than the site lets on a node, Slurm complains about the rest. */
static ins_status nodes_option(const ins_value *site, const ins_submit_needs *needs,
                               ins_sbatch_options *options) {
  const long long most = ins_value_int_or(ins_map_get(site, "ranks_per_node"), 0);
  const char *is = ins_sbatch_option(options, "ntasks-per-node");
  if (!most || !is || strtoll(is, NULL, 10) != most || (size_t)most <= needs->ranks) return INS_OK;
  char *text = ins_format("--ntasks-per-node=%zu", needs->ranks);
  if (!text) return INS_ERR_MEMORY;
  ins_status status = ins_sbatch_options_add(options, (const char *const[]){text}, 1);
  free(text);
  return status;
}

static ins_status size_options(const ins_submit_needs *needs, ins_sbatch_options *options) {
  char time[64];
  ins_status status = ins_sbatch_options_default(options, "--ntasks=%zu", needs->ranks);
  if (status == INS_OK) status = memory_option(needs, options);
  if (status == INS_OK)
    status = ins_sbatch_options_default(options, "--time=%s",
                                        ins_submit_time_text(needs->seconds, time, sizeof time));
  return status;
}

/* B: only the script gets the signal, and hands it on; so srun and mpirun are told the same way,
 * and the script knows that it was the limit. */
static ins_status turn_options(const ins_submit_setting *setting, const ins_submit_entry *entry,
                               ins_sbatch_options *options) {
  const bool requeue = setting->mode == INS_SUBMIT_REQUEUE;
  ins_status status =
      ins_sbatch_options_default(options, "--signal=B:USR1@%d", entry->needs.signal_seconds);
  if (status == INS_OK) status = ins_sbatch_options_default(options, "--open-mode=append");
  if (status == INS_OK)
    status = ins_sbatch_options_default(options, requeue ? "--requeue" : "--no-requeue");
  if (status == INS_OK && entry->needs.ranks > 1)
    status = ins_sbatch_options_default(options, "--no-kill");
  return status;
}

static ins_status array_option(const ins_submit_setting *setting, const ins_submit_entry *entry,
                               ins_sbatch_options *options) {
  const long long limit = ins_value_int_or(ins_map_get(setting->site, "array_limit"), 0);
  if (entry->n < 2) return INS_OK;
  if (limit) return ins_sbatch_options_default(options, "--array=0-%zu%%%lld", entry->n - 1, limit);
  return ins_sbatch_options_default(options, "--array=0-%zu", entry->n - 1);
}

static ins_status name_options(const ins_submit_entry *entry, ins_sbatch_options *options) {
  char *name = job_name(entry), *log = ins_submit_log_path(entry);
  ins_status status = name && log ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_sbatch_options_default(options, "--job-name=%s", name);
  if (status == INS_OK) status = ins_sbatch_options_default(options, "--output=%s", log);
  free(name);
  free(log);
  return status;
}

/* Given ones first: a default never replaces what is there. */
static ins_status all_options(const ins_submit_setting *setting, const ins_submit_entry *entry,
                              ins_sbatch_options *options) {
  ins_status status = copy_options(&setting->order->given, options);
  if (status == INS_OK) status = nodes_option(setting->site, &entry->needs, options);
  if (status == INS_OK) status = size_options(&entry->needs, options);
  if (status == INS_OK) status = turn_options(setting, entry, options);
  if (status == INS_OK) status = array_option(setting, entry, options);
  if (status == INS_OK) status = name_options(entry, options);
  return status;
}

/* #SBATCH lines have rules of their own for quotes, comments and backslashes. */
static bool fits_directive(const char *option) {
  return strspn(option, INS_SUBMIT_HARMLESS "/:,=@%+*[]") == strlen(option);
}

/* Variables of the environment (SBATCH_...) outdo lines of the script, and arguments outdo both.
 * What was typed, and what the script rests on, must hold. What a job waits for is told with each
 * call.
 */
static bool is_argument(const ins_submit_order *order, const char *option) {
  static const char *const sure[] = {"--signal", "--open-mode", "--requeue", "--no-requeue",
                                     "--array",  "--time",      "--ntasks",  NULL};
  if (strncmp(option, "--dependency=", 13) == 0) return false;
  for (size_t i = 0; i < order->n_typed; i++)
    if (strcmp(order->given.text[i], option) == 0) return true;
  for (size_t i = 0; sure[i]; i++) {
    const size_t n = strlen(sure[i]);
    if (strncmp(option, sure[i], n) == 0 && (option[n] == '=' || !option[n])) return true;
  }
  return !fits_directive(option);
}

static ins_status split_options(const ins_submit_order *order, const ins_sbatch_options *options,
                                ins_text *directives, ins_sbatch_options *arguments) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < options->n && status == INS_OK; i++) {
    const char *option = options->text[i];
    if (fits_directive(option))
      ins_text_add(directives, "%s#SBATCH %s", directives->length ? "\n" : "", option);
    if (is_argument(order, option)) status = ins_sbatch_options_default(arguments, "%s", option);
  }
  return status == INS_OK ? ins_text_ok(directives) : status;
}

/* ---- the gaps -------------------------------------------------------------------------------- */

enum gap {
  DIRECTIVES,
  JOBS,
  N_JOBS,
  RUNNER,
  PROGRAM,
  DIRECTORY,
  LAUNCHER,
  MPI,
  RANKS,
  LINKS,
  REQUEUE,
  MAX_REQUEUES,
  MODULES,
  BEFORE,
  NAME,
  SCRIPT,
  LOG,
  HOURS_MINUTES,
  TIME,
  SECONDS,
  SIGNAL_SECONDS,
  MEMORY_MB,
  N_GAPS
};
static const char *const gap_names[N_GAPS] = {
    "DIRECTIVES", "JOBS",    "N_JOBS",         "RUNNER",   "PROGRAM", "DIRECTORY",
    "LAUNCHER",   "MPI",     "RANKS",          "LINKS",    "REQUEUE", "MAX_REQUEUES",
    "MODULES",    "BEFORE",  "NAME",           "SCRIPT",   "LOG",     "HOURS_MINUTES",
    "TIME",       "SECONDS", "SIGNAL_SECONDS", "MEMORY_MB"};

static ins_status add_file(ins_text *text, const char *name, const char *output,
                           const char *suffix) {
  char *path = suffix ? ins_beside(output, suffix) : strdup(output);
  if (!path) return INS_ERR_MEMORY;
  ins_text_add(text, "    %s=", name);
  ins_text_add_quoted(text, path);
  ins_text_add(text, "\n");
  free(path);
  return INS_OK;
}

static ins_status add_case(const ins_submit_setting *setting, const ins_submit_entry *entry,
                           size_t k, ins_text *text) {
  const ins_submit_job *job = member(entry, k);
  const ins_value *more = ins_map_get(setting->site, "run");
  ins_text_add(text, "%s%zu)\n", k ? "\n" : "", k);
  ins_status status = add_file(text, "output", job->output, NULL);
  if (status == INS_OK) status = add_file(text, "state", job->output, "sbatch.state");
  if (status != INS_OK) return status;
  ins_text_add(text, "    set --");
  for (size_t i = 0; i < ins_value_count(more); i++) {
    ins_text_add(text, " ");
    ins_text_add_quoted(text, more->children.items[i]->text);
  }
  for (size_t i = 0; i < setting->n_run_options; i++) {
    ins_text_add(text, " ");
    ins_text_add_quoted(text, setting->run_options[i]);
  }
  ins_text_add(text, " ");
  ins_text_add_quoted(text, job->path);
  for (size_t i = 0; i < setting->order->n_overrides; i++) {
    ins_text_add(text, " ");
    ins_text_add_quoted(text, setting->order->overrides[i]);
  }
  ins_text_add(text, "\n    ;;");
  return ins_text_ok(text);
}

/* `module` is a function of the shell that a login makes, which a batch script's may lack. */
static void add_modules(const ins_value *list, ins_text *text) {
  if (!ins_value_count(list)) return;
  ins_text_add(text, "command -v module >/dev/null 2>&1 || . /etc/profile\n"
                     "command -v module >/dev/null 2>&1 ||\n"
                     "    for init in \"${LMOD_PKG:-}/init/sh\" \"${MODULESHOME:-}/init/sh\"; do\n"
                     "        [ ! -r \"$init\" ] || . \"$init\"\n"
                     "    done\n");
  for (size_t i = 0; i < ins_value_count(list); i++) {
    ins_text_add(text, "module load ");
    ins_text_add_quoted(text, list->children.items[i]->text);
    ins_text_add(text, " || exit 2\n");
  }
}

static void add_lines(const ins_value *list, ins_text *text) {
  for (size_t i = 0; i < ins_value_count(list); i++)
    ins_text_add(text, "%s%s", i ? "\n" : "", list->children.items[i]->text);
}

static void add_numbers(const ins_submit_setting *setting, const ins_submit_entry *entry,
                        ins_text *gaps) {
  const ins_submit_needs *needs = &entry->needs;
  const long minutes = (long)ceil(fmin(needs->seconds, 1e9) / 60);
  ins_text_add(&gaps[N_JOBS], "%zu", entry->n);
  ins_text_add(&gaps[RANKS], "%zu", needs->ranks);
  ins_text_add(&gaps[LINKS], "%zu", needs->links);
  ins_text_add(&gaps[SECONDS], "%.0f", fmin(needs->seconds, 1e9));
  ins_text_add(&gaps[TIME], "%ld:%02ld:00", minutes / 60, minutes % 60);
  ins_text_add(&gaps[HOURS_MINUTES], "%ld:%02ld", minutes / 60, minutes % 60);
  ins_text_add(&gaps[SIGNAL_SECONDS], "%d", needs->signal_seconds);
  ins_text_add(&gaps[MEMORY_MB], "%zu", needs->mib_per_rank);
  ins_text_add(&gaps[MAX_REQUEUES], "%lld",
               (long long)ins_value_int_or(ins_map_get(setting->site, "max_requeues"), 100));
}

static ins_status add_texts(const ins_submit_setting *setting, const ins_submit_entry *entry,
                            ins_text *gaps) {
  char *name = job_name(entry), *path = ins_submit_script_path(entry);
  char *log = path ? ins_beside(member(entry, 0)->output, "sbatch.log") : NULL;
  ins_status status = name && log ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) {
    const char *launcher = ins_value_text_or(ins_map_get(setting->site, "launcher"), "auto");
    ins_text_add(&gaps[NAME], "%s", name);
    ins_text_add_quoted(&gaps[SCRIPT], path);
    ins_text_add_quoted(&gaps[LOG], log);
    ins_text_add_quoted(&gaps[PROGRAM], setting->program);
    ins_text_add_quoted(&gaps[DIRECTORY], setting->directory);
    ins_text_add_quoted(&gaps[LAUNCHER], setting->launcher ? setting->launcher : launcher);
    ins_text_add_quoted(&gaps[MPI], ins_value_text_or(ins_map_get(setting->site, "mpi"), "pmix"));
    ins_text_add_quoted(&gaps[REQUEUE], ins_submit_mode_names[setting->mode]);
    ins_text_add(&gaps[RUNNER], "%s", ins_template_runner);
    add_modules(ins_map_get(setting->site, "modules"), &gaps[MODULES]);
    add_lines(ins_map_get(setting->site, "before"), &gaps[BEFORE]);
  }
  for (size_t k = 0; k < entry->n && status == INS_OK; k++)
    status = add_case(setting, entry, k, &gaps[JOBS]);
  free(name);
  free(path);
  free(log);
  return status;
}

ins_status ins_submit_script(const ins_submit_setting *setting, const ins_submit_entry *entry,
                             ins_text *script, ins_sbatch_options *arguments) {
  ins_text gaps[N_GAPS] = {0};
  const char *values[N_GAPS];
  ins_sbatch_options options = {0};
  ins_status status = all_options(setting, entry, &options);
  if (status == INS_OK)
    status = split_options(setting->order, &options, &gaps[DIRECTIVES], arguments);
  if (status == INS_OK) status = add_texts(setting, entry, gaps);
  if (status == INS_OK) add_numbers(setting, entry, gaps);
  for (size_t i = 0; i < N_GAPS && status == INS_OK; i++) {
    status = ins_text_ok(&gaps[i]);
    values[i] = gaps[i].data ? gaps[i].data : "";
  }
  if (status == INS_OK)
    status = ins_template_fill(setting->template ? setting->template : ins_template_slurm,
                               setting->template_name, gap_names, values, N_GAPS, script);
  for (size_t i = 0; i < N_GAPS; i++) ins_text_free(&gaps[i]);
  ins_sbatch_options_clear(&options);
  return status;
}
