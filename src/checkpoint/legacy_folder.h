/* SPDX-License-Identifier: MIT */
/** The files of openretina's legacy ensembles (openretina/utils/nnfabrik_model_loading.py): for
 * each seed config_SEED.yaml, state_dict_SEED.pth.tar and data_info_SEED.pkl. Local. */
#ifndef CHECKPOINT_LEGACY_FOLDER_H
#define CHECKPOINT_LEGACY_FOLDER_H

#include "ensemble.h"

/** Is a file of that name config_SEED.yaml? */
bool ins_legacy_is_config(const char *name);
/** Makes members of the configuration files in `files`, sorted by seed. */
ins_status ins_legacy_members(const char *folder, ins_member_files *files) INS_CHECKED;

/** Reads one member.
 * @return INS_OK; INS_ERR_UNSUPPORTED (another model function); INS_ERR_MISSING (a key of the
 *         configuration or of data_info); what reading the three files returns */
ins_status ins_legacy_open(const ins_member_file *file, ins_model_source **out) INS_CHECKED;

#endif
