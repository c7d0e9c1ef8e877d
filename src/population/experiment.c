/* SPDX-License-Identifier: MIT */
/* Experiment `population`: its keys; data become tables, analyses become stages. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "insilico/agree.h"
#include "insilico/memory.h"
#include "insilico/population.h"
#include "room_for.h"
#include "speed.h"

#define GIB 1073741824.0

static const ins_key population_keys[] = {
    INS_JOB_EXPERIMENT_KEY,
    {.name = "data",
     .type = INS_KEY_CHOICES,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,
     .variants = ins_table_kinds,
     .doc = "what is analysed: items (neurons) by features, from results files"},
    {.name = "analyses",
     .type = INS_KEY_CHOICES,
     .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES | INS_KEY_GROWS,
     .variants = ins_population_analyses,
     .doc = "what to compute from it, one after the other (insilico list analyses)"},
    {.name = "block",
     .type = INS_KEY_INT,
     .fallback = "64",
     .flags = INS_KEY_SHAPES,
     .min = 1,
     .max = 4096,
     .doc = "side of the blocks in which matrices are dealt to ranks"},
    {.name = "memory",
     .type = INS_KEY_REAL,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_UNRECORDED,
     .min = 1e-3,
     .max = 1e6,
     .units = "GiB",
     .doc = "a rank may take; null: what its node has free, shared by the ranks there"},
    INS_JOB_SEED_KEY,
    INS_JOB_OUTPUT_KEY,
    INS_JOB_IO_KEY,
    {0},
};

/** One analysis of the job. */
typedef struct inquiry {
  const char *name;
  const ins_population_analysis *ops;
  void *state;
  const ins_table *table;
} inquiry;

typedef struct population {
  int block;
  double limit; /* bytes a rank may take; NaN: what is free */
  uint64_t seed;
  size_t n_tables, n;
  ins_table **tables; /* [n_tables] */
  inquiry *inquiries; /* [n] */
  ins_stages stages;  /* borrowed: the layouts are the caller's */
} population;

/* ---- set-up ------------------------------------------------------------------------------------
 */

static const char *text_at(const ins_value *map, const char *key, const char *fallback) {
  return ins_value_text_or(ins_map_get(map, key), fallback);
}

static ins_status make_tables(population *p, const ins_value *data, const ins_value *sources) {
  const size_t n = ins_value_count(data);
  char place[512];
  ins_status status = ins_alloc(n, sizeof *p->tables, &p->tables);
  if (status == INS_OK && ins_value_count(sources) != n)
    status = ins_fail(INS_ERR_INTERNAL, "the results files of a population were not looked at");
  for (size_t k = 0; k < n && status == INS_OK; k++) {
    const ins_value *entry = data->children.items[k];
    status = ins_table_create(entry, sources->children.items[k], p->seed, &p->tables[k]);
    status = ins_within(status, "%sdata.%zu", ins_value_place(entry, place, sizeof place), k);
    if (status == INS_OK) p->n_tables++;
  }
  return status;
}

static ins_status find_table(const population *p, const ins_value *settings,
                             const ins_table **out) {
  const char *wanted = text_at(settings, "data", NULL);
  ins_text names = {0};
  char place[512];
  for (size_t k = 0; k < p->n_tables; k++) {
    *out = p->tables[k];
    if (!wanted || strcmp(wanted, p->tables[k]->name) == 0) {
      ins_text_free(&names);
      return INS_OK;
    }
    ins_text_add(&names, "%s%s", k ? ", " : "", p->tables[k]->name);
  }
  ins_status status = ins_fail(INS_ERR_ARGUMENT, "%sthere are no data called '%s'; there are %s",
                               ins_value_place(ins_map_get(settings, "data"), place, sizeof place),
                               wanted, names.data ? names.data : "none");
  ins_text_free(&names);
  return status;
}

static ins_status check_name(const population *p, const ins_value *settings, const char *name) {
  char place[512];
  for (size_t i = 0; i < p->n; i++)
    if (strcmp(p->inquiries[i].name, name) == 0)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%stwo analyses are called '%s'; give one of them another `name`",
                      ins_value_place(settings, place, sizeof place), name);
  return INS_OK;
}

/* A layout knows of its names only that one is there twice. Where it is that of a label, which the
 * job chose, the job can be changed. */
static ins_status blame_label(const ins_table *table, const ins_layout *layout, ins_status status) {
  char twice[300];
  for (int i = 0; status == INS_ERR_INTERNAL && i < table->n_labels; i++) {
    const char *name = table->labels[i].name;
    snprintf(twice, sizeof twice, "'%s' already", name);
    if (ins_layout_find(layout, name) < 0 || !strstr(ins_message(), twice)) continue;
    return ins_fail(INS_ERR_ARGUMENT,
                    "the label '%s' has the name of what this analysis leaves itself; take it out "
                    "of `labels` of data '%s'",
                    name, table->name);
  }
  return status;
}

/* Adds the analysis and its stage. */
static ins_status add_inquiry(population *p, const ins_value *settings, ins_stages *stages) {
  const char *kind = text_at(settings, "kind", ""), *name = text_at(settings, "name", kind);
  const ins_variant *variant = ins_variant_find(ins_population_analyses, kind);
  inquiry *q = &p->inquiries[p->n];
  char place[512];
  ins_layout *layout = NULL;
  ins_status status = check_name(p, settings, name);
  if (status == INS_OK) status = find_table(p, settings, &q->table);
  if (status != INS_OK) return status;
  q->name = name;
  q->ops = variant->ops;
  const ins_analysis_context context = {
      .settings = settings, .table = q->table, .seed = p->seed, .name = name};
  status = ins_layout_create_in(name, ins_population.doc, &layout); /* the title of the file */
  if (status == INS_OK) status = q->ops->declare(&context, layout, &q->state);
  if (status == INS_OK) {
    layout->unread = UINT64_MAX; /* analyses know nothing of each other */
    stages->layout[stages->n++] = layout;
    p->n++;
    return INS_OK;
  }
  if (layout) status = blame_label(q->table, layout, status);
  ins_layout_destroy(&layout);
  return ins_within(status, "%s%s", ins_value_place(settings, place, sizeof place), name);
}

static ins_status make_inquiries(population *p, const ins_value *analyses, ins_stages *stages) {
  const size_t n = ins_value_count(analyses);
  char place[512];
  if (n > INS_MAX_STAGES)
    return ins_fail(INS_ERR_ARGUMENT, "%s%zu analyses are more than one job has room for (%d)",
                    ins_value_place(analyses, place, sizeof place), n, INS_MAX_STAGES);
  ins_status status = ins_alloc(n, sizeof *p->inquiries, &p->inquiries);
  for (size_t k = 0; k < n && status == INS_OK; k++)
    status = add_inquiry(p, analyses->children.items[k], stages);
  return status;
}

static void teardown(void **state) {
  population *p = *state;
  if (!p) return;
  for (size_t k = 0; k < p->n; k++)
    if (p->inquiries[k].state) p->inquiries[k].ops->teardown(&p->inquiries[k].state);
  for (size_t k = 0; k < p->n_tables; k++) ins_table_destroy(&p->tables[k]);
  ins_free(&p->inquiries);
  ins_free(&p->tables);
  ins_free(state);
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  const ins_value *settings = context->job->settings;
  population *p = NULL;
  *state = NULL;
  *stages = (ins_stages){0};
  ins_status status = ins_alloc(1, sizeof *p, &p);
  if (status != INS_OK) return status;
  p->block = (int)ins_value_int_or(ins_map_get(settings, "block"), 64);
  p->limit = GIB * ins_value_real_or(ins_map_get(settings, "memory"), (double)NAN);
  p->seed = (uint64_t)ins_value_int_or(ins_map_get(settings, "seed"), 0);
  status = make_tables(p, ins_map_get(settings, "data"), context->sources);
  if (status == INS_OK) status = make_inquiries(p, ins_map_get(settings, "analyses"), stages);
  *state = p;
  if (status == INS_OK) {
    p->stages = *stages;
    return INS_OK;
  }
  ins_stages_clear(stages);
  teardown(state);
  return status;
}

/* ---- what it takes -----------------------------------------------------------------------------
 */

/* What a rank takes whatever it computes: the program and its libraries, buffers of MPI and BLAS,
 * and what the allocator keeps. Measured: 75 to 95 MiB. */
static const double PROGRAM_BYTES = 96 << 20;

/* An analysis on a number of ranks that is looked for. */
typedef struct question {
  const inquiry *inquiry;
  int block;
} question;

static double bytes_on(const void *self, int size) {
  const question *q = self;
  ins_needs needs = {0};
  q->inquiry->ops->needs(q->inquiry->state, size, q->block, &needs);
  return PROGRAM_BYTES + needs.bytes;
}

static ins_status check_memory(const population *p, const inquiry *one, int size, double mine,
                               int per_node) {
  const question q = {one, p->block};
  const double bytes = bytes_on(&q, size);
  char takes[32], has[32], advice[200];
  if (bytes <= mine) return INS_OK;
  const int enough = ins_memory_ranks(bytes_on, &q, size, mine);
  if (isinf(bytes) && enough)
    return ins_fail(INS_ERR_UNSUPPORTED,
                    "%s: a matrix has more numbers on each of %d rank%s than ScaLAPACK counts, "
                    "2^31; %d ranks with %s each would do",
                    one->name, size, size == 1 ? "" : "s", enough,
                    ins_text_bytes(bytes_on(&q, enough), takes, sizeof takes));
  if (enough)
    snprintf(advice, sizeof advice,
             "%d ranks with as much each would do (%d on a node as here: %d nodes)", enough,
             per_node, (enough + per_node - 1) / per_node);
  else
    snprintf(advice, sizeof advice,
             "more ranks would not do; more memory for each of them is needed");
  return ins_fail(INS_ERR_UNSUPPORTED,
                  size == 1 ? "%s takes %s on %d rank, which has %s: it does not fit; %s"
                            : "%s takes %s on each of %d ranks, which have %s each: it does not "
                              "fit; %s",
                  one->name, ins_text_bytes(bytes, takes, sizeof takes), size,
                  ins_text_bytes(mine, has, sizeof has), advice);
}

static ins_status check(void *state, MPI_Comm comm) {
  const population *p = state;
  int size, per_node;
  MPI_Comm_size(comm, &size);
  const double mine = ins_memory_per_rank(comm, p->limit, &per_node);
  ins_status status = INS_OK;
  for (size_t k = 0; k < p->n && status == INS_OK; k++)
    status = check_memory(p, &p->inquiries[k], size, mine, per_node);
  return status;
}

/* Reading, writing and sealing a stage, s: round numbers that a local disk and a share of a common
 * one reach. More ranks do not make it shorter: the disk is one. */
static double seconds_of_files(const population *p, size_t stage) {
  static const double read_per_s = 1e9, written_per_s = 3e8; /* bytes; synced and read once more */
  static const double pass_s = 0.01; /* looking for rows, opening, syncing */
  const ins_table *table = p->inquiries[stage].table;
  const ins_layout *layout = p->stages.layout[stage];
  const double passes = (double)(table->n_repeats ? table->n_repeats : 1);
  const double in = passes * 4.0 * (double)table->n_items * (double)table->n_features;
  double out = 0;
  for (int v = 0; v < layout->n_variables; v++) out += (double)ins_layout_row_bytes(layout, v);
  return (1 + passes) * pass_s + in / read_per_s + out / written_per_s;
}

static void needs(void *state, size_t stage, int size, double *bytes, double *seconds) {
  const population *p = state;
  ins_needs n = {0};
  p->inquiries[stage].ops->needs(p->inquiries[stage].state, size, p->block, &n);
  *bytes = PROGRAM_BYTES + n.bytes;
  *seconds = ins_speed_seconds(n.flops, size) + seconds_of_files(p, stage);
}

static double limit(void *state, int per_node) {
  const population *p = state;
  return ins_memory_share(p->limit, per_node);
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  needs(state, stage, 1, bytes, seconds);
  return INS_OK;
}

/* ---- running -----------------------------------------------------------------------------------
 */

static ins_status run(void *state, const ins_together *together) {
  population *p = state;
  const inquiry *q = &p->inquiries[together->stage];
  ins_grid *grid;
  ins_speed_one_thread();
  ins_status status = ins_grid_create(together->comm, p->block, &grid);
  if (status != INS_OK) return status;
  const ins_work work = {.grid = grid,
                         .store = together->store,
                         .stage = together->stage,
                         .layout = p->stages.layout[together->stage],
                         .self = together->self,
                         .beat = together->beat};
  status = q->ops->run(q->state, &work);
  ins_grid_destroy(&grid);
  return ins_within(status, "%s", q->name);
}

static const ins_collective collective = {
    .check = check, .needs = needs, .limit = limit, .run = run};

static const ins_experiment population_experiment = {
    .setup = setup, .teardown = teardown, .cost = cost, .together = &collective};

const ins_variant ins_population = {
    "population", "correlations, dimensionality, cell types and decoding of whole populations",
    population_keys, &population_experiment};
