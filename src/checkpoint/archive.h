/* SPDX-License-Identifier: MIT */
/** The file around a pickle as a table of members: a torch ZIP file, a torch file from before 1.6
 * (pickles and raw storages, one after the other), or a pickle by itself.
 *
 * Whatever the form, there is a member "<top>data.pkl" and one member "<top>data/<key>" for each
 * storage. Nothing in the file is believed: members are read as far as their data really go,
 * everything that is unpacked counts against a budget set by the size of the file, and members that
 * lie over one another, reach beyond the file or are encrypted are refused. Local.
 */
#ifndef CHECKPOINT_ARCHIVE_H
#define CHECKPOINT_ARCHIVE_H

#include <stdint.h>

#include "insilico/status.h"

typedef enum ins_archive_form {
  INS_FORM_ZIP,
  INS_FORM_STREAM, /* torch before 1.6 */
  INS_FORM_PICKLE  /* one pickle and nothing else */
} ins_archive_form;

typedef struct ins_archive ins_archive;

/** Opens a ZIP file or a torch file from before 1.6, told apart by their first bytes.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT, naming the byte; INS_ERR_UNSUPPORTED (the tar files
 * of torch before 0.1.11); INS_ERR_MEMORY */
ins_status ins_archive_open(const char *path, ins_archive **out) INS_CHECKED;
/** Opens any file as one pickle, the member "data.pkl". Errors as above. */
ins_status ins_archive_open_pickle(const char *path, ins_archive **out) INS_CHECKED;
void ins_archive_close(ins_archive **archive);

ins_archive_form ins_archive_form_of(const ins_archive *archive);
/** The name of the file without its directory, for messages. */
const char *ins_archive_name(const ins_archive *archive);
uint64_t ins_archive_size(const ins_archive *archive); /* of the file */

/** Members are numbered from 0; in a ZIP file in the order of its directory. */
size_t ins_archive_count(const ins_archive *archive);
const char *ins_archive_member(const ins_archive *archive, size_t i);
/** The number of the member of that path, or the count of members when there is none. */
size_t ins_archive_locate(const ins_archive *archive, const char *member);
/** The first member whose path ends in "/<suffix>" or is <suffix>; NULL when there is none. */
const char *ins_archive_find(const ins_archive *archive, const char *suffix);
/** True when a member of that path exists. */
bool ins_archive_has(const ins_archive *archive, const char *member);

/** Reads a whole member into *out (ins_free; aligned to 64 bytes), at most `limit` bytes.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT (missing, damaged, too large), INS_ERR_MEMORY */
ins_status ins_archive_read(ins_archive *archive, const char *member, size_t limit,
                            unsigned char **out, size_t *n) INS_CHECKED;
ins_status ins_archive_read_at(ins_archive *archive, size_t i, size_t limit, unsigned char **out,
                               size_t *n) INS_CHECKED;
/** Where the data of member i begin in the file; false when they are compressed. */
bool ins_archive_place(ins_archive *archive, size_t i, uint64_t *at);

/** The first n bytes of the file, zeros where it is shorter. */
ins_status ins_archive_peek(const ins_archive *archive, void *out, size_t n) INS_CHECKED;
/** Is it a tar file? torch tries that before anything else but ZIP. */
bool ins_archive_is_tar(const ins_archive *archive);

/** Takes `bytes` from what this file may still unfold into: 16 times its size and 64 MB.
 * INS_ERR_FORMAT when nothing is left. */
ins_status ins_archive_spend(ins_archive *archive, size_t bytes) INS_CHECKED;
/** The same for the small objects that stand for its pickle: 64 times its size and 256 MB. */
ins_status ins_archive_spend_objects(ins_archive *archive, size_t bytes) INS_CHECKED;
size_t ins_archive_objects_left(const ins_archive *archive);

/** Memory of n bytes that nobody has written to yet, aligned to 64 bytes. Free with ins_free. */
ins_status ins_room(size_t n, unsigned char **out) INS_CHECKED;

#endif
