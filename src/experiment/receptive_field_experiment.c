/* SPDX-License-Identifier: MIT */
/* Experiment `receptive_field`: where each neuron looks, when, and how it weighs what it sees. */
#include "insilico/memory.h"
#include "kinds.h"
#include "receptive_field.h"
#include "screen.h"

enum { NEURON_AXIS };

typedef struct fields {
  ins_selection selection;
  ins_field_stage *stage;
} fields;

const ins_key ins_receptive_field_keys[] = {
    {.name = "receptive_field",
     .type = INS_KEY_GROUP,
     .flags = INS_KEY_SHORTHAND,
     .children = ins_field_keys,
     .doc = "how fields are found"},
    {.name = "intensity",
     .type = INS_KEY_GROUP,
     .children = ins_intensity_keys,
     .doc = "what grey and contrast are in the model's numbers"},
    {0},
};

static void teardown(void **state) {
  fields *s = *state;
  if (!s) return;
  ins_field_stage_destroy(&s->stage);
  ins_selection_clear(&s->selection);
  ins_free(state);
}

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  fields *s = NULL;
  ins_layout *layout = NULL;
  *state = NULL;
  *stages = (ins_stages){0};
  if (context->job->n_sweeps)
    return ins_fail(INS_ERR_ARGUMENT,
                    "experiment 'receptive_field' has nothing to sweep ('%s' is swept)",
                    context->job->sweeps[0].key);
  ins_status status = ins_alloc(1, sizeof *s, &s);
  if (status != INS_OK) return status;
  status = ins_selection_create(context, &s->selection);
  if (status == INS_OK)
    status = ins_field_stage_create(context, ins_map_get(context->job->settings, "receptive_field"),
                                    &s->selection, NULL, &s->stage, &layout);
  if (status == INS_OK)
    status = ins_selection_describe(context, &s->selection, layout, NEURON_AXIS);
  if (status == INS_OK) {
    *stages = (ins_stages){.n = 1, .layout = {layout}};
    *state = s;
    return INS_OK;
  }
  ins_layout_destroy(&layout);
  void *gone = s;
  teardown(&gone);
  return status;
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  return ins_field_stage_compute(((fields *)state)->stage, batch, pulse);
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  (void)stage; /* there is one */
  return ins_field_stage_cost(((fields *)state)->stage, bytes, seconds);
}

const ins_experiment ins_receptive_field = {
    .setup = setup, .compute = compute, .teardown = teardown, .cost = cost};
