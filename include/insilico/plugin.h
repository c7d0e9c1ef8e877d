/* SPDX-License-Identifier: MIT */
/** An experiment of your own in a shared object: what a plug-in is compiled against.
 *
 *   #include "insilico/plugin.h"
 *   const ins_plugin insilico_plugin = {
 *       INS_PLUGIN_INTERFACE, {"my_experiment", "what it does", my_keys, &my_operations}};
 *
 *   cc -std=gnu11 -O2 -shared -fPIC -fvisibility=hidden -Iinclude mine.c -o mine.so -lm
 *
 * A job names it by `experiment: plugin:mine.so`, and `insilico run --allow-plugins` loads it. It
 * may call every function ins_* of the public headers; docs/plugins.md goes through an example.
 */
#ifndef INSILICO_PLUGIN_H
#define INSILICO_PLUGIN_H

#include "insilico/experiment.h"
#include "insilico/memory.h"
#include "insilico/selection.h"

/** Raised when something that plug-ins are compiled against becomes another. */
enum { INS_PLUGIN_VERSION = 2 };

/** Structs that a plug-in shares with the program: when both take them to be of one size, a plug-in
 * of another version is noticed even where the number was forgotten. */
#define INS_PLUGIN_STRUCTS(X)                                                                      \
  X(ins_experiment)                                                                                \
  X(ins_experiment_context)                                                                        \
  X(ins_stages)                                                                                    \
  X(ins_results)                                                                                   \
  X(ins_batch)                                                                                     \
  X(ins_group)                                                                                     \
  X(ins_layout)                                                                                    \
  X(ins_variable)                                                                                  \
  X(ins_axis)                                                                                      \
  X(ins_job)                                                                                       \
  X(ins_key)                                                                                       \
  X(ins_variant)                                                                                   \
  X(ins_value)                                                                                     \
  X(ins_model_source)                                                                              \
  X(ins_model_info)                                                                                \
  X(ins_plan_spec)                                                                                 \
  X(ins_pulse)                                                                                     \
  X(ins_selection)

enum { INS_PLUGIN_MAX_STRUCTS = 30 };

/** Looked at before anything else: its own size never changes. */
typedef struct ins_plugin_interface {
  uint32_t magic, version;
  uint32_t size[INS_PLUGIN_MAX_STRUCTS]; /* of INS_PLUGIN_STRUCTS, then 0 */
} ins_plugin_interface;

#define INS_PLUGIN_MAGIC      0x70534e49u /* "INSp" */
#define INS_PLUGIN_SIZE(type) (uint32_t)sizeof(type),
#define INS_PLUGIN_INTERFACE                                                                       \
  {                                                                                                \
    INS_PLUGIN_MAGIC, INS_PLUGIN_VERSION, {                                                        \
      INS_PLUGIN_STRUCTS(INS_PLUGIN_SIZE)                                                          \
    }                                                                                              \
  }

/** The one thing that a plug-in exports, under the name `insilico_plugin`. */
typedef struct ins_plugin {
  ins_plugin_interface interface;
  /** name: lower-case letters, digits and underscores; results know the experiment as plugin:NAME.
   * doc: one line. keys: as of every experiment, without `plugin_sha256`. ops: an ins_experiment
   * with setup, compute, teardown and cost. */
  ins_variant experiment;
} ins_plugin;

extern __attribute__((visibility("default"))) const ins_plugin insilico_plugin;

#endif
