/* SPDX-License-Identifier: MIT */
/* Results files as files: space, putting them in place, whose they are. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "insilico/fault.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/store.h"
#include "parts.h"

enum { METADATA_UNIT = 1 << 14, HEAD = 1 << 20 };

static size_t text_bytes(const char *text) {
  return text ? strlen(text) : 0;
}

static size_t stage_metadata(const ins_layout *layout) {
  size_t bytes = layout->group ? 4096 : 0;
  for (int i = 0; i < layout->n_axes; i++)
    bytes += 2048 + 2 * text_bytes(layout->axes[i].long_name);
  for (int v = 0; v < layout->n_variables + 3; v++) bytes += 2048;
  for (int v = 0; v < layout->n_variables; v++) {
    const ins_variable *variable = &layout->variables[v];
    bytes += 2 * (text_bytes(variable->long_name) + text_bytes(variable->source) +
                  text_bytes(variable->flags));
  }
  return bytes;
}

/* A generous guess: object headers with their attributes, and what HDF5 leaves behind when it grows
 * them. */
size_t ins_store_metadata(size_t n_stages, ins_layout *const *stages, const ins_value *attributes) {
  ins_text json = {0};
  if (attributes) ins_value_json(attributes, SIZE_MAX, &json);
  size_t bytes = 8192 + 2 * json.length;
  ins_text_free(&json);
  for (size_t k = 0; k < n_stages; k++) bytes += stage_metadata(stages[k]);
  return (bytes + METADATA_UNIT - 1) / METADATA_UNIT * METADATA_UNIT;
}

static double stage_size(const ins_layout *layout) {
  double tasks = (double)ins_layout_tasks(layout), groups = layout->reduced < 0 ? 1 : 0;
  if (layout->reduced >= 0 && layout->axes[layout->reduced].length)
    groups = tasks / (double)layout->axes[layout->reduced].length;
  double bytes = tasks * (1 + 1 + 8);
  for (int i = 0; i < layout->n_axes; i++)
    bytes += (double)layout->axes[i].length * (layout->axes[i].coordinates ? 8 : 1);
  for (int v = 0; v < layout->n_variables; v++) {
    ins_scope scope = layout->variables[v].scope;
    double rows = scope == INS_PER_TASK ? tasks : scope == INS_SUMMARY ? groups : 1;
    bytes += rows * (double)ins_layout_row_bytes(layout, v);
  }
  return bytes;
}

double ins_store_size(size_t n_stages, ins_layout *const *stages) {
  double bytes = (double)ins_store_metadata(n_stages, stages, NULL);
  for (size_t k = 0; k < n_stages; k++) bytes += stage_size(stages[k]);
  return bytes;
}

/* The folder of PATH; free the result. */
static char *folder_of(const char *path) {
  char *copy = strdup(path), *folder = copy ? strdup(dirname(copy)) : NULL;
  free(copy);
  return folder;
}

static ins_status no_space(const char *path, double bytes) {
  char needed[32], there[32] = "an unknown amount";
  struct statvfs space;
  char *folder = folder_of(path);
  if (folder && !statvfs(folder, &space))
    ins_text_bytes((double)space.f_bavail * (double)space.f_frsize, there, sizeof there);
  return ins_fail(INS_ERR_IO,
                  "%s: the results need %s and the disk has %s free; make room or choose "
                  "another output",
                  path, ins_text_bytes(bytes, needed, sizeof needed), there);
}

static ins_status not_allowed(const char *path, double bytes, int error) {
  char needed[32];
  return ins_fail(INS_ERR_IO,
                  "%s: the results need %s, which %s; make room or choose another output", path,
                  ins_text_bytes(bytes, needed, sizeof needed),
                  error == EDQUOT ? "your quota on this file system does not allow"
                                  : "is more than a file may have here (see `ulimit -f`)");
}

ins_status ins_store_check_space(const char *path, double bytes) {
  struct statvfs space;
  char *folder = folder_of(path);
  bool said = folder && !statvfs(folder, &space) && space.f_blocks;
  free(folder);
  if (!said) return INS_OK; /* not every file system says */
  double there = (double)(geteuid() ? space.f_bavail : space.f_bfree) * (double)space.f_frsize;
  return there < bytes ? no_space(path, bytes) : INS_OK;
}

ins_status ins_store_reserve(const char *path, int fd) {
  struct stat file;
  if (fstat(fd, &file)) return ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
  if (ins_fault("store.reserve", -1)) return no_space(path, (double)file.st_size);
  int error;
  do error = file.st_size ? posix_fallocate(fd, 0, file.st_size) : 0;
  while (error == EINTR);
  if (error == ENOSPC) return no_space(path, (double)file.st_size);
  if (error == EDQUOT || error == EFBIG) return not_allowed(path, (double)file.st_size, error);
  if (error)
    ins_log(INS_LOG_WARNING,
            "%s: this file system cannot reserve space (%s): a full disk will be noticed "
            "only during the run",
            path, strerror(error));
  return INS_OK;
}

static ins_status sync_path(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | (flags & O_DIRECTORY ? 0 : O_NOFOLLOW));
  if (fd < 0 && errno == EACCES && (flags & O_DIRECTORY))
    return INS_OK; /* writable, not readable */
  if (fd < 0) return ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
  /* Some file systems refuse to sync a folder; they have nothing to sync then. */
  bool failed = fsync(fd) && errno != EINVAL && errno != ENOTSUP;
  ins_status status =
      failed ? ins_fail(INS_ERR_IO, "%s: cannot be synced: %s", path, strerror(errno)) : INS_OK;
  close(fd);
  return status;
}

ins_status ins_store_publish(const char *part, const char *path) {
  ins_status status = sync_path(part, O_RDWR);
  if (status == INS_OK && ins_fault("store.publish", -1))
    status = ins_fail(INS_ERR_IO, "%s: cannot be renamed to %s", part, path);
  if (status == INS_OK && rename(part, path))
    status = ins_fail(INS_ERR_IO, "%s: cannot be renamed to %s: %s", part, path, strerror(errno));
  if (status != INS_OK) {
    unlink(part);
    return status;
  }
  char *folder = folder_of(path);
  if (!folder) return ins_fail(INS_ERR_MEMORY, "out of memory for a path");
  status = sync_path(folder, O_RDONLY | O_DIRECTORY);
  free(folder);
  return status;
}

/* HDF5's signature, of which two bytes may be damaged. */
static bool is_signature(const char *head) {
  static const char signature[] = "\211HDF\r\n\032\n";
  int differing = 0;
  for (int i = 0; i < 8; i++) differing += head[i] != signature[i];
  return differing <= 2;
}

/* Our words stand near the beginning of the file, also when HDF5 cannot open it any more. Two of
 * them must be whole. */
static ins_status has_mark(const char *path, bool *out) {
  static const char *const marks[] = {INS_STORE_FORMAT, "results_format", "layout_hash"};
  int found = 0;
  char *head;
  ins_status status = ins_alloc(HEAD, 1, &head);
  if (status != INS_OK) return status;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, head, HEAD) : -1;
  if (n < 0) status = ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  for (size_t i = 0; n > 8 && is_signature(head) && i < sizeof marks / sizeof *marks; i++)
    found += memmem(head, (size_t)n, marks[i], strlen(marks[i])) != NULL;
  if (fd >= 0) close(fd);
  ins_free(&head);
  *out = found >= 2;
  return status;
}

/* Links to elsewhere are not followed, and groups not beyond those of stages: in a file of somebody
 * else's one may lead back to where it lies. `data`: are these links of the root? */
static herr_t try_opening(hid_t group, const char *name, const H5L_info_t *info, void *data) {
  bool in_group = false;
  if (info->type != H5L_TYPE_HARD) return 0;
  hid_t object = H5Oopen(group, name, H5P_DEFAULT);
  if (object < 0) return -1;
  bool opens = H5Iget_type(object) != H5I_GROUP || !*(bool *)data ||
               H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, NULL, try_opening, &in_group) >= 0;
  return H5Oclose(object) >= 0 && opens ? 0 : -1;
}

/* The books of every stage are there. */
static ins_status has_books(hid_t file, bool *all) {
  ins_value *names;
  ins_status status = ins_store_stage_names(file, &names);
  *all = status == INS_OK;
  for (size_t k = 0; k < ins_value_count(names) && *all; k++) {
    hid_t group = ins_store_open_group(file, names->children.items[k]->text);
    *all = group >= 0 && H5Lexists(group, "status", H5P_DEFAULT) > 0 &&
           H5Lexists(group, "checksum", H5P_DEFAULT) > 0;
    if (group >= 0) H5Gclose(group);
  }
  ins_value_destroy(&names);
  return status;
}

typedef struct glance {
  bool opens, ours, complete;
} glance;

/* Every object is opened, because HDF5 notices damaged headers only then. */
static ins_status look_inside(const char *path, glance *seen) {
  bool in_root = true;
  ins_value *format = NULL;
  ins_status status = INS_OK;
  *seen = (glance){0};
  hid_t file = ins_h5_open_plain(path);
  if (file < 0) return INS_OK;
  /* A damaged header of the root is noticed here; asked again, HDF5 goes by the part that it could
   * read. */
  seen->opens = H5Aexists(file, "results_format") >= 0;
  if (seen->opens) status = ins_h5_get_value(file, "results_format", &format);
  seen->ours = !strcmp(ins_value_text_or(format, ""), INS_STORE_FORMAT);
  if (status == INS_OK &&
      H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, NULL, try_opening, &in_root) >= 0)
    status = has_books(file, &seen->complete);
  ins_value_destroy(&format);
  H5Fclose(file);
  return status;
}

/* What lies at PATH, a regular file that can be read. */
static ins_status judge(const char *path, ins_store_kind *kind, char why[INS_MESSAGE_MAX]) {
  glance seen;
  bool marked = false;
  ins_status status = look_inside(path, &seen);
  if (status == INS_OK && !seen.opens) status = has_mark(path, &marked);
  if (status != INS_OK) return status;
  if (seen.opens && seen.ours) {
    if (!seen.complete) snprintf(why, INS_MESSAGE_MAX, "%.800s: parts of it are damaged", path);
    *kind = seen.complete ? INS_STORE_WHOLE : INS_STORE_DAMAGED;
  } else if (marked) {
    ins_status told = ins_h5_fail(path, "cannot be opened");
    (void)told;
    snprintf(why, INS_MESSAGE_MAX, "%s", ins_message());
    *kind = INS_STORE_DAMAGED;
  } else {
    snprintf(why, INS_MESSAGE_MAX,
             seen.opens ? "is an HDF5 file of another program" : "is not an insilico results file");
  }
  return INS_OK;
}

ins_status ins_store_look(const char *path, ins_store_kind *kind, char why[INS_MESSAGE_MAX]) {
  struct stat file;
  char ignored[INS_MESSAGE_MAX];
  if (!why) why = ignored;
  why[0] = '\0';
  *kind = INS_STORE_STRANGER;
  if (stat(path, &file)) {
    if (errno != ENOENT && errno != ENOTDIR)
      return ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
    *kind = INS_STORE_ABSENT;
    return INS_OK;
  }
  if (!S_ISREG(file.st_mode)) {
    snprintf(why, INS_MESSAGE_MAX, S_ISDIR(file.st_mode) ? "is a folder" : "is not a regular file");
    return INS_OK;
  }
  if (access(path, R_OK)) return ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
  ins_status status = judge(path, kind, why);
  ins_h5_silent();
  return status;
}

ins_status ins_store_refuse_stranger(const char *path) {
  ins_store_kind kind;
  char why[INS_MESSAGE_MAX];
  ins_status status = ins_own_file_check(path);
  if (status == INS_OK) status = ins_store_look(path, &kind, why);
  if (status == INS_OK && kind == INS_STORE_STRANGER)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: %.600s, so it is left alone; move it away or choose another output", path,
                    why);
  return status;
}
