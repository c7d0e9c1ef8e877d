/* SPDX-License-Identifier: MIT */
/* Attributes of variables: units, long_name, source, fill value, flags. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/store.h"
#include "parts.h"

enum { MAX_FLAGS = 128 };

static bool put_optional(hid_t dataset, const char *name, const char *text) {
  return !text || !text[0] || ins_h5_put_text(dataset, name, text);
}

/* "0 converged, 1 out of iterations" -> values 0, 1 and meanings "converged out_of_iterations". */
static bool put_flags(hid_t dataset, ins_dtype dtype, const char *flags) {
  int8_t narrow[MAX_FLAGS];
  int16_t wide[MAX_FLAGS];
  size_t n = 0;
  ins_text meanings = {0};
  for (const char *at = flags; *at && n < MAX_FLAGS; n++) {
    char *word;
    long value = strtol(at, &word, 10);
    narrow[n] = (int8_t)value;
    wide[n] = (int16_t)value;
    word += strspn(word, " ");
    size_t length = strcspn(word, ",");
    if (n) ins_text_add(&meanings, " ");
    for (size_t i = 0; i < length; i++)
      ins_text_add(&meanings, "%c", word[i] == ' ' ? '_' : word[i]);
    at = word + length;
    at += strspn(at, ", ");
  }
  bool done = n && ins_text_ok(&meanings) == INS_OK &&
              (dtype == INS_I8 ? ins_h5_put_numbers(dataset, "flag_values", INS_I8, n, narrow)
                               : ins_h5_put_numbers(dataset, "flag_values", INS_I16, n, wide)) &&
              ins_h5_put_text(dataset, "flag_meanings", meanings.data);
  ins_text_free(&meanings);
  return done;
}

bool ins_store_describe(const ins_layout *layout, int v, hid_t dataset) {
  const ins_variable *variable = &layout->variables[v];
  bool texts = variable->data && variable->data->kind == INS_LIST;
  bool done = put_optional(dataset, "units", variable->units) &&
              put_optional(dataset, "long_name", variable->long_name) &&
              put_optional(dataset, "source", variable->source);
  if (done && variable->flags && variable->flags[0])
    done = put_flags(dataset, variable->dtype, variable->flags);
  if (done && texts) done = ins_h5_put_text(dataset, "_Encoding", "utf-8");
  if (done && variable->scope != INS_CONSTANT) {
    uint8_t fill[8];
    ins_h5_fill(variable->dtype, fill);
    done = ins_h5_put_numbers(dataset, "_FillValue", variable->dtype, 1, fill);
  }
  return done;
}

bool ins_store_describe_status(hid_t dataset) {
  return ins_h5_put_text(dataset, "long_name", "state of the task") &&
         ins_h5_put_text(
             dataset, "comment",
             "rows of pending tasks are undefined, those of failed tasks are fill values") &&
         put_flags(dataset, INS_I8, "0 pending, 1 done, 2 failed");
}

/* The list of status codes as flags: INS_ERR_SHAPE becomes "shape". */
bool ins_store_describe_error(hid_t dataset) {
  static const struct {
    int value;
    const char *name;
  } codes[] = {
#define CODE(name, value, exit, text) {value, #name},
      INS_STATUS_LIST(CODE)
#undef CODE
  };
  ins_text flags = {0};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    const char *name = codes[i].name + strlen("INS_");
    if (!strncmp(name, "ERR_", 4)) name += 4;
    ins_text_add(&flags, "%s%d ", i ? ", " : "", codes[i].value);
    for (; *name; name++) ins_text_add(&flags, "%c", tolower((unsigned char)*name));
  }
  bool done = ins_text_ok(&flags) == INS_OK &&
              ins_h5_put_text(dataset, "long_name", "why the task failed") &&
              put_flags(dataset, INS_I8, flags.data);
  ins_text_free(&flags);
  return done;
}

static const char over_rows[] =
    "XXH3 (64 bits) with seed `seed` over the task's number (int64), its error code (int32), and "
    "its rows of the variables in `covers`, little-endian";
static const char over_chunks[] =
    "XXH3 (64 bits) with seed `seed` over the task's number (int64), its error code (int32), and "
    "the XXH3 with the same seed (uint64) of every chunk of its rows of the variables in `covers`, "
    "each of which is cut into chunks of `chunk` bytes, the last one shorter; little-endian";

bool ins_store_describe_checksum(const ins_layout *layout, uint64_t seed, hid_t dataset) {
  const int64_t chunk = (int64_t)ins_store_chunk(layout);
  ins_text covers = {0};
  for (int v = 0; v < layout->n_variables; v++)
    if (layout->variables[v].scope == INS_PER_TASK)
      ins_text_add(&covers, "%s%s", covers.length ? " " : "", layout->variables[v].name);
  bool done = ins_text_ok(&covers) == INS_OK &&
              ins_h5_put_text(dataset, "long_name", "checksum of the task's row") &&
              ins_h5_put_text(dataset, "source", chunk ? over_chunks : over_rows) &&
              ins_h5_put_numbers(dataset, "seed", INS_U64, 1, &seed) &&
              ins_h5_put_text(dataset, "covers", covers.data ? covers.data : "") &&
              (!chunk || ins_h5_put_numbers(dataset, "chunk", INS_I64, 1, &chunk));
  ins_text_free(&covers);
  return done;
}
