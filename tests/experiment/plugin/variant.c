/* SPDX-License-Identifier: MIT */
/* Plug-ins of which one thing is wrong, each compiled with another VARIANT_name. */
#include "insilico/plugin.h"

static ins_status setup(const ins_experiment_context *context, void **state, ins_stages *stages) {
  (void)context, (void)state, (void)stages;
#ifdef VARIANT_unresolved
  extern ins_status ins_not_there(void);
  return ins_not_there();
#else
  return INS_OK;
#endif
}

static ins_status compute(void *state, const ins_batch *batch, const ins_pulse *pulse) {
  (void)state, (void)batch, (void)pulse;
  return INS_OK;
}

static void teardown(void **state) {
  *state = NULL;
}

static ins_status cost(void *state, size_t stage, double *bytes, double *seconds) {
  (void)state, (void)stage;
  *bytes = *seconds = 0;
  return INS_OK;
}

static const ins_key keys[] = {
#ifdef VARIANT_key
    {.name = "plugin_sha256", .type = INS_KEY_TEXT, .fallback = "abc", .doc = "taken"},
#endif
    {.name = "depth", .type = INS_KEY_INT, .fallback = "3", .max = 9, .doc = "a number"},
    {0}};

static const ins_experiment operations = {.setup = setup,
#ifndef VARIANT_incomplete
                                          .cost = cost,
#endif
                                          .compute = compute,
                                          .teardown = teardown};

#ifdef VARIANT_incomplete
ins_status (*unused)(void *, size_t, double *, double *) = cost;
#endif

#if defined VARIANT_name
#define NAME "Not a name"
#else
#define NAME "variant"
#endif

#if defined VARIANT_silent
const int something_else = 1;
const void *const used[] = {keys, &operations};
#elif defined VARIANT_foreign
__attribute__((visibility("default"))) const char insilico_plugin_bytes[4096] = "else";
__asm__(".globl insilico_plugin\n.set insilico_plugin, insilico_plugin_bytes");
const void *const used[] = {keys, &operations};
#else
const ins_plugin insilico_plugin = {
#if defined VARIANT_version
    {INS_PLUGIN_MAGIC, INS_PLUGIN_VERSION + 1, {INS_PLUGIN_STRUCTS(INS_PLUGIN_SIZE)}},
#elif defined VARIANT_size
    {INS_PLUGIN_MAGIC, INS_PLUGIN_VERSION, {sizeof(ins_experiment), 1}},
#else
    INS_PLUGIN_INTERFACE,
#endif
    {NAME, "does nothing", keys, &operations}};
#endif
