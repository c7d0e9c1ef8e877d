/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "url.h"

/* ---- the hub --------------------------------------------------------------------------------- */

typedef struct piece {
  const char *at;
  size_t n;
} piece;

/* A file of the hub: {HUB}/KIND/OWNER/REPO/resolve/REVISION/PATH. Pieces are as in a URL. */
typedef struct hub_file {
  const char *kind; /* "datasets/", "spaces/", or "" for models */
  piece owner, repo, revision, path;
} hub_file;

static bool is(piece p, const char *word) {
  return p.n == strlen(word) && memcmp(p.at, word, p.n) == 0;
}

/* The part before the next slash; *rest moves behind it. */
static piece next_part(piece *rest) {
  while (rest->n && *rest->at == '/') {
    rest->at++;
    rest->n--;
  }
  const char *slash = memchr(rest->at, '/', rest->n);
  piece part = {rest->at, slash ? (size_t)(slash - rest->at) : rest->n};
  rest->at += part.n;
  rest->n -= part.n;
  return part;
}

static const char *hub_kind(piece *rest) {
  static const char *const kinds[] = {"datasets/", "spaces/", "models/"};
  piece after = *rest, part = next_part(&after);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (part.n != strlen(kinds[i]) - 1 || memcmp(part.at, kinds[i], part.n) != 0) continue;
    *rest = after;
    return i == 2 ? "" : kinds[i];
  }
  return "";
}

/* What a browser shows (tree, blob) and what a script asks for (resolve, raw) are one file. */
static bool is_verb(piece part) {
  return is(part, "resolve") || is(part, "tree") || is(part, "blob") || is(part, "raw");
}

/* false: some other page of the hub. */
static bool read_hub_path(const char *path, size_t n, hub_file *out) {
  piece rest = {path, n};
  out->kind = hub_kind(&rest);
  out->owner = next_part(&rest);
  out->repo = next_part(&rest);
  if (!is_verb(next_part(&rest))) return false;
  out->revision = next_part(&rest);
  while (rest.n && *rest.at == '/') {
    rest.at++;
    rest.n--;
  }
  out->path = rest;
  return out->owner.n && out->repo.n && out->revision.n && out->path.n;
}

static const char *hub_base(void) {
  const char *base = fetch_environment("INSILICO_HUB_URL");
  if (!base) base = fetch_environment("HF_ENDPOINT");
  return base ? base : FETCH_HUB;
}

static const char *gin_base(void) {
  const char *base = fetch_environment("INSILICO_GIN_URL");
  return base ? base : FETCH_GIN;
}

/* A mirror's address without the slashes at its end, checked like any URL. */
static ins_status add_base(const char *base, ins_text *out) {
  fetch_url url;
  size_t n = strlen(base);
  ins_status status = fetch_url_read(base, &url);
  if (status == INS_OK && base[strcspn(base, "?#")])
    status = ins_fail(INS_ERR_ARGUMENT, "%.200s: a mirror has no ? and no #", base);
  if (status == INS_OK) status = fetch_url_allowed(base, &url);
  if (status != INS_OK)
    return ins_within(status, "INSILICO_HUB_URL, HF_ENDPOINT or INSILICO_GIN_URL");
  while (n && base[n - 1] == '/') n--;
  ins_text_add_bytes(out, base, n);
  return INS_OK;
}

/* openretina keeps files of its own repository below main/ at the cache's top. Elsewhere two
 * repositories may have files of one name, so the whole path is kept. */
static ins_status hub_target(const char *shown, const hub_file *file, ins_text *url,
                             ins_text *where) {
  bool ours = is(file->owner, "open-retina") && is(file->repo, "open-retina") &&
              is(file->revision, "main") && strcmp(file->kind, "datasets/") == 0;
  ins_status status = add_base(hub_base(), url);
  size_t start = url->length;
  if (status != INS_OK) return status;
  ins_text_add(url, "/%s%.*s/%.*s/resolve/%.*s/", file->kind, (int)file->owner.n, file->owner.at,
               (int)file->repo.n, file->repo.at, (int)file->revision.n, file->revision.at);
  ins_text_add_bytes(url, file->path.at, file->path.n);
  if ((status = ins_text_ok(url)) != INS_OK) return status;
  if (ours) return fetch_path_decode(shown, file->path.at, file->path.n, where);
  ins_text_add(where, "%s", strstr(FETCH_HUB, "://") + 3);
  return fetch_path_decode(shown, url->data + start, url->length - start, where);
}

/* ---- hf://[datasets/]OWNER/REPO[@REVISION]/PATH[@REVISION] ----------------------------------- */

/* Cuts @REVISION off the end of a part of the path. */
static void take_revision(piece *part, piece *revision) {
  const char *at = memrchr(part->at, '@', part->n);
  if (!at || at == part->at || at + 1 == part->at + part->n) return;
  if (memchr(at, '/', (size_t)(part->at + part->n - at))) return;
  *revision = (piece){at + 1, (size_t)(part->at + part->n - at - 1)};
  part->n = (size_t)(at - part->at);
}

static ins_status read_hf(const char *name, hub_file *out) {
  piece rest = {name + strlen("hf://"), strlen(name) - strlen("hf://")};
  out->kind = hub_kind(&rest);
  out->revision = (piece){"main", 4};
  out->owner = next_part(&rest);
  out->repo = next_part(&rest);
  take_revision(&out->repo, &out->revision);
  out->path = rest;
  take_revision(&out->path, &out->revision);
  while (out->path.n && *out->path.at == '/') {
    out->path.at++;
    out->path.n--;
  }
  if (out->owner.n && out->repo.n && out->path.n) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%.300s: is not of the form hf://datasets/OWNER/REPO/PATH[@REVISION] or "
                  "hf://OWNER/REPO/PATH[@REVISION]",
                  name);
}

/* Names in hf:// are plain text; in a URL they are encoded. */
static ins_status hf_target(const char *name, ins_text *url, ins_text *where) {
  hub_file plain;
  ins_text encoded = {0};
  ins_status status = read_hf(name, &plain);
  if (status != INS_OK) return status;
  piece *parts[] = {&plain.owner, &plain.repo, &plain.revision, &plain.path};
  size_t starts[4];
  for (size_t i = 0; i < 4; i++) {
    starts[i] = encoded.length;
    fetch_path_encode(parts[i]->at, parts[i]->n, &encoded);
  }
  status = ins_text_ok(&encoded);
  for (size_t i = 0; i < 4 && status == INS_OK; i++)
    *parts[i] =
        (piece){encoded.data + starts[i], (i < 3 ? starts[i + 1] : encoded.length) - starts[i]};
  if (status == INS_OK) status = hub_target(name, &plain, url, where);
  ins_text_free(&encoded);
  return status;
}

/* ---- http and https -------------------------------------------------------------------------- */

static bool has_base(const char *url, const char *base) {
  size_t n = strlen(base);
  while (n && base[n - 1] == '/') n--;
  return strncasecmp(url, base, n) == 0 && (url[n] == '/' || url[n] == '\0');
}

/* OWNER/REPO/raw/BRANCH/PATH, or src where a browser shows it; *verb is where that word is. */
static bool read_gin_path(const char *path, size_t n, size_t *verb) {
  piece rest = {path, n};
  bool whole = next_part(&rest).n && next_part(&rest).n;
  piece word = next_part(&rest);
  *verb = (size_t)(word.at - path);
  return whole && (is(word, "raw") || is(word, "src")) && next_part(&rest).n && next_part(&rest).n;
}

/* The last two parts, as openretina keeps them. */
static ins_status gin_target(const char *shown, const char *path, size_t n, size_t verb,
                             ins_text *url, ins_text *where) {
  ins_text all = {0};
  ins_status status = add_base(gin_base(), url);
  if (status != INS_OK) return status;
  ins_text_add_bytes(url, path, verb);
  ins_text_add(url, "raw");
  ins_text_add_bytes(url, path + verb + 3, n - verb - 3);
  status = fetch_path_decode(shown, path, n, &all);
  if (status == INS_OK) {
    const char *last = strrchr(all.data, '/');
    const char *before = memrchr(all.data, '/', (size_t)(last - all.data));
    ins_text_add(where, "%s", before + 1);
  }
  ins_text_free(&all);
  return status;
}

/* HOST/PATH. What follows ? can decide which file it is, so it is told apart too. */
static ins_status other_target(const char *name, const fetch_url *parts, ins_text *url,
                               ins_text *where) {
  char hash[INS_SHA256_HEX];
  ins_text_add_bytes(url, name, strcspn(name, "#"));
  ins_text_add(where, "%s", parts->authority);
  if (parts->query_length) {
    ins_status status = ins_sha256(parts->query, parts->query_length, hash);
    if (status != INS_OK) return status;
    ins_text_add(where, "/query-%.12s", hash);
  }
  return fetch_path_decode(name, parts->path, parts->path_length, where);
}

static ins_status url_target(const char *name, ins_text *url, ins_text *where) {
  fetch_url parts;
  hub_file file;
  size_t verb;
  const char *bases[] = {hub_base(), FETCH_HUB, gin_base(), FETCH_GIN};
  ins_status status = fetch_url_read(name, &parts);
  if (status == INS_OK) status = fetch_url_allowed(name, &parts);
  if (status != INS_OK) return status;
  if (parts.path_length < 2 || parts.path[parts.path_length - 1] == '/')
    return ins_fail(INS_ERR_ARGUMENT, "%.300s: names a folder, not a file", name);
  for (size_t i = 0; i < 4; i++) {
    if (!has_base(name, bases[i])) continue;
    size_t n = strlen(bases[i]);
    while (n && bases[i][n - 1] == '/') n--;
    size_t length = parts.path_length - (size_t)(name + n - parts.path);
    if (i >= 2 && read_gin_path(name + n, length, &verb))
      return gin_target(name, name + n, length, verb, url, where);
    if (i < 2 && read_hub_path(name + n, length, &file)) return hub_target(name, &file, url, where);
  }
  return other_target(name, &parts, url, where);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The files beside a file must not be mistaken for files. */
static ins_status check_ending(const char *name, const char *where) {
  static const char *const endings[] = {".part", ".part.source", ".lock", ".sha256"};
  size_t n = strlen(where);
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t m = strlen(endings[i]);
    if (n > m && strcmp(where + n - m, endings[i]) == 0)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%.300s: a name with this ending is kept for what lies beside a file in the "
                      "cache; fetch it by hand",
                      name);
  }
  return INS_OK;
}

ins_status fetch_target_create(const char *name, fetch_target *out) {
  ins_text url = {0}, where = {0};
  *out = (fetch_target){0};
  ins_status status = strncasecmp(name, "hf://", 5) == 0 ? hf_target(name, &url, &where)
                                                         : url_target(name, &url, &where);
  if (status == INS_OK) status = ins_text_ok(&url);
  if (status == INS_OK) status = ins_text_ok(&where);
  if (status == INS_OK) status = check_ending(name, where.data ? where.data : "");
  if (status == INS_OK) {
    *out = (fetch_target){.url = url.data, .where = where.data};
    return INS_OK;
  }
  ins_text_free(&url);
  ins_text_free(&where);
  return status;
}

void fetch_target_clear(fetch_target *target) {
  free(target->url);
  free(target->where);
  *target = (fetch_target){0};
}
