/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "insilico/fetch.h"
#include "insilico/generator.h"
#include "insilico/optimise.h"

static const struct topic {
  const char *name;
  const ins_variant *variants;
} topics[] = {
    {"experiments", ins_experiments},
    {"stimuli", ins_generators},
    {"objectives", ins_objectives},
    {"reducers", ins_reducers},
    {"optimizers", ins_optimizers},
    {"postprocessors", ins_postprocessors},
    {"penalties", ins_penalties},
    {"distributions", ins_distributions},
};
enum { N_TOPICS = sizeof topics / sizeof topics[0] };

static void print_key(const ins_key *key, int depth) {
  printf("%*s%-*s %s", depth * 2 + 4, "", 22 - depth * 2, key->name, key->doc ? key->doc : "");
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

static void print_topic(const struct topic *topic, bool keys) {
  printf("%s\n", topic->name);
  for (const ins_variant *v = topic->variants; v->name; v++) {
    printf("  %-24s %s\n", v->name, v->doc);
    for (const ins_key *key = v->keys; keys && key && key->name; key++) print_key(key, 0);
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

/* "optimizers" or "optimizer". */
static bool names_topic(const char *wanted, const char *topic) {
  size_t n = strlen(topic);
  return strcmp(wanted, topic) == 0 || (strlen(wanted) == n - 1 && !strncmp(wanted, topic, n - 1));
}

/* One kind by its name, with its keys: `insilico list adam`. */
static bool print_kind(const char *wanted) {
  for (size_t i = 0; i < N_TOPICS; i++) {
    const ins_variant *v = ins_variant_find(topics[i].variants, wanted);
    if (!v) continue;
    printf("%s: %s\n", v->name, v->doc);
    for (const ins_key *key = v->keys; key && key->name; key++) print_key(key, 0);
    return true;
  }
  return false;
}

ins_status ins_command_list(const ins_arguments *arguments) {
  const char *wanted = arguments->n_words ? arguments->words[0] : NULL;
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
  if (!wanted || strcmp(wanted, "keys") == 0) {
    print_common_keys();
    found = true;
  }
  if (!found) found = print_kind(wanted);
  if (!found)
    return ins_fail(INS_ERR_ARGUMENT,
                    "there is no topic or kind '%s'; topics are experiments, stimuli, objectives, reducers, "
                    "optimizers, postprocessors, penalties, distributions, models, keys",
                    wanted);
  return INS_OK;
}
