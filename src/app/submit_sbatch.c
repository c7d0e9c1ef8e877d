/* SPDX-License-Identifier: MIT */
/* Writing the script and handing it over. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "submit.h"

extern char **environ;

static ins_status write_all(int fd, const char *path, const ins_text *text) {
  for (size_t done = 0; done < text->length;) {
    const ssize_t n = write(fd, text->data + done, text->length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ins_fail(INS_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
    done += (size_t)n;
  }
  return INS_OK;
}

ins_status ins_submit_write(const char *path, const ins_text *text) {
  char *part = ins_format("%s.XXXXXX", path);
  if (!part) return INS_ERR_MEMORY;
  const int fd = mkostemp(part, O_CLOEXEC);
  ins_status status = fd < 0
                          ? ins_fail(INS_ERR_IO, "%s: cannot be written: %s", path, strerror(errno))
                          : write_all(fd, path, text);
  const mode_t mask = umask(0);
  umask(mask);
  if (status == INS_OK && fchmod(fd, 0777 & ~mask))
    status = ins_fail(INS_ERR_IO, "%s: cannot be made executable: %s", path, strerror(errno));
  if (fd >= 0 && close(fd) && status == INS_OK)
    status = ins_fail(INS_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
  if (status == INS_OK && rename(part, path))
    status = ins_fail(INS_ERR_IO, "%s: cannot be written: %s", path, strerror(errno));
  if (fd >= 0 && status != INS_OK) unlink(part);
  free(part);
  return status;
}

static ins_status spawn(char *const *argv, int out, pid_t *child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  const int failed = posix_spawnp(child, argv[0], &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT)
    return ins_fail(INS_ERR_MISSING,
                    "there is no %s here, so nothing was submitted; --dry-run prints the script, "
                    "to be submitted where there is one",
                    argv[0]);
  if (failed) return ins_fail(INS_ERR_IO, "%s cannot be started: %s", argv[0], strerror(failed));
  return INS_OK;
}

static void read_all(int fd, ins_text *text) {
  char piece[4096];
  for (;;) {
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    ins_text_add_bytes(text, piece, (size_t)n);
  }
}

ins_status ins_submit_call(char *const *argv, char **id) {
  int ends[2], how = 0;
  pid_t child;
  ins_text text = {0};
  *id = NULL;
  if (pipe2(ends, O_CLOEXEC)) return ins_fail(INS_ERR_IO, "no pipe: %s", strerror(errno));
  ins_status status = spawn(argv, ends[1], &child);
  close(ends[1]);
  if (status == INS_OK) {
    read_all(ends[0], &text);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(how) || WEXITSTATUS(how))
      status = ins_fail(INS_ERR_IO, "%s did not take the job (see above)", argv[0]);
  }
  close(ends[0]);
  if (status == INS_OK) {
    const char *said = text.data ? text.data : "";
    *id = strndup(said, strcspn(said, ";\n"));
    status = !*id ? ins_fail(INS_ERR_MEMORY, "out of memory") : INS_OK;
    if (status == INS_OK && !**id)
      status = ins_fail(INS_ERR_IO, "%s took the job but named no number for it", argv[0]);
  }
  ins_text_free(&text);
  return status;
}
