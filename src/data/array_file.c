/* SPDX-License-Identifier: MIT */
#include "insilico/array_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array_readers.h"

static bool is_file(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* Splits "FILE:DATASET" at the first colon before which there is a file: both names may hold
 * colons. */
static ins_status split(char *path, char **dataset) {
  *dataset = NULL;
  if (is_file(path)) return INS_OK;
  for (char *colon = strchr(path, ':'); colon; colon = strchr(colon + 1, ':')) {
    *colon = '\0';
    if (is_file(path)) {
      *dataset = colon + 1;
      return INS_OK;
    }
    *colon = ':';
  }
  struct stat about;
  bool there = stat(path, &about) == 0;
  return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path,
                  there ? "it is no file" : strerror(errno));
}

ins_status ins_array_part_cut(const char *path, ins_array_part *part, int *n_dims, size_t *shape,
                              bool *is_item) {
  *is_item = part->n_dims > 0 && *n_dims == part->n_dims;
  part->n_items = *is_item ? shape[0] : 1;
  if (part->n_dims > 0 && part->item >= part->n_items)
    return ins_fail(INS_ERR_ARGUMENT, "%s: there is no array %zu; it has %zu", path, part->item,
                    part->n_items);
  if (*is_item) memmove(shape, shape + 1, (size_t)-- * n_dims * sizeof *shape);
  return INS_OK;
}

static ins_status read_file(const char *path, const char *dataset, ins_array_part *part,
                            ins_value **out) {
  static const char npy[] = "\x93NUMPY", hdf5[] = "\x89HDF\r\n\x1a\n";
  char head[8] = {0};
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (!file || fstat(fileno(file), &about) != 0) {
    if (file) fclose(file);
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  }
  size_t n = fread(head, 1, sizeof head, file);
  ins_status status;
  if (n >= 6 && memcmp(head, npy, 6) == 0)
    status = dataset ? ins_fail(INS_ERR_FORMAT,
                                "%s: a .npy file holds one array without a name; leave "
                                "out ':%s'",
                                path, dataset)
                     : ins_npy_read(path, file, (size_t)about.st_size, part, out);
  else if (dataset || (n == sizeof head && memcmp(head, hdf5, sizeof head) == 0))
    status = ins_h5_array_read(path, dataset, part, out);
  else
    status = ins_fail(INS_ERR_FORMAT, "%s: neither a NumPy (.npy) nor an HDF5 file", path);
  fclose(file);
  return status;
}

static ins_status read_part(const char *path, ins_array_part *part, ins_value **out) {
  char *copy = strdup(path), *dataset;
  *out = NULL;
  if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", path);
  ins_status status = split(copy, &dataset);
  if (status == INS_OK) status = read_file(copy, dataset, part, out);
  free(copy);
  return status;
}

ins_status ins_array_read(const char *path, ins_value **out) {
  ins_array_part all = {0};
  return read_part(path, &all, out);
}

ins_status ins_array_read_item(const char *path, int n_dims, size_t item, size_t *n_items,
                               ins_value **out) {
  ins_array_part part = {.n_dims = n_dims, .item = item};
  ins_status status = read_part(path, &part, out);
  *n_items = part.n_items;
  return status;
}

ins_status ins_array_file(const char *path, char **out) {
  char *copy = strdup(path), *dataset;
  *out = NULL;
  if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", path);
  ins_status status = split(copy, &dataset);
  if (status == INS_OK)
    *out = copy;
  else
    free(copy);
  return status;
}
