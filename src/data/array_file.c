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

static ins_status read_file(const char *path, const char *dataset, ins_value **out) {
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
                     : ins_npy_read(path, file, (size_t)about.st_size, out);
  else if (dataset || (n == sizeof head && memcmp(head, hdf5, sizeof head) == 0))
    status = ins_h5_array_read(path, dataset, out);
  else
    status = ins_fail(INS_ERR_FORMAT, "%s: neither a NumPy (.npy) nor an HDF5 file", path);
  fclose(file);
  return status;
}

ins_status ins_array_read(const char *path, ins_value **out) {
  char *copy = strdup(path), *dataset;
  *out = NULL;
  if (!copy) return ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", path);
  ins_status status = split(copy, &dataset);
  if (status == INS_OK) status = read_file(copy, dataset, out);
  free(copy);
  return status;
}
