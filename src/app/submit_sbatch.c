/* SPDX-License-Identifier: MIT */
/* Writing the script and handing it over. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

static ins_status spawn(char *const *argv, int out, int err, pid_t *child) {
  char **variables;
  ins_status status = environment(&variables);
  if (status != INS_OK) return status;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
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

static ins_status read_all(int fd, ins_text *text) {
  char piece[4096];
  if (lseek(fd, 0, SEEK_SET) < 0) return ins_fail(INS_ERR_IO, "no answer: %s", strerror(errno));
  for (;;) {
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ins_text_ok(text);
    ins_text_add_bytes(text, piece, (size_t)n);
  }
}

/* Runs a program to its end: what it says, and how it ended (as wait has it). Both of its outputs
 * are files, so that it never waits for a reader. */
static ins_status run(char *const *argv, ins_text *said, ins_text *complained, int *how) {
  const int out = memfd_create("said", MFD_CLOEXEC), err = memfd_create("said", MFD_CLOEXEC);
  pid_t child;
  ins_status status = out < 0 || err < 0
                          ? ins_fail(INS_ERR_IO, "no file in memory: %s", strerror(errno))
                          : spawn(argv, out, err, &child);
  if (status == INS_OK) {
    while (waitpid(child, how, 0) < 0 && errno == EINTR) continue;
    status = read_all(out, said);
  }
  if (status == INS_OK) status = read_all(err, complained);
  if (out >= 0) close(out);
  if (err >= 0) close(err);
  return status;
}

/* Lines as one, without "sbatch: error: "; of long ones the end, where the reason stands. */
static void join_lines(const char *program, const char *said, ins_text *out) {
  enum { MOST = 600 };
  const size_t length = strlen(said), own = strlen(program);
  const char *line = length > MOST ? said + length - MOST : said;
  if (line != said && strchr(line, '\n')) line = strchr(line, '\n') + 1;
  while (*line) {
    size_t n = strcspn(line, "\r\n");
    const char *next = line + n + strspn(line + n, "\r\n");
    if (n >= own + 2 && !strncmp(line, program, own) && !strncmp(line + own, ": ", 2)) {
      line += own + 2;
      n -= own + 2;
    }
    if (n >= 7 && !strncmp(line, "error: ", 7)) {
      line += 7;
      n -= 7;
    }
    if (n) ins_text_add(out, "%s%.*s", out->length ? "; " : "", (int)n, line);
    line = next;
  }
}

/* Trouble of the cluster passes; a job that asks for what there is not does not. Slurm ends with 1
 * for both. */
static bool is_out_of_order(const char *said) {
  static const char *const signs[] = {"nable to contact", "onnect",       "imed out",
                                      "temporarily",      "ommunication", NULL};
  for (size_t i = 0; signs[i]; i++)
    if (strstr(said, signs[i])) return true;
  return false;
}

static ins_status refused(const char *program, int how, const char *said) {
  ins_text words = {0};
  join_lines(program, said, &words);
  const char *why = words.data ? words.data : "it does not say why";
  ins_status status;
  if (!WIFEXITED(how))
    status =
        ins_fail(INS_ERR_IO, "%s died (signal %d), so look with squeue whether it took the job",
                 program, WIFSIGNALED(how) ? WTERMSIG(how) : 0);
  else if (is_out_of_order(said))
    status = ins_fail(INS_ERR_IO, "Slurm does not answer, so the job was not submitted: %s", why);
  else
    status =
        ins_fail(INS_ERR_ARGUMENT, "%s refused the job, so it was not submitted: %s", program, why);
  ins_text_free(&words);
  return status;
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
  ins_text said = {0}, complained = {0};
  int how = 0;
  *id = NULL;
  ins_status status = run(argv, &said, &complained, &how);
  const char *answer = said.data ? said.data : "", *words = complained.data ? complained.data : "";
  if (status == INS_OK && (!WIFEXITED(how) || WEXITSTATUS(how))) {
    status = refused(argv[0], how, *words ? words : answer);
  } else if (status == INS_OK) {
    fputs(words, stderr);
    *id = ins_submit_number(answer);
    if (!*id)
      status = ins_fail(INS_ERR_IO,
                        "%s names no number of a job, so look with squeue whether it took it; it "
                        "said: '%.200s'",
                        argv[0], answer);
  }
  ins_text_free(&said);
  ins_text_free(&complained);
  return status;
}

bool ins_submit_queued(const char *ids) {
  ins_text said = {0}, complained = {0};
  int how = 0;
  /* A cancelled one may be listed until its last process is gone; the next waits for its lock. */
  char *const argv[] = {
      (char *)"squeue", (char *)"-h", (char *)"-t", (char *)"pending,running,suspended",
      (char *)"-j",     (char *)ids,  NULL,
  };
  const bool queued = run(argv, &said, &complained, &how) == INS_OK && how == 0 && said.length > 0;
  ins_text_free(&said);
  ins_text_free(&complained);
  return queued;
}
