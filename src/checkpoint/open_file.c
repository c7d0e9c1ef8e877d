/* SPDX-License-Identifier: MIT */
#include "open_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "insilico/checkpoint.h"
#include "native.h"

typedef struct head {
  unsigned char bytes[1024];
  size_t n;
} head;

static ins_status read_head(const char *path, head *out) {
  struct stat about;
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  ins_status status = INS_OK;
  if (fstat(fileno(file), &about) == 0 && !S_ISREG(about.st_mode))
    status = ins_fail(INS_ERR_IO, "%s: is no file", path);
  out->n = status == INS_OK ? fread(out->bytes, 1, sizeof out->bytes, file) : 0;
  if (status == INS_OK && ferror(file))
    status = ins_fail(INS_ERR_IO, "%s: reading failed: %s", path, strerror(errno));
  fclose(file);
  return status;
}

static bool starts(const head *h, size_t at, const void *bytes, size_t n) {
  return h->n >= at + n && memcmp(h->bytes + at, bytes, n) == 0;
}

/* ZIP files; torch's magic number as a pickled integer, which opened its files before version 1.6;
 * and tar files, as which the first versions of torch wrote theirs. */
static bool is_torch(const head *h) {
  static const unsigned char before_1_6[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                             0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  return starts(h, 0, "PK\3\4", 4) || starts(h, 0, "PK\5\6", 4) ||
         starts(h, 2, before_1_6, sizeof before_1_6) || starts(h, 257, "ustar", 5);
}

static ins_status unknown_format(const char *path, const head *h) {
  if (h->n == 0) return ins_fail(INS_ERR_FORMAT, "%s: the file is empty", path);
  if (starts(h, 0, "\x89HDF\r\n\x1a\n", 8))
    return ins_fail(INS_ERR_FORMAT, "%s: an HDF5 file, but not a model file of insilico", path);
  if (starts(h, 0, "<!DOCTYPE", 9) || starts(h, 0, "<html", 5) ||
      starts(h, 0, "version https://git-lfs", 23))
    return ins_fail(INS_ERR_FORMAT,
                    "%s: a web page or a pointer to a file in place of the file; "
                    "download the file itself",
                    path);
  return ins_fail(INS_ERR_FORMAT,
                  "%s: neither a torch file (ZIP) nor a model file of insilico (byte 0)", path);
}

ins_status ins_open_file(const char *path, const ins_beside *beside, ins_model_source **out) {
  head h;
  *out = NULL;
  ins_status status = read_head(path, &h);
  if (status != INS_OK) return status;
  if (is_torch(&h)) return ins_lightning_read(path, beside, out);
  if (starts(&h, 0, INS_NATIVE_MAGIC, strlen(INS_NATIVE_MAGIC))) return ins_native_read(path, out);
  return unknown_format(path, &h);
}
