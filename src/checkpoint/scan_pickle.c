/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "scan.h"

enum { TABLE = 4 * INS_SCAN_NAMES, MOST_PICKLES = 1000 };

ins_status ins_scan_begin(ins_scan *scan) {
  *scan = (ins_scan){.pickles = ins_value_list()};
  ins_status status = scan->pickles ? INS_OK : INS_ERR_MEMORY;
  return status == INS_OK ? ins_alloc(TABLE, sizeof *scan->table, &scan->table) : status;
}

void ins_scan_end(ins_scan *scan) {
  for (size_t i = 0; i < scan->n; i++) {
    free(scan->seen[i].name);
    free(scan->seen[i].pickle);
    ins_text_free(&scan->seen[i].arguments);
  }
  ins_free(&scan->seen);
  ins_free(&scan->table);
  ins_value_destroy(&scan->pickles);
}

void ins_scan_worse(ins_scan *scan, ins_verdict verdict) {
  if (verdict > scan->verdict) scan->verdict = verdict;
}

/* ---- names ----------------------------------------------------------------------------------- */

typedef struct sight {
  const char *module, *name, *by;
  ins_verdict verdict;
  ins_scan_place place;
  size_t at;
} sight;

/* The entry of a name, made where there is none; NULL when the list is full. */
static ins_status entry_of(ins_scan *scan, const sight *s, ins_seen **out) {
  char *full = ins_format("%s%s%s", s->module, *s->module ? "." : "", s->name);
  *out = NULL;
  if (!full) return INS_ERR_MEMORY;
  size_t slot = ins_xxh3(full, strlen(full), 0) % TABLE;
  for (; scan->table[slot]; slot = (slot + 1) % TABLE) {
    ins_seen *seen = &scan->seen[scan->table[slot] - 1];
    if (strcmp(seen->name, full) != 0 || strcmp(seen->by, s->by) != 0) continue;
    free(full);
    *out = seen;
    return INS_OK;
  }
  ins_status status = INS_OK;
  char *pickle = scan->n < INS_SCAN_NAMES ? ins_format("%s", s->place.pickle) : NULL;
  if (scan->n >= INS_SCAN_NAMES)
    scan->more = true;
  else if (!pickle)
    status = INS_ERR_MEMORY;
  else
    status = ins_grow(&scan->seen, &scan->capacity, scan->n + 1, sizeof *scan->seen);
  if (scan->more || status != INS_OK) {
    free(full);
    free(pickle);
    return status;
  }
  scan->seen[scan->n] = (ins_seen){.name = full,
                                   .verdict = s->verdict,
                                   .by = s->by,
                                   .pickle = pickle,
                                   .first_at = s->place.at + s->at};
  *out = &scan->seen[scan->n++];
  scan->table[slot] = scan->n;
  return INS_OK;
}

static ins_status note(ins_scan *scan, const sight *s, ins_seen **out) {
  ins_scan_worse(scan, s->verdict);
  return entry_of(scan, s, out);
}

/* A text that the pickle names something by, on one line: what is no printable ASCII becomes '?',
 * and no such name is in any table. */
static bool copy_text(const ins_pickle *p, ins_node node, char *out, size_t size) {
  const ins_pickle_node *text = ins_pk(p, node);
  if (text->kind != PK_TEXT) return false;
  size_t n = text->text.n < size - 1 ? text->text.n : size - 1;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)text->text.bytes[i];
    out[i] = c > 0x20 && c < 0x7f ? (char)c : '?';
  }
  out[n] = '\0';
  return true;
}

static ins_status note_global(ins_scan *scan, const ins_pickle *p, ins_node node,
                              ins_scan_place place, ins_seen **out) {
  const ins_pickle_node *global = ins_pk(p, node);
  char module[768], name[768];
  sight s = {.module = module, .name = name, .by = "pickle", .place = place, .at = global->at};
  if (copy_text(p, global->global.module, module, sizeof module) &&
      copy_text(p, global->global.name, name, sizeof name)) {
    s.verdict = ins_verdict_of(module, name);
  } else {
    /* Put together while loading: nobody does that who has nothing to hide. */
    s.module = "";
    s.name = "(a computed name)";
    s.verdict = INS_DANGEROUS;
  }
  return note(scan, &s, out);
}

static ins_status note_call(ins_scan *scan, const ins_pickle *p, ins_node node,
                            ins_scan_place place) {
  const ins_pickle_node *call = ins_pk(p, node);
  ins_seen *seen;
  ins_node_kind kind = ins_pk_kind(p, call->call.callable);
  if (kind != PK_GLOBAL) {
    /* What another call gave is called: what that is, no table can say. */
    ins_scan_worse(scan, INS_UNKNOWN);
    return INS_OK;
  }
  ins_status status = note_global(scan, p, call->call.callable, place, &seen);
  if (status != INS_OK || !seen) return status;
  seen->calls++;
  if (seen->verdict == INS_DANGEROUS && !seen->arguments.data) {
    ins_scan_arguments(p, node, &seen->arguments);
    status = ins_text_ok(&seen->arguments);
  }
  if (ins_verdict_hides(seen->name) && ins_pk_count(p, call->call.args)) {
    if (seen->verdict < INS_UNKNOWN) seen->verdict = INS_UNKNOWN;
    ins_scan_worse(scan, INS_UNKNOWN);
  }
  return status;
}

/* The text that a configuration has for a key: OmegaConf keeps it in a node's _val. */
static ins_node setting(const ins_pickle *p, ins_node value) {
  ins_node text =
      ins_pk_kind(p, value) == PK_CALL ? ins_pk_get(p, ins_pk(p, value)->call.state, "_val") : 0;
  return text ? text : value;
}

/* hydra makes an object of the class that `_target_` names: openretina does so with the
 * hyper-parameters of a checkpoint. Where that is hydra's own "the function at `path`", the path is
 * what is named. */
static ins_status note_target(ins_scan *scan, const ins_pickle *p, ins_node dict, size_t pair,
                              ins_scan_place place) {
  static const char *const by_path[] = {"hydra.utils.get_method", "hydra.utils.get_class",
                                        "hydra.utils.get_object"};
  const ins_node *items = ins_pk(p, dict)->list.items + 2 * pair;
  char target[768];
  ins_seen *seen;
  sight s = {.by = "_target_", .place = place, .at = ins_pk(p, items[0])->at};
  if (!ins_pk_text_is(p, items[0], "_target_") || ins_pk_kind(p, items[1]) == PK_NONE)
    return INS_OK;
  bool text = copy_text(p, setting(p, items[1]), target, sizeof target);
  for (int k = 0; text && k < 3; k++)
    if (strcmp(target, by_path[k]) == 0) {
      text = copy_text(p, setting(p, ins_pk_get(p, dict, "path")), target, sizeof target);
      break;
    }
  char *dot = text ? strrchr(target, '.') : NULL;
  if (dot) *dot = '\0';
  s.module = dot ? target : "";
  s.name = dot ? dot + 1 : "(a computed name)";
  s.verdict = dot ? ins_verdict_of(s.module, s.name) : INS_UNKNOWN;
  return note(scan, &s, &seen);
}

static ins_status note_node(ins_scan *scan, const ins_pickle *p, ins_node i, ins_scan_place place) {
  const ins_pickle_node *node = ins_pk(p, i);
  ins_status status = INS_OK;
  ins_seen *seen;
  if (node->kind == PK_GLOBAL) status = note_global(scan, p, i, place, &seen);
  if (node->kind == PK_CALL) status = note_call(scan, p, i, place);
  for (size_t k = 0; status == INS_OK && node->kind == PK_DICT && k < node->list.n / 2; k++)
    status = note_target(scan, p, i, k, place);
  return status;
}

/* ---- pickles --------------------------------------------------------------------------------- */

static ins_status add_pickle(ins_scan *scan, ins_scan_place place, size_t n, const char *broken) {
  ins_value *entry = ins_value_map();
  if (scan->pickles->children.n >= MOST_PICKLES) {
    ins_value_destroy(&entry);
    return INS_OK;
  }
  ins_status status =
      entry ? ins_map_take(entry, "name", ins_value_text(place.pickle)) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(entry, "at", ins_value_int((int64_t)place.at));
  if (status == INS_OK) status = ins_map_take(entry, "bytes", ins_value_int((int64_t)n));
  if (status == INS_OK && broken) status = ins_map_take(entry, "broken", ins_value_text(broken));
  if (status == INS_OK) return ins_list_take(scan->pickles, entry);
  ins_value_destroy(&entry);
  return status;
}

ins_status ins_scan_pickle(ins_scan *scan, const unsigned char *bytes, size_t n,
                           ins_scan_place place, size_t *end, bool *whole) {
  const size_t spare = (size_t)256 << 20;
  char broken[INS_MESSAGE_MAX];
  ins_pickle p;
  ins_pickle_run run = {.most_bytes = n < SIZE_MAX / 128 ? spare + 64 * n : SIZE_MAX / 2,
                        .tolerant = true};
  ins_status status = ins_pickle_read_some(bytes, n, "not followed to its end", &run, &p);
  *whole = status == INS_OK;
  *end = run.end;
  if (status == INS_ERR_MEMORY) goto done;
  if (!*whole) memcpy(broken, ins_message(), sizeof broken);
  /* Tolerated was what changes classes or calls what calls gave. */
  if (!*whole || run.odd_at != SIZE_MAX) ins_scan_worse(scan, INS_UNKNOWN);
  status = add_pickle(scan, place, run.end, *whole ? NULL : broken);
  for (size_t i = 1; status == INS_OK && i < p.n; i++)
    status = note_node(scan, &p, (ins_node)i, place);
done:
  ins_pickle_free(&p);
  return status;
}

ins_status ins_scan_pickles(ins_scan *scan, const unsigned char *bytes, size_t n,
                            ins_scan_place place, size_t most) {
  ins_status status = INS_OK;
  bool whole = true;
  uint64_t first = place.at;
  for (size_t at = 0, end; status == INS_OK && whole && at < n && most > 0; at += end, most--) {
    place.at = first + at;
    status = ins_scan_pickle(scan, bytes + at, n - at, place, &end, &whole);
  }
  return status;
}

ins_status ins_scan_npy(ins_scan *scan, const unsigned char *bytes, size_t n,
                        ins_scan_place place) {
  if (n < 12 || memcmp(bytes, "\x93NUMPY", 6) != 0) {
    ins_scan_worse(scan, INS_UNKNOWN);
    return add_pickle(scan, place, 0, "not an array of NumPy");
  }
  size_t field = bytes[6] == 1 ? 2 : 4, length = 0;
  for (size_t i = field; i-- > 0;) length = length << 8 | bytes[8 + i];
  size_t data = 8 + field;
  if (length > n - data) {
    ins_scan_worse(scan, INS_UNKNOWN);
    return add_pickle(scan, place, 0, "its header is cut short");
  }
  /* No number type is spelt with an O; a field of a structure may be called so, which costs a look.
   */
  if (!memchr(bytes + data, 'O', length)) return INS_OK;
  data += length;
  place.at += data;
  return ins_scan_pickles(scan, bytes + data, n - data, place, SIZE_MAX);
}

/* ---- the answer ------------------------------------------------------------------------------ */

static ins_status add_import(ins_value *imports, ins_seen *seen) {
  ins_value *entry = ins_value_map();
  const char *verdict = ins_verdict_name(seen->verdict);
  ins_status status =
      entry ? ins_map_take(entry, "name", ins_value_text(seen->name)) : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_map_take(entry, "verdict", ins_value_text(verdict));
  if (status == INS_OK) status = ins_map_take(entry, "calls", ins_value_int((int64_t)seen->calls));
  if (status == INS_OK) status = ins_map_take(entry, "pickle", ins_value_text(seen->pickle));
  if (status == INS_OK)
    status = ins_map_take(entry, "first_at", ins_value_int((int64_t)seen->first_at));
  if (status == INS_OK) status = ins_map_take(entry, "by", ins_value_text(seen->by));
  if (status == INS_OK && seen->arguments.data)
    status = ins_map_take(entry, "arguments", ins_value_text(seen->arguments.data));
  if (status == INS_OK) return ins_list_take(imports, entry);
  ins_value_destroy(&entry);
  return status;
}

ins_status ins_scan_answer(ins_scan *scan, const char *format, ins_value **out) {
  ins_value *answer = ins_value_map(), *imports = ins_value_list();
  ins_status status = answer && imports ? INS_OK : INS_ERR_MEMORY;
  const char *verdict = ins_verdict_name(scan->verdict);
  if (status == INS_OK) status = ins_map_take(answer, "format", ins_value_text(format));
  if (status == INS_OK) status = ins_map_take(answer, "verdict", ins_value_text(verdict));
  for (size_t i = 0; status == INS_OK && i < scan->n; i++)
    status = add_import(imports, &scan->seen[i]);
  if (status == INS_OK) {
    status = ins_map_take(answer, "imports", imports);
    imports = NULL;
  }
  if (status == INS_OK && scan->more)
    status = ins_map_take(answer, "more_names", ins_value_bool(true));
  if (status == INS_OK) {
    status = ins_map_take(answer, "pickles", scan->pickles);
    scan->pickles = NULL;
  }
  if (status == INS_OK)
    *out = answer;
  else
    ins_value_destroy(&answer);
  ins_value_destroy(&imports);
  return status;
}
