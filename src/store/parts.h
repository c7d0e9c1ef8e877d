/* SPDX-License-Identifier: MIT */
/** What the files of this room share: names inside a results file, the steps of making one. */
#ifndef INSILICO_STORE_PARTS_H
#define INSILICO_STORE_PARTS_H

#include "h5.h"
#include "insilico/layout.h"

#define INS_STORE_FORMAT      "insilico results 1" /* root attribute `results_format` */
#define INS_STORE_PLACEHOLDER "This is a netCDF dimension but not a netCDF variable."

enum { INS_STORE_MAX_RANK = INS_MAX_TASK_AXES + INS_MAX_DIMS };
enum { INS_STORE_CHUNK = 4 << 20 }; /* bytes; part of what checksums mean */

/** Bytes of the chunks that rows of the stage are cut into for their checksum, so that all ranks
 * can form it together; 0: they are not. A stage without task axes is one task, whose row may be of
 * any size. */
static inline size_t ins_store_chunk(const ins_layout *layout) {
  return layout->n_task_axes ? 0 : INS_STORE_CHUNK;
}

/** Opens the place of a stage in an open file: its group (NULL: the root). Negative when it is not
 * there. To be closed with H5Gclose. */
hid_t ins_store_open_group(hid_t file, const char *group);
/** Names of the stages of an open file, a list of texts; "/" is the root. */
ins_status ins_store_stage_names(hid_t file, ins_value **out) INS_CHECKED;
/** Of a stage, as the file spells it. */
static inline const char *ins_store_stage_name(const ins_layout *layout) {
  return layout->group ? layout->group : "/";
}

/** Axes of a variable in the file, outermost first, as indices into the layout; returns their
 * number. */
int ins_store_axes(const ins_layout *layout, const ins_variable *variable, int *axes);
/** Task axes only (status, error, checksum). */
int ins_store_task_axes(const ins_layout *layout, int *axes);

/** Hash of what decides where rows lie and what they mean, of all stages: names of groups, axes
 * with coordinates, variables with types, and the data of constants; not descriptions. */
ins_status ins_store_identity(size_t n_stages, ins_layout *const *stages,
                              uint64_t *out) INS_CHECKED;
/** What checksums of a stage begin with, so that a row never passes for one of another job or
 * another stage. */
ins_status ins_store_seed(const ins_layout *layout, const ins_value *attributes,
                          uint64_t *out) INS_CHECKED;

/** Makes PATH, complete and pending, with space reserved; removes it again on failure. What lies
 * at PATH is lost: callers give a name that is theirs. */
ins_status ins_store_lay_out(const char *path, size_t n_stages, ins_layout *const *stages,
                             const ins_value *attributes) INS_CHECKED;
/** What runs write: rows, books and summaries; `filled`: with its fill value at first. */
typedef struct ins_region {
  uint64_t offset;
  size_t bytes;
  ins_dtype dtype;
  bool filled;
} ins_region;
/** As ins_store_lay_out, but in memory (*fd, to be closed), without space for what runs write:
 * regions [*n_regions], ins_free'd by the caller, which are holes. */
ins_status ins_store_twin(size_t n_stages, ins_layout *const *stages, const ins_value *attributes,
                          int *fd, ins_region **regions, size_t *n_regions) INS_CHECKED;
/** Writes the attributes of variable v to its open dataset. */
bool ins_store_describe(const ins_layout *layout, int v, hid_t dataset);
bool ins_store_describe_status(hid_t dataset);
bool ins_store_describe_error(hid_t dataset);
bool ins_store_describe_checksum(const ins_layout *layout, uint64_t seed, hid_t dataset);

/** Space for metadata that is taken in one piece at the front. */
size_t ins_store_metadata(size_t n_stages, ins_layout *const *stages, const ins_value *attributes);
/** Refuses when the file system of PATH has less than `bytes` free (as far as it says). */
ins_status ins_store_check_space(const char *path, double bytes) INS_CHECKED;
/** Reserves the whole length of the file, so that no write can find a full disk later. */
ins_status ins_store_reserve(const char *path, int fd) INS_CHECKED;
/** Syncs PART, renames it to PATH and syncs the folder: PATH is either as before or whole. */
ins_status ins_store_publish(const char *part, const char *path) INS_CHECKED;

typedef enum ins_store_kind {
  INS_STORE_ABSENT,
  INS_STORE_WHOLE,   /* one of ours, opens */
  INS_STORE_DAMAGED, /* one of ours, does not open any more */
  INS_STORE_STRANGER
} ins_store_kind;
/** Opens a file of ours under its own name: INS_ERR_ARGUMENT for a symbolic link or what is no
 * regular file, INS_ERR_IO when it cannot be opened (errno says why). */
ins_status ins_own_file_open(const char *path, int flags, int *fd) INS_CHECKED;
/** Makes it anew, in place of what lies there. INS_ERR_IO. */
ins_status ins_own_file_make(const char *path, int *fd) INS_CHECKED;
/** Reads n bytes; false when they are not all there (errno 0: the file ends before). */
bool ins_own_file_read(int fd, uint64_t offset, size_t n, void *out);
/** INS_ERR_ARGUMENT when a symbolic link lies at PATH. */
ins_status ins_own_file_check(const char *path) INS_CHECKED;

/** What lies at PATH. `why`, may be NULL, says what is wrong with it. Links are followed: it is
 * read only. */
ins_status ins_store_look(const char *path, ins_store_kind *kind,
                          char why[INS_MESSAGE_MAX]) INS_CHECKED;
/** INS_ERR_ARGUMENT when something that is not ours lies at PATH. */
ins_status ins_store_refuse_stranger(const char *path) INS_CHECKED;

#endif
