/* SPDX-License-Identifier: MIT */
/** A download that has not ended: NAME.part with the bytes so far, and NAME.part.source, which says
 * of what they are the beginning. Private to the room. */
#ifndef INSILICO_FETCH_PART_H
#define INSILICO_FETCH_PART_H

#include "insilico/hash.h"
#include "place.h"

/** What a server says of the file that it sends. */
typedef struct fetch_entity {
  char etag[256];              /* strong, with its quotes; "" unknown */
  char sha256[INS_SHA256_HEX]; /* lower case; "" unknown */
  int64_t size;                /* bytes; -1 unknown */
} fetch_entity;

typedef struct fetch_part {
  const fetch_place *place;
  int fd;
  int64_t length;      /* bytes so far */
  fetch_entity entity; /* of what */
} fetch_part;

/** Opens the part of an earlier download of `url` at its end, or an empty one when there is none
 * that could be gone on with.
 * @return INS_OK; INS_ERR_IO; INS_ERR_MEMORY */
ins_status fetch_part_open(const fetch_place *place, const char *url, fetch_part *out) INS_CHECKED;
/** Closes it and leaves it for the next time. An empty one is removed. */
void fetch_part_close(fetch_part *part);

/** Begins anew: empties the part and notes of what it will be the beginning. */
ins_status fetch_part_begin(fetch_part *part, const char *url,
                            const fetch_entity *entity) INS_CHECKED;
/** @return INS_OK; INS_ERR_IO: no space left, or other trouble of the disk */
ins_status fetch_part_append(fetch_part *part, const void *bytes, size_t n) INS_CHECKED;
/** Is there room for so many bytes more? INS_OK where that cannot be known. */
ins_status fetch_part_room(const fetch_part *part, int64_t more) INS_CHECKED;
/** The first bytes, at most n; returns how many. */
size_t fetch_part_head(const fetch_part *part, void *bytes, size_t n);
ins_status fetch_part_hash(const fetch_part *part, char hash[INS_SHA256_HEX]) INS_CHECKED;
/** Removes it. */
void fetch_part_discard(fetch_part *part);
/** Makes it the file: on disk first, then under its name, at once and whole. */
ins_status fetch_part_finish(fetch_part *part) INS_CHECKED;

#endif
