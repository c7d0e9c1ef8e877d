/* SPDX-License-Identifier: MIT */
#include "io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "insilico/store.h"

enum { DEFAULT_ALIGNMENT = 4096 };

/* Settings of this process, as its log level is: every file it writes is of one job. */
static struct {
  size_t alignment;
  int64_t stripe_count, stripe_size; /* 0: as the file system does it */
  ins_value *hints;
} settings = {.alignment = DEFAULT_ALIGNMENT};

static ins_status check_hints(const ins_value *hints) {
  char place[512];
  if (!hints || hints->kind == INS_NULL) return INS_OK;
  ins_value_place(hints, place, sizeof place);
  if (hints->kind != INS_MAP)
    return ins_fail(INS_ERR_ARGUMENT, "%sio.hints is a map of hints to MPI-IO and their values",
                    place);
  for (size_t i = 0; i < hints->children.n; i++) {
    const char *key = hints->children.keys[i];
    const ins_value *value = hints->children.items[i];
    ins_value_place(value, place, sizeof place);
    if (!key[0] || strlen(key) >= MPI_MAX_INFO_KEY)
      return ins_fail(INS_ERR_ARGUMENT, "%sio.hints: no name of a hint has %zu characters", place,
                      strlen(key));
    if (value->kind != INS_TEXT && value->kind != INS_INT && value->kind != INS_BOOL)
      return ins_fail(INS_ERR_ARGUMENT, "%sio.hints.%s is a text, a whole number or a truth value",
                      place, key);
    if (value->kind == INS_TEXT && (!value->text[0] || strlen(value->text) >= MPI_MAX_INFO_VAL))
      return ins_fail(INS_ERR_ARGUMENT, "%sio.hints.%s has %zu characters; 1 to %d are possible",
                      place, key, strlen(value->text), MPI_MAX_INFO_VAL - 1);
  }
  return INS_OK;
}

ins_status ins_store_set_io(const ins_value *io) {
  const ins_value *hints = ins_map_get(io, "hints");
  ins_status status = check_hints(hints);
  if (status != INS_OK) return status;
  ins_value *copy = hints && hints->kind == INS_MAP ? ins_value_copy(hints) : NULL;
  if (!copy && hints && hints->kind == INS_MAP)
    return ins_fail(INS_ERR_MEMORY, "out of memory for hints to MPI-IO");
  ins_value_destroy(&settings.hints);
  settings.hints = copy;
  settings.alignment = (size_t)ins_value_int_or(ins_map_get(io, "alignment"), DEFAULT_ALIGNMENT);
  settings.stripe_count = ins_value_int_or(ins_map_get(io, "stripe_count"), 0);
  settings.stripe_size = ins_value_int_or(ins_map_get(io, "stripe_size"), 0);
  return INS_OK;
}

size_t ins_io_alignment(void) {
  return settings.alignment ? settings.alignment : 1;
}

bool ins_io_striped(void) {
  return settings.stripe_count > 0 || settings.stripe_size > 0 ||
         ins_map_get(settings.hints, "striping_factor") ||
         ins_map_get(settings.hints, "striping_unit");
}

static void put_number(MPI_Info info, const char *key, int64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)number);
  MPI_Info_set(info, key, text);
}

static void put_hint(MPI_Info info, const char *key, const ins_value *value) {
  if (value->kind == INS_TEXT)
    MPI_Info_set(info, key, value->text);
  else if (value->kind == INS_BOOL)
    MPI_Info_set(info, key, value->boolean ? "true" : "false");
  else
    put_number(info, key, value->integer);
}

/* Rows are written independently, each rank its own, in one contiguous piece a variable. Collective
 * buffering would send them to other ranks first; data sieving would read a range of the file,
 * change a part and write it back whole, with rows of other ranks in it as they were before. */
MPI_Info ins_io_info(void) {
  MPI_Info info;
  MPI_Info_create(&info);
  MPI_Info_set(info, "romio_cb_write", "disable");
  MPI_Info_set(info, "romio_ds_write", "disable");
  if (settings.stripe_count > 0) put_number(info, "striping_factor", settings.stripe_count);
  if (settings.stripe_size > 0) put_number(info, "striping_unit", settings.stripe_size);
  for (size_t i = 0; i < ins_value_count(settings.hints); i++)
    put_hint(info, settings.hints->children.keys[i], settings.hints->children.items[i]);
  return info;
}

/* The system's word is the plainer one, where it has reached us. */
ins_status ins_io_fail(const char *path, const char *what, int code) {
  char words[MPI_MAX_ERROR_STRING] = "";
  const char *why = errno ? strerror(errno) : words;
  int length;
  MPI_Error_string(code, words, &length);
  return ins_fail(INS_ERR_IO, "%s: %s: %s", path, what, why);
}

hid_t ins_io_access(void) {
  MPI_Info info = ins_io_info();
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  bool done = access >= 0 && H5Pset_fapl_mpio(access, MPI_COMM_SELF, info) >= 0 &&
              H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0;
  MPI_Info_free(&info);
  if (done) return access;
  if (access >= 0) H5Pclose(access);
  return H5I_INVALID_HID;
}
