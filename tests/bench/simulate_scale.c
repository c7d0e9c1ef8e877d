/* SPDX-License-Identifier: MIT */
/* What part of the time ranks work, on clusters larger than any at hand: the state machines that
 * deal work in a real run (src/schedule), in time that is counted and not waited for.
 *
 *   simulate_scale [--option value]...
 *
 * prints a line for each block time, number of ranks and number of blocks a rank, with a column for
 * each design. Options and what they are without being told: simulate_scale --help. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "insilico/clock.h"
#include "insilico/journal.h"
#include "measure.h"
#include "schedule/dealer.h"
#include "schedule/run.h"

enum { LONGEST_LIST = 16 };

typedef struct list {
  int n;
  double at[LONGEST_LIST];
} list;

static struct {
  list ranks, times, blocks;
  double spread, speeds, seed, group, computing, report_s, share, at_least;
  cluster_costs costs;
  const char *designs;
} o = {.ranks = {6, {64, 256, 1024, 4096, 16384, 100000}},
       .times = {3, {0.1, 1, 10}},
       .blocks = {1, {100}},
       .spread = 0.2,
       .seed = 1,
       .group = INS_RANKS_A_FOREMAN,
       .computing = INS_COMPUTING_MASTER,
       .report_s = NAN,
       .share = INS_DEAL_SHARE,
       .costs = {.message_s = 1,
                 .decide_s = 0.1,
                 .journal_s = 25,
                 .latency_s = 10,
                 .pause_s = 75,
                 .beat_s = 25000,
                 .write_s = 800},
       .designs = "sgf"};

/* Lists, numbers, and costs in microseconds. */
static const struct {
  const char *name;
  list *list;
  double *number;
  const char *help;
} options[] = {
    {"--ranks", &o.ranks, NULL, "how many ranks (a list, with commas)"},
    {"--times", &o.times, NULL, "mean seconds of a block (a list)"},
    {"--blocks", &o.blocks, NULL, "blocks a rank (a list)"},
    {"--spread", NULL, &o.spread, "of block times: lognormal, this standard deviation"},
    {"--speeds", NULL, &o.speeds, "of ranks: how much slower and faster they are, likewise"},
    {"--seed", NULL, &o.seed, "of both"},
    {"--group", NULL, &o.group, "ranks a foreman"},
    {"--computing", NULL, &o.computing, "up to so many ranks rank 0 computes too"},
    {"--share", NULL, &o.share, "a deal is the queue / (share x all who compute)"},
    {"--report-s", NULL, &o.report_s, "a worker reports at least so often, seconds"},
    {"--at-least", NULL, &o.at_least, "status 1 where an efficiency is lower, %"},
    {"--message-us", NULL, &o.costs.message_s, "to receive a message, or to send one"},
    {"--decide-us", NULL, &o.costs.decide_s, "to decide what follows from one"},
    {"--journal-us", NULL, &o.costs.journal_s, "a line of the journal"},
    {"--latency-us", NULL, &o.costs.latency_s, "a message on its way"},
    {"--pause-us", NULL, &o.costs.pause_s, "an idle rank looks for messages so often"},
    {"--beat-us", NULL, &o.costs.beat_s, "a rank that computes looks for messages so often"},
    {"--write-us", NULL, &o.costs.write_s, "to write the rows of a block"},
};
enum { N_OPTIONS = sizeof options / sizeof *options };

static _Noreturn void usage(int status) {
  FILE *to = status ? stderr : stdout;
  fprintf(to, "usage: simulate_scale [--designs LETTERS] [--option value]...\n"
              "       simulate_scale --constants FOLDER\n"
              "  --designs LETTERS  s: rank 0 deals single blocks; g: rank 0 makes guided deals;\n"
              "                     f: guided deals, through foremen (what insilico does): sgf\n"
              "  --constants FOLDER measures --decide-us, and --journal-us in FOLDER\n");
  for (int i = 0; i < N_OPTIONS; i++) {
    fprintf(to, "  %-12s %s: ", options[i].name, options[i].help);
    const list one = {1, {options[i].number ? *options[i].number : 0}};
    const list *l = options[i].list ? options[i].list : &one;
    for (int k = 0; k < l->n; k++) fprintf(to, "%s%g", k ? "," : "", l->at[k]);
    fputc('\n', to);
  }
  exit(status);
}

static void read_list(const char *text, list *out) {
  char *end;
  for (out->n = 0; out->n < LONGEST_LIST; text = end + 1) {
    const double x = strtod(text, &end);
    if (end == text || !(x > 0)) usage(2);
    out->at[out->n++] = x;
    if (!*end) return;
    if (*end != ',') usage(2);
  }
  usage(2);
}

static void read_number(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end || !(*out >= 0)) usage(2);
}

static void read_option(const char *name, const char *text) {
  for (int i = 0; i < N_OPTIONS; i++) {
    if (strcmp(options[i].name, name)) continue;
    if (options[i].list)
      read_list(text, options[i].list);
    else
      read_number(text, options[i].number);
    return;
  }
  if (strcmp(name, "--designs")) usage(2);
  o.designs = text;
}

/* ---- constants that can be measured without MPI ---------------------------------------------- */

typedef struct crew {
  int64_t deal[INS_RANKS_A_FOREMAN], n[INS_RANKS_A_FOREMAN];
} crew;

static void take_deal(void *self, int who, const message *m) {
  crew *c = self;
  c->deal[who] = m->deal;
  c->n[who] = m->n;
}

static void take_report(void *reader, int who, int64_t origin, const message *report) {
  (void)reader, (void)who, (void)origin, (void)report;
}

/* Every member wants and reports in turn, until a million blocks are gone. */
static double decide_us(void) {
  static crew c;
  const dealer_owner owner = {.self = &c, .send = take_deal, .report = take_report};
  const dealer_terms terms = {.n_members = INS_RANKS_A_FOREMAN,
                              .in_order = true,
                              .share = INS_DEAL_SHARE,
                              .deadline_s = (double)INFINITY};
  dealer d;
  int64_t n = 0, sent = 0;
  bench_must(dealer_create(&terms, &owner, 0, &d));
  dealer_supply(&d, (lot){.n = 1000000}, 0);
  const double start = ins_clock_s();
  while (d.queue.n_batches) {
    sent += 2;
    for (int k = 0; k < terms.n_members; k++, n += 2) {
      message want = {.kind = WANT, .sent = sent - 1};
      dealer_hear(&d, k, &want, ins_clock_s());
      message report = {.kind = REPORT, .sent = sent, .deal = c.deal[k], .n = c.n[k]};
      dealer_hear(&d, k, &report, ins_clock_s());
    }
  }
  const double us = 1e6 * (ins_clock_s() - start) / (double)n;
  dealer_clear(&d);
  return us;
}

static double journal_us(const char *folder) {
  enum { LINES = 20000 };
  char path[4096];
  ins_journal *journal;
  snprintf(path, sizeof path, "%s/constants.h5", folder);
  bench_must(ins_journal_open(path, &journal));
  const double start = ins_clock_s();
  for (int i = 0; i < LINES; i++) {
    ins_value *fields = ins_value_map();
    bench_must(ins_map_take(fields, "n", ins_value_int(1)));
    bench_must(ins_map_take(fields, "rank", ins_value_int(i)));
    bench_must(ins_map_take(fields, "done", ins_value_int(1)));
    bench_must(ins_map_take(fields, "seconds", ins_value_real(0.1)));
    ins_journal_write(journal, "batch", fields);
  }
  const double us = 1e6 * (ins_clock_s() - start) / LINES;
  ins_journal_close(&journal);
  snprintf(path, sizeof path, "%s/constants.journal.jsonl", folder);
  remove(path);
  return us;
}

/* ---- the table ------------------------------------------------------------------------------- */

static cluster_design design_of(char letter, double n_ranks) {
  cluster_design d = {
      .share = (int)o.share, .report_s = o.report_s, .computes = n_ranks <= o.computing};
  if (letter == 's') {
    d.share = 1 << 30;
    d.report_s = 0;
  }
  if (letter == 'f') d.group = (int)o.group;
  return d;
}

static void show_heads(void) {
  printf("efficiency in %% (share of its time that rank 0 spends on messages, %%)\n"
         "block s    ranks  blocks/rank");
  for (const char *letter = o.designs; *letter; letter++)
    printf("  %16s", *letter == 's'   ? "single blocks"
                     : *letter == 'g' ? "guided deals"
                                      : "with foremen");
  printf("\n");
}

/* False: less than was asked for. */
static bool show_line(double seconds, double n_ranks, double blocks) {
  bool enough = true;
  printf("%7g  %7.0f  %11g", seconds, n_ranks, blocks);
  for (const char *letter = o.designs; *letter; letter++) {
    const cluster_job job = {.n_ranks = (int)n_ranks,
                             .n_blocks = (int64_t)(blocks * n_ranks),
                             .block_s = seconds,
                             .spread = o.spread,
                             .speeds = o.speeds,
                             .seed = (uint64_t)o.seed};
    const cluster_design design = design_of(*letter, n_ranks);
    const cluster_outcome out = cluster_run(&job, &design, &o.costs);
    printf("  %8.2f (%5.2f)", 100 * out.efficiency, 100 * out.busy);
    fflush(stdout);
    enough = enough && 100 * out.efficiency >= o.at_least;
  }
  printf("\n");
  return enough;
}

int main(int argc, char **argv) {
  const ins_run_options run_options = {.deadline_s = (double)INFINITY};
  const run as_run = {.options = &run_options};
  o.report_s = terms_of(&as_run).report_s;
  if (argc == 3 && strcmp(argv[1], "--constants") == 0) {
    printf("decide_us %.3f\njournal_us %.2f\n", decide_us(), journal_us(argv[2]));
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--help") == 0) usage(0);
  if (argc % 2 == 0) usage(2);
  for (int i = 1; i < argc; i += 2) read_option(argv[i], argv[i + 1]);
  if (strspn(o.designs, "sgf") != strlen(o.designs)) usage(2);
  double *us[] = {&o.costs.message_s, &o.costs.decide_s, &o.costs.journal_s, &o.costs.latency_s,
                  &o.costs.pause_s,   &o.costs.beat_s,   &o.costs.write_s};
  for (size_t i = 0; i < sizeof us / sizeof *us; i++) *us[i] *= 1e-6;
  bool enough = true;
  show_heads();
  for (int t = 0; t < o.times.n; t++)
    for (int k = 0; k < o.ranks.n; k++)
      for (int b = 0; b < o.blocks.n; b++)
        enough = show_line(o.times.at[t], o.ranks.at[k], o.blocks.at[b]) && enough;
  return enough ? 0 : 1;
}
