/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "insilico/memory.h"
#include "table_parts.h"

static ins_status check_noise(const struct ins_table_parts *p) {
  if (p->n_draws && p->noise.kind == INS_NOISE_NONE)
    return ins_fail(INS_ERR_ARGUMENT,
                    "draws is %zu, but without noise all draws are the same; give noise: {kind: "
                    "poisson} or leave draws out",
                    p->n_draws);
  if (!p->n_draws && p->noise.kind != INS_NOISE_NONE)
    return ins_fail(INS_ERR_ARGUMENT, "noise needs draws, 10 for example");
  return INS_OK;
}

static ins_status read_settings(const ins_value *settings, uint64_t seed,
                                struct ins_table_parts *p) {
  const char *join = ins_value_text_or(ins_map_get(settings, "join"), "features");
  p->settings = settings;
  p->below = strcmp(join, "items") == 0;
  p->normalize = ins_value_text_or(ins_map_get(settings, "normalize"), "none");
  p->balance = ins_value_bool_or(ins_map_get(settings, "balance"), false);
  p->verify = ins_value_bool_or(ins_map_get(settings, "verify"), true);
  p->n_draws = (size_t)ins_value_int_or(ins_map_get(settings, "draws"), 0);
  p->seed = seed;
  ins_noise_read(ins_map_get(settings, "noise"), &p->noise);
  return check_noise(p);
}

static ins_status make_sources(const ins_value *settings, const ins_value *descriptions,
                               struct ins_table_parts *p) {
  const size_t n = ins_value_count(descriptions);
  p->n_variables = ins_table_text_count(settings, "variable", "variables");
  if (!n || !p->n_variables || n % p->n_variables)
    return ins_fail(INS_ERR_INTERNAL, "%zu descriptions of %zu variables", n, p->n_variables);
  ins_status status = ins_alloc(n, sizeof *p->sources, &p->sources);
  for (; p->n_sources < n && status == INS_OK; p->n_sources++)
    status = ins_table_source_create(settings, descriptions->children.items[p->n_sources],
                                     &p->sources[p->n_sources]);
  return status == INS_OK ? ins_table_sources_check_names(settings, n, p->sources) : status;
}

ins_status ins_table_create(const ins_value *settings, const ins_value *sources, uint64_t seed,
                            ins_table **out) {
  ins_table *table = NULL;
  *out = NULL;
  ins_status status = ins_alloc(1, sizeof *table, &table);
  if (status == INS_OK) status = ins_alloc(1, sizeof *table->parts, &table->parts);
  if (status != INS_OK) {
    ins_free(&table);
    return status;
  }
  table->name = ins_value_text_or(ins_map_get(settings, "name"), "data");
  status = read_settings(settings, seed, table->parts);
  if (status == INS_OK) status = make_sources(settings, sources, table->parts);
  if (status == INS_OK) status = ins_table_join(table);
  if (status == INS_OK) status = ins_table_find_labels(table);
  if (status != INS_OK) ins_table_destroy(&table);
  *out = table;
  return status;
}

static void clear_axis(ins_axis *axis) {
  free(axis->name);
  free(axis->units);
  free(axis->long_name);
  ins_value_destroy(&axis->coordinates);
}

static void destroy_parts(struct ins_table_parts *p) {
  for (size_t k = 0; k < p->n_sources; k++) ins_table_source_clear(&p->sources[k]);
  for (size_t k = 0; k < p->n_names; k++) free(p->names[k]);
  for (size_t k = 0; k < p->n_values; k++) ins_value_destroy(&p->values[k]);
  ins_table_normalization_clear(&p->normalization);
  ins_free(&p->sources);
  ins_free(&p->blocks);
  ins_free(&p->stream);
  ins_free(&p->names);
  ins_free(&p->values);
  ins_free(&p->copied);
}

void ins_table_destroy(ins_table **table) {
  ins_table *t = *table;
  if (!t) return;
  destroy_parts(t->parts);
  ins_free(&t->parts);
  for (int a = 0; a < t->n_item_axes; a++) clear_axis(&t->item_axes[a]);
  for (int a = 0; a < t->n_feature_axes; a++) clear_axis(&t->feature_axes[a]);
  ins_free(&t->labels);
  ins_free(table);
}
