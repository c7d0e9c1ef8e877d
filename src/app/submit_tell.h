/* SPDX-License-Identifier: MIT */
/** One call of `insilico submit`, and what it answers. Private to the room. */
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
  char **handle;          /* [jobs.n] what Slurm calls the (last) job of each, once submitted */
  ins_text json, numbers; /* of the answer; all that sbatch gave, with spaces */
} ins_submission;

/** The command that hands a script over, to standard error. */
void ins_submit_print_call(const ins_sbatch_options *argv);
/** For people: what was submitted, what it asks for, where to look. */
void ins_submit_tell(const ins_submission *s, const ins_submit_entry *entry, const char *script,
                     const char *log, char *const *ids, size_t n_ids);
/** For scripts, into s->json: one object a job; `call` is that of its (first) sbatch. */
void ins_submit_add_json(ins_submission *s, const ins_submit_entry *entry, const char *path,
                         const char *log, const ins_text *script, const ins_sbatch_options *call,
                         char *const *ids, size_t n_ids);
/** That a job has nothing left to do, for either. */
void ins_submit_tell_finished(ins_submission *s, const ins_submit_job *job);
/** Prints s->json, and with a status other than INS_OK the message. */
void ins_submit_print_json(const ins_submission *s, ins_status status);

#endif
