/* SPDX-License-Identifier: MIT */
/** What the files of ins_table share. Private to them.
 *
 *   table_settings.c    keys of an entry of `data`
 *   table_source.c      one variable of one file: what its axes are for
 *   table_where.c       which coordinates of an axis are chosen
 *   table_join.c        sources beside and below each other: the axes of the table
 *   table_labels.c      what is known of the items
 *   table_groups.c      that as groups of items
 *   table_pick.c        some of the elements of arrays
 *   table_axes.c        axes of results
 *   table_box.c         reads part of a source
 *   table_read.c        reads all of them into a matrix
 *   table_normalize.c   shifts and scales it
 *   sources.c           looks at the files beforehand
 */
#ifndef INSILICO_POPULATION_TABLE_PARTS_H
#define INSILICO_POPULATION_TABLE_PARTS_H

#include "insilico/noise.h"
#include "table.h"

typedef enum ins_table_role {
  INS_ROLE_FEATURE,
  INS_ROLE_ROW,
  INS_ROLE_MEAN,
  INS_ROLE_REPEAT,
  INS_ROLE_FIXED /* one coordinate is chosen: as if there were no such axis */
} ins_table_role;

/** An axis of a variable in its file. */
typedef struct ins_table_source_axis {
  const char *name, *units, *long_name;
  size_t length;                /* in the file */
  const ins_value *coordinates; /* NULL: numbers from 0 */
  size_t n, *index;             /* [n] which are chosen, in the order of the table */
  ins_table_role role;
} ins_table_source_axis;

/** One variable of one file. Everything that is text is borrowed from its description. */
typedef struct ins_table_source {
  const ins_value *description;
  const char *path, *group, *variable;
  char *name; /* "PATH: GROUP/VARIABLE" */
  int n_axes;
  ins_table_source_axis axes[INS_TABLE_MAX_AXES]; /* in the order of the file */
  int n_rows, rows[INS_TABLE_MAX_AXES];           /* axes that make items, in the order of `rows` */
  int n_columns,
      columns[INS_TABLE_MAX_AXES]; /* axes that make features, in the order of the file */
  int repeat;                      /* axis of trials, or -1 */
  size_t first_item, n_items, first_feature, n_features;
} ins_table_source;

/** Columns that are normalised together: those of one variable. */
typedef struct ins_table_block {
  size_t first, n;
} ins_table_block;

/** How columns of a matrix on a grid are shifted and scaled; kept, as every trial is treated alike.
 */
typedef struct ins_table_normalization {
  bool known;
  int rank, size, block;
  ins_dtype dtype;
  size_t local_rows;
  double *shift, *factor; /* [n_blocks][local_rows]; NULL: 0, 1 */
  double *weight;         /* [n_blocks] */
} ins_table_normalization;

struct ins_table_parts {
  const ins_value *settings;
  size_t n_sources, n_variables; /* sources by file, then by variable */
  ins_table_source *sources;
  size_t n_blocks;
  ins_table_block *blocks;
  bool below; /* files are below each other */
  const char *normalize;
  bool balance, verify, verified;
  ins_noise noise;
  size_t n_draws;
  uint64_t seed;
  int64_t *stream; /* [n_items]: coordinates of an item as one number, for its noise */
  char **names;    /* of labels that are made here */
  size_t n_names;
  ins_value **values; /* likewise */
  size_t n_values;
  bool *copied; /* [n_labels] which labels go along to results */
  ins_table_normalization normalization;
};

extern const ins_variant ins_table_normalizations[];

/* ---- settings ---------------------------------------------------------------------------------
 */
/** Text k of the texts of `many`, or the only one of `one`; NULL behind the last. */
const char *ins_table_text(const ins_value *settings, const char *one, const char *many, size_t k);
size_t ins_table_text_count(const ins_value *settings, const char *one, const char *many);
bool ins_table_texts_have(const ins_value *texts, const char *text);

/* ---- sources ----------------------------------------------------------------------------------
 */
/** From a description; `source` is zero. */
ins_status ins_table_source_create(const ins_value *settings, const ins_value *description,
                                   ins_table_source *source) INS_CHECKED;
void ins_table_source_clear(ins_table_source *source);
/** Axes named in settings that no source has are refused. */
ins_status ins_table_sources_check_names(const ins_value *settings, size_t n,
                                         const ins_table_source *sources) INS_CHECKED;
/** Chooses coordinates of an axis; *fixed: by one value that is no list. wanted NULL: all. */
ins_status ins_table_source_choose(const ins_value *wanted, ins_table_source_axis *axis,
                                   bool *fixed) INS_CHECKED;
/** For each item, its place in the file along row axis r (of rows[]): *out [n_items]. */
ins_status ins_table_source_places(const ins_table_source *source, int r, size_t **out) INS_CHECKED;
/** Coordinate k of the chosen ones for people: "17", "ON". Into out[size]; returns out. */
char *ins_table_coordinate_text(const ins_table_source_axis *axis, size_t k, char *out,
                                size_t size);

/* ---- values of some of the elements of arrays or lists of texts ------------------------------ */
typedef struct ins_table_pick {
  const ins_value *values; /* array or list of texts; NULL: numbers from 0 */
  size_t n;
  const size_t *index; /* [n]; NULL: 0, 1, ... */
} ins_table_pick;
/** One behind the other: texts, or an array: the type of the only one, else int64 where all are
 * whole numbers, else float64. *out = NULL, INS_OK: texts and numbers do not go together. */
ins_status ins_table_picks_join(size_t n, const ins_table_pick *picks, ins_value **out) INS_CHECKED;
bool ins_table_is_whole(const ins_value *values);

/* ---- tables -----------------------------------------------------------------------------------
 */
/** Where every source lies in the table, its items and features, and what does not fit. */
ins_status ins_table_join(ins_table *table) INS_CHECKED;
ins_status ins_table_find_labels(ins_table *table) INS_CHECKED;
/** The label of that name, or NULL. */
const ins_label *ins_table_label(const ins_table *table, const char *name);
/** There is none called `name`; names those there are. */
ins_status ins_table_refuse_label(const ins_table *table, const char *name) INS_CHECKED;
/** Adds a label that takes `name` and `values` over, also on failure. */
ins_status ins_table_add_label(ins_table *table, char *name, const char *long_name, int axis,
                               ins_value *values) INS_CHECKED;
/** Keeps `values` until the table is destroyed; takes them over, also on failure. */
ins_status ins_table_keep(ins_table *table, ins_value *values) INS_CHECKED;

/* ---- reading ----------------------------------------------------------------------------------
 */
enum { INS_ALL_REPEATS = -1 };
/** Part of a table in memory: item i and feature f at at[(i - item) * item_stride + (f - feature) *
 * feature_stride]. */
typedef struct ins_table_window {
  size_t item, n_items, feature, n_features;
  size_t item_stride, feature_stride;
  double *at;
} ins_table_window;
/** Adds to the window what the source has of it: sums over its mean axes, and over repeats or of
 * one repeat. Local; reads through `scratch` [INS_SCRATCH] doubles. */
enum { INS_SCRATCH = 2 << 20 };
ins_status ins_table_source_read(const ins_table_source *source, ins_reader *reader, int repeat,
                                 const ins_table_window *window, double *scratch) INS_CHECKED;
/** How many elements of the file a sum has that ins_table_source_read leaves. */
size_t ins_table_source_terms(const ins_table_source *source, int repeat);

bool ins_table_normalization_asked(const ins_table *table);
/** Is `known` that of a matrix like m? */
bool ins_table_normalization_fits(const ins_table *table, const ins_matrix *m);
/** Finds shift and scale from the values in m, and applies them. missing[n_items], the same on
 * every rank: items to leave out. Collective. */
ins_status ins_table_normalization_find(const ins_table *table, ins_matrix *m,
                                        const int8_t *missing) INS_CHECKED;
/** Shifts and scales m as was found. Local. */
void ins_table_normalization_apply(const ins_table *table, ins_matrix *m);
void ins_table_normalization_clear(ins_table_normalization *normalization);

#endif
