/* SPDX-License-Identifier: MIT */
#include "insilico/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "insilico/fault.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "json.h"
#include "parts.h"

/* Longer than any line that is written; reading goes backwards in blocks of this size. */
enum { BLOCK = 1 << 16, MAX_LINE_ARRAY = 64 };

struct ins_journal {
  int fd;
  bool complained, torn; /* torn: the file ends within a line */
  char *path;
};

char *ins_beside(const char *results, const char *suffix) {
  static const char *const endings[] = {".h5", ".hdf5", ".nc"};
  size_t n = strlen(results), stem = n;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    size_t m = strlen(endings[i]);
    if (n > m && results[n - m - 1] != '/' && !strcmp(results + n - m, endings[i])) stem = n - m;
  }
  return ins_format("%.*s.%s", (int)stem, results, suffix);
}

/* A line that a killed run left unfinished must not swallow this one. */
static bool ends_within_line(int fd, const char *path) {
  char last = '\n';
  struct stat file;
  int reader = open(path, O_RDONLY | O_CLOEXEC);
  if (reader >= 0 && !fstat(fd, &file) && file.st_size > 0 &&
      pread(reader, &last, 1, file.st_size - 1) != 1)
    last = '\n';
  if (reader >= 0) close(reader);
  return last != '\n';
}

ins_status ins_journal_open(const char *results, ins_journal **out) {
  *out = NULL;
  ins_journal *journal = calloc(1, sizeof *journal);
  if (!journal) return ins_fail(INS_ERR_MEMORY, "out of memory for the journal");
  journal->fd = -1;
  journal->path = ins_beside(results, "journal.jsonl");
  if (!journal->path) {
    free(journal);
    return INS_ERR_MEMORY;
  }
  ins_status status =
      ins_fault("journal.open", -1)
          ? ins_fail(INS_ERR_IO, "%s: cannot be opened", journal->path)
          : ins_own_file_open(journal->path, O_WRONLY | O_APPEND | O_CREAT, &journal->fd);
  if (status != INS_OK) {
    ins_journal_close(&journal);
    return status;
  }
  journal->torn = ends_within_line(journal->fd, journal->path);
  *out = journal;
  return INS_OK;
}

static void complain(ins_journal *journal, const char *why) {
  if (!journal->complained)
    ins_log(INS_LOG_WARNING, "%s: cannot be written: %s; results are not affected", journal->path,
            why);
  journal->complained = true;
}

/* ISO 8601 with milliseconds, UTC: 2024-05-06T07:08:09.123Z. */
static void write_time(char *out, size_t size) {
  struct timespec now;
  struct tm parts;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &parts);
  size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &parts);
  snprintf(out + n, size - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

void ins_journal_write(ins_journal *journal, const char *event, ins_value *fields) {
  char now[64];
  ins_text line = {0}, rest = {0};
  if (!journal) goto done;
  write_time(now, sizeof now);
  if (journal->torn) ins_text_add(&line, "\n");
  ins_text_add(&line, "{\"time\":\"%s\",\"event\":", now);
  ins_text_add_json(&line, event);
  if (ins_value_count(fields)) {
    ins_value_json(fields, MAX_LINE_ARRAY, &rest);
    if (rest.data) ins_text_add(&line, ",%s", rest.data + 1); /* without its opening brace */
  } else {
    ins_text_add(&line, "}");
  }
  ins_text_add(&line, "\n");
  if (rest.failed || ins_text_ok(&line) != INS_OK) {
    complain(journal, "out of memory");
    goto done;
  }
  /* One write: lines of others that append to the same file stay whole. */
  errno = EIO;
  ssize_t wrote = ins_fault("journal.write", -1) ? -1 : write(journal->fd, line.data, line.length);
  if (wrote > 0) journal->torn = line.data[wrote - 1] != '\n';
  if (wrote != (ssize_t)line.length)
    complain(journal, wrote < 0 ? strerror(errno) : "the disk is full");
done:
  ins_text_free(&line);
  ins_text_free(&rest);
  ins_value_destroy(&fields);
}

void ins_journal_close(ins_journal **journal) {
  if (!journal || !*journal) return;
  if ((*journal)->fd >= 0) close((*journal)->fd);
  free((*journal)->path);
  free(*journal);
  *journal = NULL;
}

/* The end of the file that holds its last `most` lines and perhaps more: read in growing pieces
 * from the back, because journals of long campaigns are long. */
static ins_status read_tail(int fd, const char *path, size_t most, char **out, size_t *n) {
  struct stat file;
  *out = NULL;
  if (fstat(fd, &file)) return ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
  size_t size = (size_t)file.st_size;
  for (size_t piece = BLOCK;; piece *= 4) {
    if (piece > size) piece = size;
    free(*out);
    *out = malloc(piece + 1);
    if (!*out) return ins_fail(INS_ERR_MEMORY, "out of memory reading %s", path);
    ssize_t got = pread(fd, *out, piece, (off_t)(size - piece));
    if (got < 0) return ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    *n = (size_t)got;
    size_t lines = 0;
    for (size_t i = 0; i < *n; i++) lines += (*out)[i] == '\n';
    if (piece == size || lines > most) return INS_OK;
  }
}

/* Line ends from the back; start[] gets the offsets of the last `most` good lines' values. */
static ins_status collect(const char *text, size_t n, size_t most, ins_value *list) {
  ins_value **found;
  size_t count = 0;
  ins_status status = ins_alloc(most, sizeof *found, &found);
  if (status != INS_OK) return status;
  for (size_t end = n; end > 0 && count < most;) {
    size_t from = end;
    while (from > 0 && text[from - 1] != '\n') from--;
    ins_value *event = ins_json_parse(text + from, end - from);
    if (event && event->kind == INS_MAP)
      found[count++] = event;
    else
      ins_value_destroy(&event);
    end = from ? from - 1 : 0;
  }
  while (count > 0) {
    ins_value *event = found[--count];
    if (status == INS_OK)
      status = ins_list_take(list, event);
    else
      ins_value_destroy(&event);
  }
  ins_free(&found);
  return status;
}

ins_status ins_journal_read(const char *results, size_t most, ins_value **out) {
  char *path = ins_beside(results, "journal.jsonl"), *text = NULL;
  size_t n = 0;
  *out = NULL;
  if (!path) return INS_ERR_MEMORY;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ins_status status = INS_OK; /* a missing journal has no events */
  if (fd >= 0)
    status = read_tail(fd, path, most, &text, &n);
  else if (errno != ENOENT)
    status = ins_fail(INS_ERR_IO, "%s: %s", path, strerror(errno));
  if (status == INS_OK) *out = ins_value_list();
  if (status == INS_OK)
    status = *out ? collect(text, n, most < n / 2 + 1 ? most : n / 2 + 1, *out) : INS_ERR_MEMORY;
  if (status != INS_OK) ins_value_destroy(out);
  if (fd >= 0) close(fd);
  free(text);
  free(path);
  return status;
}
