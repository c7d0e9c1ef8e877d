/* SPDX-License-Identifier: MIT */
/** The table of members behind an archive, and who fills it. Private to archive*.c. Local. */
#ifndef CHECKPOINT_ARCHIVE_MEMBERS_H
#define CHECKPOINT_ARCHIVE_MEMBERS_H

#include "archive.h"

/** The open file. Parts are read, not mapped: when a file system fails or a file shrinks meanwhile,
 * reading gives an error where mapped memory would give a signal. */
typedef struct ins_blob {
  int fd;
  const char *path;
  uint64_t size;
} ins_blob;

/** out[0..n) = the file's bytes from `at`. INS_ERR_FORMAT beyond its end, INS_ERR_IO. */
ins_status ins_blob_read(const ins_blob *blob, uint64_t at, void *out, size_t n) INS_CHECKED;

enum { INS_STORED = 0, INS_DEFLATED = 8 };

typedef struct ins_member {
  const char *name;
  uint64_t begin, end; /* of all that belongs to it in the file, header included */
  uint64_t stored;     /* bytes of data in the file */
  uint64_t size;       /* bytes when unpacked */
  uint32_t crc;        /* 0: the writer left it out */
  uint16_t method;
  bool has_header; /* a ZIP member: its data follow a header of its own */
} ins_member;

typedef struct ins_members {
  ins_member *list;
  size_t n, capacity;
  size_t *by_name;      /* numbers of the members, sorted by name */
  unsigned char *names; /* what the names point into, or NULL */
} ins_members;

void ins_members_free(ins_members *members);
/** Fills by_name. INS_ERR_FORMAT when two names differ by nothing but case: readers of ZIP files do
 * not agree on which of them is meant. */
ins_status ins_members_sort(ins_members *members, const char *path) INS_CHECKED;

/** The members of a ZIP file's central directory, checked to lie inside the file, before the
 * directory, one after the other without overlapping: overlapping members are how a small file
 * unfolds into a huge one.
 * @return INS_OK; INS_ERR_IO; INS_ERR_FORMAT, naming the byte offset; INS_ERR_MEMORY */
ins_status ins_directory_read(const ins_blob *blob, ins_members *out) INS_CHECKED;

/** True when the file begins with torch's magic number as a pickle. */
bool ins_stream_starts(const unsigned char *head, size_t n);
/** The parts of a torch file from before 1.6 as members "data.pkl" and "data/KEY".
 * @return as ins_directory_read */
ins_status ins_stream_read(const ins_blob *blob, ins_members *out) INS_CHECKED;

/** CRC-32 as ZIP files use it (polynomial 0xedb88320, reflected). */
typedef struct ins_crc {
  uint32_t table[16][256];
} ins_crc;
void ins_crc_begin(ins_crc *crc);
uint32_t ins_crc_of(const ins_crc *crc, const void *bytes, size_t n);

#endif
