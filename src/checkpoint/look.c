/* SPDX-License-Identifier: MIT */
#include "insilico/look.h"

#include <stdlib.h>
#include <string.h>

#include "archive_members.h"
#include "torch_file.h"
#include "values.h"

enum { MAX_LEVELS = 200, MAX_NAME = 4096, MAX_SHARING = 8, MIN_VISITS = 1 << 16 };

typedef struct walk {
  ins_torch_file *file;
  ins_value *tensors, *other;
  char name[MAX_NAME]; /* of the node that is looked at */
  size_t length;
  int level;
  size_t n_visits;
} walk;

bool ins_checkpoint_is_torch(const char *path) {
  ins_archive *archive;
  unsigned char head[32] = {0};
  bool read = ins_archive_open_pickle(path, &archive) == INS_OK &&
              ins_archive_peek(archive, head, sizeof head) == INS_OK;
  ins_archive_close(&archive);
  return read && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0 ||
                  ins_stream_starts(head, sizeof head));
}

/* ---- what is found --------------------------------------------------------------------------- */

static ins_value *shape_value(const ins_tensor_look *look) {
  ins_value *shape = ins_value_list();
  for (int d = 0; shape && d < look->n_dims; d++)
    if (ins_list_take(shape, ins_value_int((int64_t)look->shape[d])) != INS_OK)
      ins_value_destroy(&shape);
  return shape;
}

static ins_status add_tensor(walk *w, ins_node call) {
  ins_tensor_look look;
  ins_status status = ins_torch_describe(w->file, call, &look);
  if (status == INS_OK)
    status = ins_archive_spend_objects(w->file->archive, (5 + INS_MAX_DIMS) * INS_VALUE_COST);
  if (status != INS_OK) return status;
  ins_value *entry = ins_value_map();
  status = entry ? ins_map_take(entry, "name", ins_value_text(w->name)) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(entry, "shape", shape_value(&look));
  if (status == INS_OK) status = ins_map_take(entry, "dtype", ins_value_text(look.dtype));
  if (status == INS_OK)
    status = ins_map_take(entry, "n_bytes", ins_value_int((int64_t)look.n_bytes));
  if (status == INS_OK) return ins_list_take(w->tensors, entry);
  ins_value_destroy(&entry);
  return status;
}

static ins_status add_other(walk *w) {
  ins_status status = ins_archive_spend_objects(w->file->archive, INS_VALUE_COST + w->length);
  return status == INS_OK ? ins_list_take(w->other, ins_value_text(w->name)) : status;
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* A tensor, or what torch puts around one; *call becomes the tensor's own. */
static bool is_tensor(const ins_pickle *p, ins_node *call) {
  static const char *const around[] = {"_rebuild_parameter", "_rebuild_parameter_with_state"};
  for (int k = 0; k < 2; k++)
    if (ins_pk_call_is(p, *call, "torch._utils", around[k]))
      *call = ins_pk_item(p, ins_pk(p, *call)->call.args, 0);
  return ins_pk_call_is(p, *call, "torch._utils", "_rebuild_tensor") ||
         ins_pk_call_is(p, *call, "torch._utils", "_rebuild_tensor_v2") ||
         ins_pk_call_is(p, *call, "torch._utils", "_rebuild_tensor_v3");
}

/* The parts of a module that its own names do not mention: core.weight is
 * core._parameters.weight. */
static bool is_silent(const ins_pickle *p, ins_node key) {
  return ins_pk_text_is(p, key, "_parameters") || ins_pk_text_is(p, key, "_buffers") ||
         ins_pk_text_is(p, key, "_modules");
}

/* What objects keep for themselves: hooks of modules, OmegaConf's and state dicts' metadata. */
static bool is_private(const walk *w, ins_node key) {
  const ins_pickle *p = &w->file->pickle;
  const ins_pickle_node *text = ins_pk(p, key);
  return ins_pk_text_is(p, key, "_metadata") ||
         (w->level > 1 && text->kind == PK_TEXT && text->text.n && text->text.bytes[0] == '_');
}

/* Appends ".part" to the name; the caller cuts it off again. */
static ins_status extend(walk *w, const char *part, size_t n) {
  if (n + 2 > MAX_NAME - w->length)
    return ins_value_refused(w->file, "a name of over 4000 characters");
  if (w->length) w->name[w->length++] = '.';
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)part[i], next = i + 1 < n ? (unsigned char)part[i + 1] : 0;
    /* Terminals obey the controls of Latin-1 too, which UTF-8 writes as c2 80 to c2 9f. */
    bool control = c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next < 0xa0);
    w->name[w->length++] = control ? '?' : (char)c;
  }
  w->name[w->length] = '\0';
  return INS_OK;
}

static ins_status visit(walk *w, ins_node node, bool *found);

/* *found: whether the child, or an earlier one, holds a tensor. Children without any are added to
 * the list of others only where a sibling has one; else the parent is named in their place. */
static ins_status visit_part(walk *w, ins_node key, size_t number, ins_node child, bool *found) {
  const ins_pickle *p = &w->file->pickle;
  size_t before = w->length;
  ins_status status = INS_OK;
  if (ins_pk_kind(p, key) == PK_TEXT && !is_silent(p, key)) {
    status = extend(w, ins_pk(p, key)->text.bytes, ins_pk(p, key)->text.n);
  } else if (!is_silent(p, key)) {
    char *text = ins_pk_kind(p, key) == PK_INT
                     ? ins_format("%lld", (long long)ins_pk(p, key)->integer)
                     : ins_format("%zu", number);
    status = text ? extend(w, text, strlen(text)) : INS_ERR_MEMORY;
    free(text);
  }
  bool own = false;
  if (status == INS_OK) status = visit(w, child, &own);
  if (status == INS_OK && !own && !is_silent(p, key) && !is_private(w, key)) status = add_other(w);
  *found |= own;
  w->length = before;
  w->name[before] = '\0';
  return status;
}

static ins_status visit_parts(walk *w, ins_node node, bool *found) {
  const ins_pickle *p = &w->file->pickle;
  bool dict = ins_pk_kind(p, node) == PK_DICT;
  ins_status status = INS_OK;
  for (size_t i = 0; status == INS_OK && i < ins_pk_count(p, node); i++) {
    const ins_node *items = ins_pk(p, node)->list.items;
    status = dict ? visit_part(w, items[2 * i], i, items[2 * i + 1], found)
                  : visit_part(w, 0, i, items[i], found);
  }
  return status;
}

/* An object's items, entries and state; OmegaConf's links to parents would lead in circles. */
static ins_status visit_object(walk *w, ins_node node, bool *found) {
  const ins_pickle_node *call = ins_pk(&w->file->pickle, node);
  ins_node parts[] = {call->call.dict, call->call.list, call->call.state};
  ins_status status = INS_OK;
  for (int k = 0; status == INS_OK && k < 3; k++) {
    w->n_visits += ins_pk_count(&w->file->pickle, parts[k]);
    ins_node_kind kind = ins_pk_kind(&w->file->pickle, parts[k]);
    if (kind == PK_DICT || kind == PK_LIST || kind == PK_TUPLE)
      status = visit_parts(w, parts[k], found);
  }
  return status;
}

static ins_status visit_inside(walk *w, ins_node node, bool *found) {
  size_t n_other = w->other->children.n;
  ins_status status = ins_pk_kind(&w->file->pickle, node) == PK_CALL ? visit_object(w, node, found)
                                                                     : visit_parts(w, node, found);
  /* Nothing below: its parts need not be told, except for those of the file itself. */
  if (status == INS_OK && !*found && w->level > 1)
    while (w->other->children.n > n_other)
      ins_value_destroy(&w->other->children.items[--w->other->children.n]);
  return status;
}

static ins_status visit(walk *w, ins_node node, bool *found) {
  const ins_pickle *p = &w->file->pickle;
  ins_node call = node;
  if (ins_pk(p, node)->visiting) return INS_OK;
  if (w->level >= MAX_LEVELS)
    return ins_value_refused(w->file, "its data are nested more than 200 levels deep");
  if (is_tensor(p, &call)) {
    *found = true;
    return add_tensor(w, call);
  }
  ins_node_kind kind = ins_pk_kind(p, node);
  if (kind != PK_DICT && kind != PK_LIST && kind != PK_TUPLE && kind != PK_CALL) return INS_OK;
  w->n_visits += 1 + ins_pk_count(p, node);
  if (w->n_visits > MIN_VISITS + MAX_SHARING * p->n)
    return ins_value_refused(
        w->file, "its objects refer to one another so often that they unfold without end");
  ins_pk(p, node)->visiting = true;
  w->level++;
  ins_status status = visit_inside(w, node, found);
  w->level--;
  ins_pk(p, node)->visiting = false;
  return status;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static ins_status describe(walk *w, ins_value *answer) {
  const ins_pickle *p = &w->file->pickle;
  const ins_archive *archive = w->file->archive;
  ins_node root = ins_torch_root(w->file);
  char class[512];
  const char *format =
      ins_archive_form_of(archive) == INS_FORM_ZIP ? "torch (ZIP)" : "torch (before 1.6)";
  ins_status status = ins_map_take(answer, "format", ins_value_text(format));
  if (status == INS_OK)
    status = ins_map_take(answer, "bytes", ins_value_int((int64_t)ins_archive_size(archive)));
  if (status == INS_OK && ins_pk_kind(p, root) == PK_CALL)
    status =
        ins_map_take(answer, "class", ins_value_text(ins_pk_name(p, root, class, sizeof class)));
  return status;
}

ins_status ins_checkpoint_look(const char *path, ins_value **out) {
  walk w = {.tensors = ins_value_list(), .other = ins_value_list()};
  ins_value *answer = ins_value_map();
  bool found = false;
  *out = NULL;
  ins_status status = w.tensors && w.other && answer ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_torch_open(path, &w.file);
  if (status == INS_OK) status = describe(&w, answer);
  if (status == INS_OK) status = visit(&w, ins_torch_root(w.file), &found);
  if (status == INS_OK) {
    status = ins_map_take(answer, "tensors", w.tensors);
    w.tensors = NULL;
  }
  if (status == INS_OK) {
    status = ins_map_take(answer, "other", w.other);
    w.other = NULL;
  }
  if (status == INS_OK)
    *out = answer;
  else
    ins_value_destroy(&answer);
  ins_value_destroy(&w.tensors);
  ins_value_destroy(&w.other);
  ins_torch_close(&w.file);
  return status;
}
