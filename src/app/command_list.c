/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "insilico/fetch.h"
#include "insilico/generator.h"
#include "insilico/noise.h"
#include "insilico/optimise.h"
#include "insilico/population.h"
#include "insilico/tuning.h"
#include "submit.h"

static const struct topic {
  const char *name;
  const ins_variant *variants;
} topics[] = {
    {"experiments", NULL}, /* those of the program */
    {"stimuli", ins_generators},
    {"objectives", ins_objectives},
    {"reducers", ins_reducers},
    {"optimizers", ins_optimizers},
    {"postprocessors", ins_postprocessors},
    {"penalties", ins_penalties},
    {"distributions", ins_distributions},
    {"noise", ins_noises},
    {"analyses", ins_population_analyses},
    {"data", ins_table_kinds},
};
enum { N_TOPICS = sizeof topics / sizeof topics[0] };

static const ins_variant *variants_of(const struct topic *topic) {
  return topic->variants ? topic->variants : ins_app_experiments();
}

static void print_key(const ins_key *key, int depth) {
  printf("%*s%-*s %s", depth * 2 + 4, "", 22 - depth * 2, key->name, key->doc ? key->doc : "");
  if (key->type == INS_KEY_TEXT && key->variants) {
    for (const ins_variant *v = key->variants; v->name; v++)
      printf("%s%s", v == key->variants ? ": " : ", ", v->name);
  }
  if (key->units) printf(" [%s]", key->units);
  if (key->flags & INS_KEY_MANY) printf(" (one or several)");
  if (key->flags & INS_KEY_REFERENCE) printf(" (or measured, as 2 * sigma_um)");
  if (key->flags & INS_KEY_REQUIRED)
    printf(" (required)");
  else if (key->fallback)
    printf(" (default %s)", key->fallback);
  printf("\n");
  for (const ins_key *child = key->children; child && child->name; child++)
    print_key(child, depth + 1);
}

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool has_key(const ins_variant *v, const ins_key *key) {
  for (const ins_key *own = v->keys; own && own->name; own++)
    if (strcmp(own->name, key->name) == 0)
      return own->type == key->type && own->flags == key->flags && same_text(own->doc, key->doc) &&
             same_text(own->fallback, key->fallback);
  return false;
}

/* Do all kinds of a topic have this key? Of one kind alone nothing is said apart. */
static bool is_shared(const ins_variant *variants, const ins_key *key) {
  for (const ins_variant *v = variants; v->name; v++)
    if (!has_key(v, key)) return false;
  return variants[1].name != NULL;
}

static void print_shared(const ins_variant *variants) {
  bool any = false;
  for (const ins_key *key = variants[0].keys; key && key->name; key++) {
    if (!is_shared(variants, key)) continue;
    if (!any) printf("  keys of every kind\n");
    any = true;
    print_key(key, 0);
  }
}

static void print_topic(const struct topic *topic, bool keys) {
  const ins_variant *variants = variants_of(topic);
  printf("%s\n", topic->name);
  if (keys) print_shared(variants);
  for (const ins_variant *v = variants; v->name; v++) {
    printf("  %-24s %s\n", v->name, v->doc);
    for (const ins_key *key = v->keys; keys && key && key->name; key++)
      if (!is_shared(variants, key)) print_key(key, 0);
  }
}

static void print_models(void) {
  printf("models\n  %-26s %s\n", "builtin:ground_truth", "a synthetic retina whose truth is known");
  for (const ins_known_model *model = ins_fetch_known(); model->name; model++)
    printf("  %-26s %s\n", model->name, model->doc);
}

static void print_common_keys(void) {
  printf("keys of every job\n");
  for (const ins_key *key = ins_job_common_keys; key->name; key++) print_key(key, 0);
}

static void print_site_keys(void) {
  printf("keys of a site file, for insilico submit\n");
  for (const ins_key *key = ins_site_keys; key->name; key++) print_key(key, 0);
}

static void print_index(const ins_index *index) {
  printf("    %-34s %s", index->name, index->long_name);
  if (index->units && index->units[0] && strcmp(index->units, "1")) printf(" [%s]", index->units);
  printf("%s%s\n", index->interval ? " (interval)" : "", index->test ? " (p, q)" : "");
}

static void print_indices(void) {
  printf("indices of receptive fields\n");
  for (size_t k = 0; k < ins_n_field_indices; k++) print_index(&ins_field_indices[k]);
  for (const ins_analysis *const *a = ins_analyses; *a; a++) {
    printf("indices of %s: %s\n", (*a)->name, (*a)->doc);
    for (size_t k = 0; k < (*a)->n_indices; k++) print_index(&(*a)->indices[k]);
  }
}

/* "optimizers" or "optimizer". */
static bool names_topic(const char *wanted, const char *topic) {
  size_t n = strlen(topic);
  return strcmp(wanted, topic) == 0 || (strlen(wanted) == n - 1 && !strncmp(wanted, topic, n - 1));
}

static bool explain_index(const ins_index *indices, size_t n, const char *wanted,
                          const char *analysis) {
  for (size_t k = 0; k < n; k++) {
    if (strcmp(indices[k].name, wanted) != 0) continue;
    printf("%s: %s\n", wanted, indices[k].long_name);
    if (indices[k].units && indices[k].units[0]) printf("  units       %s\n", indices[k].units);
    printf("  measured    %s\n", analysis);
    printf("  definition  %s\n", indices[k].source ? indices[k].source : "");
    return true;
  }
  return false;
}

/* One index by its name: `insilico list dsi`. */
static bool print_one_index(const char *wanted) {
  if (explain_index(ins_field_indices, ins_n_field_indices, wanted, "of every receptive field"))
    return true;
  for (const ins_analysis *const *a = ins_analyses; *a; a++)
    if (explain_index((*a)->indices, (*a)->n_indices, wanted, (*a)->doc)) return true;
  return false;
}

/* One kind by its name, with its keys: `insilico list adam`. */
static bool print_kind(const char *wanted) {
  for (size_t i = 0; i < N_TOPICS; i++) {
    const ins_variant *v = ins_variant_find(variants_of(&topics[i]), wanted);
    if (!v) continue;
    printf("%s: %s\n", v->name, v->doc);
    for (const ins_key *key = v->keys; key && key->name; key++) print_key(key, 0);
    return true;
  }
  return false;
}

/* The experiment in a plug-in, with its keys: `insilico list --allow-plugins plugin:mine.so`. */
static ins_status print_plugin(const ins_arguments *arguments) {
  ins_plugin_file *plugin = NULL;
  ins_status status = ins_ready_plugin(arguments, arguments->words[0], NULL, NULL, &plugin);
  if (status != INS_OK) return status;
  printf("%s: %s\n", plugin->name, plugin->registry[0].doc);
  for (const ins_key *key = plugin->keys; key->variants != plugin->known; key++) print_key(key, 0);
  printf("  file %s, sha256 %s\n", plugin->path, plugin->sha256);
  ins_plugin_close(&plugin);
  return INS_OK;
}

ins_status ins_command_list(const ins_arguments *arguments) {
  const char *wanted = arguments->n_words ? arguments->words[0] : NULL;
  if (ins_plugin_path_of(wanted)) return print_plugin(arguments);
  bool found = !wanted;
  for (size_t i = 0; i < N_TOPICS; i++) {
    if (wanted && !names_topic(wanted, topics[i].name)) continue;
    print_topic(&topics[i], wanted != NULL);
    found = true;
  }
  if (!wanted || names_topic(wanted, "models")) {
    print_models();
    found = true;
  }
  if (!wanted || strcmp(wanted, "indices") == 0) {
    print_indices();
    found = true;
  }
  if (!wanted || strcmp(wanted, "keys") == 0) {
    print_common_keys();
    found = true;
  }
  if (wanted && strcmp(wanted, "site") == 0) {
    print_site_keys();
    found = true;
  }
  if (!found) found = print_kind(wanted);
  if (!found) found = print_one_index(wanted);
  if (!found)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "there is no topic or kind '%s'; topics are experiments, stimuli, objectives, reducers, "
        "optimizers, postprocessors, penalties, distributions, noise, analyses, data, models, "
        "indices, keys, site",
        wanted);
  return INS_OK;
}
