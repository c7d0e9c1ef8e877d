/* SPDX-License-Identifier: MIT */
/** The cases of tests/golden/readouts: each a readout of openretina over the core `dummy`, with its
 * answers. */
#ifndef INSILICO_TESTS_READOUT_CASES_H
#define INSILICO_TESTS_READOUT_CASES_H

#include "golden.h"
#include "insilico/yaml.h"
#include "plan_problem.h"

typedef struct readout_case {
  const char *name, *kind;
  ins_model_source *source;
  ins_model *model;
  size_t n_frames, height, width, n_neurons, n_output, n_x;
} readout_case;

/** An array of the case's file; destroy it. */
static inline ins_value *case_array(const char *name, const char *dataset) {
  char path[512];
  snprintf(path, sizeof path, "readouts/%s.h5:%s", name, dataset);
  return golden(path);
}

static inline ins_model_source *case_source(const ins_value *entry) {
  const ins_value *names = ins_map_get(entry, "parameters");
  const char *name = ins_value_text_or(ins_map_get(entry, "name"), "");
  ins_model_source *source = zeros(1, sizeof *source);
  source->architecture = ins_value_copy(ins_map_get(entry, "architecture"));
  source->parameters = ins_value_map();
  for (size_t i = 0; i < ins_value_count(names); i++) {
    const char *parameter = names->children.items[i]->text;
    char dataset[256];
    snprintf(dataset, sizeof dataset, "parameters/%s", parameter);
    assert_int_equal(ins_map_take(source->parameters, parameter, case_array(name, dataset)),
                     INS_OK);
  }
  return source;
}

static inline ins_model *model_of(const ins_model_source *source, const char *name) {
  ins_model *model;
  if (ins_model_create(source, &model) != INS_OK) fail_msg("%s: %s", name, ins_message());
  return model;
}

static inline readout_case open_case(const ins_value *entry) {
  readout_case c = {.name = ins_map_get(entry, "name")->text, .source = case_source(entry)};
  c.model = model_of(c.source, c.name);
  const ins_model_info *info = ins_model_describe(c.model);
  c.kind = info->readout;
  c.n_frames = (size_t)ins_value_int_or(ins_value_at(entry, "architecture.in_shape.1"), 0);
  c.height = info->height;
  c.width = info->width;
  c.n_neurons = info->n_neurons;
  c.n_x = info->n_channels * c.n_frames * c.height * c.width;
  assert_int_equal(ins_model_output_frames(c.model, c.n_frames, &c.n_output), INS_OK);
  return c;
}

static inline void close_case(readout_case *c) {
  ins_model_destroy(&c->model);
  ins_model_source_destroy(&c->source);
}

static inline ins_value *read_cases(void) {
  ins_value *all;
  if (ins_yaml_read(INS_TEST_DATA "/golden/readouts/readouts.json", NULL, &all) != INS_OK)
    fail_msg("%s", ins_message());
  return all;
}

/** The entry of readouts.json called `name`. */
static inline const ins_value *case_entry(const ins_value *all, const char *name) {
  const ins_value *cases = ins_map_get(all, "cases");
  for (size_t i = 0; i < ins_value_count(cases); i++) {
    const ins_value *entry = cases->children.items[i];
    if (strcmp(ins_map_get(entry, "name")->text, name) == 0) return entry;
  }
  fail_msg("no case %s", name);
  return NULL;
}

static inline void for_each_case(void (*test)(const readout_case *c)) {
  ins_value *all = read_cases();
  const ins_value *cases = ins_map_get(all, "cases");
  assert_true(ins_value_count(cases) > 20);
  for (size_t i = 0; i < ins_value_count(cases); i++) {
    readout_case c = open_case(cases->children.items[i]);
    test(&c);
    close_case(&c);
  }
  ins_value_destroy(&all);
}

/** Reads everything. */
static inline ins_plan_spec case_spec(const readout_case *c, const ins_kernels *kernels) {
  return (ins_plan_spec){.n_slots = 1,
                         .n_frames = c->n_frames,
                         .height = c->height,
                         .width = c->width,
                         .n_read = c->n_output,
                         .n_neurons = c->n_neurons,
                         .gradient = true,
                         .kernels = kernels};
}

static inline void for_each_kernels(const readout_case *c,
                                    void (*test)(const readout_case *c, const ins_kernels *k)) {
  for (const char *const *name = ins_kernels_names(); *name; name++) {
    const ins_kernels *kernels = ins_kernels_find(*name);
    if (kernels) test(c, kernels);
  }
}

#endif
