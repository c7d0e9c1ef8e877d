/* SPDX-License-Identifier: MIT */
/* Some of the elements of arrays and of lists of texts. */
#include <math.h>
#include <string.h>

#include "table_parts.h"

bool ins_table_is_whole(const ins_value *values) {
  if (values->kind != INS_ARRAY) return false;
  const ins_dtype t = values->array.dtype;
  return t != INS_F16 && t != INS_BF16 && t != INS_F32 && t != INS_F64;
}

static size_t place_of(const ins_table_pick *pick, size_t k) {
  return pick->index ? pick->index[k] : k;
}

static bool is_text_pick(const ins_table_pick *pick) {
  return pick->values && pick->values->kind == INS_LIST;
}

static ins_status join_texts(size_t n, const ins_table_pick *picks, ins_value **out) {
  *out = ins_value_list();
  ins_status status = *out ? INS_OK : INS_ERR_MEMORY;
  for (size_t p = 0; p < n; p++)
    for (size_t k = 0; k < picks[p].n && status == INS_OK; k++) {
      const ins_value *text = picks[p].values->children.items[place_of(&picks[p], k)];
      status = ins_list_take(*out, ins_value_text(ins_value_text_or(text, "")));
    }
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

/* Elements of one array, in its type. */
static void copy_elements(const ins_table_pick *pick, ins_value *out) {
  const size_t size = ins_dtype_size(out->array.dtype);
  for (size_t k = 0; k < pick->n; k++)
    memcpy((char *)out->array.data + k * size,
           (const char *)pick->values->array.data + place_of(pick, k) * size, size);
}

static double element(const ins_table_pick *pick, size_t k) {
  const size_t i = place_of(pick, k);
  return pick->values ? ins_array_get(&pick->values->array, i) : (double)i;
}

static bool all_whole(size_t n, const ins_table_pick *picks) {
  for (size_t p = 0; p < n; p++) {
    if (picks[p].values && !ins_table_is_whole(picks[p].values)) return false;
    for (size_t k = 0; k < picks[p].n; k++)
      if (isnan(element(&picks[p], k))) return false;
  }
  return true;
}

ins_status ins_table_picks_join(size_t n, const ins_table_pick *picks, ins_value **out) {
  size_t total = 0, n_texts = 0, at = 0;
  *out = NULL;
  for (size_t p = 0; p < n; p++) {
    total += picks[p].n;
    n_texts += is_text_pick(&picks[p]);
  }
  if (n_texts) return n_texts == n ? join_texts(n, picks, out) : INS_OK;
  const bool one = n == 1 && picks[0].values, whole = !one && all_whole(n, picks);
  const ins_dtype dtype = one ? picks[0].values->array.dtype : whole ? INS_I64 : INS_F64;
  *out = ins_value_array(dtype, 1, &total);
  if (!*out) return INS_ERR_MEMORY;
  if (one) copy_elements(&picks[0], *out);
  for (size_t p = 0; p < n && !one; p++)
    for (size_t k = 0; k < picks[p].n; k++, at++)
      if (whole)
        ((int64_t *)(*out)->array.data)[at] = (int64_t)element(&picks[p], k);
      else
        ((double *)(*out)->array.data)[at] = element(&picks[p], k);
  return INS_OK;
}
