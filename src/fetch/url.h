/* SPDX-License-Identifier: MIT */
/** The parts of a URL, read strictly: what is not plainly a host, a port and a path is refused, so
 * that nobody can read it in two ways. Private to the room. */
#ifndef INSILICO_FETCH_URL_H
#define INSILICO_FETCH_URL_H

#include "insilico/text.h"

typedef struct fetch_url {
  bool secure;         /* https */
  char authority[264]; /* HOST or HOST:PORT, lower case; a scheme's own port is left out */
  char host[256];      /* without the port */
  const char *path;    /* into the text: "" or from the first slash */
  size_t path_length;  /* up to ? or # */
  const char *query;   /* what follows ?; query_length 0: none */
  size_t query_length;
} fetch_url;

/** Reads an http or https URL. The parts point into `text`.
 * @return INS_OK; INS_ERR_ARGUMENT */
ins_status fetch_url_read(const char *text, fetch_url *out) INS_CHECKED;

/** Plain http can be read and changed on its way: only to this machine, or as told by the
 * environment (INSILICO_ALLOW_HTTP=1). `shown` is what the message names.
 * @return INS_OK; INS_ERR_ARGUMENT */
ins_status fetch_url_allowed(const char *shown, const fetch_url *url) INS_CHECKED;

/** Appends the URL path [path, path + n) as a path of files, each part percent-decoded: no empty
 * part, none that means this or the upper folder, nothing unprintable, none too long.
 * @return INS_OK; INS_ERR_ARGUMENT naming `shown` */
ins_status fetch_path_decode(const char *shown, const char *path, size_t n,
                             ins_text *out) INS_CHECKED;
/** The way back: every byte that is not plainly itself in a URL becomes %XX; slashes stay. */
void fetch_path_encode(const char *path, size_t n, ins_text *out);

/** Is the environment variable set, to other than "" and "0"? */
bool fetch_environment_on(const char *name);
/** The value of an environment variable, NULL where it is unset or empty. */
const char *fetch_environment(const char *name);

#endif
