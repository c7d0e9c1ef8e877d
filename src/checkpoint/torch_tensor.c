/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "insilico/memory.h"
#include "torch_file.h"
#include "torch_types.h"

typedef struct view {
  ins_node key;
  const ins_torch_type *type; /* NULL: not known */
  int n_dims;
  size_t offset, shape[INS_MAX_DIMS], stride[INS_MAX_DIMS], count; /* in elements */
  size_t slice_at, slice_n; /* the part of the storage that it views, in elements; files of old */
  bool sliced;
} view;

static ins_status broken(const ins_torch_file *file, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: a tensor %s", ins_archive_name(file->archive),
                  what);
}

/* Before torch 0.4 storages could be views of one another: (key of the view, offset, count) is the
 * sixth item then, and None in later files of the old form. */
static ins_status read_slice(const ins_torch_file *file, ins_node id, view *v) {
  const ins_pickle *p = &file->pickle;
  ins_node slice = ins_pk_item(p, id, 5);
  if (ins_pk_kind(p, slice) != PK_TUPLE) return INS_OK;
  v->sliced = true;
  if (!ins_pk_size(p, ins_pk_item(p, slice, 1), &v->slice_at) ||
      !ins_pk_size(p, ins_pk_item(p, slice, 2), &v->slice_n))
    return broken(file, "has a storage that is an impossible part of another");
  return INS_OK;
}

/* The tuple ('storage', class, key, location, count[, view]) behind a storage; the location, which
 * may be a graphics card, means nothing here. The count is checked against the member when it is
 * read. */
static ins_status read_storage_id(const ins_torch_file *file, ins_node storage, view *v,
                                  bool typed) {
  const ins_pickle *p = &file->pickle;
  if (ins_pk_kind(p, storage) != PK_PERSISTENT) return broken(file, "has no storage");
  ins_node id = ins_pk(p, storage)->persistent;
  if (ins_pk_count(p, id) < 5 || !ins_pk_text_is(p, ins_pk_item(p, id, 0), "storage"))
    return broken(file, "has a storage of an unknown form");
  v->key = ins_pk_item(p, id, 2);
  if (typed) v->type = ins_torch_type_of(p, ins_pk_item(p, id, 1));
  return read_slice(file, id, v);
}

static ins_status read_geometry(const ins_torch_file *file, ins_node args, view *v) {
  const ins_pickle *p = &file->pickle;
  ins_node shape = ins_pk_item(p, args, 2), stride = ins_pk_item(p, args, 3);
  size_t n = ins_pk_count(p, shape);
  /* torch.Size may stand around the shape. */
  if (ins_pk_kind(p, shape) == PK_CALL) {
    shape = ins_pk_item(p, ins_pk(p, shape)->call.args, 0);
    n = ins_pk_count(p, shape);
  }
  if (ins_pk_kind(p, shape) != PK_TUPLE && ins_pk_kind(p, shape) != PK_LIST)
    return broken(file, "has no shape");
  if (n > INS_MAX_DIMS) return broken(file, "has more than 8 axes");
  if (ins_pk_count(p, stride) != n) return broken(file, "has strides that do not fit its shape");
  v->n_dims = (int)n;
  v->count = 1;
  if (!ins_pk_size(p, ins_pk_item(p, args, 1), &v->offset)) return broken(file, "has no offset");
  for (size_t d = 0; d < n; d++) {
    if (!ins_pk_size(p, ins_pk_item(p, shape, d), &v->shape[d]) ||
        !ins_pk_size(p, ins_pk_item(p, stride, d), &v->stride[d]) ||
        !ins_mul(v->count, v->shape[d], &v->count))
      return broken(file, "has an impossible shape");
  }
  return INS_OK;
}

/* One past the last byte of the storage that the view touches. */
static ins_status find_extent(const ins_torch_file *file, const view *v, size_t *bytes) {
  size_t last = v->offset, step;
  *bytes = 0;
  if (v->count == 0) return INS_OK;
  for (int d = 0; d < v->n_dims; d++)
    if (!ins_mul(v->shape[d] - 1, v->stride[d], &step) || __builtin_add_overflow(last, step, &last))
      return broken(file, "reaches beyond every storage");
  if (v->sliced && last >= v->slice_n) return broken(file, "reaches beyond its part of a storage");
  if (__builtin_add_overflow(last, v->slice_at, &last) || last == SIZE_MAX ||
      !ins_mul(last + 1, v->type->size, bytes))
    return broken(file, "reaches beyond every storage");
  return INS_OK;
}

static bool is_contiguous(const view *v) {
  size_t expected = 1;
  for (int d = v->n_dims - 1; d >= 0; d--) {
    if (v->shape[d] != 1 && v->stride[d] != expected) return false;
    expected *= v->shape[d];
  }
  return true;
}

/* An array around memory that it takes over. */
static ins_status adopt(ins_dtype dtype, const view *v, unsigned char **data, ins_value **out) {
  const size_t none = 0;
  *out = ins_value_array(dtype, 1, &none);
  if (!*out) return INS_ERR_MEMORY;
  ins_free(&(*out)->array.data);
  (*out)->array.data = *data;
  (*out)->array.n_dims = v->n_dims;
  for (int d = 0; d < v->n_dims; d++) (*out)->array.shape[d] = v->shape[d];
  *data = NULL;
  return INS_OK;
}

/* Copies the view out of its storage; what is not contiguous goes by way of a gathered copy. */
static ins_status copy_view(const view *v, const ins_numpy_type *type, const unsigned char *bytes,
                            unsigned char *to) {
  unsigned char *gathered = NULL;
  bytes += (v->slice_at + v->offset) * type->size;
  if (is_contiguous(v)) {
    ins_numpy_copy(type, bytes, v->count, to);
    return INS_OK;
  }
  ins_status status = ins_room(v->count * type->size, &gathered);
  if (status != INS_OK) return status;
  ins_strided_copy(bytes, type->size, v->n_dims, v->shape, v->stride, gathered);
  ins_numpy_copy(type, gathered, v->count, to);
  ins_free(&gathered);
  return INS_OK;
}

/* Bytes that are in the file as they are in memory need no copy: a tensor that is the whole of its
 * storage takes it. Should another tensor want the storage too, it is read again. */
static bool is_whole(const view *v, const ins_numpy_type *type, size_t n) {
  return !type->swap && type->size == ins_dtype_size(type->dtype) && is_contiguous(v) &&
         v->offset == 0 && v->slice_at == 0 && v->count * type->size == n;
}

static ins_status materialise(ins_torch_file *file, const view *v, const ins_numpy_type *type,
                              ins_value **out) {
  ins_storage *storage = NULL;
  unsigned char *data = NULL;
  size_t least = 0, total;
  ins_status status = find_extent(file, v, &least);
  if (status != INS_OK) return status;
  if (!ins_mul(v->count, ins_dtype_size(type->dtype), &total))
    return broken(file, "has an impossible shape");
  /* What cannot fit is refused before the storage is read. */
  status = ins_archive_spend(file->archive, total);
  if (status == INS_OK && v->count) status = ins_torch_storage(file, v->key, least, &storage);
  if (status != INS_OK) return status;
  if (v->count && is_whole(v, type, storage->n)) {
    data = storage->bytes;
    *storage = (ins_storage){0};
  } else {
    status = ins_room(total, &data);
    if (status == INS_OK && v->count) status = copy_view(v, type, storage->bytes, data);
  }
  if (status == INS_OK) status = adopt(type->dtype, v, &data, out);
  ins_free(&data);
  return status;
}

/* Reads all that a tensor's call says of it. */
static ins_status read_view(const ins_torch_file *file, ins_node call, view *v) {
  const ins_pickle *p = &file->pickle;
  ins_node args = ins_pk(p, call)->call.args;
  bool version3 = ins_pk_call_is(p, call, "torch._utils", "_rebuild_tensor_v3");
  *v = (view){0};
  ins_status status = read_storage_id(file, ins_pk_item(p, args, 0), v, !version3);
  if (status != INS_OK) return status;
  if (version3) v->type = ins_torch_type_of(p, ins_pk_item(p, args, 6));
  return read_geometry(file, args, v);
}

ins_status ins_torch_tensor(ins_torch_file *file, ins_node call, ins_value **out) {
  ins_numpy_type type;
  view v;
  *out = NULL;
  ins_status status = read_view(file, call, &v);
  if (status != INS_OK || !v.type || !ins_torch_element(v.type, &type)) return status;
  type.swap = file->big_endian && type.size > 1;
  return materialise(file, &v, &type, out);
}

ins_status ins_torch_describe(const ins_torch_file *file, ins_node call, ins_tensor_look *out) {
  view v;
  ins_status status = read_view(file, call, &v);
  if (status != INS_OK) return status;
  *out = (ins_tensor_look){.dtype = v.type ? v.type->dtype : "unknown", .n_dims = v.n_dims};
  memcpy(out->shape, v.shape, sizeof out->shape);
  if (v.type && !ins_mul(v.count, v.type->size, &out->n_bytes))
    return broken(file, "has an impossible shape");
  return INS_OK;
}
