/* SPDX-License-Identifier: MIT */
/** What the head of an HTTP answer says, as far as a download cares. Private to the room. */
#ifndef INSILICO_FETCH_ANSWER_H
#define INSILICO_FETCH_ANSWER_H

#include "part.h"

typedef struct fetch_answer {
  long code;                     /* 200, ...; 0: none came */
  int64_t length;                /* Content-Length; -1 unknown */
  int64_t range_start, range_of; /* Content-Range: START-.../OF; -1 unknown */
  double retry_after_s;          /* -1 none */
  bool web_page;                 /* Content-Type: text/html */
  char etag[256];                /* strong ones only */
  /* Told by the hub beside a redirect to where the bytes are: */
  char linked_sha256[INS_SHA256_HEX];
  int64_t linked_size;
} fetch_answer;

/** Forgets everything: before a request, and whenever another status line comes. */
void fetch_answer_clear(fetch_answer *answer);
/** Takes one line of the head (n bytes, line end included or not) into account. */
void fetch_answer_line(fetch_answer *answer, const char *line, size_t n);

/** Is it a redirect, and is it worth trying again? */
bool fetch_answer_redirects(const fetch_answer *answer);
bool fetch_answer_transient(const fetch_answer *answer);

/** out = the 64 hexadecimal digits in `text` (quotes around them are fine), in lower case; false
 * when that is not what it is. */
bool fetch_read_sha256(const char *text, size_t n, char out[INS_SHA256_HEX]);

#endif
