/* SPDX-License-Identifier: MIT */
/** One request with its redirects. Private to the room. */
#ifndef INSILICO_FETCH_TRANSFER_H
#define INSILICO_FETCH_TRANSFER_H

#include <curl/curl.h>

#include "insilico/fetch.h"
#include "meter.h"
#include "part.h"

typedef struct fetch_wish {
  const char *url;
  const char *sha256; /* asked for by the user; NULL: not */
  long timeout_s;     /* for a connection, and for a transfer that stands still */
  const ins_fetch_options *options;
} fetch_wish;

/** What to do about a failure. */
typedef struct fetch_outcome {
  bool again;    /* worth another try */
  bool asked;    /* the server said how long to wait */
  double wait_s; /* that long */
} fetch_outcome;

/** Asks for what is missing of the part and appends it.
 * @return INS_OK: the part is whole, as far as its size tells; else as ins_fetch_resolve, with
 *         `outcome` filled */
ins_status fetch_transfer(CURL *curl, const fetch_wish *wish, fetch_part *part, fetch_meter *meter,
                          fetch_outcome *outcome) INS_CHECKED;

/** Settings that every request of a download shares.
 * @return INS_OK; INS_ERR_MEMORY; INS_ERR_UNSUPPORTED: this libcurl cannot do it */
ins_status fetch_curl_prepare(CURL *curl, const fetch_wish *wish) INS_CHECKED;

#endif
