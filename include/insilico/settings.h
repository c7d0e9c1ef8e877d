/* SPDX-License-Identifier: MIT */
/** Files of settings that are no job: YAML against a table of keys, with a job's complaints. */
#ifndef INSILICO_SETTINGS_H
#define INSILICO_SETTINGS_H

#include "insilico/keys.h"

/** Reads PATH, a YAML map with keys of `table`, which ends with name == NULL; an empty file is an
 * empty map. *out = the settings with defaults filled in, in the order of the table. `what` names
 * the file in complaints about unknown keys: "a site file".
 * @return INS_OK; INS_ERR_ARGUMENT (file, line, column, and what was expected); INS_ERR_IO;
 *         INS_ERR_MEMORY */
ins_status ins_settings_load(const char *path, const ins_key *table, const char *what,
                             ins_value **out) INS_CHECKED;
/** The same where there is no file: every key has its default. */
ins_status ins_settings_default(const ins_key *table, ins_value **out) INS_CHECKED;

#endif
