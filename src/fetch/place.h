/* SPDX-License-Identifier: MIT */
/** A file's place in the cache. Folders are opened one after the other without following links, so
 * that nothing is ever written outside the cache. Private to the room. */
#ifndef INSILICO_FETCH_PLACE_H
#define INSILICO_FETCH_PLACE_H

#include "insilico/status.h"

typedef struct fetch_place {
  int dir;          /* the folder that holds the file; -1: there is none yet */
  char *cache;      /* the cache's own path */
  char *path;       /* the file's path, for people and for whoever reads it */
  const char *name; /* its last part, within `path` */
} fetch_place;

/** @param[in] cache  folder, or NULL for the environment's
 *  @param[in] where  path below it, from fetch_target
 *  @param[in] create make folders that are missing
 *  @return INS_OK; INS_ERR_IO: a folder cannot be made or is a link */
ins_status fetch_place_open(const char *cache, const char *where, bool create,
                            fetch_place *out) INS_CHECKED;
void fetch_place_close(fetch_place *place);

/** Is there a file (not empty) under its final name?
 *  @return INS_OK; INS_ERR_IO: something else has this name */
ins_status fetch_place_look(const fetch_place *place, bool *found) INS_CHECKED;

/** "NAME.part" and the like; NULL when out of memory. Free with free(). */
char *fetch_place_beside(const fetch_place *place, const char *ending);
/** Makes sure that names and renames in the folder are on disk. */
void fetch_place_sync(const fetch_place *place);

/** What was remembered of a file when it was fetched: NAME.sha256, as sha256sum writes it. hash[0]
 * is '\0' when nothing was. */
void fetch_remembered(const fetch_place *place, char hash[65]);
ins_status fetch_remember(const fetch_place *place, const char *hash) INS_CHECKED;

#endif
