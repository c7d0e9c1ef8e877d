/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "insilico/memory.h"
#include "insilico/numpy.h"
#include "torch_file.h"

/* Element types by the name of their storage class, and as torch.dtype; those without a type of
 * ours (uint16, uint32) are widened as for NumPy. */
static const struct {
  const char *storage, *dtype, *numpy;
} types[] = {
    {"FloatStorage", "float32", "<f4"}, {"DoubleStorage", "float64", "<f8"},
    {"HalfStorage", "float16", "<f2"},  {"LongStorage", "int64", "<i8"},
    {"IntStorage", "int32", "<i4"},     {"ShortStorage", "int16", "<i2"},
    {"CharStorage", "int8", "|i1"},     {"ByteStorage", "uint8", "|u1"},
    {"BoolStorage", "bool", "|b1"},     {"UInt16Storage", "uint16", "<u2"},
    {"UInt32Storage", "uint32", "<u4"}, {"UInt64Storage", "uint64", "<u8"},
};

typedef struct view {
  ins_node key;
  ins_numpy_type type;
  int n_dims;
  size_t offset, shape[INS_MAX_DIMS], stride[INS_MAX_DIMS], count;
} view;

static ins_status broken(const ins_torch_file *file, const char *what) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged: a tensor %s", ins_archive_name(file->archive),
                  what);
}

static bool is_torch_global(const ins_pickle *p, ins_node node, const char *name) {
  return ins_pk_global_is(p, node, "torch", name) ||
         ins_pk_global_is(p, node, "torch.storage", name) ||
         ins_pk_global_is(p, node, "torch.cuda", name);
}

/* The element type that a storage class or a torch.dtype names. */
static bool type_of(const ins_torch_file *file, ins_node global, ins_numpy_type *out) {
  const ins_pickle *p = &file->pickle;
  bool known = false;
  for (size_t i = 0; i < sizeof types / sizeof types[0] && !known; i++)
    known = (is_torch_global(p, global, types[i].storage) ||
             is_torch_global(p, global, types[i].dtype)) &&
            ins_numpy_type_read(types[i].numpy, 3, out);
  if (!known &&
      (is_torch_global(p, global, "BFloat16Storage") || is_torch_global(p, global, "bfloat16"))) {
    *out = (ins_numpy_type){.dtype = INS_BF16, .size = 2};
    known = true;
  }
  out->swap = known && file->big_endian && out->size > 1;
  return known;
}

/* The tuple ('storage', class, key, location, count[, ...]) behind a storage; the location, which
 * may be a graphics card, means nothing here. The count is checked against the member when it is
 * read. */
static ins_status read_storage_id(const ins_torch_file *file, ins_node storage, view *v,
                                  bool *known, bool typed) {
  const ins_pickle *p = &file->pickle;
  if (ins_pk_kind(p, storage) != PK_PERSISTENT) return broken(file, "has no storage");
  ins_node id = ins_pk(p, storage)->persistent;
  if (ins_pk_count(p, id) < 5 || !ins_pk_text_is(p, ins_pk_item(p, id, 0), "storage"))
    return broken(file, "has a storage of an unknown form");
  v->key = ins_pk_item(p, id, 2);
  if (!typed) return INS_OK;
  ins_node class = ins_pk_item(p, id, 1);
  if (is_torch_global(p, class, "UntypedStorage"))
    *known = ins_numpy_type_read("|u1", 3, &v->type);
  else
    *known = type_of(file, class, &v->type);
  return INS_OK;
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
static bool extent(const view *v, size_t *bytes) {
  size_t last = v->offset, step;
  *bytes = 0;
  for (int d = 0; d < v->n_dims; d++)
    if (v->count && (!ins_mul(v->shape[d] - 1, v->stride[d], &step) ||
                     __builtin_add_overflow(last, step, &last)))
      return false;
  if (v->count == 0) return true;
  return last != SIZE_MAX && ins_mul(last + 1, v->type.size, bytes);
}

static bool is_contiguous(const view *v) {
  size_t expected = 1;
  for (int d = v->n_dims - 1; d >= 0; d--) {
    if (v->shape[d] != 1 && v->stride[d] != expected) return false;
    expected *= v->shape[d];
  }
  return true;
}

/* Copies the view out of its storage; what is not contiguous goes by way of a gathered copy. */
static ins_status materialise(ins_torch_file *file, const view *v, ins_value **out) {
  const unsigned char *bytes = NULL;
  unsigned char *gathered = NULL;
  size_t least, n, total;
  if (!extent(v, &least)) return broken(file, "reaches beyond every storage");
  if (!ins_mul(v->count, ins_dtype_size(v->type.dtype), &total))
    return broken(file, "has an impossible shape");
  ins_status status = ins_archive_spend(file->archive, total);
  if (status == INS_OK && v->count) status = ins_torch_storage(file, v->key, least, &bytes, &n);
  if (status != INS_OK) return status;
  *out = ins_value_array(v->type.dtype, v->n_dims, v->shape);
  if (!*out) return INS_ERR_MEMORY;
  if (v->count == 0) return INS_OK;
  bytes += v->offset * v->type.size;
  if (!is_contiguous(v)) {
    status = ins_alloc(v->count, v->type.size, &gathered);
    if (status == INS_OK)
      ins_strided_copy(bytes, v->type.size, v->n_dims, v->shape, v->stride, gathered);
    bytes = gathered;
  }
  if (status == INS_OK)
    ins_numpy_copy(&v->type, bytes, v->count, (*out)->array.data);
  else
    ins_value_destroy(out);
  ins_free(&gathered);
  return status;
}

ins_status ins_torch_tensor(ins_torch_file *file, ins_node call, ins_value **out) {
  const ins_pickle *p = &file->pickle;
  ins_node args = ins_pk(p, call)->call.args;
  bool version3 = ins_pk_call_is(p, call, "torch._utils", "_rebuild_tensor_v3"), known = true;
  view v = {0};
  *out = NULL;
  ins_status status = read_storage_id(file, ins_pk_item(p, args, 0), &v, &known, !version3);
  if (status != INS_OK) return status;
  if (version3) known = type_of(file, ins_pk_item(p, args, 6), &v.type);
  if (!known) return INS_OK;
  status = read_geometry(file, args, &v);
  return status == INS_OK ? materialise(file, &v, out) : status;
}
