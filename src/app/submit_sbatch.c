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

#include "insilico/memory.h"
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

/* A job that is submitted from within a job is one of its own: what Slurm and MPI told that one
 * (its number in an array, its memory, how often it was started) would be taken for the new one's.
 */
static bool is_ours(const char *variable) {
  static const char *const kept[] = {"SLURM_CONF=", "SLURM_CLUSTERS=", NULL};
  static const char *const dropped[] = {"SLURM_",
                                        "PMI_",
                                        "PMIX_",
                                        "PMI2_",
                                        "OMPI_COMM_WORLD",
                                        "INSILICO_CAMPAIGN=",
                                        "SBATCH_WAIT=",
                                        "SBATCH_ARRAY_INX=",
                                        NULL};
  for (size_t i = 0; kept[i]; i++)
    if (strncmp(variable, kept[i], strlen(kept[i])) == 0) return true;
  for (size_t i = 0; dropped[i]; i++)
    if (strncmp(variable, dropped[i], strlen(dropped[i])) == 0) return false;
  return true;
}

static ins_status environment(char ***out) {
  size_t n = 0;
  while (environ[n]) n++;
  ins_status status = ins_alloc(n + 1, sizeof **out, out);
  if (status != INS_OK) return status;
  n = 0;
  for (char **e = environ; *e; e++)
    if (is_ours(*e)) (*out)[n++] = *e;
  return INS_OK;
}

static ins_status spawn(char *const *argv, int out, bool quiet, pid_t *child) {
  char **variables;
  ins_status status = environment(&variables);
  if (status != INS_OK) return status;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  if (quiet) posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  const int failed = posix_spawnp(child, argv[0], &actions, NULL, argv, variables);
  ins_free(&variables);
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

/* What a program says, and its end: INS_OK or INS_ERR_IO for "not with 0". */
static ins_status run(char *const *argv, bool quiet, ins_text *said) {
  int ends[2], how = 0;
  pid_t child;
  if (pipe2(ends, O_CLOEXEC)) return ins_fail(INS_ERR_IO, "no pipe: %s", strerror(errno));
  ins_status status = spawn(argv, ends[1], quiet, &child);
  close(ends[1]);
  if (status == INS_OK) {
    read_all(ends[0], said);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(how) || WEXITSTATUS(how))
      status = ins_fail(INS_ERR_IO, "%s did not take the job (see above)", argv[0]);
  }
  close(ends[0]);
  return status == INS_OK ? ins_text_ok(said) : status;
}

/* Sites wrap sbatch in scripts that talk: the number is the last line that is one. */
char *ins_submit_number(const char *said) {
  const char *found = NULL;
  size_t length = 0;
  for (const char *line = said; *line;) {
    const size_t n = strspn(line, "0123456789"), all = strcspn(line, "\n");
    if (n && (n == all || line[n] == ';' || line[n] == '\r')) {
      found = line;
      length = n;
    }
    line += all + (line[all] == '\n');
  }
  return found ? strndup(found, length) : NULL;
}

ins_status ins_submit_call(char *const *argv, char **id) {
  ins_text text = {0};
  *id = NULL;
  ins_status status = run(argv, false, &text);
  if (status == INS_OK) {
    *id = ins_submit_number(text.data ? text.data : "");
    if (!*id)
      status = ins_fail(INS_ERR_IO,
                        "%s names no number of a job, so look with squeue whether it took it; it "
                        "said: '%.200s'",
                        argv[0], text.data ? text.data : "");
  }
  ins_text_free(&text);
  return status;
}

bool ins_submit_queued(const char *ids) {
  ins_text said = {0};
  /* A cancelled one may be listed until its last process is gone; the next waits for its lock. */
  char *const argv[] = {
      (char *)"squeue", (char *)"-h", (char *)"-t", (char *)"pending,running,suspended",
      (char *)"-j",     (char *)ids,  NULL,
  };
  const bool queued = run(argv, true, &said) == INS_OK && said.length > 0;
  ins_text_free(&said);
  return queued;
}
