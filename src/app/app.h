/* SPDX-License-Identifier: MIT */
/** The program's subcommands and what they share. Private to the room. */
#ifndef INSILICO_APP_H
#define INSILICO_APP_H

#include "experiment/plugin.h"
#include "insilico/experiment.h"
#include "insilico/job.h"
#include "insilico/model.h"

/** Arguments of a subcommand after its name, options taken out. */
typedef struct ins_arguments {
  const char *const *words; /* positional, in order */
  size_t n_words;
  bool json, fresh, quiet, watch, verify, all, scan, card, offline, table, in_session,
      allow_plugins;
  const char *deadline;                      /* seconds */
  const char *sha256, *cache, *architecture; /* options with a value; NULL: not given */
  const char *frames, *sheet, *animation;
  bool dry_run, again, no_plan;
  const char *chain, *site, *template, *launcher; /* chain: "" without a number */
} ins_arguments;

typedef struct ins_command {
  const char *name;
  const char *usage;   /* "run JOB [key=value ...]" */
  const char *summary; /* one line */
  const char *options; /* letters of the options it takes, of the table in main.c */
  size_t min_words, max_words;
  ins_status (*run)(const ins_arguments *arguments);
} ins_command;

extern const ins_command ins_commands[]; /* ends with name == NULL */

ins_status ins_command_run(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_plan(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_inspect(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_convert(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_status(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_verify(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_fetch(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_select(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_stimulus(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_submit(const ins_arguments *arguments) INS_CHECKED;
ins_status ins_command_list(const ins_arguments *arguments) INS_CHECKED;

/** inspect --scan of a local file (docs/safety.md). */
ins_status ins_inspect_scan(const char *path, bool json) INS_CHECKED;
/** Lists the tensors of a torch file that is no model for the reason `why`, and returns that. */
ins_status ins_inspect_foreign(const char *path, bool json, ins_status why) INS_CHECKED;

/** The exit status of a command that succeeds with an answer other than yes; 0 unless set. */
extern int ins_answer;

/** A job with its model, ready to set an experiment up. */
typedef struct ins_ready {
  ins_job *job;
  ins_model_source *source;
  ins_model *model;
  ins_value *sources;    /* what is known of results files that are read, where there is no model */
  ins_value *attributes; /* of the results file */
  ins_plugin_file *plugin; /* that holds the job's experiment, or NULL */
} ins_ready;

/** Job from JOB and overrides, and the plug-in that its experiment lies in. */
ins_status ins_ready_job(const ins_arguments *arguments, ins_ready *ready) INS_CHECKED;
/** Loads a plug-in, if the command line allows it (INS_ERR_ARGUMENT if not, and nothing of the file
 * is touched): `name` is "plugin:PATH", counted from the folder of the file `job`; for job, sha256
 * and errors see experiment/plugin.h. */
ins_status ins_ready_plugin(const ins_arguments *arguments, const char *name, const char *job,
                            const char *sha256, ins_plugin_file **out) INS_CHECKED;
/** The experiments that a job is looked up among: those of the program, or the one plug-in. */
const ins_variant *ins_ready_experiments(const ins_ready *ready);
/** All experiments of the program. Ends with name == NULL. */
const ins_variant *ins_app_experiments(void);
/** Does the job experiment on a model? Else it reads results files. */
bool ins_ready_on_model(const ins_ready *ready);
/** The results files that a job without a model reads; jobs that are to be run first have been run.
 */
ins_status ins_ready_sources(ins_ready *ready) INS_CHECKED;
/** The model that the job names; where it has none, the results files that it reads. */
ins_status ins_ready_source(ins_ready *ready) INS_CHECKED;
/** Its weights, where there is one. */
ins_status ins_ready_model(ins_ready *ready) INS_CHECKED;
/** The attributes of the results file: they name everything that results depend on. Reads stimulus
 * files to know them by their contents, so only the rank that writes the attributes asks for them.
 */
ins_status ins_ready_attributes(ins_ready *ready, const char *instruction_set) INS_CHECKED;
/** Puts a SHA-256 of the contents of the job's input files into `attributes`: KEY_sha256 for each
 * key, such as "stimuli.2.file_sha256" (not for keys of the map `stimulus`), and stimulus_sha256,
 * over all of them: the hash itself where there is one input, else that of the lines "KEY HASH".
 * Arrays (.npy, FILE.h5:DATASET) count by type, shape and numbers, other files by their bytes,
 * folders by the names and bytes of the files directly in them that are not hidden.
 * @return INS_OK; INS_ERR_IO, INS_ERR_FORMAT, INS_ERR_MISSING (nothing there); INS_ERR_MEMORY */
ins_status ins_input_hashes(const ins_job *job, ins_value *attributes) INS_CHECKED;
void ins_ready_clear(ins_ready *ready);

/** The file that a word of the command line names: a path, a known name, a URL. *path is the local
 * file or folder (free()), or a copy of the name of a built-in model. */
ins_status ins_ready_path(const ins_arguments *arguments, const char *name,
                          char **path) INS_CHECKED;
/** That, and the model in it. */
ins_status ins_ready_named(const ins_arguments *arguments, const char *name, char **path,
                           ins_model_source **source) INS_CHECKED;

/** What `verify` remembers beside a model: PATH.verified.json. NULL when there is none, or it is
 * about other weights. */
ins_value *ins_verified_read(const char *path, const char *model_sha256);

/** From here on standard output takes text only (ins_text_tame; newlines and tabs stay): names in
 * files may hold what a terminal obeys. */
void ins_output_tame(void);
/** Clears the screen where standard output is a terminal. */
void ins_output_clear_screen(void);
/** Prints one line, and one only, whatever the names in it hold. */
void ins_line(const char *format, ...) INS_PRINTF(1, 2);
/** Prints "LABEL   text" lines in one column width, for people. */
void ins_print(const char *label, const char *format, ...) INS_PRINTF(2, 3);

#endif
