/* SPDX-License-Identifier: MIT */
/** Submitting jobs to Slurm: what is asked for, how much of it, in which order, as which script.
 *
 * The way of `insilico submit`: words -> order (what the user says) and site (what the cluster
 * says) -> jobs with their needs, sorted so that one that reads another's results comes later ->
 * entries (one sbatch each) -> script and arguments. Private to the room.
 */
#ifndef INSILICO_APP_SUBMIT_H
#define INSILICO_APP_SUBMIT_H

#include "app.h"

/** What a shell, #SBATCH lines and listings of jobs take as it is, to begin a longer list with. */
#define INS_SUBMIT_HARMLESS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

/* ---- what the user says (submit_options.c) --------------------------------------------------- */

/** sbatch options, each as "--name=value" or "--name", the long name also where a letter was given.
 */
typedef struct ins_sbatch_options {
  char **text; /* [n], owned */
  size_t n, capacity;
} ins_sbatch_options;

typedef struct ins_submit_order {
  const char **jobs, **overrides; /* borrowed from the command line */
  size_t n_jobs, n_overrides;
  ins_sbatch_options given; /* those that were typed, and behind them those of the site */
  size_t n_typed;
  bool no_plan; /* nothing is measured, no model opened: options say what is asked for */
} ins_submit_order;

/** Sorts the words of the command line: JOBs, key=value overrides, options of sbatch (known ones
 * anywhere, any behind "--"). A word with '=' is an override unless a file has that name.
 * @return INS_OK; INS_ERR_ARGUMENT (an unknown option, one that `submit` sets itself, overrides
 * with several JOBs, no JOB) */
ins_status ins_submit_read(const ins_arguments *arguments, ins_submit_order *order) INS_CHECKED;
void ins_submit_order_clear(ins_submit_order *order);

/** Adds the options in words[0..n), which are all of sbatch; an option given before is replaced. */
ins_status ins_sbatch_options_add(ins_sbatch_options *options, const char *const *words,
                                  size_t n) INS_CHECKED;
/** Adds "--NAME=VALUE" made of a format, unless an option of that name is there. */
ins_status ins_sbatch_options_default(ins_sbatch_options *options, const char *format, ...)
    INS_PRINTF(2, 3) INS_CHECKED;
/** The value of an option, "" for one without, NULL when it is not there. `name` without dashes. */
const char *ins_sbatch_option(const ins_sbatch_options *options, const char *name);
void ins_sbatch_options_clear(ins_sbatch_options *options);

/** Which of ranks, time and memory the options leave open, for people ("--ntasks and --time"); ""
 * when all is said and nothing has to be measured. Returns out. */
char *ins_submit_missing(const ins_sbatch_options *options, char *out, size_t size);

/* submit_time.c */

/** Reads a time as Slurm writes it: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S; "unlimited" is
 * infinity. False for anything else and for 0. */
bool ins_submit_time(const char *text, double *seconds);
/** D-HH:MM:SS, rounded up to seconds, into out[size]; returns out. */
char *ins_submit_time_text(double seconds, char *out, size_t size);

/* ---- what the cluster says (submit_site.c) --------------------------------------------------- */

extern const ins_key ins_site_keys[];
/** Is it what `insilico run --deadline` takes: a number of seconds? */
bool ins_submit_deadline(const char *text);

/** Settings of the site: from FILE, $INSILICO_SITE, ~/.config/insilico/site.yaml or
 * /etc/insilico/site.yaml, the first that there is; else the defaults. *file (free()) = the file
 * that was read, or NULL. `file_given` may be NULL. */
ins_status ins_site_read(const char *file_given, ins_value **site, char **file) INS_CHECKED;

/** Adds what the site (and $SBATCH_TIMELIMIT, as sbatch itself reads it) says, unless an option of
 * that name is there. */
ins_status ins_site_options(const ins_value *site, ins_sbatch_options *options) INS_CHECKED;

/** How a job goes on behind its time limit. */
typedef enum ins_submit_mode {
  INS_SUBMIT_REQUEUE,
  INS_SUBMIT_CHAIN,
  INS_SUBMIT_ONCE
} ins_submit_mode;
/** "requeue", "chain" or "no", as the site file and the scripts call them. */
extern const char *const ins_submit_mode_names[];
/** What was typed (`chain`, --requeue, --no-requeue), else what the site says. */
ins_submit_mode ins_submit_mode_of(const ins_value *site, const ins_sbatch_options *given,
                                   bool chain);

/* ---- jobs and their needs (submit_jobs.c, submit_size.c, submit_path.c) ------------------------
 */

/** The path that a file has or will have, absolute and without links in its directory where that
 * is there. Free with free(); NULL when out of memory. */
char *ins_submit_canonical(const char *path);

typedef struct ins_submit_needs {
  size_t ranks;
  size_t mib_per_rank;
  double seconds;      /* the time asked for */
  double seconds_left; /* what the plan says is left, on that many ranks; 0: not planned */
  int signal_seconds;  /* before the end */
  size_t links;        /* of a chain that does all of it; 0: not planned */
} ins_submit_needs;

typedef struct ins_submit_job {
  ins_ready ready;
  const char *path;
  char *output; /* absolute */
  size_t n_tasks, n_done;
  bool planned;     /* else sized like jobs[waits_for[0]], or as options say */
  bool finished;    /* all is done and summed up: there is nothing to submit */
  bool model_waits; /* what it waits for has its model in it */
  ins_submit_needs needs;
  size_t *waits_for, n_waits, capacity; /* numbers of the jobs whose results it reads */
} ins_submit_job;

typedef struct ins_submit_jobs {
  ins_submit_job *at; /* [n], as on the command line */
  size_t *order;      /* [n] numbers, each after those it waits for */
  size_t n;
} ins_submit_jobs;

/** Loads the jobs, finds who reads whose results, sorts them, and plans those that can be planned.
 * @return INS_OK; INS_ERR_ARGUMENT (a wrong job, two with one output, jobs that wait for each
 *         other, results of another job in the way); what planning returns */
ins_status ins_submit_jobs_read(const ins_submit_order *order, const ins_arguments *arguments,
                                const ins_value *site, ins_submit_jobs *jobs) INS_CHECKED;
void ins_submit_jobs_clear(ins_submit_jobs *jobs);

/** How much is left of a job, from its plan. */
typedef struct ins_submit_left {
  size_t n_tasks, n_done;
  size_t ranks;                                         /* the most worth asking for */
  double seconds_per_task;                              /* the slowest */
  double (*seconds_on)(const void *plan, size_t ranks); /* what is left; NULL: not planned */
  double (*bytes_on)(const void *plan, size_t ranks);   /* of each of so many; likewise */
  const void *plan;
} ins_submit_left;

/** What to ask for, given options first, limits of the site next. Pure.
 * @return INS_OK; INS_ERR_ARGUMENT (an option or a setting is no number or no time) */
ins_status ins_submit_size(const ins_submit_left *left, const ins_sbatch_options *given,
                           const ins_value *site, ins_submit_needs *needs) INS_CHECKED;

/* ---- the script (submit_script.c) ------------------------------------------------------------ */

/** One script and one sbatch: a job, or an array of them. */
typedef struct ins_submit_entry {
  const ins_submit_jobs *jobs;
  const size_t *members; /* [n] numbers of jobs; more than one is an array */
  size_t n;
  ins_submit_needs needs;
} ins_submit_entry;

/** What all scripts of one call have in common. */
typedef struct ins_submit_setting {
  const ins_submit_order *order;
  const ins_value *site;
  const char *program, *directory, *launcher; /* launcher NULL: the site's */
  const char *template;                       /* its text; NULL: the built-in one, for Slurm */
  const char *template_name;
  const char *const *run_options; /* [n_run_options] of `insilico run` */
  size_t n_run_options;
  ins_submit_mode mode;
} ins_submit_setting;

/** Text of the script, and the arguments of sbatch that cannot stand in it: a value with characters
 * that "#SBATCH" lines do not take is an argument. Every text that is not the site's own shell line
 * is quoted.
 * @return INS_OK; INS_ERR_ARGUMENT (a template with an unknown @NAME@); INS_ERR_MEMORY */
ins_status ins_submit_script(const ins_submit_setting *setting, const ins_submit_entry *entry,
                             ins_text *script, ins_sbatch_options *arguments) INS_CHECKED;
/** The files beside the first results of an entry: script, and the log as #SBATCH --output takes
 * it. Free with free(). */
char *ins_submit_script_path(const ins_submit_entry *entry);
char *ins_submit_log_path(const ins_submit_entry *entry);

/* submit_template.c */

/** Appends s as one word of a shell, whatever is in it. */
void ins_text_add_quoted(ins_text *text, const char *s);
/** Fills @NAME@ from names[] and values[], in one pass: what is filled in is not looked at again.
 * @return INS_OK; INS_ERR_ARGUMENT (no such name: says which there are); INS_ERR_MEMORY */
ins_status ins_template_fill(const char *template, const char *what, const char *const *names,
                             const char *const *values, size_t n, ins_text *out) INS_CHECKED;

/* ---- sbatch (submit_sbatch.c) ---------------------------------------------------------------- */

/** Writes FILE, executable, in one step: what was there is replaced, a link is not followed. */
ins_status ins_submit_write(const char *path, const ins_text *text) INS_CHECKED;
/** Runs argv[0], no shell in between; *id = the job's number. Free with free(). What the job that
 * we may be in was told by Slurm and MPI is kept from it.
 * @return INS_OK: what it says besides goes to standard error; INS_ERR_MISSING (no such program);
 *         INS_ERR_ARGUMENT (it refused: its words are in the message); INS_ERR_IO (Slurm does not
 *         answer, or it died, or named no number) */
ins_status ins_submit_call(char *const *argv, char **id) INS_CHECKED;
/** The last line of what sbatch --parsable said that is NUMBER or NUMBER;CLUSTER: the number. Free
 * with free(); NULL: none (or out of memory). */
char *ins_submit_number(const char *said);
/** Is one of these jobs (numbers with commas) in the queue or running? False, too, where squeue
 * does not know. */
bool ins_submit_queued(const char *ids);

/* ---- the numbers of the last submission, beside the results (submit_numbers.c) ----------------
 */

/** Numbers of the jobs that were submitted last for these results, with commas between them; false:
 * none are known. */
bool ins_submit_numbers(const char *output, char *ids, size_t size);
/** Writes them down; trouble is a warning, because the job is submitted all the same. */
void ins_submit_note(const char *output, const char *ids);

#endif
