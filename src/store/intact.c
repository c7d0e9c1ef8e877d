/* SPDX-License-Identifier: MIT */
/* Is a file what laying it out gives? What is no row is a function of the job, so it needs no
 * checksums: it is made again, in memory, and compared. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"

enum { BLOCK = 1 << 18 };

typedef struct comparison {
  const char *path;
  int fd, twin;
  uint8_t *block; /* [2][BLOCK] */
} comparison;

/* What cannot be read is not as it was. */
static bool same_bytes(const comparison *c, uint64_t from, uint64_t to) {
  while (from < to) {
    size_t n = to - from < BLOCK ? (size_t)(to - from) : BLOCK;
    if (!ins_own_file_read(c->fd, from, n, c->block) ||
        !ins_own_file_read(c->twin, from, n, c->block + BLOCK) ||
        memcmp(c->block, c->block + BLOCK, n) != 0)
      return false;
    from += n;
  }
  return true;
}

static int by_offset(const void *a, const void *b) {
  const ins_region *x = a, *y = b;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Everything between regions, which are in no order. */
static bool same_around(const comparison *c, ins_region *regions, size_t n) {
  struct stat file, twin;
  uint64_t at = 0;
  if (fstat(c->fd, &file) || fstat(c->twin, &twin) || file.st_size != twin.st_size) return false;
  qsort(regions, n, sizeof *regions, by_offset);
  for (size_t i = 0; i < n; i++) {
    if (!same_bytes(c, at, regions[i].offset)) return false;
    at = regions[i].offset + regions[i].bytes;
  }
  return same_bytes(c, at, (uint64_t)file.st_size);
}

/* Where nothing can be compared with, the file is what it says it is: rows have checksums, and
 * those who read it look at sizes. */
static ins_status take_on_trust(const char *path, bool *intact) {
  ins_log(INS_LOG_WARNING,
          "%s: whether its headers, axes and constants are as they were could not be checked (%s); "
          "rows are verified as always",
          path, ins_message());
  *intact = true;
  return INS_OK;
}

ins_status ins_store_intact(const char *path, size_t n_stages, ins_layout *const *stages,
                            const ins_value *attributes, bool *intact) {
  comparison c = {.path = path, .fd = -1, .twin = -1};
  ins_region *regions = NULL;
  size_t n;
  *intact = false;
  ins_status status = ins_own_file_open(path, O_RDONLY, &c.fd);
  if (status == INS_OK) status = ins_alloc(2, BLOCK, &c.block);
  if (status == INS_OK)
    status = ins_store_twin(n_stages, stages, attributes, &c.twin, &regions, &n);
  if (status == INS_OK)
    *intact = same_around(&c, regions, n);
  else if (c.fd >= 0 && status == INS_ERR_IO)
    status = take_on_trust(path, intact);
  ins_free(&c.block);
  ins_free(&regions);
  if (c.twin >= 0) close(c.twin);
  if (c.fd >= 0) close(c.fd);
  ins_h5_silent();
  return status;
}
