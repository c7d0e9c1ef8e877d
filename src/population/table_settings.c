/* SPDX-License-Identifier: MIT */
/* Keys of an entry of `data`. */
#include "insilico/noise.h"
#include "table.h"
#include "table_parts.h"

static const ins_variant joins[] = {
    {.name = "features", .doc = "beside each other: the same items, more features"},
    {.name = "items", .doc = "below each other: other items (neurons), the same features"},
    {0}};

const ins_variant ins_table_normalizations[] = {
    {.name = "none", .doc = "as they are"},
    {.name = "zscore", .doc = "mean 0, standard deviation 1"},
    {.name = "unit", .doc = "Euclidean norm 1"},
    {.name = "peak", .doc = "largest magnitude 1"},
    {0}};

/* Keys that both kinds have, behind those that say where the results are. */
#define TABLE_KEYS                                                                                 \
  {.name = "name",                                                                                 \
   .type = INS_KEY_TEXT,                                                                           \
   .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                     \
   .doc = "by which analyses choose it; null: data"},                                              \
      {.name = "variable",                                                                         \
       .type = INS_KEY_TEXT,                                                                       \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "NAME, or GROUP/NAME of a job of several stages"},                                   \
      {.name = "variables",                                                                        \
       .type = INS_KEY_TEXTS,                                                                      \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "several, put beside each other"},                                                   \
      {.name = "rows",                                                                             \
       .type = INS_KEY_TEXTS,                                                                      \
       .fallback = "[neuron]",                                                                     \
       .flags = INS_KEY_SHAPES,                                                                    \
       .doc = "axes that make an item; all others are features"},                                  \
      {.name = "mean",                                                                             \
       .type = INS_KEY_TEXTS,                                                                      \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "axes that are averaged over: response_frame, seed"},                                \
      {.name = "repeats",                                                                          \
       .type = INS_KEY_TEXT,                                                                       \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "axis of trials; null: repeat, if there is one"},                                    \
      {.name = "where",                                                                            \
       .type = INS_KEY_FREE,                                                                       \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "{AXIS: VALUE, [VALUES] or \"FROM:END\"}: only these, by coordinate"},               \
      {.name = "normalize",                                                                        \
       .type = INS_KEY_TEXT,                                                                       \
       .fallback = "none",                                                                         \
       .flags = INS_KEY_SHAPES,                                                                    \
       .variants = ins_table_normalizations,                                                       \
       .doc = "the features of each item, within each variable that has several"},                 \
      {.name = "balance",                                                                          \
       .type = INS_KEY_BOOL,                                                                       \
       .fallback = "false",                                                                        \
       .flags = INS_KEY_SHAPES,                                                                    \
       .doc = "scale each variable so that the variances of its features add up to 1"},            \
      {.name = "noise",                                                                            \
       .type = INS_KEY_CHOICE,                                                                     \
       .fallback = "none",                                                                         \
       .flags = INS_KEY_SHAPES,                                                                    \
       .variants = ins_noises,                                                                     \
       .doc = "what makes trials that are drawn from noise-free values differ"},                   \
      {.name = "draws",                                                                            \
       .type = INS_KEY_INT,                                                                        \
       .fallback = "0",                                                                            \
       .flags = INS_KEY_SHAPES,                                                                    \
       .min = 0,                                                                                   \
       .max = 100000,                                                                              \
       .doc = "trials that are drawn with noise; 0: none"},                                        \
      {.name = "labels",                                                                           \
       .type = INS_KEY_TEXTS,                                                                      \
       .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,                                                 \
       .doc = "what is copied beside the items; null: sessions, cell types, truth"},               \
      {.name = "verify",                                                                           \
       .type = INS_KEY_BOOL,                                                                       \
       .fallback = "true",                                                                         \
       .flags = INS_KEY_SHAPES,                                                                    \
       .doc = "check the checksums of what is read first"},                                        \
  {                                                                                                \
    0                                                                                              \
  }

static const ins_key results_keys[] = {
    {.name = "file",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_CONTENTS,
     .doc = "a results file"},
    {.name = "files",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES | INS_KEY_CONTENTS,
     .doc = "several, joined as `join` says"},
    {.name = "join",
     .type = INS_KEY_TEXT,
     .fallback = "features",
     .flags = INS_KEY_SHAPES,
     .variants = joins,
     .doc = "how several files are put together"},
    TABLE_KEYS};

static const ins_key run_keys[] = {{.name = "job",
                                    .type = INS_KEY_TEXT,
                                    .flags = INS_KEY_REQUIRED | INS_KEY_SHAPES,
                                    .doc = "a job file, which is run first; its `output` is read"},
                                   {.name = "overrides",
                                    .type = INS_KEY_TEXTS,
                                    .flags = INS_KEY_NULLABLE | INS_KEY_SHAPES,
                                    .doc = "of that job: KEY=VALUE"},
                                   TABLE_KEYS};

const ins_variant ins_table_kinds[] = {
    {"results", "variables of results files that are there", results_keys, NULL},
    {"run", "variables of a job that is run first", run_keys, NULL},
    {0},
};
