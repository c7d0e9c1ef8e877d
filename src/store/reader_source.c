/* SPDX-License-Identifier: MIT */
/* Finding a variable in a results file. */
#include "reader_source.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

/* ---- the file ----------------------------------------------------------------------------------
 */

static ins_status open_file(const char *path, hid_t *out) {
  ins_store_kind kind;
  char why[INS_MESSAGE_MAX];
  ins_status status = ins_store_look(path, &kind, why);
  if (status != INS_OK) return status;
  if (kind == INS_STORE_ABSENT) return ins_fail(INS_ERR_IO, "%s: there is no such file", path);
  if (kind == INS_STORE_STRANGER) return ins_fail(INS_ERR_FORMAT, "%s: %.600s", path, why);
  if (kind == INS_STORE_DAMAGED)
    return ins_fail(INS_ERR_FORMAT, "%.600s; run its job again: rows that are whole will be kept",
                    why);
  *out = ins_h5_open_plain(path);
  return *out >= 0 ? INS_OK : ins_h5_fail(path, "cannot be opened");
}

static bool has_stage(const ins_value *stages, const char *group) {
  for (size_t k = 0; k < ins_value_count(stages); k++)
    if (!strcmp(stages->children.items[k]->text, ins_source_stage(group))) return true;
  return false;
}

/* "GROUP/NAME" or "NAME", which a slash may stand before. */
static ins_status split(const char *asked, ins_source *out) {
  asked += asked[0] == '/';
  const char *slash = strrchr(asked, '/');
  out->group = strndup(asked, slash ? (size_t)(slash - asked) : 0);
  out->name = strdup(slash ? slash + 1 : asked);
  if (out->group && out->name) return INS_OK;
  return ins_fail(INS_ERR_MEMORY, "out of memory for the name of a variable");
}

static ins_status refuse(const ins_source *s, const char *what) {
  return ins_fail(INS_ERR_ARGUMENT, "%s: '%s%s%s' %s; choose a variable that holds numbers",
                  s->path, s->group, s->group[0] ? "/" : "", s->name, what);
}

static ins_status find_variable(const char *asked, ins_source *s) {
  const ins_members *members = &s->members;
  if (!has_stage(s->stages, s->group)) return ins_source_unknown(s, asked);
  ins_status status = ins_members_read(s->file, s->path, s->group, &s->members);
  if (status != INS_OK) return status;
  s->variable = ins_members_find(members, s->name);
  if (s->variable == members->n) return ins_source_unknown(s, asked);
  const struct ins_member *m = &members->items[s->variable];
  if (!m->whole)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s is of a type or size that results do not have",
                    s->path, asked);
  if (m->extent.texts) return refuse(s, "holds texts");
  if (m->extent.is_axis) return refuse(s, "is an axis");
  if (!ins_members_is_data(members, s->variable)) return refuse(s, "keeps the books");
  return INS_OK;
}

ins_status ins_source_open(const char *path, const char *variable, ins_source *out) {
  *out = (ins_source){.path = path,
                      .file = H5I_INVALID_HID,
                      .members = {.group = H5I_INVALID_HID},
                      .rows = {.fd = -1}};
  ins_h5_quiet();
  ins_status status = open_file(path, &out->file);
  if (status == INS_OK) status = ins_store_stage_names(out->file, &out->stages);
  if (status == INS_OK) status = split(variable, out);
  ins_h5_quiet();
  if (status == INS_OK) status = find_variable(variable, out);
  if (status == INS_OK)
    status = ins_rows_open(out->file, out->group[0] ? out->group : NULL, path, &out->rows);
  if (status != INS_OK) ins_source_close(out);
  return status;
}

void ins_source_close(ins_source *source) {
  ins_rows_close(&source->rows);
  ins_members_clear(&source->members);
  ins_value_destroy(&source->stages);
  free(source->group);
  free(source->name);
  if (source->file >= 0) H5Fclose(source->file);
  *source = (ins_source){
      .file = H5I_INVALID_HID, .members = {.group = H5I_INVALID_HID}, .rows = {.fd = -1}};
  ins_h5_silent();
}

/* ---- names that are not there ------------------------------------------------------------------
 */

typedef struct words {
  size_t n, capacity;
  char **items;
} words;

static ins_status add_word(words *list, const char *group, const char *name) {
  ins_status status = ins_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items);
  if (status != INS_OK) return status;
  list->items[list->n] = ins_format("%s%s%s", group, group[0] ? "/" : "", name);
  return list->items[list->n++] ? INS_OK : INS_ERR_MEMORY;
}

static void clear_words(words *list) {
  for (size_t i = 0; i < list->n; i++) free(list->items[i]);
  ins_free(&list->items);
}

/* Names of variables as they are given, and without their groups. */
typedef struct catalogue {
  words full, bare;
} catalogue;

/* Variables of one stage over one axis at most, or over several. */
static ins_status list_stage(const ins_source *s, const char *stage, bool several, catalogue *all) {
  const char *group = strcmp(stage, "/") != 0 ? stage : "";
  ins_members members;
  ins_status status = ins_members_read(s->file, s->path, group, &members);
  for (size_t i = 0; status == INS_OK && i < members.n; i++) {
    const char *name = members.items[i].name;
    if (!ins_members_is_data(&members, i) || (members.items[i].extent.n_dims > 1) != several)
      continue;
    status = add_word(&all->full, group, name);
    if (status == INS_OK) status = add_word(&all->bare, "", name);
  }
  ins_members_clear(&members);
  return status;
}

/* Those over several axes come first: most are asked for. */
static ins_status list_all(const ins_source *s, catalogue *all) {
  ins_status status = INS_OK;
  for (int turn = 0; turn < 2; turn++)
    for (size_t k = 0; k < ins_value_count(s->stages) && status == INS_OK; k++)
      status = list_stage(s, s->stages->children.items[k]->text, turn == 0, all);
  return status;
}

/* Those that are called `name` in whatever group; how many. */
static size_t add_namesakes(const catalogue *all, const char *name, ins_text *out) {
  enum { ENOUGH = 8 };
  size_t n = 0;
  for (size_t i = 0; i < all->bare.n && n < ENOUGH; i++)
    if (!strcmp(all->bare.items[i], name))
      ins_text_add(out, "%s'%s'", n++ ? ", " : "", all->full.items[i]);
  return n;
}

/* The same name in another group; else the nearest spelling, with its group or without. */
static void add_near(const catalogue *all, const char *asked, ins_text *out) {
  const char *slash = strrchr(asked, '/'), *name = slash ? slash + 1 : asked;
  if (add_namesakes(all, name, out)) return;
  const char *near = ins_text_nearest(asked, (const char *const *)all->full.items, all->full.n);
  if (near) {
    ins_text_add(out, "'%s'", near);
    return;
  }
  near = ins_text_nearest(name, (const char *const *)all->bare.items, all->bare.n);
  if (near) add_namesakes(all, near, out);
}

static ins_status not_there(const ins_source *s, const char *asked, const catalogue *all) {
  enum { ENOUGH = 500 };
  ins_text near = {0}, there = {0};
  size_t i = 0;
  add_near(all, asked, &near);
  for (; i < all->full.n && there.length + strlen(all->full.items[i]) < ENOUGH; i++)
    ins_text_add(&there, "%s%s", i ? ", " : "", all->full.items[i]);
  if (i < all->full.n) ins_text_add(&there, " and %zu more", all->full.n - i);
  ins_status status = ins_text_ok(&near);
  if (status == INS_OK) status = ins_text_ok(&there);
  if (status == INS_OK)
    status = ins_fail(INS_ERR_ARGUMENT, "%s: has no variable '%.100s'%s%s (there %s: %s)", s->path,
                      asked, near.length ? "; did you mean " : "", near.length ? near.data : "",
                      i == 1 ? "is" : "are", i ? there.data : "none that hold numbers");
  ins_text_free(&near);
  ins_text_free(&there);
  return status;
}

ins_status ins_source_unknown(const ins_source *source, const char *asked) {
  catalogue all = {0};
  ins_status status = list_all(source, &all);
  if (status == INS_OK) status = not_there(source, asked, &all);
  clear_words(&all.full);
  clear_words(&all.bare);
  return status;
}

/* ---- the same rows, the same identity ----------------------------------------------------------
 */

static ins_status add_attribute(const ins_source *s, const char *name, ins_text *out) {
  ins_value *value;
  ins_status status = ins_h5_get_value(s->file, name, &value);
  if (status != INS_OK) return status;
  ins_text_add(out, "%s %s\n", name, ins_value_text_or(value, ""));
  ins_value_destroy(&value);
  return ins_text_ok(out);
}

/* Pieces of one book, each by its hash. *n_done (may be NULL) grows by the tasks that are done. */
static ins_status add_book(const ins_source *s, const ins_place *place, uint8_t *block, size_t most,
                           ins_text *out, size_t *n_done) {
  const uint64_t bytes = (uint64_t)s->rows.n_tasks * place->row_bytes;
  char hash[INS_SHA256_HEX];
  for (uint64_t at = 0; at < bytes; at += most) {
    const size_t n = bytes - at < most ? (size_t)(bytes - at) : most;
    if (!ins_rows_read(&s->rows, place->offset + at, n, block))
      return ins_fail(INS_ERR_FORMAT, "%s: damaged: %s cannot be read", s->path, place->name);
    ins_status status = ins_sha256(block, n, hash);
    if (status != INS_OK) return status;
    ins_text_add(out, "%s %s\n", place->name, hash);
    for (size_t i = 0; n_done && i < n; i++) *n_done += block[i] == INS_TASK_DONE;
  }
  return ins_text_ok(out);
}

ins_status ins_source_identify(const ins_source *source, char identity[INS_SHA256_HEX],
                               size_t *n_done) {
  enum { PIECE = 1 << 20 };
  ins_text text = {0};
  uint8_t *block = NULL;
  *n_done = 0;
  ins_status status = ins_alloc(PIECE, 1, &block);
  if (status == INS_OK) status = add_attribute(source, "job_sha256", &text);
  if (status == INS_OK) status = add_attribute(source, "model_sha256", &text);
  ins_text_add(&text, "stage %s\ntasks %zu\n", ins_source_stage(source->group),
               source->rows.n_tasks);
  if (status == INS_OK)
    status = add_book(source, &source->rows.status, block, PIECE, &text, n_done);
  if (status == INS_OK)
    status = add_book(source, &source->rows.checksum, block, PIECE, &text, NULL);
  if (status == INS_OK) status = ins_sha256(text.data, text.length, identity);
  ins_free(&block);
  ins_text_free(&text);
  return status;
}
