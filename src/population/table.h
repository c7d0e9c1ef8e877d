/* SPDX-License-Identifier: MIT */
/** The data of an analysis: items (rows; mostly neurons) by features (columns; conditions, time
 * points, pixels of optimised stimuli), read from variables of results files. Private to the room.
 */
#ifndef INSILICO_POPULATION_TABLE_H
#define INSILICO_POPULATION_TABLE_H

#include "insilico/keys.h"
#include "insilico/layout.h"
#include "insilico/reader.h"
#include "matrix.h"

/** Something known of each item, from the same file: a cell type, a position, an index. */
typedef struct ins_label {
  const char *name, *long_name;
  const ins_value *values; /* array, or list of texts: [length of the axis it lies along] */
  int axis;                /* item axis that it lies along */
} ins_label;

enum { INS_TABLE_MAX_AXES = 16 };

typedef struct ins_table {
  const char *name;
  size_t n_items, n_features;
  size_t n_repeats; /* trials of every feature of every item; 0: without noise */
  /* An item is a combination of these axes, the last of them the fastest; mostly there is one.
   * Items of files below each other have one axis: their own where its coordinates differ in all
   * files, else `item`. */
  int n_item_axes;
  ins_axis item_axes[INS_TABLE_MAX_AXES]; /* as far as `where` leaves them */
  /* A feature, likewise; 0: several variables or files beside each other. */
  int n_feature_axes;
  ins_axis feature_axes[INS_TABLE_MAX_AXES];
  int n_labels;
  ins_label *labels;
  struct ins_table_parts *parts; /* where it is read from */
} ins_table;

/** Kinds of `data` of a job. */
extern const ins_variant ins_table_kinds[];
/** Makes a table of an entry of `data` and of what ins_population_sources found for it, both of
 * which must outlive it. Local.
 * INS_ERR_ARGUMENT: axes that are not there or do not fit together. */
ins_status ins_table_create(const ins_value *settings, const ins_value *sources, uint64_t seed,
                            ins_table **out) INS_CHECKED;
void ins_table_destroy(ins_table **table);

/** The label called `name`, or the coordinates of the item axis of that name, for each item:
 * group[n_items] = number of its value among the distinct
 * ones, which are sorted (numbers ascending, texts by bytes); *values = those (array int64 or
 * float64, or list of texts; to be destroyed). Items whose label is missing (NaN) get -1.
 * INS_ERR_ARGUMENT when there is none of that name: names those there are. */
ins_status ins_table_groups(const ins_table *table, const char *name, int32_t *group,
                            ins_value **values) INS_CHECKED;
/** The label as a number for each item: out[n_items], NaN where it is missing. */
ins_status ins_table_label_numbers(const ins_table *table, const char *name,
                                   double *out) INS_CHECKED;

/* ---- axes of results ---------------------------------------------------------------------------
 */
/** Adds the items to a layout: the axis itself where there is one, else the axis `item` with its
 * coordinates as constants NAME. What the setting `labels` names goes along as constants. *axis =
 * its number. */
ins_status ins_table_item_axis(const ins_table *table, ins_layout *layout, int *axis) INS_CHECKED;
/** The same once more, for matrices of items by items: its name ends in _2, and has no labels. */
ins_status ins_table_item_axis_again(const ins_table *table, ins_layout *layout,
                                     int *axis) INS_CHECKED;
/** Adds the features: their axes one by one where they have any, else one axis `feature`. axes
 * [INS_TABLE_MAX_AXES], *n of them; their product is n_features, the last is the fastest. */
ins_status ins_table_feature_axes(const ins_table *table, ins_layout *layout, int *axes,
                                  int *n) INS_CHECKED;

/* ---- numbers -----------------------------------------------------------------------------------
 */
enum { INS_MEAN_OF_REPEATS = -1 };
/** Reads all items by features into m [n_items, n_features], of its type: where there are no
 * repeats, what the files say; else repeat `repeat`, or the mean over them. Values of items are
 * normalised as the settings say: shift and scale are those of the mean over repeats of the files,
 * or of the noise-free values that repeats are drawn from, so that all repeats are treated alike.
 * Collective.
 *
 * What is not finite is read as 0; normalised rows with such values are 0 throughout. flag[n_items]
 * (may be NULL; the same on every rank) is INS_ITEM_MISSING for their items, INS_ITEM_SILENT for
 * one whose values in m are all equal, else 0.
 *
 * Drawn values depend on the seed, the item's coordinates, the number of the feature and of the
 * repeat, never on ranks. The first read of a table verifies the rows of its files (setting
 * `verify`).
 * @return INS_OK; INS_ERR_FORMAT (rows that are damaged, files that changed); INS_ERR_IO;
 *         INS_ERR_MEMORY; the same on every rank */
enum { INS_ITEM_USED = 0, INS_ITEM_SILENT = 1, INS_ITEM_MISSING = 2 };
#define INS_ITEM_FLAGS "0 used, 1 silent, 2 missing"
ins_status ins_table_read(const ins_table *table, const ins_grid *grid, int repeat, ins_matrix *m,
                          int8_t *flag) INS_CHECKED;
/** Bytes that reading into a matrix of a type takes on each of `size` ranks beside it, at most. */
double ins_table_read_bytes(const ins_table *table, int size, ins_dtype dtype);

#endif
