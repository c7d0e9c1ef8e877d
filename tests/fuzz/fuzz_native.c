/* SPDX-License-Identifier: MIT */
/* Model files. A file whose bytes do not match its hash is refused before HDF5 sees it; who makes a
 * hostile file writes the right hash, so that inputs are given one, unless the last byte of the
 * block before the HDF5 data, which means nothing, is other than 0. */
#include <inttypes.h>

#include "fuzz.h"
#include "insilico/checkpoint.h"
#include "insilico/hash.h"

enum { BLOCK = 512 };

/* HDF5 looks for the real name of what it opens, which a file in memory alone has not. */
static char path[96];

static void remove_file(void) {
  unlink(path);
}

static void write_file(const uint8_t *bytes, size_t n) {
  if (!path[0]) {
    snprintf(path, sizeof path, "%s/insilico_fuzz_%ld.h5",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    atexit(remove_file);
  }
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  static const char magic[] = "insilico model file 1\n";
  ins_model_source *source = NULL;
  char line[32];
  if (n > BLOCK && n < 1 << 22 && bytes[BLOCK - 1] == 0) {
    uint8_t *copy = malloc(n);
    if (!copy) abort();
    memcpy(copy, bytes, n);
    snprintf(line, sizeof line, "xxh3 %016" PRIx64 "\n", ins_xxh3(bytes + BLOCK, n - BLOCK, 0));
    memcpy(copy, magic, sizeof magic - 1);
    memcpy(copy + sizeof magic - 1, line, strlen(line));
    write_file(copy, n);
    free(copy);
  } else {
    write_file(bytes, n);
  }
  ins_status status = ins_native_read(path, &source);
  if (status == INS_ERR_INTERNAL) abort();
  ins_model_source_destroy(&source);
  return 0;
}
