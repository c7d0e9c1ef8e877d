/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "insilico/checkpoint.h"
#include "insilico/ground_truth.h"
#include "lightning.h"
#include "native.h"

/* ---- builtin:NAME?key=value&key=value -------------------------------------------------------- */

static bool read_number(const char *text, size_t n, uint64_t *out) {
  *out = 0;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
        __builtin_add_overflow(*out, (uint64_t)(text[i] - '0'), out))
      return false;
  }
  return n > 0;
}

static ins_status read_option(const char *name, const char *option, size_t n,
                              ins_ground_truth_spec *spec) {
  const char *equals = memchr(option, '=', n);
  size_t key = equals ? (size_t)(equals - option) : n;
  uint64_t number;
  if (!equals || !read_number(equals + 1, n - key - 1, &number))
    return ins_fail(INS_ERR_ARGUMENT, "%s: '%.*s' is not of the form KEY=NUMBER", name, (int)n,
                    option);
  if (key == 7 && memcmp(option, "neurons", 7) == 0) {
    if (number < 1 || number > 10000000)
      return ins_fail(INS_ERR_ARGUMENT, "%s: neurons must be from 1 to 10000000", name);
    spec->n_neurons = (size_t)number;
  } else if (key == 4 && memcmp(option, "seed", 4) == 0) {
    spec->seed = number;
  } else {
    return ins_fail(INS_ERR_ARGUMENT, "%s: there is no option '%.*s'; there are neurons and seed",
                    name, (int)key, option);
  }
  return INS_OK;
}

static ins_status open_builtin(const char *name, const char *what, ins_model_source **out) {
  static const char only[] = "ground_truth";
  ins_ground_truth_spec spec = {0};
  size_t n = strcspn(what, "?");
  if (n != strlen(only) || memcmp(what, only, n) != 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: there is no such built-in model; there is "
                    "builtin:ground_truth?neurons=N&seed=S",
                    name);
  for (const char *option = what + n; *option; option += n) {
    option++; /* ? or & */
    n = strcspn(option, "&");
    ins_status status = read_option(name, option, n, &spec);
    if (status != INS_OK) return status;
  }
  return ins_ground_truth_create(&spec, out);
}

/* ---- files ----------------------------------------------------------------------------------- */

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

static ins_status unknown_format(const char *path, const head *h) {
  /* torch's magic number as a pickled integer, which opened its files before version 1.6 */
  static const unsigned char old_torch[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                            0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
  if (h->n == 0) return ins_fail(INS_ERR_FORMAT, "%s: the file is empty", path);
  if (starts(h, 2, old_torch, sizeof old_torch) || starts(h, 257, "ustar", 5))
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: written in the format of torch before 1.6, which is not "
                    "supported; load it with a newer torch and torch.save it again",
                    path);
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

/* Names in a message may be a stranger's: a message stays one line of printable text. */
static ins_status on_one_line(ins_status status) {
  char text[INS_MESSAGE_MAX];
  if (status == INS_OK) return status;
  snprintf(text, sizeof text, "%s", ins_message());
  for (char *p = text; *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
  return ins_fail(status, "%s", text);
}

ins_status ins_model_open(const char *name, const ins_value *options, ins_model_source **out) {
  static const char builtin[] = "builtin:";
  const ins_value *given = ins_map_get(options, "architecture");
  head h;
  *out = NULL;
  if (strncmp(name, builtin, strlen(builtin)) == 0)
    return open_builtin(name, name + strlen(builtin), out);
  ins_status status = read_head(name, &h);
  if (status != INS_OK) return status;
  if (given && given->kind == INS_NULL) given = NULL;
  if (starts(&h, 0, "PK\3\4", 4) || starts(&h, 0, "PK\5\6", 4))
    return on_one_line(ins_lightning_read(name, given, out));
  if (starts(&h, 0, INS_NATIVE_MAGIC, strlen(INS_NATIVE_MAGIC)))
    return on_one_line(ins_native_read(name, out));
  return unknown_format(name, &h);
}
