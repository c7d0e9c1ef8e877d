/* SPDX-License-Identifier: MIT */
#include "archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "archive_directory.h"
#include "insilico/memory.h"

/* A checkpoint holds stored (not deflated) floats, so a file and what it unfolds into are of a
 * size. The factor leaves room for deflated files and tensors that are views of one another. */
enum { EXPANSION = 16, READ_CHUNK = 1 << 18 };
static const size_t spare_bytes = (size_t)64 << 20;

struct ins_archive {
  zip_t *zip;
  char *name;
  size_t budget;
};

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static ins_status open_failed(const char *path, int code) {
  zip_error_t error;
  if (code == ZIP_ER_OPEN || code == ZIP_ER_NOENT)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  if (code == ZIP_ER_MEMORY) return ins_fail(INS_ERR_MEMORY, "%s: out of memory", path);
  zip_error_init_with_code(&error, code);
  ins_status status = ins_fail(INS_ERR_FORMAT,
                               "%s: damaged or cut short: its ZIP directory cannot be "
                               "read (%s); fetch or copy it again",
                               path, zip_error_strerror(&error));
  zip_error_fini(&error);
  return status;
}

ins_status ins_archive_open(const char *path, ins_archive **out) {
  struct stat about;
  ins_archive *archive;
  int code = 0;
  *out = NULL;
  if (stat(path, &about) != 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  ins_status status = ins_directory_check(path);
  if (status == INS_OK) status = ins_alloc(1, sizeof *archive, &archive);
  if (status != INS_OK) return status;
  size_t size = (size_t)about.st_size;
  archive->budget =
      spare_bytes + (size < SIZE_MAX / 2 / EXPANSION ? size * EXPANSION : SIZE_MAX / 2);
  archive->name = strdup(base_name(path));
  archive->zip = zip_open(path, ZIP_RDONLY, &code);
  if (!archive->name)
    status = ins_fail(INS_ERR_MEMORY, "%s: out of memory", path);
  else if (!archive->zip)
    status = open_failed(path, code);
  if (status != INS_OK) ins_archive_close(&archive);
  *out = archive;
  return status;
}

void ins_archive_close(ins_archive **archive) {
  if (!*archive) return;
  if ((*archive)->zip) zip_discard((*archive)->zip);
  free((*archive)->name);
  ins_free(archive);
}

const char *ins_archive_name(const ins_archive *archive) {
  return archive->name;
}

const char *ins_archive_find(const ins_archive *archive, const char *suffix) {
  zip_int64_t n = zip_get_num_entries(archive->zip, 0);
  size_t length = strlen(suffix);
  for (zip_int64_t i = 0; i < n; i++) {
    const char *member = zip_get_name(archive->zip, (zip_uint64_t)i, 0);
    size_t own = member ? strlen(member) : 0;
    if (own < length || strcmp(member + own - length, suffix) != 0) continue;
    if (own == length || member[own - length - 1] == '/') return member;
  }
  return NULL;
}

bool ins_archive_has(const ins_archive *archive, const char *member) {
  return zip_name_locate(archive->zip, member, 0) >= 0;
}

ins_status ins_archive_spend(ins_archive *archive, size_t bytes) {
  if (bytes > archive->budget)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: it unfolds into far more data than its size allows for; it is "
                    "damaged or made to exhaust memory",
                    archive->name);
  archive->budget -= bytes;
  return INS_OK;
}

static ins_status member_failed(const ins_archive *archive, const char *member, const char *why) {
  return ins_fail(INS_ERR_FORMAT, "%s: member %s: %s", archive->name, member, why);
}

static ins_status read_failed(ins_archive *archive, const char *member, zip_file_t *file) {
  char why[160];
  snprintf(why, sizeof why, "damaged: %s", zip_error_strerror(zip_file_get_error(file)));
  return member_failed(archive, member, why);
}

/* Reads to the end of the member's real data. The room grows with what has arrived: the size that
 * the directory claims is compared afterwards and never allocated on trust. */
static ins_status read_all(ins_archive *archive, const zip_stat_t *about, zip_file_t *file,
                           size_t limit, unsigned char **out, size_t *n) {
  size_t capacity = 0, have = 0;
  ins_status status = INS_OK;
  for (;;) {
    size_t want = about->size > have ? about->size - have : 1;
    if (want > READ_CHUNK) want = have > READ_CHUNK ? have : READ_CHUNK;
    if (have > limit || have > about->size)
      return member_failed(archive, about->name, "it holds more data than it may");
    status = ins_grow(out, &capacity, have + want, 1);
    if (status != INS_OK) return status;
    zip_int64_t got = zip_fread(file, *out + have, want);
    if (got == 0) break;
    if (got < 0) {
      /* Writers may leave the checksum out (torch: compute_crc32=False): the field is zero then. */
      bool no_checksum =
          zip_error_code_zip(zip_file_get_error(file)) == ZIP_ER_CRC && about->crc == 0;
      if (no_checksum && have == about->size) break;
      return read_failed(archive, about->name, file);
    }
    status = ins_archive_spend(archive, (size_t)got);
    if (status != INS_OK) return status;
    have += (size_t)got;
  }
  if (have != about->size)
    return member_failed(archive, about->name,
                         "it ends before the size its directory entry claims");
  *n = have;
  return INS_OK;
}

static ins_status check_member(const ins_archive *archive, const zip_stat_t *about, size_t limit) {
  const zip_uint64_t needed = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
  if ((about->valid & needed) != needed)
    return member_failed(archive, about->name, "its directory entry is incomplete");
  if (about->encryption_method != ZIP_EM_NONE)
    return member_failed(archive, about->name, "it is encrypted");
  if (about->comp_method != ZIP_CM_STORE && about->comp_method != ZIP_CM_DEFLATE)
    return member_failed(archive, about->name,
                         "its compression is neither 'stored' nor 'deflated'");
  if (about->size > limit)
    return member_failed(archive, about->name, "it is larger than anything expected there");
  return INS_OK;
}

ins_status ins_archive_read(ins_archive *archive, const char *member, size_t limit,
                            unsigned char **out, size_t *n) {
  zip_stat_t about;
  *out = NULL;
  *n = 0;
  zip_stat_init(&about);
  if (zip_stat(archive->zip, member, 0, &about) != 0)
    return member_failed(archive, member, "it is not in the file");
  ins_status status = check_member(archive, &about, limit);
  if (status != INS_OK) return status;
  zip_file_t *file = zip_fopen_index(archive->zip, about.index, 0);
  if (!file) return member_failed(archive, member, zip_error_strerror(zip_get_error(archive->zip)));
  status = read_all(archive, &about, file, limit, out, n);
  zip_fclose(file);
  if (status != INS_OK) ins_free(out);
  return status;
}
