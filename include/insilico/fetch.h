/* SPDX-License-Identifier: MIT */
/** Names and URLs -> files in the cache (docs/fetch.md).
 *
 * A model or a data file may be named by a known name (`hoefling_2024_low_res`), by an `https://`
 * URL, or by `hf://datasets/OWNER/REPO/PATH[@REV]` and `hf://OWNER/REPO/PATH[@REV]`. What is asked
 * for is looked up in the cache that openretina uses too, fetched when it is not there, checked,
 * and only then put under its name. Everything else (a local path, `builtin:...`) passes unchanged,
 * so that a program can ask before it opens any model.
 */
#ifndef INSILICO_FETCH_H
#define INSILICO_FETCH_H

#include "insilico/status.h"

/** How to fetch; all zero is a good start. Texts are borrowed for the call. */
typedef struct ins_fetch_options {
  const char *cache;  /* folder; NULL: $OPENRETINA_CACHE_DIRECTORY, else ~/openretina_cache */
  const char *sha256; /* 64 hexadecimal digits that the file must have; NULL: what the server says,
                         else what was remembered */
  bool offline;       /* only the cache; INSILICO_OFFLINE=1 does the same */
  bool verify;        /* a file found in the cache is compared with its NAME.sha256 */
  bool quiet;         /* no progress, no notes */
  int (*stop)(void);  /* asked several times a second; not 0: stop. NULL: never */
} ins_fetch_options;

/** A model with a name. The list ends with name == NULL. */
typedef struct ins_known_model {
  const char *name;
  const char *doc;          /* one line: what it is */
  const char *url;          /* the file; with `files`, the folder, with a slash at its end */
  const char *const *files; /* names within the folder, ends with NULL; NULL: `url` is the file */
} ins_known_model;

const ins_known_model *ins_fetch_known(void);
/** Is it a known name, or has it the form of a URL? */
bool ins_fetch_is_remote(const char *name);

/** *path = a local path for `name`: the file in the cache, fetched when it is not there; the folder
 * for a known model of several files; a copy of `name` when it names nothing remote.
 *
 * Local; to be called by one rank, and by one thread at a time. Several processes may ask for the
 * same file: one fetches, the others wait for it. What was received of a download that did not end
 * stays in PATH.part, and the next call goes on from there.
 * @param[in]  options NULL: all zero
 * @param[out] path    on the heap, free with free(); NULL on failure
 * @return INS_OK; INS_ERR_ARGUMENT: a malformed name, plain http, a wrong setting;
 *         INS_ERR_UNSUPPORTED: another kind of URL; INS_ERR_MISSING: not in the cache while
 * offline, or not on the server; INS_ERR_FORMAT: not the file that was promised (hash, size, a web
 *         page), nothing is left behind; INS_ERR_IO: network or disk; INS_ERR_STOPPED: `stop` said
 *         so; INS_ERR_MEMORY */
ins_status ins_fetch_resolve(const char *name, const ins_fetch_options *options,
                             char **path) INS_CHECKED;

#endif
