/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "insilico/log.h"
#include "insilico/text.h"
#include "url.h"

enum { REDIRECTS_MAX = 10, DROPPED_MAX = 1 << 20 };

/* A request on its way. */
typedef struct transfer {
  const fetch_wish *wish;
  fetch_part *part;
  fetch_meter *meter;
  fetch_outcome *outcome;
  fetch_url origin, here; /* the URL asked for, and the one that a redirect led to */
  fetch_answer answer;
  fetch_entity promised; /* what the origin said of the file, hash and size */
  bool receiving;        /* the body is the file's */
  size_t dropped;        /* bytes of bodies that are not */
  ins_status status;     /* why a callback broke off */
  char detail[CURL_ERROR_SIZE];
} transfer;

static const char *path_of(const transfer *t) {
  return t->part->place->path;
}

/* ---- when the head of an answer has come ------------------------------------------------------
 */

/* The part belongs to something else: empty it and ask again, at once. */
static ins_status start_over(transfer *t, const char *why) {
  const fetch_entity nothing = {.size = -1};
  ins_status status = fetch_part_begin(t->part, t->wish->url, &nothing);
  if (status != INS_OK) return status;
  *t->outcome = (fetch_outcome){.again = true, .asked = true, .wait_s = 0};
  return ins_fail(INS_ERR_IO, "%.300s: %s", t->wish->url, why);
}

static bool differs(const char *a, const char *b) {
  return a[0] && b[0] && strcmp(a, b) != 0;
}

/* Does the rest that the server sends belong to the part? */
static ins_status check_rest(transfer *t, fetch_entity *entity) {
  const fetch_entity *had = &t->part->entity;
  if (t->answer.range_start != t->part->length)
    return start_over(t, "the server sent another range than asked for");
  if (differs(had->etag, entity->etag) || differs(had->sha256, entity->sha256) ||
      (had->size >= 0 && entity->size >= 0 && had->size != entity->size))
    return start_over(t, "the file changed on the server since its beginning was received");
  if (entity->size < 0) entity->size = had->size;
  if (!entity->etag[0]) memcpy(entity->etag, had->etag, sizeof entity->etag);
  if (!entity->sha256[0]) memcpy(entity->sha256, had->sha256, sizeof entity->sha256);
  t->part->entity = *entity;
  return INS_OK;
}

static ins_status check_entity(const transfer *t, const fetch_entity *entity) {
  const char *url = t->wish->url, *asked = t->wish->sha256 ? t->wish->sha256 : "";
  if (t->answer.web_page)
    return ins_fail(
        INS_ERR_FORMAT,
        "%.300s: %s sent a web page in place of the file (a login, or the network's own "
        "page?); open the URL in a browser, download the file itself and put it at %s",
        url, t->here.host, path_of(t));
  if (entity->size == 0)
    return ins_fail(INS_ERR_FORMAT, "%.300s: the file on the server is empty", url);
  if (t->promised.size >= 0 && entity->size >= 0 && t->promised.size != entity->size)
    return ins_fail(INS_ERR_FORMAT,
                    "%.300s: %s sent a file of %" PRId64 " bytes, but %s promised %" PRId64
                    "; try later, or fetch it elsewhere and put it at %s",
                    url, t->here.host, entity->size, t->origin.host, t->promised.size, path_of(t));
  if (differs(asked, entity->sha256))
    return ins_fail(INS_ERR_FORMAT,
                    "%.300s: the server's file has SHA-256 %s, not %s as asked for; nothing was "
                    "fetched",
                    url, entity->sha256, asked);
  return INS_OK;
}

static void say_begin(const transfer *t) {
  char size[32], there[32];
  const fetch_part *part = t->part;
  /* On a terminal the bar says it all. */
  if (t->meter->quiet || t->meter->terminal) return;
  ins_text_bytes((double)part->entity.size, size, sizeof size);
  ins_text_bytes((double)part->length, there, sizeof there);
  ins_log(INS_LOG_INFO, "%s: fetching %s%sfrom %s%s%s%s", part->place->name,
          part->entity.size >= 0 ? size : "", part->entity.size >= 0 ? " " : "", t->origin.host,
          part->length ? ", going on after " : "", part->length ? there : "",
          part->length ? " that are there" : "");
}

static ins_status begin_body(transfer *t) {
  bool rest = t->answer.code == 206;
  fetch_entity entity = t->promised;
  memcpy(entity.etag, t->answer.etag, sizeof entity.etag);
  int64_t size = rest ? t->answer.range_of : t->answer.length;
  if (size >= 0) entity.size = size;
  ins_status status = check_entity(t, &entity);
  if (status == INS_OK && rest && t->part->length == 0)
    status =
        ins_fail(INS_ERR_FORMAT, "%.300s: the server sent a piece of the file without being asked",
                 t->wish->url);
  if (status == INS_OK && rest) status = check_rest(t, &entity);
  if (status == INS_OK)
    status = fetch_part_room(t->part, entity.size - (rest ? t->part->length : 0));
  if (status == INS_OK && !rest) status = fetch_part_begin(t->part, t->wish->url, &entity);
  if (status != INS_OK) return status;
  t->receiving = true;
  fetch_meter_resume(t->meter, t->part->length);
  say_begin(t);
  return INS_OK;
}

static bool at_origin(const transfer *t) {
  return t->here.secure == t->origin.secure && !strcmp(t->here.authority, t->origin.authority);
}

static void take_promise(transfer *t) {
  if (!at_origin(t)) return; /* only who was asked may vouch for the file */
  if (t->answer.linked_sha256[0])
    memcpy(t->promised.sha256, t->answer.linked_sha256, sizeof t->promised.sha256);
  if (t->answer.linked_size >= 0) t->promised.size = t->answer.linked_size;
}

static size_t on_head(char *line, size_t size, size_t n, void *context) {
  transfer *t = context;
  bool end = n * size <= 2 && (line[0] == '\r' || line[0] == '\n');
  if (t->receiving) return n * size; /* fields after a body in pieces */
  if (!end) fetch_answer_line(&t->answer, line, n * size);
  if (!end || t->answer.code < 200) return n * size;
  take_promise(t);
  if (t->answer.code == 200 || t->answer.code == 206) t->status = begin_body(t);
  return t->status == INS_OK ? n * size : 0;
}

/* ---- the body ---------------------------------------------------------------------------------
 */

static size_t on_body(char *bytes, size_t size, size_t n, void *context) {
  transfer *t = context;
  fetch_part *part = t->part;
  n *= size;
  if (!t->receiving) {
    t->dropped += n;
    return t->dropped <= DROPPED_MAX ? n : 0;
  }
  if (part->entity.size >= 0 && (int64_t)n > part->entity.size - part->length)
    t->status = ins_fail(INS_ERR_FORMAT,
                         "%.300s: the server sent more than the %" PRId64 " bytes that it promised",
                         t->wish->url, part->entity.size);
  else
    t->status = fetch_part_append(part, bytes, n);
  fetch_meter_show(t->meter, part->length, part->entity.size);
  return t->status == INS_OK ? n : 0;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  transfer *t = context;
  (void)a, (void)b, (void)c, (void)d;
  if (t->receiving) fetch_meter_show(t->meter, t->part->length, t->part->entity.size);
  return t->wish->options->stop && t->wish->options->stop();
}

/* ---- failures ---------------------------------------------------------------------------------
 */

static ins_status unreachable(const transfer *t, const char *what) {
  /* Without a network more tries would only take time; a network that was there comes back. */
  t->outcome->again = t->part->length > 0 && t->meter->done > 0;
  return ins_fail(
      INS_ERR_IO,
      "%.300s: %s %s: %s; on a machine without network, fetch the file elsewhere and put "
      "it at %s",
      t->wish->url, t->here.host, what, t->detail, path_of(t));
}

static ins_status proxy_refused(const transfer *t, long code) {
  return ins_fail(INS_ERR_IO,
                  "%.300s: the proxy refused to connect to %s (%ld); see the environment variables "
                  "https_proxy and no_proxy, or fetch the file elsewhere and put it at %s",
                  t->wish->url, t->here.host, code, path_of(t));
}

static ins_status request_failed(transfer *t, CURL *curl, CURLcode code) {
  long proxy = 0;
  curl_off_t connected = 0;
  if (!t->detail[0]) snprintf(t->detail, sizeof t->detail, "%s", curl_easy_strerror(code));
  for (char *p = t->detail; *p; p++)
    if ((unsigned char)*p < 0x20) *p = ' ';
  if (curl_easy_getinfo(curl, CURLINFO_HTTP_CONNECTCODE, &proxy) == CURLE_OK && proxy >= 300)
    return proxy_refused(t, proxy);
  if (curl_easy_getinfo(curl, CURLINFO_CONNECT_TIME_T, &connected) != CURLE_OK) connected = 0;
  switch (code) {
  case CURLE_ABORTED_BY_CALLBACK:
    return ins_fail(INS_ERR_STOPPED, "%s: stopped; run the same command to go on", path_of(t));
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_RESOLVE_PROXY:
  case CURLE_COULDNT_CONNECT:
    return unreachable(t, "cannot be reached");
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CACERT_BADFILE:
    return ins_fail(
        INS_ERR_IO,
        "%.300s: %s cannot prove that it is %s: %s; if your institution has certificates "
        "of its own, name their file in CURL_CA_BUNDLE",
        t->wish->url, t->here.host, t->here.host, t->detail);
  case CURLE_OUT_OF_MEMORY:
    return ins_fail(INS_ERR_MEMORY, "out of memory while fetching %.300s", t->wish->url);
  case CURLE_OPERATION_TIMEDOUT:
    if (connected == 0) return unreachable(t, "does not answer");
    break;
  default:
    break;
  }
  t->outcome->again = true;
  return ins_fail(INS_ERR_IO, "%.300s: the transfer from %s broke off: %s", t->wish->url,
                  t->here.host, t->detail);
}

static ins_status answered_badly(transfer *t) {
  long code = t->answer.code;
  const char *url = t->wish->url, *host = t->here.host;
  if (code == 404 || code == 410)
    return ins_fail(INS_ERR_MISSING,
                    "%.300s: %s has no such file (%ld); check the name and the revision", url, host,
                    code);
  if (code == 401 || code == 403 || code == 407)
    return ins_fail(
        INS_ERR_IO,
        "%.300s: %s does not give it to everybody (%ld); check the name, or log in with a "
        "browser, download the file and put it at %s",
        url, host, code, path_of(t));
  t->outcome->again = fetch_answer_transient(&t->answer);
  t->outcome->asked = t->outcome->again && t->answer.retry_after_s >= 0;
  t->outcome->wait_s = t->answer.retry_after_s;
  return ins_fail(INS_ERR_IO, "%.300s: %s answered with status %ld%s", url, host, code,
                  code == 429 ? " (too many requests)" : "");
}

/* 416: there is nothing beyond what we have. Either that is all, or it is of something else. */
static ins_status nothing_beyond(transfer *t) {
  if (t->part->length == 0) return answered_badly(t);
  const fetch_entity *had = &t->part->entity;
  if (t->answer.range_of == t->part->length && !differs(had->etag, t->answer.etag) &&
      (had->size < 0 || had->size == t->part->length))
    return INS_OK;
  return start_over(t, "the file on the server is shorter than what was received before");
}

static ins_status received(transfer *t) {
  const fetch_part *part = t->part;
  if (t->answer.code == 416) return nothing_beyond(t);
  if (!t->receiving) return answered_badly(t);
  if (part->length == 0)
    return ins_fail(INS_ERR_FORMAT, "%.300s: the file on the server is empty", t->wish->url);
  if (part->entity.size < 0 || part->length == part->entity.size) return INS_OK;
  t->outcome->again = true;
  return ins_fail(INS_ERR_IO, "%.300s: %s sent only %" PRId64 " of %" PRId64 " bytes", t->wish->url,
                  t->here.host, part->length, part->entity.size);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* Range asks for what is missing, If-Range for all of it should the file have changed. */
static ins_status ask_for_rest(const fetch_part *part, struct curl_slist **out) {
  ins_text range = {0};
  ins_status status = INS_OK;
  struct curl_slist *more = curl_slist_append(NULL, "Accept-Encoding: identity");
  *out = more;
  if (part->length > 0) {
    ins_text_add(&range, "Range: bytes=%" PRId64 "-", part->length);
    if ((status = ins_text_ok(&range)) == INS_OK && more)
      more = curl_slist_append(*out, range.data);
    range.length = 0;
  }
  if (part->length > 0 && part->entity.etag[0] && more) {
    ins_text_add(&range, "If-Range: %s", part->entity.etag);
    if (status == INS_OK && (status = ins_text_ok(&range)) == INS_OK)
      more = curl_slist_append(*out, range.data);
  }
  ins_text_free(&range);
  if (status == INS_OK && !more) status = ins_fail(INS_ERR_MEMORY, "out of memory for a request");
  return status;
}

/* Where the answer points to, if we may go there. */
static ins_status follow(transfer *t, CURL *curl, char **url) {
  const char *to = NULL;
  fetch_url next;
  if (curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &to) != CURLE_OK || !to)
    return ins_fail(INS_ERR_IO, "%.300s: %s redirects to nowhere (%ld)", t->wish->url, t->here.host,
                    t->answer.code);
  char *copy = ins_format("%s", to);
  if (!copy) return INS_ERR_MEMORY;
  free(*url);
  *url = copy;
  ins_status status = fetch_url_read(copy, &next);
  if (status == INS_OK && t->here.secure && !next.secure)
    status = ins_fail(INS_ERR_IO, "%s redirects from https to plain http, which is refused",
                      t->here.host);
  if (status == INS_OK) status = fetch_url_allowed(next.host, &next);
  if (status != INS_OK) return ins_within(INS_ERR_IO, "%.300s", t->wish->url);
  t->here = next;
  return INS_OK;
}

static CURLcode request(transfer *t, CURL *curl, const char *url) {
  CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, url);
  fetch_answer_clear(&t->answer);
  t->dropped = 0;
  t->detail[0] = '\0';
  if (code == CURLE_OK) code = curl_easy_perform(curl);
  /* A long text beside an error was cut short by us. */
  if (code == CURLE_WRITE_ERROR && t->status == INS_OK && !t->receiving) code = CURLE_OK;
  return code;
}

/* From one redirect to the next, up to the file. `url` is replaced on the way. */
static ins_status walk(transfer *t, CURL *curl, char **url) {
  for (int hop = 0; hop <= REDIRECTS_MAX; hop++) {
    CURLcode code = request(t, curl, *url);
    if (t->status != INS_OK) return t->status;
    if (code != CURLE_OK) return request_failed(t, curl, code);
    if (!fetch_answer_redirects(&t->answer)) return received(t);
    ins_status status = follow(t, curl, url);
    if (status != INS_OK) return status;
  }
  return ins_fail(INS_ERR_IO, "%.300s: more than %d redirects", t->wish->url, REDIRECTS_MAX);
}

static CURLcode connect_callbacks(CURL *curl, transfer *t, struct curl_slist *fields) {
  CURLcode code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_head);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
  if (!code) code = curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->detail);
  return code;
}

ins_status fetch_transfer(CURL *curl, const fetch_wish *wish, fetch_part *part, fetch_meter *meter,
                          fetch_outcome *outcome) {
  transfer t = {
      .wish = wish, .part = part, .meter = meter, .outcome = outcome, .promised = {.size = -1}};
  struct curl_slist *fields = NULL;
  *outcome = (fetch_outcome){0};
  char *url = ins_format("%s", wish->url);
  ins_status status = url ? fetch_url_read(wish->url, &t.origin) : INS_ERR_MEMORY;
  t.here = t.origin;
  if (status == INS_OK) status = ask_for_rest(part, &fields);
  if (status == INS_OK && connect_callbacks(curl, &t, fields) != CURLE_OK)
    status = ins_fail(INS_ERR_MEMORY, "out of memory for a request");
  if (status == INS_OK) status = walk(&t, curl, &url);
  /* What came is not the beginning of the right file. What was there before may still be. */
  if (status == INS_ERR_FORMAT && t.receiving) fetch_part_discard(part);
  /* The handle lives on; what it points to does not. */
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
  curl_slist_free_all(fields);
  free(url);
  return status;
}
