/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "insilico/hash.h"
#include "insilico/memory.h"
#include "insilico/model.h"

enum { N_TREES = 5 };

/* The trees of a source in the order in which they are packed. */
static void trees_of(const ins_model_source *source, ins_value *trees[N_TREES]) {
  trees[0] = source->architecture;
  trees[1] = source->parameters;
  trees[2] = source->data_info;
  trees[3] = source->provenance;
  trees[4] = source->truth;
}

void ins_model_source_destroy(ins_model_source **source) {
  if (!*source) return;
  ins_value_destroy(&(*source)->architecture);
  ins_value_destroy(&(*source)->parameters);
  ins_value_destroy(&(*source)->data_info);
  ins_value_destroy(&(*source)->provenance);
  ins_value_destroy(&(*source)->truth);
  ins_free(source);
}

/* ---- hash ------------------------------------------------------------------------------------ */

typedef struct entry {
  const char *key;
  const ins_value *item;
} entry;

static int by_key(const void *a, const void *b) {
  return strcmp(((const entry *)a)->key, ((const entry *)b)->key);
}

/* The children of a map sorted by key: the order in which a file lists them is not the model. */
static ins_status sorted(const ins_value *map, entry **out, size_t *n) {
  *n = map && map->kind == INS_MAP ? map->children.n : 0;
  ins_status status = ins_alloc(*n, sizeof **out, out);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < *n; i++) {
    (*out)[i].key = map->children.keys[i];
    (*out)[i].item = map->children.items[i];
  }
  qsort(*out, *n, sizeof **out, by_key);
  return INS_OK;
}

static ins_status add_canonical(const ins_value *value, ins_text *out);

static ins_status add_map(const ins_value *map, ins_text *out) {
  entry *entries;
  size_t n;
  ins_status status = sorted(map, &entries, &n);
  ins_text_add(out, "{");
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    ins_text_add_json(out, entries[i].key);
    status = add_canonical(entries[i].item, out);
  }
  ins_text_add(out, "}");
  ins_free(&entries);
  return status;
}

static ins_status add_array(const ins_array *array, ins_text *out) {
  char digest[INS_SHA256_HEX];
  size_t bytes = ins_array_count(array) * ins_dtype_size(array->dtype);
  ins_status status = ins_sha256(array->data, bytes, digest);
  if (status != INS_OK) return status;
  ins_text_add(out, "%s", ins_dtype_name(array->dtype));
  for (int d = 0; d < array->n_dims; d++) ins_text_add(out, ",%zu", array->shape[d]);
  ins_text_add(out, ":%s", digest);
  return INS_OK;
}

/* JSON with sorted keys, no places, and arrays by the hash of their bytes. */
static ins_status add_canonical(const ins_value *value, ins_text *out) {
  ins_status status = INS_OK;
  if (!value) {
    ins_text_add(out, "none");
  } else if (value->kind == INS_MAP) {
    status = add_map(value, out);
  } else if (value->kind == INS_ARRAY) {
    status = add_array(&value->array, out);
  } else if (value->kind == INS_LIST) {
    ins_text_add(out, "[");
    for (size_t i = 0; status == INS_OK && i < value->children.n; i++)
      status = add_canonical(value->children.items[i], out);
    ins_text_add(out, "]");
  } else {
    ins_value_json(value, 0, out);
  }
  ins_text_add(out, ";");
  return status;
}

ins_status ins_model_source_hash(const ins_model_source *source, char out[65]) {
  ins_text text = {0};
  ins_status status = add_canonical(source->architecture, &text);
  if (status == INS_OK) status = add_canonical(source->parameters, &text);
  if (status == INS_OK) status = ins_text_ok(&text);
  if (status == INS_OK) status = ins_sha256(text.data, text.length, out);
  ins_text_free(&text);
  return status;
}

/* ---- packing --------------------------------------------------------------------------------- */

ins_status ins_model_source_pack(const ins_model_source *source, ins_text *out) {
  ins_value *trees[N_TREES], nothing = {.kind = INS_NULL};
  trees_of(source, trees);
  for (int i = 0; i < N_TREES; i++)
    if (!trees[i]) trees[i] = &nothing;
  /* A list that borrows the trees for the time of the call. */
  ins_value list = {.kind = INS_LIST};
  list.children.items = trees;
  list.children.n = N_TREES;
  return ins_value_pack(&list, out);
}

/* Takes tree i out of the list; what was missing when it was packed is missing again. */
static ins_value *taken(ins_value *list, size_t i) {
  ins_value *tree = list->children.items[i];
  list->children.items[i] = NULL;
  if (tree->kind == INS_NULL) ins_value_destroy(&tree);
  return tree;
}

static ins_status source_of(ins_value *list, ins_model_source **out) {
  ins_model_source *source = NULL;
  ins_status status = INS_OK;
  if (list->kind != INS_LIST || list->children.n != N_TREES) {
    status = ins_fail(INS_ERR_FORMAT, "packed model: it is not a list of %d parts", N_TREES);
    goto done;
  }
  status = ins_alloc(1, sizeof *source, &source);
  if (status != INS_OK) goto done;
  source->architecture = taken(list, 0);
  source->parameters = taken(list, 1);
  source->data_info = taken(list, 2);
  source->provenance = taken(list, 3);
  source->truth = taken(list, 4);
  *out = source;
done:
  ins_value_destroy(&list);
  return status;
}

ins_status ins_model_source_unpack(const void *bytes, size_t n, ins_model_source **out) {
  ins_value *list = NULL;
  *out = NULL;
  ins_status status = ins_value_unpack(bytes, n, &list);
  return status == INS_OK ? source_of(list, out) : status;
}

ins_status ins_model_source_unpack_borrowing(const void *bytes, size_t n, ins_model_source **out) {
  ins_value *list = NULL;
  *out = NULL;
  ins_status status = ins_value_unpack_borrowing(bytes, n, &list);
  return status == INS_OK ? source_of(list, out) : status;
}
