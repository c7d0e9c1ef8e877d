/* SPDX-License-Identifier: MIT */
#include "legacy_folder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/yaml.h"
#include "model_class.h"
#include "open_file.h"
#include "pickle_file.h"

/* ---- the names of the files ------------------------------------------------------------------ */

static bool seed_of(const char *name, long *seed) {
  static const char start[] = "config_";
  size_t n = strlen(start);
  if (strncmp(name, start, n) != 0) return false;
  size_t digits = strspn(name + n, "0123456789");
  if (digits == 0 || digits > 9 || strcmp(name + n + digits, ".yaml") != 0) return false;
  *seed = strtol(name + n, NULL, 10);
  return true;
}

bool ins_legacy_is_config(const char *name) {
  long seed;
  return seed_of(name, &seed);
}

static int by_seed(const void *a, const void *b) {
  long x = 0, y = 0;
  seed_of(ins_file_name(((const ins_member_file *)a)->path), &x);
  seed_of(ins_file_name(((const ins_member_file *)b)->path), &y);
  return (x > y) - (x < y);
}

ins_status ins_legacy_members(const char *folder, ins_member_files *files) {
  qsort(files->at, files->n, sizeof *files->at, by_seed);
  for (size_t i = 0; i < files->n; i++) {
    ins_member_file *file = &files->at[i];
    long seed = 0;
    seed_of(ins_file_name(file->path), &seed);
    file->config = file->path;
    file->path = ins_format("%s/state_dict_%05ld.pth.tar", folder, seed);
    file->data_info = ins_format("%s/data_info_%05ld.pkl", folder, seed);
    if (!file->path || !file->data_info) return INS_ERR_MEMORY;
  }
  return INS_OK;
}

/* ---- what data_info says of the stimulus and the sessions ------------------------------------ */

/* Number i of a list, a tuple or an array; -1 when there is none. */
static int64_t number(const ins_value *list, size_t i) {
  if (!list) return -1;
  if (list->kind == INS_ARRAY)
    return i < ins_array_count(&list->array) ? (int64_t)ins_array_get(&list->array, i) : -1;
  if (list->kind != INS_LIST || i >= list->children.n) return -1;
  return ins_value_int_or(list->children.items[i], -1);
}

static ins_status bad_info(const char *file, const char *session, const char *key) {
  return ins_fail(INS_ERR_MISSING,
                  "%s: session '%s' lacks %s, or it is not that of the other sessions", file,
                  session, key);
}

/* input_dimensions is [batch, channels, frames, height, width], the same in every session but for
 * the batch and the frames. */
static ins_status check_dimensions(const char *file, const ins_value *info) {
  const ins_value *first = ins_map_get(info->children.items[0], "input_dimensions");
  for (size_t i = 0; i < info->children.n; i++) {
    const ins_value *session = info->children.items[i];
    const ins_value *dimensions = ins_map_get(session, "input_dimensions");
    for (size_t d = 1; d < 5; d++)
      if (number(dimensions, d) < 1 || (d != 2 && number(dimensions, d) != number(first, d)))
        return bad_info(file, info->children.keys[i], "input_dimensions");
    if (ins_value_int_or(ins_map_get(session, "output_dimension"), -1) < 1)
      return bad_info(file, info->children.keys[i], "output_dimension");
  }
  return INS_OK;
}

static ins_status add_info(const char *file, const ins_value *info, ins_value *settings) {
  ins_value *shape, *neurons;
  if (!info || info->kind != INS_MAP || info->children.n == 0)
    return ins_fail(INS_ERR_FORMAT, "%s: is no dictionary of sessions", file);
  ins_status status = check_dimensions(file, info);
  if (status == INS_OK) status = ins_map_take(settings, "in_shape", ins_value_list());
  if (status == INS_OK) status = ins_map_take(settings, "n_neurons_dict", ins_value_map());
  if (status != INS_OK) return status;
  shape = (ins_value *)ins_map_get(settings, "in_shape");
  neurons = (ins_value *)ins_map_get(settings, "n_neurons_dict");
  const ins_value *dimensions = ins_map_get(info->children.items[0], "input_dimensions");
  for (size_t d = 1; status == INS_OK && d < 5; d++)
    status = ins_list_take(shape, ins_value_int(number(dimensions, d)));
  for (size_t i = 0; status == INS_OK && i < info->children.n; i++)
    status = ins_map_take(neurons, info->children.keys[i],
                          ins_value_copy(ins_map_get(info->children.items[i], "output_dimension")));
  return status;
}

/* ---- the configuration ----------------------------------------------------------------------- */

/* hidden_channels: one number stands for all layers, and of a list only the first `layers` count.
 */
static ins_status trim_channels(const char *file, ins_value *settings) {
  const ins_value *given = ins_map_get(settings, "hidden_channels");
  int64_t layers = ins_value_int_or(ins_value_at(settings, "core.layers"), 0);
  ins_value *list = ins_value_list();
  ins_status status = list ? INS_OK : INS_ERR_MEMORY;
  if (layers < 1 || layers > 1000 ||
      (given->kind == INS_LIST && given->children.n < (size_t)layers) ||
      (given->kind != INS_LIST && !ins_value_is_number(given)))
    status = ins_fail(INS_ERR_SHAPE,
                      "%s: hidden_channels has not as many numbers as there are layers", file);
  for (int64_t l = 0; status == INS_OK && l < layers; l++)
    status = ins_list_take(
        list, ins_value_copy(given->kind == INS_LIST ? given->children.items[l] : given));
  if (status == INS_OK) return ins_map_take(settings, "hidden_channels", list);
  ins_value_destroy(&list);
  return status;
}

static ins_status check_function(const char *file, const ins_value *config) {
  const char *name = ins_value_text_or(ins_map_get(config, "model_fn"), "");
  const char *full = ins_model_class_name(&ins_model_class_legacy);
  const char *dot = strrchr(name, '.');
  if (strcmp(dot ? dot + 1 : name, strrchr(full, '.') + 1) == 0) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: its model_fn is '%s'; known is %s of openretina.legacy.models alone", file,
                  name, strrchr(full, '.') + 1);
}

static ins_status make_settings(const ins_member_file *file, const ins_value *config,
                                const ins_value *info, ins_value **out) {
  const char *name = ins_file_name(file->config);
  const ins_value *arguments = ins_map_get(config, "model_config");
  *out = NULL;
  ins_status status = check_function(name, config);
  if (status == INS_OK && (!arguments || arguments->kind != INS_MAP))
    status = ins_fail(INS_ERR_MISSING, "%s: has no model_config", name);
  if (status == INS_OK)
    status = ins_model_class_settings(&ins_model_class_legacy, name, arguments, out);
  if (status == INS_OK) status = trim_channels(name, *out);
  if (status == INS_OK) status = add_info(ins_file_name(file->data_info), info, *out);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

ins_status ins_legacy_open(const ins_member_file *file, ins_model_source **out) {
  ins_value *config = NULL, *info = NULL, *settings = NULL;
  *out = NULL;
  ins_status status = ins_yaml_read_python(file->config, &config);
  if (status == INS_OK) status = ins_pickle_file_value(file->data_info, &info);
  if (status == INS_OK) status = make_settings(file, config, info, &settings);
  if (status == INS_OK) {
    const ins_beside beside = {.settings = settings,
                               .class = ins_model_class_name(&ins_model_class_legacy),
                               .data_info = info};
    status = ins_open_file(file->path, &beside, out);
  }
  ins_value_destroy(&config);
  ins_value_destroy(&info);
  ins_value_destroy(&settings);
  return status;
}
