/* SPDX-License-Identifier: MIT */
#include "download.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hold.h"
#include "insilico/clock.h"
#include "insilico/log.h"
#include "insilico/text.h"
#include "transfer.h"
#include "url.h"

enum { TRIES = 6, TIMEOUT_S = 30 };
static const double first_wait_s = 0.5, longest_wait_s = 30, longest_asked_s = 300;

/* ---- the file that came ------------------------------------------------------------------------
 */

static bool begins(const char *head, size_t n, const char *with) {
  return n >= strlen(with) && strncasecmp(head, with, strlen(with)) == 0;
}

/* What servers send in place of a file without saying so. */
static ins_status check_head(const char *url, const fetch_part *part) {
  char head[512];
  const char *path = part->place->path, *at = head;
  size_t n = fetch_part_head(part, head, sizeof head);
  if (begins(at, n, "version https://git-lfs") || begins(at, n, "/annex/objects/"))
    return ins_fail(
        INS_ERR_FORMAT,
        "%.300s: is only a pointer to a large file, not the file; ask for the file itself "
        "(/resolve/ in place of /raw/), or fetch it elsewhere and put it at %s",
        url, path);
  if (begins(at, n, "\xef\xbb\xbf")) at += 3;
  while (at < head + n && isspace((unsigned char)*at)) at++;
  n -= (size_t)(at - head);
  if (begins(at, n, "<!doctype html") || begins(at, n, "<html"))
    return ins_fail(
        INS_ERR_FORMAT,
        "%.300s: a web page came in place of the file; open the URL in a browser, download "
        "the file itself and put it at %s",
        url, path);
  return INS_OK;
}

/* What was asked for counts most, then what the server says, then what it was before. */
static ins_status check_hash(const char *url, const fetch_part *part, const char *asked,
                             const char *hash) {
  char before[INS_SHA256_HEX];
  const fetch_place *place = part->place;
  const char *said = part->entity.sha256;
  fetch_remembered(place, before);
  const char *expected = asked ? asked : said[0] ? said : before;
  if (!expected[0] || strcmp(expected, hash) == 0) return INS_OK;
  return ins_fail(INS_ERR_FORMAT,
                  "%.300s: what came has SHA-256 %s, but %s %s; it was removed%s%s%s", url, hash,
                  asked     ? "you asked for"
                  : said[0] ? "the server promised"
                            : "it was before",
                  expected,
                  asked || said[0] ? "; try again" : ". If the file may have changed, remove ",
                  asked || said[0] ? "" : place->path, asked || said[0] ? "" : ".sha256");
}

static ins_status take_in(const char *url, fetch_part *part, const char *asked) {
  char hash[INS_SHA256_HEX];
  ins_status status = check_head(url, part);
  if (status == INS_OK) status = fetch_part_hash(part, hash);
  if (status == INS_OK) status = check_hash(url, part, asked, hash);
  if (status == INS_OK) status = fetch_remember(part->place, hash);
  if (status == INS_OK) status = fetch_part_finish(part);
  if (status == INS_ERR_FORMAT) fetch_part_discard(part);
  return status;
}

ins_status fetch_check_cached(const fetch_place *place, const char *sha256,
                              const ins_fetch_options *options) {
  char hash[INS_SHA256_HEX], before[INS_SHA256_HEX] = "";
  if (!sha256 && options->verify) fetch_remembered(place, before);
  const char *expected = sha256 ? sha256 : before;
  if (!expected[0]) return INS_OK;
  ins_status status = ins_sha256_file(place->path, hash);
  if (status != INS_OK || strcmp(expected, hash) == 0) return status;
  return ins_fail(
      INS_ERR_FORMAT,
      "%s: this file in the cache has SHA-256 %s, but %s %s; remove it to fetch it again%s",
      place->path, hash, sha256 ? "you asked for" : "it was fetched with", expected,
      sha256 ? "" : ", or its .sha256 file if you put another one there yourself");
}

/* ---- tries -------------------------------------------------------------------------------------
 */

static ins_status read_setting(const char *name, long fallback, long *out) {
  const char *text = fetch_environment(name);
  char *end = NULL;
  *out = text ? strtol(text, &end, 10) : fallback;
  if (!text || (*end == '\0' && *out >= 1 && *out <= 86400)) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "%s=%.100s: must be a whole number from 1 to 86400", name,
                  text);
}

/* 0.5, 1, 2, ... seconds, or what the server asks for. */
static double wait_before(const fetch_outcome *outcome, long tries) {
  double wait = ldexp(first_wait_s, tries > 20 ? 20 : (int)tries - 1);
  if (outcome->asked) return outcome->wait_s;
  return wait < longest_wait_s ? wait : longest_wait_s;
}

static ins_status wait_and_say(const fetch_outcome *outcome, long tries, long limit,
                               const ins_fetch_options *options) {
  char duration[32];
  double wait = wait_before(outcome, tries);
  ins_text_duration(wait, duration, sizeof duration);
  if (tries >= limit)
    return ins_within(INS_ERR_IO, "gave up after %ld tries (run the same command to go on)", limit);
  if (wait > longest_asked_s)
    return ins_within(INS_ERR_IO, "the server asks to come back in %s", duration);
  if (!options->quiet)
    ins_log(INS_LOG_WARNING, "%s; trying again %s%s", ins_message(), wait > 0 ? "in " : "now",
            wait > 0 ? duration : "");
  return fetch_pause(wait, options);
}

/* Tries count from the last one that brought the file forward. */
static ins_status transfer_all(CURL *curl, const fetch_wish *wish, fetch_part *part,
                               fetch_meter *meter) {
  long limit, tries = 0;
  fetch_outcome outcome;
  int64_t farthest = part->length;
  ins_status status = read_setting("INSILICO_FETCH_TRIES", TRIES, &limit);
  if (status != INS_OK || (part->length > 0 && part->length == part->entity.size)) return status;
  for (;;) {
    status = fetch_transfer(curl, wish, part, meter, &outcome);
    fetch_meter_break(meter);
    if (status == INS_OK || !outcome.again) return status;
    if (part->length > farthest) {
      farthest = part->length;
      tries = 0;
    }
    status = wait_and_say(&outcome, ++tries, limit, wish->options);
    if (status != INS_OK) return status;
  }
}

static void say_done(const fetch_part *part, double seconds) {
  char bytes[32], duration[32];
  ins_log(INS_LOG_INFO, "%s: fetched, %s in %s", part->place->path,
          ins_text_bytes((double)part->length, bytes, sizeof bytes),
          ins_text_duration(seconds, duration, sizeof duration));
}

ins_status fetch_download(const char *url, const fetch_place *place, const char *sha256,
                          const ins_fetch_options *options) {
  fetch_wish wish = {.url = url, .sha256 = sha256, .options = options};
  fetch_part part = {.fd = -1};
  fetch_meter meter;
  double began = ins_clock_s();
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return ins_fail(INS_ERR_INTERNAL, "libcurl does not start");
  CURL *curl = curl_easy_init();
  fetch_meter_start(&meter, place->name, options->quiet);
  ins_status status =
      curl ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory for fetching %.300s", url);
  if (status == INS_OK) status = read_setting("INSILICO_FETCH_TIMEOUT", TIMEOUT_S, &wish.timeout_s);
  if (status == INS_OK) status = fetch_curl_prepare(curl, &wish);
  if (status == INS_OK) status = fetch_part_open(place, url, &part);
  if (status == INS_OK) status = transfer_all(curl, &wish, &part, &meter);
  if (status == INS_OK) status = take_in(url, &part, sha256);
  if (status == INS_OK && !options->quiet) say_done(&part, ins_clock_s() - began);
  fetch_part_close(&part);
  curl_easy_cleanup(curl);
  curl_global_cleanup();
  return status;
}
