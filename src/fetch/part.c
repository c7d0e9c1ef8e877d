/* SPDX-License-Identifier: MIT */
#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "insilico/text.h"

static const fetch_entity unknown = {.size = -1};

static ins_status failed(const fetch_part *part, const char *what) {
  bool full = errno == ENOSPC || errno == EDQUOT;
  return ins_fail(INS_ERR_IO, "%s.part: %s: %s%s", part->place->path, what, strerror(errno),
                  full ? "; make room there and run the same command, which goes on from here, or "
                         "name another cache folder in OPENRETINA_CACHE_DIRECTORY or with --cache"
                       : "");
}

static int open_beside(const fetch_place *place, const char *ending, int flags) {
  char *name = fetch_place_beside(place, ending);
  int fd = name ? openat(place->dir, name, flags | O_NOFOLLOW | O_CLOEXEC, 0666) : -1;
  free(name);
  return fd;
}

static void remove_beside(const fetch_place *place, const char *ending) {
  char *name = fetch_place_beside(place, ending);
  if (name) unlinkat(place->dir, name, 0);
  free(name);
}

/* ---- NAME.part.source: lines of "word value" ------------------------------------------------- */

static void read_line(char *line, const char *url, fetch_entity *out, bool *same) {
  char *value = strchr(line, ' ');
  if (!value) return;
  *value++ = '\0';
  if (strcmp(line, "url") == 0) *same = strcmp(value, url) == 0;
  if (strcmp(line, "etag") == 0) snprintf(out->etag, sizeof out->etag, "%s", value);
  if (strcmp(line, "size") == 0) out->size = strtoll(value, NULL, 10);
  if (strcmp(line, "sha256") == 0 && strlen(value) == INS_SHA256_HEX - 1)
    memcpy(out->sha256, value, INS_SHA256_HEX);
}

/* Of what the part is the beginning; nothing known when it is of another URL. */
static void read_source(const fetch_place *place, const char *url, fetch_entity *out) {
  char text[8192], *rest = NULL;
  bool same = false;
  int fd = open_beside(place, "part.source", O_RDONLY);
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
  if (fd >= 0) close(fd);
  *out = unknown;
  text[n > 0 ? n : 0] = '\0';
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
    read_line(line, url, out, &same);
  if (!same) *out = unknown;
}

static ins_status write_source(const fetch_part *part, const char *url) {
  ins_text text = {0};
  const fetch_entity *entity = &part->entity;
  ins_text_add(&text, "url %s\nsize %" PRId64 "\n", url, entity->size);
  if (entity->etag[0]) ins_text_add(&text, "etag %s\n", entity->etag);
  if (entity->sha256[0]) ins_text_add(&text, "sha256 %s\n", entity->sha256);
  ins_status status = ins_text_ok(&text);
  if (status == INS_OK) {
    int fd = open_beside(part->place, "part.source", O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0 || write(fd, text.data, text.length) != (ssize_t)text.length)
      status = failed(part, "what it is a part of cannot be noted beside it");
    if (fd >= 0) close(fd);
  }
  ins_text_free(&text);
  return status;
}

/* ---- the bytes ------------------------------------------------------------------------------- */

/* Without a tag or a hash nobody could tell whether the server still sends the same file. */
static bool can_go_on(const fetch_part *part) {
  const fetch_entity *entity = &part->entity;
  return part->length > 0 && (entity->etag[0] || entity->sha256[0]) &&
         (entity->size < 0 || part->length <= entity->size);
}

ins_status fetch_part_open(const fetch_place *place, const char *url, fetch_part *out) {
  struct stat about;
  *out = (fetch_part){.place = place, .entity = unknown};
  out->fd = open_beside(place, "part", O_RDWR | O_CREAT);
  if (out->fd < 0 || fstat(out->fd, &about) != 0) return failed(out, "cannot be opened");
  out->length = about.st_size;
  read_source(place, url, &out->entity);
  if (can_go_on(out)) {
    if (lseek(out->fd, 0, SEEK_END) >= 0) return INS_OK;
    return failed(out, "cannot be gone on with");
  }
  out->length = 0;
  out->entity = unknown;
  return ftruncate(out->fd, 0) == 0 ? INS_OK : failed(out, "cannot be emptied");
}

void fetch_part_close(fetch_part *part) {
  if (part->fd < 0) return;
  if (part->length == 0)
    fetch_part_discard(part);
  else
    close(part->fd);
  part->fd = -1;
}

ins_status fetch_part_begin(fetch_part *part, const char *url, const fetch_entity *entity) {
  if (ftruncate(part->fd, 0) != 0 || lseek(part->fd, 0, SEEK_SET) != 0)
    return failed(part, "cannot be emptied");
  part->length = 0;
  part->entity = *entity;
  return write_source(part, url);
}

ins_status fetch_part_append(fetch_part *part, const void *bytes, size_t n) {
  for (const char *at = bytes; n > 0;) {
    ssize_t written = write(part->fd, at, n);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed(part, "writing failed");
    at += written;
    n -= (size_t)written;
    part->length += written;
  }
  return INS_OK;
}

ins_status fetch_part_room(const fetch_part *part, int64_t more) {
  struct statvfs disk;
  char needed[32], there[32];
  if (more <= 0 || fstatvfs(part->fd, &disk) != 0) return INS_OK;
  double room = (double)disk.f_bavail * (double)disk.f_frsize;
  if (room >= (double)more) return INS_OK;
  return ins_fail(INS_ERR_IO,
                  "%s: needs %s, and the disk has room for %s; make room there, or name another "
                  "cache folder in OPENRETINA_CACHE_DIRECTORY or with --cache",
                  part->place->path, ins_text_bytes((double)more, needed, sizeof needed),
                  ins_text_bytes(room, there, sizeof there));
}

size_t fetch_part_head(const fetch_part *part, void *bytes, size_t n) {
  ssize_t got = pread(part->fd, bytes, n, 0);
  return got > 0 ? (size_t)got : 0;
}

ins_status fetch_part_hash(const fetch_part *part, char hash[INS_SHA256_HEX]) {
  char *path = ins_format("%s.part", part->place->path);
  ins_status status = path ? ins_sha256_file(path, hash) : INS_ERR_MEMORY;
  free(path);
  return status;
}

void fetch_part_discard(fetch_part *part) {
  remove_beside(part->place, "part");
  remove_beside(part->place, "part.source");
  if (part->fd >= 0) close(part->fd);
  part->fd = -1;
  part->length = 0;
}

ins_status fetch_part_finish(fetch_part *part) {
  const fetch_place *place = part->place;
  char *name = fetch_place_beside(place, "part");
  ins_status status = name ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && fsync(part->fd) != 0) status = failed(part, "cannot be put on disk");
  if (status == INS_OK && renameat(place->dir, name, place->dir, place->name) != 0)
    status = failed(part, "cannot be renamed");
  free(name);
  if (status != INS_OK) return status;
  remove_beside(place, "part.source");
  fetch_place_sync(place);
  close(part->fd);
  part->fd = -1;
  return INS_OK;
}
