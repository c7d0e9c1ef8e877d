/* SPDX-License-Identifier: MIT */
/** A whole download: tries, checks, and the file under its name. Private to the room. */
#ifndef INSILICO_FETCH_DOWNLOAD_H
#define INSILICO_FETCH_DOWNLOAD_H

#include "insilico/fetch.h"
#include "place.h"

/** Fetches `url` to its place; whoever calls holds its lock.
 * @return as ins_fetch_resolve */
ins_status fetch_download(const char *url, const fetch_place *place, const char *sha256,
                          const ins_fetch_options *options) INS_CHECKED;

/** Is the file in the cache what it should be? Compares with `sha256` or, asked to verify, with
 * what was remembered. */
ins_status fetch_check_cached(const fetch_place *place, const char *sha256,
                              const ins_fetch_options *options) INS_CHECKED;

#endif
