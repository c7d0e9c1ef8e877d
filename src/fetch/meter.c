/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <unistd.h>

#include "insilico/clock.h"
#include "insilico/log.h"
#include "insilico/text.h"

enum { BAR = 20 };
static const double terminal_interval_s = 0.1, log_interval_s = 10;

void fetch_meter_start(fetch_meter *meter, const char *label, bool quiet) {
  *meter = (fetch_meter){.label = label,
                         .total = -1,
                         .began = ins_clock_s(),
                         .quiet = quiet,
                         .terminal = isatty(STDERR_FILENO)};
  meter->last_shown = meter->began;
}

/* "12.3 of 27.0 MB  3.4 MB/s  4 s left" */
static void describe(const fetch_meter *meter, ins_text *out) {
  char done[32], total[32], rate[32], left[32];
  double seconds = ins_clock_s() - meter->began;
  double speed = seconds > 0.05 ? (double)(meter->done - meter->start) / seconds : 0;
  ins_text_add(out, "%s", ins_text_bytes((double)meter->done, done, sizeof done));
  if (meter->total >= 0)
    ins_text_add(out, " of %s", ins_text_bytes((double)meter->total, total, sizeof total));
  if (speed <= 0) return;
  ins_text_add(out, "  %s/s", ins_text_bytes(speed, rate, sizeof rate));
  if (meter->total > meter->done)
    ins_text_add(
        out, "  %s left",
        ins_text_duration((double)(meter->total - meter->done) / speed, left, sizeof left));
}

/* Eighths of a block make the bar move smoothly. */
static void draw(const fetch_meter *meter, ins_text *out) {
  static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  ins_text_add(out, "\r\033[K%.30s  ", meter->label);
  if (meter->total <= 0) return;
  double share = (double)meter->done / (double)meter->total;
  int cells = (int)(share * BAR * 8 + 1e-9), full = cells / 8;
  if (full > BAR) full = BAR;
  for (int i = 0; i < full; i++) ins_text_add(out, "█");
  if (full < BAR) ins_text_add(out, "%s", eighths[cells % 8]);
  for (int i = full + (cells % 8 != 0); i < BAR; i++) ins_text_add(out, "·");
  ins_text_add(out, " %3.0f%%  ", share * 100);
}

static void emit(fetch_meter *meter) {
  ins_text line = {0};
  if (meter->terminal) draw(meter, &line);
  describe(meter, &line);
  if (line.data && meter->terminal) {
    meter->drawn = true;
    if (write(STDERR_FILENO, line.data, line.length) < 0) meter->quiet = true;
  } else if (line.data) {
    ins_log(INS_LOG_INFO, "%s: %s", meter->label, line.data);
  }
  ins_text_free(&line);
}

void fetch_meter_show(fetch_meter *meter, int64_t done, int64_t total) {
  double now = ins_clock_s();
  bool whole = done == total && meter->done != done;
  meter->done = done;
  meter->total = total;
  if (meter->quiet) return;
  /* A bar should be seen to arrive. */
  if (now - meter->last_shown < (meter->terminal ? terminal_interval_s : log_interval_s) &&
      !(whole && meter->terminal))
    return;
  meter->last_shown = now;
  emit(meter);
}

void fetch_meter_resume(fetch_meter *meter, int64_t done) {
  meter->start = meter->done = done;
  meter->began = ins_clock_s();
}

void fetch_meter_break(fetch_meter *meter) {
  if (!meter->drawn) return;
  meter->drawn = false;
  if (write(STDERR_FILENO, "\n", 1) < 0) meter->quiet = true;
}
