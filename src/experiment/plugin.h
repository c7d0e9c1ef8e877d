/* SPDX-License-Identifier: MIT */
/** Loading plug-ins: experiments in shared objects (insilico/plugin.h). For the room `app`, which
 * asks only when the command line allows it. */
#ifndef INSILICO_EXPERIMENT_PLUGIN_H
#define INSILICO_EXPERIMENT_PLUGIN_H

#include "insilico/plugin.h"

/** A plug-in that is loaded. */
typedef struct ins_plugin_file {
  char *path;
  char sha256[INS_SHA256_HEX]; /* of the file's contents */
  char *name;                  /* "plugin:NAME" */
  ins_variant registry[2]; /* the experiment under that name, with its keys and plugin_sha256, whose
                              only value is `sha256`: so it becomes part of the job */
  ins_key *keys;           /* of registry[0] */
  ins_variant known[2];    /* {sha256} */
  char fallback[INS_SHA256_HEX + 2]; /* sha256 in quotes: digits alone would be a number */
  void *library;
} ins_plugin_file;

/** What follows "plugin:" where the experiment of a job is a plug-in, else NULL. `name` may be
 * NULL. */
const char *ins_plugin_path_of(const char *name);

/** The file that `name`, "plugin:PATH", stands for in the job file `job` (NULL: on the command
 * line): PATH from the job file's folder on. It always has a slash, so that no search path counts.
 * *path: free(). @return INS_OK; INS_ERR_ARGUMENT (no path), INS_ERR_MEMORY */
ins_status ins_plugin_locate(const char *name, const char *job, char **path) INS_CHECKED;

/** Loads the plug-in at `path`, as ins_plugin_locate gives it. Code of the file may run from here
 * on. Local.
 * @param[in] sha256  refuse the file unless it has this SHA-256, before it is loaded; NULL: any
 * @return INS_OK; INS_ERR_IO (not there, no regular file, cannot be read); INS_ERR_FORMAT (no
 *         shared object, no plug-in, of another interface, changed, incomplete); INS_ERR_MEMORY */
ins_status ins_plugin_open(const char *path, const char *sha256, ins_plugin_file **out) INS_CHECKED;
/** Takes the code out of memory: nothing of it may be in use, jobs included. */
void ins_plugin_close(ins_plugin_file **file);

#endif
