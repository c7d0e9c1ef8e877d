/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

#include "archive_members.h"
#include "insilico/memory.h"

/* A checkpoint holds stored (not deflated) floats, so a file and what it unfolds into are of a
 * size. The factors leave room for deflated files, for tensors that are views of one another, and
 * for the nodes and values (some hundred bytes each) that a few bytes of pickle become. */
enum { EXPANSION = 16, OBJECT_EXPANSION = 64, READ_CHUNK = 1 << 18 };
static const size_t spare_bytes = (size_t)64 << 20, spare_objects = (size_t)256 << 20;

struct ins_archive {
  ins_blob blob;
  ins_archive_form form;
  ins_members members;
  zip_t *zip; /* only for deflated members, opened when one is read */
  ins_crc *crc;
  char *path;
  size_t budget, objects;
};

/* ---- opening --------------------------------------------------------------------------------- */

static size_t allowance(uint64_t size, size_t factor, size_t spare) {
  return size < (SIZE_MAX / 2 - spare) / factor ? (size_t)size * factor + spare : SIZE_MAX / 2;
}

static ins_status open_file(const char *path, ins_archive **out) {
  struct stat about;
  ins_archive *archive;
  ins_status status = ins_alloc(1, sizeof *archive, &archive);
  *out = archive;
  if (status != INS_OK) return status;
  archive->blob.fd = -1;
  archive->path = strdup(path);
  if (!archive->path) return ins_fail(INS_ERR_MEMORY, "%s: out of memory", path);
  archive->blob.path = archive->path;
  archive->blob.fd = open(path, O_RDONLY | O_CLOEXEC);
  if (archive->blob.fd < 0 || fstat(archive->blob.fd, &about) != 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  if (!S_ISREG(about.st_mode)) return ins_fail(INS_ERR_IO, "%s: is no file", path);
  archive->blob.size = (uint64_t)about.st_size;
  archive->budget = allowance(archive->blob.size, EXPANSION, spare_bytes);
  archive->objects = allowance(archive->blob.size, OBJECT_EXPANSION, spare_objects);
  return INS_OK;
}

/* The check of a tar header: the sum of its bytes, with its own field counted as blanks. Old tar
 * files have no other mark, and torch tries tar before anything else. */
static bool is_tar(const unsigned char *head, size_t n) {
  unsigned long sum = 0, stated = 0;
  int digits = 0;
  if (n < 512) return false;
  for (size_t i = 0; i < 512; i++) sum += i >= 148 && i < 156 ? ' ' : head[i];
  for (size_t i = 148; i < 156; i++)
    if (head[i] >= '0' && head[i] <= '7') {
      stated = stated * 8 + (unsigned long)(head[i] - '0');
      digits++;
    } else if (digits) {
      break;
    }
  return digits && stated == sum;
}

bool ins_archive_is_tar(const ins_archive *archive) {
  unsigned char head[512];
  return archive->blob.size >= sizeof head &&
         ins_blob_read(&archive->blob, 0, head, sizeof head) == INS_OK && is_tar(head, sizeof head);
}

static ins_status read_members(ins_archive *archive) {
  unsigned char head[32];
  ins_status status = ins_archive_peek(archive, head, sizeof head);
  if (status != INS_OK) return status;
  if (ins_archive_is_tar(archive))
    return ins_fail(
        INS_ERR_UNSUPPORTED,
        "%s: a tar file, as torch wrote them before 0.1.11: load it with a torch before "
        "1.6 and torch.save it again",
        archive->path);
  if (ins_stream_starts(head, sizeof head)) {
    archive->form = INS_FORM_STREAM;
    return ins_stream_read(&archive->blob, &archive->members);
  }
  return ins_directory_read(&archive->blob, &archive->members);
}

ins_status ins_archive_open(const char *path, ins_archive **out) {
  ins_status status = open_file(path, out);
  if (status == INS_OK) status = read_members(*out);
  if (status != INS_OK) ins_archive_close(out);
  return status;
}

ins_status ins_archive_open_pickle(const char *path, ins_archive **out) {
  ins_status status = open_file(path, out);
  ins_members *members = status == INS_OK ? &(*out)->members : NULL;
  if (status == INS_OK)
    status = ins_grow(&members->list, &members->capacity, 1, sizeof *members->list);
  if (status == INS_OK) {
    uint64_t size = (*out)->blob.size;
    (*out)->form = INS_FORM_PICKLE;
    members->list[0] = (ins_member){.name = "data.pkl", .end = size, .stored = size, .size = size};
    members->n = 1;
    status = ins_members_sort(members, path);
  }
  if (status != INS_OK) ins_archive_close(out);
  return status;
}

void ins_archive_close(ins_archive **archive) {
  ins_archive *a = *archive;
  if (!a) return;
  if (a->zip) zip_discard(a->zip);
  if (a->blob.fd >= 0) close(a->blob.fd);
  ins_members_free(&a->members);
  ins_free(&a->crc);
  free(a->path);
  ins_free(archive);
}

/* ---- looking --------------------------------------------------------------------------------- */

ins_archive_form ins_archive_form_of(const ins_archive *archive) {
  return archive->form;
}

const char *ins_archive_name(const ins_archive *archive) {
  const char *slash = strrchr(archive->path, '/');
  return slash ? slash + 1 : archive->path;
}

uint64_t ins_archive_size(const ins_archive *archive) {
  return archive->blob.size;
}

size_t ins_archive_count(const ins_archive *archive) {
  return archive->members.n;
}

const char *ins_archive_member(const ins_archive *archive, size_t i) {
  return archive->members.list[i].name;
}

const char *ins_archive_find(const ins_archive *archive, const char *suffix) {
  size_t length = strlen(suffix);
  for (size_t i = 0; i < archive->members.n; i++) {
    const char *member = archive->members.list[i].name;
    size_t own = strlen(member);
    if (own < length || strcmp(member + own - length, suffix) != 0) continue;
    if (own == length || member[own - length - 1] == '/') return member;
  }
  return NULL;
}

size_t ins_archive_locate(const ins_archive *archive, const char *member) {
  const ins_members *m = &archive->members;
  size_t low = 0, high = m->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const char *name = m->list[m->by_name[middle]].name;
    int order = strcasecmp(member, name);
    if (order == 0) return strcmp(member, name) == 0 ? m->by_name[middle] : m->n;
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return m->n;
}

bool ins_archive_has(const ins_archive *archive, const char *member) {
  return ins_archive_locate(archive, member) < archive->members.n;
}

/* ---- budgets --------------------------------------------------------------------------------- */

static ins_status spend(const ins_archive *archive, size_t *left, size_t bytes) {
  if (bytes > *left)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: it unfolds into far more data than its size allows for; it is "
                    "damaged or made to exhaust memory",
                    ins_archive_name(archive));
  *left -= bytes;
  return INS_OK;
}

ins_status ins_archive_spend(ins_archive *archive, size_t bytes) {
  return spend(archive, &archive->budget, bytes);
}

ins_status ins_archive_spend_objects(ins_archive *archive, size_t bytes) {
  return spend(archive, &archive->objects, bytes);
}

size_t ins_archive_objects_left(const ins_archive *archive) {
  return archive->objects;
}

/* ---- reading --------------------------------------------------------------------------------- */

ins_status ins_room(size_t n, unsigned char **out) {
  const size_t alignment = 64;
  size_t rounded = n < SIZE_MAX / 2 ? (n + alignment) / alignment * alignment : 0;
  *out = rounded ? aligned_alloc(alignment, rounded) : NULL;
  return *out ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory: %zu bytes were asked for", n);
}

ins_status ins_blob_read(const ins_blob *blob, uint64_t at, void *out, size_t n) {
  if (at > blob->size || n > blob->size - at)
    return ins_fail(INS_ERR_FORMAT, "%s: damaged or cut short: something in it lies beyond its end",
                    blob->path);
  for (size_t have = 0; have < n;) {
    ssize_t got = pread(blob->fd, (char *)out + have, n - have, (off_t)(at + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0)
      return ins_fail(INS_ERR_IO, "%s: reading failed: %s", blob->path,
                      got < 0 ? strerror(errno) : "it became shorter meanwhile");
    have += (size_t)got;
  }
  return INS_OK;
}

ins_status ins_archive_peek(const ins_archive *archive, void *out, size_t n) {
  size_t have = archive->blob.size < n ? (size_t)archive->blob.size : n;
  memset((char *)out + have, 0, n - have);
  return ins_blob_read(&archive->blob, 0, out, have);
}

static ins_status member_failed(const ins_archive *archive, const ins_member *member,
                                const char *why) {
  return ins_fail(INS_ERR_FORMAT, "%s: member %s: %s", ins_archive_name(archive), member->name,
                  why);
}

/* A ZIP member has a second header before its data, which may be longer than what the directory
 * says of it; it must be of the same member and stay within what belongs to it. */
static ins_status find_data(const ins_archive *archive, const ins_member *member, uint64_t *at) {
  enum { LOCAL_SIZE = 30 };
  unsigned char head[LOCAL_SIZE + 512];
  size_t name = strlen(member->name), compared = name < 512 ? name : 512;
  *at = member->begin;
  if (!member->has_header) return INS_OK;
  ins_status status = ins_blob_read(&archive->blob, member->begin, head, LOCAL_SIZE + compared);
  if (status != INS_OK) return status;
  if (memcmp(head, "PK\3\4", 4) != 0 || (size_t)(head[26] | head[27] << 8) != name ||
      memcmp(head + LOCAL_SIZE, member->name, compared) != 0)
    return member_failed(archive, member, "damaged: its header is not that of the directory");
  *at = member->begin + LOCAL_SIZE + name + (uint64_t)(head[28] | head[29] << 8);
  if (*at > member->end || member->stored > member->end - *at)
    return member_failed(archive, member, "damaged: it reaches into the next one");
  return INS_OK;
}

bool ins_archive_place(ins_archive *archive, size_t i, uint64_t *at) {
  const ins_member *member = &archive->members.list[i];
  return member->method == INS_STORED && find_data(archive, member, at) == INS_OK;
}

/* Writers may leave the checksum out (torch: compute_crc32=False): the field is zero then. */
static ins_status check_crc(ins_archive *archive, const ins_member *member,
                            const unsigned char *bytes, size_t n) {
  if (!member->has_header || member->crc == 0) return INS_OK;
  if (!archive->crc) {
    ins_status status = ins_alloc(1, sizeof *archive->crc, &archive->crc);
    if (status != INS_OK) return status;
    ins_crc_begin(archive->crc);
  }
  if (ins_crc_of(archive->crc, bytes, n) == member->crc) return INS_OK;
  return member_failed(archive, member, "damaged: its data do not match their checksum (CRC)");
}

static ins_status read_stored(ins_archive *archive, const ins_member *member, unsigned char **out,
                              size_t *n) {
  uint64_t at;
  if (member->size > member->stored)
    return member_failed(archive, member, "it ends before the size its directory entry claims");
  if (member->size < member->stored)
    return member_failed(archive, member, "it holds more data than it may");
  *n = (size_t)member->size;
  ins_status status = find_data(archive, member, &at);
  if (status == INS_OK) status = ins_archive_spend(archive, *n);
  if (status == INS_OK) status = ins_room(*n, out);
  if (status == INS_OK) status = ins_blob_read(&archive->blob, at, *out, *n);
  if (status == INS_OK) status = check_crc(archive, member, *out, *n);
  return status;
}

/* Opens the file a second time with libzip, whose reading of the directory must agree with ours. */
static ins_status open_zip(ins_archive *archive, const ins_member *member, size_t i,
                           zip_file_t **out) {
  zip_stat_t about;
  int code = 0;
  *out = NULL;
  if (!archive->zip) {
    int fd = dup(archive->blob.fd);
    if (fd >= 0) archive->zip = zip_fdopen(fd, 0, &code);
    if (fd >= 0 && !archive->zip) close(fd);
  }
  if (!archive->zip || zip_stat_index(archive->zip, i, 0, &about) != 0)
    return member_failed(archive, member, "damaged: it cannot be unpacked");
  const zip_uint64_t known = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if ((about.valid & known) != known || strcmp(about.name, member->name) != 0 ||
      about.size != member->size || about.comp_size != member->stored)
    return member_failed(archive, member, "damaged: the directory can be read in two ways");
  *out = zip_fopen_index(archive->zip, i, 0);
  if (!*out) return member_failed(archive, member, "damaged: it cannot be unpacked");
  return INS_OK;
}

/* Reads to the end of the member's real data. The room grows with what has arrived: the size that
 * the directory claims is compared afterwards and never allocated on trust. */
static ins_status unpack(ins_archive *archive, const ins_member *member, zip_file_t *file,
                         unsigned char **out, size_t *n) {
  size_t capacity = 0, have = 0;
  for (;;) {
    size_t want = member->size > have ? (size_t)member->size - have : 1;
    if (want > READ_CHUNK) want = have > READ_CHUNK ? have : READ_CHUNK;
    if (have > member->size)
      return member_failed(archive, member, "it holds more data than it may");
    ins_status status = ins_grow(out, &capacity, have + want, 1);
    if (status != INS_OK) return status;
    zip_int64_t got = zip_fread(file, *out + have, want);
    if (got == 0) break;
    bool no_checksum = got < 0 && member->crc == 0 && have == member->size &&
                       zip_error_code_zip(zip_file_get_error(file)) == ZIP_ER_CRC;
    if (no_checksum) break;
    if (got < 0) return member_failed(archive, member, "damaged: it cannot be unpacked");
    status = ins_archive_spend(archive, (size_t)got);
    if (status != INS_OK) return status;
    have += (size_t)got;
  }
  if (have != member->size)
    return member_failed(archive, member, "it ends before the size its directory entry claims");
  *n = have;
  return INS_OK;
}

static ins_status read_deflated(ins_archive *archive, size_t i, unsigned char **out, size_t *n) {
  const ins_member *member = &archive->members.list[i];
  zip_file_t *file;
  ins_status status = open_zip(archive, member, i, &file);
  if (status != INS_OK) return status;
  status = unpack(archive, member, file, out, n);
  zip_fclose(file);
  return status;
}

ins_status ins_archive_read_at(ins_archive *archive, size_t i, size_t limit, unsigned char **out,
                               size_t *n) {
  const ins_member *member = &archive->members.list[i];
  ins_status status;
  *out = NULL;
  *n = 0;
  if (member->size > limit)
    return member_failed(archive, member, "it is larger than anything expected there");
  if (member->method == INS_STORED)
    status = read_stored(archive, member, out, n);
  else if (member->method == INS_DEFLATED)
    status = read_deflated(archive, i, out, n);
  else
    status = member_failed(archive, member, "its compression is neither 'stored' nor 'deflated'");
  if (status != INS_OK) ins_free(out);
  return status;
}

ins_status ins_archive_read(ins_archive *archive, const char *member, size_t limit,
                            unsigned char **out, size_t *n) {
  size_t i = ins_archive_locate(archive, member);
  *out = NULL;
  *n = 0;
  if (i == archive->members.n)
    return ins_fail(INS_ERR_FORMAT, "%s: member %s: it is not in the file",
                    ins_archive_name(archive), member);
  return ins_archive_read_at(archive, i, limit, out, n);
}
