/* SPDX-License-Identifier: MIT */
#include "scan.h"

#include <string.h>

#include "archive_members.h"
#include "insilico/look.h"
#include "insilico/memory.h"
#include "native.h"

enum { MAX_MEMBER = 256 << 20, TORCH_PICKLES = 5 };

static bool ends(const char *name, const char *with) {
  size_t n = strlen(name), end = strlen(with);
  return n >= end && strcasecmp(name + n - end, with) == 0;
}

/* torch's storages are many and large; nothing unpickles them. */
static bool is_storage(const char *name) {
  const char *slash = strrchr(name, '/');
  return slash && slash - name >= 5 && memcmp(slash - 5, "/data", 5) == 0 && slash[1] &&
         strspn(slash + 1, "0123456789") == strlen(slash + 1);
}

static bool begins_pickle(const unsigned char *bytes, size_t n) {
  return n > 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

static ins_status scan_member(ins_scan *scan, ins_archive *archive, size_t i) {
  const char *name = ins_archive_member(archive, i);
  ins_scan_place place = {.pickle = name};
  unsigned char *bytes = NULL;
  size_t n;
  bool pickle = ends(name, ".pkl") || ends(name, ".pickle") || ends(name, ".p");
  if (is_storage(name)) return INS_OK;
  ins_status status = ins_archive_read_at(archive, i, MAX_MEMBER, &bytes, &n);
  if (!ins_archive_place(archive, i, &place.at)) place.at = 0;
  if (status == INS_OK && (pickle || begins_pickle(bytes, n)))
    status = ins_scan_pickles(scan, bytes, n, place, SIZE_MAX);
  else if (status == INS_OK && ends(name, ".npy"))
    status = ins_scan_npy(scan, bytes, n, place);
  ins_free(&bytes);
  return status;
}

static ins_status scan_zip(ins_scan *scan, const char *path) {
  ins_archive *archive;
  ins_status status = ins_archive_open(path, &archive);
  for (size_t i = 0; status == INS_OK && i < ins_archive_count(archive); i++)
    status = scan_member(scan, archive, i);
  ins_archive_close(&archive);
  return status;
}

/* A file from before torch 1.6 is five pickles and the storages after them. Its own reader refuses
 * what this one only has to look at, so that it is read here as one piece. */
static ins_status scan_bytes(ins_scan *scan, const unsigned char *bytes, size_t n,
                             const char **format) {
  const ins_scan_place place = {.pickle = ""};
  if (n >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0) {
    *format = "array of NumPy (.npy)";
    return ins_scan_npy(scan, bytes, n, place);
  }
  bool torch = ins_stream_starts(bytes, n);
  *format = torch ? "torch (before 1.6)" : "pickle";
  return ins_scan_pickles(scan, bytes, n, place, torch ? TORCH_PICKLES : SIZE_MAX);
}

static ins_status scan_bare(ins_scan *scan, const ins_archive *archive, const char **format) {
  unsigned char *bytes = NULL;
  size_t n =
      ins_archive_size(archive) < MAX_MEMBER ? (size_t)ins_archive_size(archive) : MAX_MEMBER;
  if (ins_archive_is_tar(archive))
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: a tar file, whose pickles are not looked into; do not load it unless you "
                    "trust where it comes from",
                    ins_archive_name(archive));
  ins_status status = ins_room(n, &bytes);
  if (status == INS_OK) status = ins_archive_peek(archive, bytes, n);
  if (status == INS_OK) status = scan_bytes(scan, bytes, n, format);
  ins_free(&bytes);
  return status;
}

static ins_status scan_file(ins_scan *scan, const char *path, const char **format) {
  ins_archive *archive;
  char head[32];
  ins_status status = ins_archive_open_pickle(path, &archive);
  if (status == INS_OK) status = ins_archive_peek(archive, head, sizeof head);
  if (status != INS_OK) goto done;
  if (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0) {
    *format = "torch (ZIP)";
    status = scan_zip(scan, path);
  } else if (memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0 ||
             memcmp(head, INS_NATIVE_MAGIC, strlen(INS_NATIVE_MAGIC)) == 0) {
    status = ins_fail(INS_ERR_UNSUPPORTED,
                      "%s: an HDF5 file holds no pickle, so that there is nothing to scan", path);
  } else {
    status = scan_bare(scan, archive, format);
  }
done:
  ins_archive_close(&archive);
  return status;
}

ins_status ins_checkpoint_scan(const char *path, ins_value **out) {
  const char *format = "";
  ins_scan scan;
  *out = NULL;
  ins_status status = ins_scan_begin(&scan);
  if (status == INS_OK) status = scan_file(&scan, path, &format);
  if (status == INS_OK) status = ins_scan_answer(&scan, format, out);
  ins_scan_end(&scan);
  return status;
}
