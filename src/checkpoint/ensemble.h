/* SPDX-License-Identifier: MIT */
/** Several models whose responses are averaged, from a folder or a list of files. Local. */
#ifndef CHECKPOINT_ENSEMBLE_H
#define CHECKPOINT_ENSEMBLE_H

#include "insilico/model.h"

/** One member: a model in a file, or, of a legacy ensemble, a state dict with the files beside it.
 */
typedef struct ins_member_file {
  char *path;
  char *config, *data_info; /* NULL but for legacy ensembles */
} ins_member_file;

typedef struct ins_member_files {
  ins_member_file *at;
  size_t n, capacity;
} ins_member_files;

/** The members in a folder: models (.ckpt, .pth, .pt, .pth.tar, .h5) sorted by name; or, where
 * there are files config_SEED.yaml, those of openretina's legacy ensembles sorted by seed.
 * @return INS_OK; INS_ERR_IO; INS_ERR_MISSING (there are none); INS_ERR_MEMORY */
ins_status ins_member_files_of_folder(const char *folder, ins_member_files *out) INS_CHECKED;
/** The members in a list of paths. INS_ERR_ARGUMENT when it is no list of texts. */
ins_status ins_member_files_of_list(const ins_value *paths, ins_member_files *out) INS_CHECKED;
void ins_member_files_free(ins_member_files *files);

/** Opens member k alone, or, with k < 0, all of them as one model; one member is that model. `name`
 * is what the whole is called in provenance; NULL: the names of the files.
 * @return INS_OK; INS_ERR_ARGUMENT (no such member); INS_ERR_SHAPE (members that do not fit one
 *         another); what opening a file returns */
ins_status ins_ensemble_open(const ins_member_files *files, const char *name, int64_t k,
                             const ins_value *architecture, ins_model_source **out) INS_CHECKED;

/** Replaces a source that is an ensemble by its member k.
 * @return INS_OK; INS_ERR_ARGUMENT when it is none or has no such member */
ins_status ins_ensemble_pick(ins_model_source *source, int64_t k) INS_CHECKED;

#endif
