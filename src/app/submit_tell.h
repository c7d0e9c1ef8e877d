/* SPDX-License-Identifier: MIT */
/** One call of `insilico submit`: what it is given (submit_setup.c), and what it answers
 * (submit_tell.c). Private to the room. */
#ifndef INSILICO_APP_SUBMIT_TELL_H
#define INSILICO_APP_SUBMIT_TELL_H

#include <limits.h>

#include "submit.h"

/** One call of the command. */
typedef struct ins_submission {
  const ins_arguments *arguments;
  ins_submit_order order;
  ins_submit_setting setting;
  ins_submit_jobs jobs;
  ins_value *site;
  char *site_file, *template, *deadline;
  char program[PATH_MAX], directory[PATH_MAX];
  const char *run_options[2];
  size_t links;           /* of every chain, if given; 0: as the plan says */
  size_t n_entries;       /* how many scripts there are */
  char **handle;          /* [jobs.n] what Slurm calls the (last) job of each, once submitted */
  ins_text json, numbers; /* of the answer; all that sbatch gave, with spaces */
} ins_submission;

/** Reads the command line, the site file and the template into s, of which `arguments` is set.
 * Clear it in any case.
 * @return INS_OK; INS_ERR_ARGUMENT; INS_ERR_IO, INS_ERR_MEMORY */
ins_status ins_submit_set_up(ins_submission *s) INS_CHECKED;
/** Is the script one that can be handed to Slurm? */
bool ins_submit_for_slurm(const ins_submission *s);

/** What is made of an entry. */
typedef struct ins_submit_made {
  char *script_path, *log;
  ins_text script;
  ins_sbatch_options arguments, call; /* those of sbatch; the whole of its (first) command */
  char **ids;                         /* [n_ids] numbers that Slurm gave, one a link */
  size_t n_ids;
} ins_submit_made;

/** In a dry run: the script to standard output (with a line that names it, where there are
 * several), and what it asks for to standard error. */
void ins_submit_show(const ins_submission *s, const ins_submit_entry *entry,
                     const ins_submit_made *made);
/** The command that hands a script over, to standard error. */
void ins_submit_print_call(const ins_sbatch_options *argv);
/** For people: what was submitted, what it asks for, where to look. */
void ins_submit_tell(const ins_submission *s, const ins_submit_entry *entry,
                     const ins_submit_made *made);
/** For scripts, into s->json: one object a job. */
void ins_submit_add_json(ins_submission *s, const ins_submit_entry *entry,
                         const ins_submit_made *made);
/** That a job has nothing left to do, for either. */
void ins_submit_tell_finished(ins_submission *s, const ins_submit_job *job);
/** Prints s->json, and with a status other than INS_OK the message. */
void ins_submit_print_json(const ins_submission *s, ins_status status);

#endif
