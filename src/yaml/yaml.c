/* SPDX-License-Identifier: MIT */
#include "insilico/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"

typedef struct anchor {
  char *name;
  const ins_value *value; /* owned by the tree */
} anchor;

/* Events are turned into a tree rather than libfyaml's own document, so that depth, aliases and
 * repeated keys are ours to bound and to complain about. */
typedef struct builder {
  struct fy_parser *parser;
  struct fy_diag *diag;
  const char *origin;
  ins_key_places *keys;
  bool python; /* Python's tuples are lists */
  size_t n_nodes;
  anchor *anchors;
  size_t n_anchors, anchors_capacity;
  struct fy_mark last; /* where the latest event stood that stands anywhere: empty values do not */
} builder;

/* "ORIGIN:LINE:COLUMN: ", the line and column (zero-based) only where they mean something. */
static const char *place(const builder *b, const struct fy_mark *mark, char out[512]) {
  out[0] = '\0';
  if (!mark) mark = &b->last;
  if (b->origin && b->keys)
    snprintf(out, 512, "%.400s:%d:%d: ", b->origin, mark->line + 1, mark->column + 1);
  else if (b->origin)
    snprintf(out, 512, "%.400s: ", b->origin);
  return out;
}

static const char *place_at(const builder *b, int line, int column, char out[512]) {
  struct fy_mark mark = {.line = line - 1, .column = column - 1};
  return place(b, &mark, out);
}

/* ---- events -------------------------------------------------------------------------------------
 */

static ins_status syntax_error(const builder *b) {
  void *cursor = NULL;
  char at[512];
  const struct fy_diag_error *error = fy_diag_errors_iterate(b->diag, &cursor);
  /* libfyaml keeps silent about %YAML with a version that it does not know. */
  if (!error)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%snot valid YAML 1.1 or 1.2 from here on; leave out lines that begin with %%",
                    place(b, &b->last, at));
  int line = error->line > 0 ? error->line : 1, column = error->column > 0 ? error->column : 1;
  return ins_fail(INS_ERR_ARGUMENT, "%snot valid YAML: %s", place_at(b, line, column, at),
                  error->msg);
}

/* Where an event starts, quotes included. */
static bool start_of(struct fy_event *event, struct fy_mark *out) {
  const struct fy_mark *mark = fy_event_start_mark(event);
  if (!mark) return false;
  *out = *mark;
  if (event->type != FYET_SCALAR || mark->column == 0) return true;
  enum fy_scalar_style style = fy_token_scalar_style(event->scalar.value);
  if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) out->column--;
  return true;
}

static ins_status next(builder *b, struct fy_event **event) {
  *event = fy_parser_parse(b->parser);
  if (*event) (void)start_of(*event, &b->last);
  return *event ? INS_OK : syntax_error(b);
}

static void remember_place(const builder *b, struct fy_event *event, ins_value *value) {
  struct fy_mark mark;
  if (b->keys && start_of(event, &mark)) {
    value->line = mark.line + 1;
    value->column = mark.column + 1;
  }
}

static ins_status set_origin(const builder *b, ins_value *value) {
  if (!b->origin) return INS_OK;
  value->origin = strdup(b->origin);
  return value->origin ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while reading YAML");
}

/* ---- aliases ------------------------------------------------------------------------------------
 */

static size_t count_nodes(const ins_value *value) {
  size_t n = 1;
  for (size_t i = 0; i < ins_value_count(value); i++) n += count_nodes(value->children.items[i]);
  return n;
}

static int depth_of(const ins_value *value) {
  int deepest = 0;
  for (size_t i = 0; i < ins_value_count(value); i++) {
    int depth = depth_of(value->children.items[i]);
    if (depth > deepest) deepest = depth;
  }
  return value->kind == INS_LIST || value->kind == INS_MAP ? deepest + 1 : 0;
}

static ins_status too_deep(const builder *b, struct fy_event *event) {
  char at[512];
  return ins_fail(INS_ERR_ARGUMENT, "%snested more than %d deep; this is too much for a job",
                  place(b, fy_event_start_mark(event), at), INS_YAML_MAX_DEPTH);
}

static ins_status count(builder *b, size_t more, struct fy_event *event) {
  char at[512];
  b->n_nodes += more;
  if (b->n_nodes <= INS_YAML_MAX_NODES) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%smore than %d values, aliases (*) counted in full; this is too much for a job",
                  place(b, fy_event_start_mark(event), at), INS_YAML_MAX_NODES);
}

static ins_status remember_anchor(builder *b, struct fy_token *token, const ins_value *value) {
  size_t n = 0;
  const char *name = token ? fy_token_get_text(token, &n) : NULL;
  if (!name) return INS_OK;
  ins_status status =
      ins_grow(&b->anchors, &b->anchors_capacity, b->n_anchors + 1, sizeof *b->anchors);
  if (status != INS_OK) return status;
  char *copy = strndup(name, n);
  if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading YAML");
  b->anchors[b->n_anchors++] = (anchor){copy, value};
  return INS_OK;
}

/* A copy of what the anchor stands for. A container is known only once it is complete, so that it
 * cannot contain itself; the latest of several anchors of one name counts. */
static ins_status alias(builder *b, struct fy_event *event, int depth, ins_value **out) {
  size_t n = 0;
  char at[512];
  const char *name = fy_token_get_text(event->alias.anchor, &n);
  for (size_t i = b->n_anchors; name && i-- > 0;) {
    if (strncmp(b->anchors[i].name, name, n) != 0 || b->anchors[i].name[n]) continue;
    ins_status status = count(b, count_nodes(b->anchors[i].value), event);
    if (status != INS_OK) return status;
    if (depth + depth_of(b->anchors[i].value) > INS_YAML_MAX_DEPTH) return too_deep(b, event);
    *out = ins_value_copy(b->anchors[i].value);
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  return ins_fail(
      INS_ERR_ARGUMENT,
      "%s'*%.*s' names no anchor '&%.*s' before it; put text that begins with * in quotes",
      place(b, fy_event_start_mark(event), at), (int)n, name ? name : "", (int)n, name ? name : "");
}

/* ---- values -------------------------------------------------------------------------------------
 */

static ins_status build(builder *b, struct fy_event *event, int depth, ins_value **out);

static ins_status scalar(const builder *b, struct fy_event *event, ins_value **out) {
  size_t n = 0;
  char at[512];
  const char *s = fy_token_get_text(event->scalar.value, &n);
  bool plain = fy_token_scalar_style(event->scalar.value) == FYSS_PLAIN;
  if (n && memchr(s, '\0', n))
    return ins_fail(INS_ERR_ARGUMENT, "%stext with a NUL character cannot be used; remove '\\0'",
                    place(b, fy_event_start_mark(event), at));
  *out = plain ? ins_yaml_scalar(s ? s : "", n) : ins_value_text_n(s ? s : "", n);
  return *out ? INS_OK : INS_ERR_MEMORY;
}

static ins_status sequence(builder *b, int depth, ins_value *list) {
  for (;;) {
    struct fy_event *event;
    ins_value *item = NULL;
    ins_status status = next(b, &event);
    if (status != INS_OK) return status;
    bool end = event->type == FYET_SEQUENCE_END;
    if (!end) status = build(b, event, depth, &item);
    fy_parser_event_free(b->parser, event);
    if (end || status != INS_OK) return status;
    status = ins_list_take(list, item);
    if (status != INS_OK) return status;
  }
}

/* The text of a key, whose event is given, as a copy. */
static ins_status key_text(const builder *b, struct fy_event *event, char **key) {
  size_t n = 0;
  char at[512];
  const struct fy_mark *mark = fy_event_start_mark(event);
  const char *s = event->type == FYET_SCALAR ? fy_token_get_text(event->scalar.value, &n) : NULL;
  if (!s || !n || memchr(s, '\0', n))
    return ins_fail(INS_ERR_ARGUMENT,
                    "%sa key must be a word; lists, maps and nothing cannot be keys",
                    place(b, mark, at));
  *key = strndup(s, n);
  return *key ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while reading YAML");
}

static ins_status repeated(const builder *b, const struct fy_mark *mark, const char *key,
                           const ins_value *first) {
  char at[512], where[64] = "";
  if (first->line) snprintf(where, sizeof where, " (first on line %d)", first->line);
  return ins_fail(INS_ERR_ARGUMENT, "%skey '%s' is given twice%s; keep one of them",
                  place(b, mark, at), key, where);
}

static ins_status remember_key(const builder *b, const ins_value *item, struct fy_mark mark) {
  ins_key_places *keys = b->keys;
  if (!keys) return INS_OK;
  ins_status status = ins_grow(&keys->at, &keys->capacity, keys->n + 1, sizeof *keys->at);
  if (status == INS_OK) keys->at[keys->n++] = (ins_key_place){item, mark.line + 1, mark.column + 1};
  return status;
}

/* One entry of a map: the key's event is there, the value's follows. */
static ins_status entry(builder *b, struct fy_event *event, int depth, ins_value *map) {
  char *key = NULL, at[512];
  struct fy_event *second = NULL;
  ins_value *item = NULL;
  struct fy_mark mark = b->last;
  ins_status status = key_text(b, event, &key);
  if (status != INS_OK) return status;
  const ins_value *first = ins_map_get(map, key);
  if (first)
    status = repeated(b, &mark, key, first);
  else if (ins_value_count(map) == INS_YAML_MAX_KEYS)
    status = ins_fail(INS_ERR_ARGUMENT, "%smore than %d keys in one map", place(b, &mark, at),
                      INS_YAML_MAX_KEYS);
  if (status == INS_OK) status = next(b, &second);
  if (status == INS_OK) status = build(b, second, depth, &item);
  if (status != INS_OK) goto done;
  if (item->line == 0 && b->keys) { /* an empty value has no token: it stands where its key does */
    item->line = mark.line + 1;
    item->column = mark.column + 1;
  }
  status = ins_map_take(map, key, item);
  if (status == INS_OK) status = remember_key(b, item, mark);
done:
  if (second) fy_parser_event_free(b->parser, second);
  free(key);
  return status;
}

static ins_status mapping(builder *b, int depth, ins_value *map) {
  for (;;) {
    struct fy_event *event;
    ins_status status = next(b, &event);
    if (status != INS_OK) return status;
    bool end = event->type == FYET_MAPPING_END;
    if (!end) status = entry(b, event, depth, map);
    fy_parser_event_free(b->parser, event);
    if (end || status != INS_OK) return status;
  }
}

static ins_status container(builder *b, struct fy_event *event, int depth, ins_value **out) {
  bool list = event->type == FYET_SEQUENCE_START;
  if (depth == INS_YAML_MAX_DEPTH) return too_deep(b, event);
  *out = list ? ins_value_list() : ins_value_map();
  if (!*out) return INS_ERR_MEMORY;
  remember_place(b, event, *out);
  return list ? sequence(b, depth + 1, *out) : mapping(b, depth + 1, *out);
}

/* PyYAML writes a tuple as a list with a tag of its own. */
static bool is_tuple(struct fy_event *event, struct fy_token *tag) {
  static const char tuple[] = "tag:yaml.org,2002:python/tuple";
  size_t n = 0;
  const char *s = fy_token_get_text(tag, &n);
  return event->type == FYET_SEQUENCE_START && s && n == strlen(tuple) && memcmp(s, tuple, n) == 0;
}

static ins_status build(builder *b, struct fy_event *event, int depth, ins_value **out) {
  char at[512];
  struct fy_token *tag = fy_event_get_tag_token(event);
  *out = NULL;
  if (tag && !(b->python && is_tuple(event, tag)))
    return ins_fail(INS_ERR_ARGUMENT, "%s%s", place(b, fy_event_start_mark(event), at),
                    b->python ? "a tag (!) other than !!python/tuple, which is not read"
                              : "tags (!) have no meaning in a job; remove it");
  ins_status status = count(b, 1, event);
  if (status != INS_OK) return status;
  if (event->type == FYET_ALIAS) return alias(b, event, depth, out);
  if (event->type == FYET_SCALAR)
    status = scalar(b, event, out);
  else
    status = container(b, event, depth, out);
  if (status == INS_OK) remember_place(b, event, *out);
  if (status == INS_OK) status = set_origin(b, *out);
  if (status == INS_OK) status = remember_anchor(b, fy_event_get_anchor_token(event), *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* ---- documents ----------------------------------------------------------------------------------
 */

/* One document; whatever follows it is refused. */
static ins_status document(builder *b, ins_value **out) {
  for (int documents = 0;;) {
    struct fy_event *event;
    char at[512];
    ins_status status = next(b, &event);
    if (status != INS_OK) return status;
    enum fy_event_type type = event->type;
    if (type == FYET_DOCUMENT_START && documents++)
      status = ins_fail(INS_ERR_ARGUMENT, "%sa second document ('---'); a job file holds one job",
                        place(b, fy_event_start_mark(event), at));
    else if (type != FYET_DOCUMENT_START && type != FYET_DOCUMENT_END &&
             type != FYET_STREAM_START && type != FYET_STREAM_END)
      status = build(b, event, 0, out);
    fy_parser_event_free(b->parser, event);
    if (status != INS_OK || type == FYET_STREAM_END) return status;
  }
}

static ins_status check_text(const builder *b, const char *text, size_t n) {
  size_t bad = ins_yaml_first_bad_byte(text, n);
  int line = 1, column = 1;
  char at[512];
  if (bad == n) return INS_OK;
  for (size_t i = 0; i < bad; i++) {
    column = text[i] == '\n' ? 1 : column + 1;
    line += text[i] == '\n';
  }
  return ins_fail(INS_ERR_ARGUMENT,
                  "%sbyte 0x%02x is no text; save the file as UTF-8 without control characters",
                  place_at(b, line, column, at), (unsigned char)text[bad]);
}

static ins_status open_parser(builder *b, const char *text, size_t n) {
  struct fy_diag_cfg diag;
  fy_diag_cfg_default(&diag);
  diag.fp = NULL;
  b->diag = fy_diag_create(&diag);
  if (!b->diag) return ins_fail(INS_ERR_MEMORY, "out of memory while reading YAML");
  fy_diag_set_collect_errors(b->diag, true);
  struct fy_parse_cfg config = {
      .flags = (enum fy_parse_cfg_flags)(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE),
      .diag = b->diag};
  b->parser = fy_parser_create(&config);
  if (!b->parser || fy_parser_set_string(b->parser, text, n) != 0)
    return ins_fail(INS_ERR_MEMORY, "out of memory while reading YAML");
  return INS_OK;
}

static void close_parser(builder *b) {
  if (b->parser) fy_parser_destroy(b->parser);
  if (b->diag) fy_diag_destroy(b->diag);
  for (size_t i = 0; i < b->n_anchors; i++) free(b->anchors[i].name);
  ins_free(&b->anchors);
}

static ins_status parse(builder *b, const char *text, size_t n, ins_value **out) {
  *out = NULL;
  if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* the byte-order mark of some editors */
    text += 3;
    n -= 3;
  }
  ins_status status = check_text(b, text, n);
  if (status != INS_OK || n == 0) return status;
  status = open_parser(b, text, n);
  if (status == INS_OK) status = document(b, out);
  close_parser(b);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

ins_status ins_yaml_parse(const char *text, size_t n, const char *origin, ins_key_places *keys,
                          ins_value **out) {
  builder b = {.origin = origin, .keys = keys};
  return parse(&b, text, n, out);
}

static ins_status read_all(const char *path, char **text, size_t *n) {
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  ins_status status = INS_OK;
  size_t capacity = 0;
  *n = 0;
  do {
    status = ins_grow(text, &capacity, *n + 65536, 1);
    if (status != INS_OK) break;
    *n += fread(*text + *n, 1, capacity - *n, file);
  } while (!feof(file) && !ferror(file) && *n <= INS_YAML_MAX_BYTES);
  if (status == INS_OK && ferror(file))
    status = ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  else if (status == INS_OK && *n > INS_YAML_MAX_BYTES)
    status = ins_fail(INS_ERR_ARGUMENT, "%s: larger than 16 MB; is this a job file?", path);
  fclose(file);
  return status;
}

static ins_status read_file(builder *b, const char *path, ins_value **out) {
  char *text = NULL;
  size_t n = 0;
  *out = NULL;
  ins_status status = read_all(path, &text, &n);
  if (status == INS_OK) status = parse(b, text, n, out);
  ins_free(&text);
  return status;
}

ins_status ins_yaml_read(const char *path, ins_key_places *keys, ins_value **out) {
  builder b = {.origin = path, .keys = keys};
  return read_file(&b, path, out);
}

ins_status ins_yaml_read_python(const char *path, ins_value **out) {
  builder b = {.origin = path, .python = true};
  return read_file(&b, path, out);
}
