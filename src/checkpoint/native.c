/* SPDX-License-Identifier: MIT */
#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/checkpoint.h"
#include "insilico/file.h"
#include "insilico/hash.h"
#include "insilico/memory.h"
#include "native_tree.h"

/* ---- the block before the HDF5 data ---------------------------------------------------------- */

/* XXH3 of all bytes after the block. It is compared before HDF5 sees the file: the library trusts
 * what it parses, and a damaged file should give a sentence, not a crash. */
static ins_status digest_of(const char *path, FILE *file, uint64_t *out) {
  unsigned char bytes[1 << 16];
  ins_xxh hash;
  size_t n;
  ins_status status = ins_xxh_create(&hash);
  if (status != INS_OK) return status;
  ins_xxh_begin(&hash, 0);
  if (fseeko(file, INS_NATIVE_BLOCK, SEEK_SET) != 0)
    status = ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  while (status == INS_OK && (n = fread(bytes, 1, sizeof bytes, file)) > 0)
    ins_xxh_add(&hash, bytes, n);
  if (status == INS_OK && ferror(file))
    status = ins_fail(INS_ERR_IO, "%s: reading failed: %s", path, strerror(errno));
  *out = ins_xxh_end(&hash);
  ins_xxh_destroy(&hash);
  return status;
}

static void write_block(char block[INS_NATIVE_BLOCK], uint64_t digest) {
  memset(block, 0, INS_NATIVE_BLOCK);
  snprintf(block, INS_NATIVE_BLOCK,
           INS_NATIVE_MAGIC "xxh3 %016" PRIx64 "\n"
                            "An HDF5 file follows at byte 512; h5dump and h5py open this file as "
                            "it is. The number above is\n"
                            "the XXH3 hash (64 bits) of all bytes from 512 on.\n",
           digest);
}

static ins_status seal(const char *path) {
  char block[INS_NATIVE_BLOCK];
  uint64_t digest;
  FILE *file = fopen(path, "r+b");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  ins_status status = digest_of(path, file, &digest);
  write_block(block, digest);
  if (status == INS_OK &&
      (fseeko(file, 0, SEEK_SET) != 0 || fwrite(block, 1, sizeof block, file) != sizeof block ||
       fflush(file) != 0 || fsync(fileno(file)) != 0))
    status = ins_fail(INS_ERR_IO, "%s: writing failed: %s", path, strerror(errno));
  if (fclose(file) != 0 && status == INS_OK)
    status = ins_fail(INS_ERR_IO, "%s: writing failed: %s", path, strerror(errno));
  return status;
}

static ins_status check_seal(const char *path, size_t *size) {
  char block[INS_NATIVE_BLOCK];
  uint64_t digest, stated;
  struct stat about;
  const size_t magic = strlen(INS_NATIVE_MAGIC);
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
  ins_status status = INS_OK;
  if (fstat(fileno(file), &about) != 0 || fread(block, 1, sizeof block, file) != sizeof block ||
      memcmp(block, INS_NATIVE_MAGIC, magic) != 0)
    status = ins_fail(INS_ERR_FORMAT,
                      "%s: no model file of insilico, or its first 512 bytes are damaged", path);
  if (status == INS_OK) status = digest_of(path, file, &digest);
  if (status == INS_OK) {
    block[sizeof block - 1] = '\0';
    bool readable = sscanf(block + magic, "xxh3 %16" SCNx64, &stated) == 1;
    if (!readable || stated != digest)
      status = ins_fail(INS_ERR_FORMAT,
                        "%s: damaged, cut short, or changed since it was written (its bytes "
                        "do not match their hash); convert the checkpoint again",
                        path);
    *size = (size_t)about.st_size;
  }
  fclose(file);
  return status;
}

/* ---- HDF5 ------------------------------------------------------------------------------------ */

/* HDF5 prints its error stack by itself unless told not to; what is told is restored afterwards. */
typedef struct quiet {
  H5E_auto2_t function;
  void *data;
} quiet;

static quiet be_quiet(void) {
  quiet before = {0};
  H5Eget_auto2(H5E_DEFAULT, &before.function, &before.data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return before;
}

static void be_as_before(quiet before) {
  H5Eset_auto2(H5E_DEFAULT, before.function, before.data);
}

static hid_t create_file(const char *path) {
  hid_t creation = H5Pcreate(H5P_FILE_CREATE), access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_userblock(creation, INS_NATIVE_BLOCK);
  H5Pset_link_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  H5Pset_obj_track_times(creation, 0);
  H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
  H5Pclose(access);
  H5Pclose(creation);
  return file;
}

/* The trees of a source under their names in the file. */
enum { N_TREES = 5 };
static const char *const tree_names[N_TREES] = {"architecture", "parameters", "data_info",
                                                "provenance", "truth"};

static ins_value **tree_of(ins_model_source *source, int i) {
  ins_value **const trees[N_TREES] = {&source->architecture, &source->parameters,
                                      &source->data_info, &source->provenance, &source->truth};
  return trees[i];
}

static ins_status write_trees(const char *path, const ins_model_source *source) {
  const ins_value *trees[N_TREES] = {source->architecture, source->parameters, source->data_info,
                                     source->provenance, source->truth};
  hid_t file = create_file(path);
  if (file < 0) return ins_fail(INS_ERR_IO, "%s: cannot be created: %s", path, strerror(errno));
  ins_status status = INS_OK;
  for (int i = 0; status == INS_OK && i < N_TREES; i++)
    if (trees[i])
      status =
          ins_within(ins_tree_write(file, tree_names[i], trees[i]), "%s: %s", path, tree_names[i]);
  if (H5Fclose(file) < 0 && status == INS_OK)
    status = ins_fail(INS_ERR_IO, "%s: writing failed; is the disk full?", path);
  return status;
}

/* A rename is only durable once the directory is. */
static void sync_directory(const char *path) {
  char *directory = strdup(path);
  if (!directory) return;
  char *slash = strrchr(directory, '/');
  if (slash) slash[slash == directory] = '\0';
  int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY);
  if (fd >= 0) {
    fsync(fd);
    close(fd);
  }
  free(directory);
}

ins_status ins_native_write(const char *path, const ins_model_source *source) {
  char *part = ins_format("%s.part", path);
  int fd;
  if (!part) return INS_ERR_MEMORY;
  ins_status status = ins_file_make_new(part, &fd); /* HDF5 would go through a link */
  if (fd >= 0) close(fd);
  quiet before = be_quiet();
  if (status == INS_OK) status = write_trees(part, source);
  be_as_before(before);
  if (status == INS_OK) status = seal(part);
  if (status == INS_OK && rename(part, path) != 0)
    status = ins_fail(INS_ERR_IO, "%s: cannot be renamed to %s: %s", part, path, strerror(errno));
  if (status == INS_OK)
    sync_directory(path);
  else
    unlink(part);
  free(part);
  return status;
}

static ins_status read_trees(const char *path, size_t size, ins_model_source *source) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return ins_fail(INS_ERR_FORMAT, "%s: damaged: HDF5 cannot open it", path);
  ins_status status = INS_OK;
  for (int i = 0; status == INS_OK && i < N_TREES; i++) {
    bool optional = i >= 2;
    if (optional && H5Lexists(file, tree_names[i], H5P_DEFAULT) <= 0) continue;
    status = ins_within(ins_tree_read(file, tree_names[i], size, tree_of(source, i)), "%s: %s",
                        path, tree_names[i]);
  }
  H5Fclose(file);
  return status;
}

ins_status ins_native_read(const char *path, ins_model_source **out) {
  ins_model_source *source = NULL;
  size_t size = 0;
  *out = NULL;
  ins_status status = check_seal(path, &size);
  if (status == INS_OK) status = ins_alloc(1, sizeof *source, &source);
  if (status != INS_OK) return status;
  quiet before = be_quiet();
  status = read_trees(path, size, source);
  be_as_before(before);
  if (status == INS_OK)
    *out = source;
  else
    ins_model_source_destroy(&source);
  return status;
}
