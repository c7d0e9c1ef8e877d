/* SPDX-License-Identifier: MIT */
/** What the tests of this room share. */
#ifndef TESTS_CHECKPOINT_SUPPORT_H
#define TESTS_CHECKPOINT_SUPPORT_H

#include "checkpoint/torch_file.h"
#include "cmocka_all.h"
#include "insilico/checkpoint.h"

#define DATA   INS_TEST_DATA "/checkpoint/data/"
#define GOLDEN INS_TEST_DATA "/golden/"

#define assert_ok(call)                                                                            \
  do {                                                                                             \
    ins_status status_ = (call);                                                                   \
    if (status_ != INS_OK) fail_msg("%s: %s", #call, ins_message());                               \
  } while (0)

#define assert_message(text)                                                                       \
  do {                                                                                             \
    if (!strstr(ins_message(), text)) fail_msg("'%s' lacks '%s'", ins_message(), text);            \
  } while (0)

/** The whole content of a torch file as JSON; free() it. NULL: it was refused, *status says why. */
static inline char *torch_json(const char *path, ins_status *status) {
  ins_torch_file *file;
  ins_value *value = NULL;
  ins_text text = {0};
  *status = ins_torch_open(path, &file);
  if (*status == INS_OK) *status = ins_torch_value(file, ins_torch_root(file), &value);
  if (*status == INS_OK) ins_value_json(value, 64, &text);
  ins_value_destroy(&value);
  ins_torch_close(&file);
  return text.data;
}

static inline void *file_bytes(const char *path, size_t *n) {
  FILE *file = fopen(path, "rb");
  *n = 0;
  if (!file) abort();
  fseek(file, 0, SEEK_END);
  *n = (size_t)ftell(file);
  rewind(file);
  void *bytes = malloc(*n + 1);
  if (fread(bytes, 1, *n, file) != *n) abort();
  fclose(file);
  return bytes;
}

static inline void write_bytes(const char *path, const void *bytes, size_t n) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) abort();
}

static inline bool source_equal(const ins_model_source *a, const ins_model_source *b) {
  return ins_value_equal(a->architecture, b->architecture) &&
         ins_value_equal(a->parameters, b->parameters) &&
         ins_value_equal(a->data_info, b->data_info) &&
         ins_value_equal(a->provenance, b->provenance) && ins_value_equal(a->truth, b->truth);
}

#endif
