/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/clock.h"
#include "insilico/log.h"
#include "insilico/text.h"

enum { BAR = 30 };
static const double terminal_interval_s = 0.1, log_interval_s = 30;

/* A launcher stands between us and the terminal: ranks have pipes, but what they write to standard
 * error comes out of the launcher's, so that is the one to look at. */
static bool shown_on_terminal(void) {
  char link[64], target[256];
  if (isatty(STDERR_FILENO)) return true;
  if (!getenv("OMPI_COMM_WORLD_SIZE")) return false;
  snprintf(link, sizeof link, "/proc/%ld/fd/2", (long)getppid());
  ssize_t n = readlink(link, target, sizeof target - 1);
  target[n > 0 ? n : 0] = '\0';
  return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0;
}

void progress_start(progress *p, size_t n_tasks, size_t n_kept, const char *merit, bool quiet) {
  *p = (progress){.n_tasks = n_tasks,
                  .n_kept = n_kept,
                  .best = (double)NAN,
                  .merit = merit,
                  .start = ins_clock_s(),
                  .quiet = quiet,
                  .terminal = shown_on_terminal()};
  p->last_shown = p->start;
}

void progress_enter(progress *p, const char *stage) {
  p->stage = stage;
  p->best = (double)NAN;
}

double progress_seconds(const progress *p) {
  return ins_clock_s() - p->start;
}

/* "moving_bar  128/512 tasks  31.0/s  12 s left  best objective 4.21  1 failed" */
static void describe(const progress *p, ins_text *out) {
  char duration[32];
  size_t finished = p->n_kept + p->n_done + p->n_failed, fresh = p->n_done + p->n_failed;
  double elapsed = progress_seconds(p), rate = elapsed > 0 ? (double)fresh / elapsed : 0;
  if (p->stage) ins_text_add(out, "%s  ", strcmp(p->stage, "/") ? p->stage : "root");
  ins_text_add(out, "%zu/%zu tasks", finished, p->n_tasks);
  if (fresh) {
    double left = (double)(p->n_tasks - finished) / rate;
    ins_text_add(out, rate < 0.1 ? "  %.3f/s" : "  %.1f/s", rate);
    if (finished < p->n_tasks)
      ins_text_add(out, "  %s left", ins_text_duration(left, duration, sizeof duration));
  }
  if (p->under_way > 0) ins_text_add(out, "  %.0f %% of the next", 100 * p->under_way);
  if (p->merit && isfinite(p->best)) ins_text_add(out, "  best %s %.4g", p->merit, p->best);
  if (p->n_failed) ins_text_add(out, "  %zu failed", p->n_failed);
}

/* Eighths of a block make the bar move smoothly. */
static void draw(const progress *p, ins_text *out) {
  static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  size_t finished = p->n_kept + p->n_done + p->n_failed;
  double share = p->n_tasks ? ((double)finished + p->under_way) / (double)p->n_tasks : 1;
  int cells = (int)(share * BAR * 8 + 1e-9), full = cells / 8;
  ins_text_add(out, "\r\033[K");
  for (int i = 0; i < full; i++) ins_text_add(out, "█");
  ins_text_add(out, "%s", eighths[cells % 8]);
  for (int i = full + (cells % 8 != 0); i < BAR; i++) ins_text_add(out, "·");
  ins_text_add(out, " %3.0f%%  ", share * 100);
}

static void emit(const progress *p) {
  ins_text line = {0};
  if (p->terminal) draw(p, &line);
  describe(p, &line);
  if (line.data && p->terminal && write(STDERR_FILENO, line.data, line.length) < 0) {
    /* a bar that cannot be drawn is no reason to stop */
  }
  if (line.data && !p->terminal) ins_log(INS_LOG_INFO, "%s", line.data);
  ins_text_free(&line);
}

void progress_show(progress *p) {
  double t = ins_clock_s();
  if (p->quiet || t - p->last_shown < (p->terminal ? terminal_interval_s : log_interval_s)) return;
  p->last_shown = t;
  emit(p);
}

void progress_end(progress *p) {
  if (p->quiet) return;
  emit(p);
  if (p->terminal && write(STDERR_FILENO, "\n", 1) < 0) return;
}
