/* SPDX-License-Identifier: MIT */
/** A tree of plain data: what a job file, a checkpoint's hyper-parameters and a model's data_info
 * are once nothing of the format they came from matters any more.
 *
 * A value is null, a truth value, an integer, a real number, text, an array of numbers with a
 * shape, a list, or a map whose keys are text in insertion order. Trees own their children. A value
 * may remember the place it came from, so that a complaint can name it.
 */
#ifndef INSILICO_VALUE_H
#define INSILICO_VALUE_H

#include "insilico/text.h"

typedef enum ins_kind {
  INS_NULL,
  INS_BOOL,
  INS_INT,
  INS_REAL,
  INS_TEXT,
  INS_ARRAY,
  INS_LIST,
  INS_MAP
} ins_kind;

/** Element types of arrays, in files and in memory; little-endian. */
typedef enum ins_dtype {
  INS_U8,
  INS_I8,
  INS_I16,
  INS_I32,
  INS_I64,
  INS_U64,
  INS_F16,
  INS_BF16,
  INS_F32,
  INS_F64,
  INS_BOOL8
} ins_dtype;

enum { INS_MAX_DIMS = 8 };

typedef struct ins_array {
  ins_dtype dtype;
  int n_dims;
  size_t shape[INS_MAX_DIMS];
  void *data;    /* contiguous, row-major, aligned to 64 bytes */
  bool borrowed; /* somebody else's memory; else owned */
} ins_array;

typedef struct ins_value ins_value;
struct ins_value {
  ins_kind kind;
  union {
    bool boolean;
    int64_t integer;
    double real;
    char *text;
    ins_array array;
    struct {
      ins_value **items;
      char **keys; /* maps only; NULL in lists */
      size_t n, capacity;
    } children;
  };
  char *origin;     /* "job.yaml", "override 2", or NULL */
  int line, column; /* one-based; 0 when unknown */
};

size_t ins_dtype_size(ins_dtype dtype);
const char *ins_dtype_name(ins_dtype dtype); /* "float32", as numpy spells it */

size_t ins_array_count(const ins_array *array);
/** Element i as a number, whatever the type. */
double ins_array_get(const ins_array *array, size_t i);
/** out[i] = element i as float, for all elements. */
void ins_array_to_f32(const ins_array *array, float *out);

/* ---- making ------------------------------------------------------------------------------------
 * Constructors return NULL when out of memory (the message is set). */
ins_value *ins_value_null(void);
ins_value *ins_value_bool(bool b);
ins_value *ins_value_int(int64_t i);
ins_value *ins_value_real(double x);
ins_value *ins_value_text(const char *s);
ins_value *ins_value_text_n(const char *s, size_t n);
ins_value *ins_value_list(void);
ins_value *ins_value_map(void);
/** A new array of zeros. */
ins_value *ins_value_array(ins_dtype dtype, int n_dims, const size_t *shape);
ins_value *ins_value_copy(const ins_value *value);
void ins_value_destroy(ins_value **value);

/** Both take `item` over, also on failure (it is destroyed then). item == NULL is INS_ERR_MEMORY,
 * so that a constructor's result can be passed on unchecked. Setting an existing key replaces it.
 */
ins_status ins_list_take(ins_value *list, ins_value *item) INS_CHECKED;
ins_status ins_map_take(ins_value *map, const char *key, ins_value *item) INS_CHECKED;
/** Removes a key; false when it is not there. */
bool ins_map_remove(ins_value *map, const char *key);

/* ---- reading -----------------------------------------------------------------------------------
 */
size_t ins_value_count(const ins_value *value); /* children of a list or map, else 0 */
/** The item of a map, or NULL. `map` may be NULL or no map: the answer is NULL. */
const ins_value *ins_map_get(const ins_value *map, const char *key);
/** Follows "a.b.0.c" through maps and lists; NULL when a step is missing. A key that itself
 * contains a dot is found when the whole rest of the path is that key. */
const ins_value *ins_value_at(const ins_value *value, const char *path);
/** Sets "a.b.c", making maps on the way. Takes `item`. */
ins_status ins_value_set(ins_value *map, const char *path, ins_value *item) INS_CHECKED;

bool ins_value_is_number(const ins_value *value); /* int, real; not bool */
/** Numbers of any kind, with a fallback for NULL, null and what is no number. */
double ins_value_real_or(const ins_value *value, double fallback);
int64_t ins_value_int_or(const ins_value *value, int64_t fallback);
bool ins_value_bool_or(const ins_value *value, bool fallback);
const char *ins_value_text_or(const ins_value *value, const char *fallback);
bool ins_value_equal(const ins_value *a,
                     const ins_value *b); /* kinds, order and bits; not places */

/** "FILE:LINE:COLUMN: " as far as it is known, into out[size]; returns out. */
char *ins_value_place(const ins_value *value, char *out, size_t size);

/* ---- writing -----------------------------------------------------------------------------------
 */
/** Compact JSON on one line, keys in order; reals in the shortest form that reads back the same;
 * NaN and infinities as "NaN", "Infinity" strings; arrays as nested lists up to `max_array`
 * elements, longer ones as {"dtype","shape"}. The same tree always gives the same bytes. */
void ins_value_json(const ins_value *value, size_t max_array, ins_text *out);
/** Bytes that ins_value_unpack turns into an equal tree (places included); for sending between
 * ranks. Unpacking checks every length: INS_ERR_FORMAT on damaged bytes. */
ins_status ins_value_pack(const ins_value *value, ins_text *out) INS_CHECKED;
ins_status ins_value_unpack(const void *bytes, size_t n, ins_value **out) INS_CHECKED;
/** The same without copying arrays: they point into `bytes` (aligned to 64 bytes), which must
 * outlive the tree. */
ins_status ins_value_unpack_borrowing(const void *bytes, size_t n, ins_value **out) INS_CHECKED;

#endif
