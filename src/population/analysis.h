/* SPDX-License-Identifier: MIT */
/** An analysis is a value: its keys, the axes and variables it leaves, what it costs, how all ranks
 * compute it. Adding one is adding one file and one line in registry.c. Private to the room.
 */
#ifndef INSILICO_POPULATION_ANALYSIS_H
#define INSILICO_POPULATION_ANALYSIS_H

#include "insilico/keys.h"
#include "insilico/layout.h"
#include "insilico/store.h"
#include "matrix.h"
#include "table.h"

/** What an analysis is set up with; all borrowed and outliving its state. */
typedef struct ins_analysis_context {
  const ins_value *settings; /* its own, validated, with defaults */
  const ins_table *table;    /* its `data` */
  uint64_t seed;             /* of the job */
  const char *name;          /* of the analysis: part of the coordinates of its random numbers */
} ins_analysis_context;

/** Ranks at work on one analysis. */
typedef struct ins_work {
  const ins_grid *grid;
  ins_store *store;
  size_t stage;
  const ins_layout *layout;
  void *self;
  ins_status (*beat)(void *self, double done); /* see ins_together */
} ins_work;

/** What an analysis takes. */
typedef struct ins_needs {
  double bytes; /* of a rank at most, on a grid of `size` ranks with blocks of `block` */
  double flops; /* of all ranks together */
} ins_needs;

typedef struct ins_population_analysis {
  /** Checks the settings against the table and declares axes and variables: every variable is
   * PER_TASK and there are no task axes, so that own axes are all it has; never `reduced`. The same
   * on every rank; no MPI. */
  ins_status (*declare)(const ins_analysis_context *context, ins_layout *layout, void **state);
  void (*needs)(const void *state, int size, int block, ins_needs *out);
  /** Collective; all ranks return the same: local trouble is agreed on (ins_agree) before the next
   * collective step. Writes every variable that it declared. */
  ins_status (*run)(void *state, const ins_work *work);
  void (*teardown)(void **state);
} ins_population_analysis;

/** Asks whether to go on. Collective, so at the same places on every rank. */
static inline INS_CHECKED ins_status ins_work_beat(const ins_work *work, double done) {
  return work->beat ? work->beat(work->self, done) : INS_OK;
}

/* ---- writing results: collective --------------------------------------------------------------
 * The matrix has as many elements as the variable, in its order [rows][columns]. Numbers are
 * converted to the type of the variable. */
ins_status ins_work_write_matrix(const ins_work *work, int variable,
                                 const ins_matrix *m) INS_CHECKED;
/** Of a symmetric matrix in the lower triangle of m. */
ins_status ins_work_write_symmetric(const ins_work *work, int variable, ins_matrix *m) INS_CHECKED;
/** The transpose of m: a variable [columns of m][rows of m]. */
ins_status ins_work_write_transposed(const ins_work *work, int variable,
                                     const ins_matrix *m) INS_CHECKED;
/** Bytes that writing a matrix of a type into a variable [n_rows][width] takes on each of `size`
 * ranks beside it, at most. Local. */
double ins_work_write_bytes(int size, ins_dtype dtype, size_t n_rows, size_t width);
/** All of a small variable, from rank 0's `data`, of the variable's type (others may pass NULL). */
ins_status ins_work_write(const ins_work *work, int variable, const void *data) INS_CHECKED;
/** Likewise, from numbers in double. */
ins_status ins_work_write_numbers(const ins_work *work, int variable,
                                  const double *data) INS_CHECKED;

/* ---- declaring ---------------------------------------------------------------------------------
 */
/** Adds a variable over n axes of the layout. */
ins_status ins_declare(ins_layout *layout, const char *name, ins_dtype dtype, const char *units,
                       const char *long_name, const char *source, int n, const int *axes,
                       int *variable) INS_CHECKED;
/** Adds `flag` [items], int8 with INS_ITEM_FLAGS. */
ins_status ins_declare_flag(ins_layout *layout, int item_axis, int *variable) INS_CHECKED;

/** Keys that analyses share: to be put at the head of their tables. */
#define INS_ANALYSIS_KEYS                                                                          \
  {.name = "name",                                                                                 \
   .type = INS_KEY_TEXT,                                                                           \
   .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                     \
   .doc = "of the analysis and its group in the results; null: its kind"},                         \
  {                                                                                                \
    .name = "data", .type = INS_KEY_TEXT, .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,              \
    .doc = "name of the entry of `data` that is analysed; null: the first"                         \
  }

#define INS_PRECISION_KEY                                                                          \
  {                                                                                                \
    .name = "precision", .type = INS_KEY_TEXT, .fallback = "single", .flags = INS_KEY_SHAPES,      \
    .variants = ins_precisions,                                                                    \
    .doc = "of the large matrices; sums over rows are formed in double in any case"                \
  }
extern const ins_variant ins_precisions[]; /* single, double */
/** Of validated settings. */
ins_dtype ins_precision(const ins_value *settings);

extern const ins_population_analysis ins_signal_correlation, ins_distances, ins_components,
    ins_clusters, ins_discriminability, ins_decoding, ins_fisher_information;
extern const ins_key ins_signal_correlation_keys[], ins_distances_keys[], ins_components_keys[],
    ins_clusters_keys[], ins_discriminability_keys[], ins_decoding_keys[],
    ins_fisher_information_keys[];

#endif
