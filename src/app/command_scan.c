/* SPDX-License-Identifier: MIT */
/* insilico inspect MODEL --scan, and what inspect says of torch files that hold no model it knows.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "insilico/look.h"

/* docs/safety.md. Those of the README are taken: 2 to 4 mean that there is no answer. */
enum { EXIT_UNKNOWN = 1, EXIT_DANGEROUS = 6 };

int ins_answer;

static const char *text_at(const ins_value *map, const char *key) {
  return ins_value_text_or(ins_map_get(map, key), "");
}

static bool is_target(const ins_value *import) {
  return strcmp(text_at(import, "by"), "_target_") == 0;
}

/* "dangerous   posix.system   called 1 time, byte 27 of archive/data.pkl" */
static void print_import(const ins_value *import) {
  const char *pickle = text_at(import, "pickle"), *arguments = text_at(import, "arguments");
  long long calls = ins_value_int_or(ins_map_get(import, "calls"), 0);
  printf("  %-10s %s", text_at(import, "verdict"), text_at(import, "name"));
  if (is_target(import))
    printf("  named by a _target_ of the hyper-parameters");
  else if (calls == 0)
    printf("  imported");
  else
    printf("  called %lld time%s", calls, calls == 1 ? "" : "s");
  printf(", byte %lld", (long long)ins_value_int_or(ins_map_get(import, "first_at"), 0));
  if (*pickle) printf(" (%s)", pickle);
  printf("\n");
  if (*arguments) printf("             first call: %s%s\n", text_at(import, "name"), arguments);
}

static void print_imports(const ins_value *imports, const char *verdict) {
  for (size_t i = 0; i < ins_value_count(imports); i++)
    if (strcmp(text_at(imports->children.items[i], "verdict"), verdict) == 0)
      print_import(imports->children.items[i]);
}

static void print_broken(const ins_value *pickles) {
  for (size_t i = 0; i < ins_value_count(pickles); i++) {
    const ins_value *pickle = pickles->children.items[i];
    const char *broken = text_at(pickle, "broken"), *name = text_at(pickle, "name");
    if (*broken)
      printf("  the pickle at byte %lld%s%s: %s\n",
             (long long)ins_value_int_or(ins_map_get(pickle, "at"), 0), *name ? " of " : "", name,
             broken);
  }
}

/* What it comes to, in one sentence. */
static const char *conclusion(const char *verdict) {
  if (strcmp(verdict, "harmless") == 0)
    return "Loading it in Python makes nothing but data and known parts of models.";
  if (strcmp(verdict, "dangerous") == 0)
    return "Do not load it in Python: it would run what is listed as dangerous. insilico itself "
           "runs "
           "nothing of it.";
  return "Loading it in Python is not known to be safe: it uses names that are in no list of "
         "harmless "
         "ones, or could not be followed to its end. insilico itself runs nothing of it.";
}

static void print_scan(const ins_value *scan) {
  const ins_value *imports = ins_map_get(scan, "imports"), *pickles = ins_map_get(scan, "pickles");
  const char *verdict = text_at(scan, "verdict");
  ins_print("format", "%s", text_at(scan, "format"));
  ins_print("pickles", "%zu", ins_value_count(pickles));
  ins_print("verdict", "%s", verdict);
  if (ins_value_count(imports)) printf("What loading it in Python would import and call:\n");
  print_imports(imports, "dangerous");
  print_imports(imports, "unknown");
  print_imports(imports, "harmless");
  if (ins_value_bool_or(ins_map_get(scan, "more_names"), false))
    printf("  ... and more names than are listed; all were judged\n");
  print_broken(pickles);
  printf("%s\n", conclusion(verdict));
}

static void print_json(const ins_value *value) {
  ins_text text = {0};
  ins_value_json(value, 64, &text);
  if (text.data) printf("%s\n", text.data);
  ins_text_free(&text);
}

ins_status ins_inspect_scan(const char *path, bool json) {
  ins_value *scan = NULL;
  struct stat about;
  if (stat(path, &about) == 0 && S_ISDIR(about.st_mode))
    return ins_fail(INS_ERR_ARGUMENT, "%s: a folder; --scan takes one file at a time", path);
  ins_status status = ins_checkpoint_scan(path, &scan);
  if (status != INS_OK) return status;
  const char *verdict = text_at(scan, "verdict");
  if (strcmp(verdict, "harmless") != 0)
    ins_answer = strcmp(verdict, "dangerous") == 0 ? EXIT_DANGEROUS : EXIT_UNKNOWN;
  if (json)
    print_json(scan);
  else
    print_scan(scan);
  ins_value_destroy(&scan);
  return INS_OK;
}

/* ---- torch files of others ------------------------------------------------------------------- */

static void print_tensor(const ins_value *tensor) {
  ins_text shape = {0};
  const ins_value *sizes = ins_map_get(tensor, "shape");
  for (size_t d = 0; d < ins_value_count(sizes); d++)
    ins_text_add(&shape, "%s%lld", d ? " x " : "",
                 (long long)ins_value_int_or(sizes->children.items[d], 0));
  printf("  %-8s %-20s %s\n", text_at(tensor, "dtype"), shape.data ? shape.data : "(number)",
         text_at(tensor, "name"));
  ins_text_free(&shape);
}

static void print_look(const ins_value *look) {
  const ins_value *tensors = ins_map_get(look, "tensors"), *other = ins_map_get(look, "other");
  char size[32];
  double total = 0;
  for (size_t i = 0; i < ins_value_count(tensors); i++)
    total += (double)ins_value_int_or(ins_map_get(tensors->children.items[i], "n_bytes"), 0);
  ins_print("format", "%s", text_at(look, "format"));
  if (*text_at(look, "class")) ins_print("class", "%s", text_at(look, "class"));
  ins_print("tensors", "%zu, %s", ins_value_count(tensors),
            ins_text_bytes(total, size, sizeof size));
  for (size_t i = 0; i < ins_value_count(tensors); i++) print_tensor(tensors->children.items[i]);
  if (ins_value_count(other)) ins_print("other entries", "%zu", ins_value_count(other));
  for (size_t i = 0; i < ins_value_count(other); i++)
    printf("  %s\n", ins_value_text_or(other->children.items[i], ""));
}

/* The message that says why the file is no model comes out afterwards, as of any failure. */
ins_status ins_inspect_foreign(const char *path, bool json, ins_status why) {
  char message[INS_MESSAGE_MAX];
  ins_value *look = NULL;
  if (why != INS_ERR_UNSUPPORTED && why != INS_ERR_MISSING && why != INS_ERR_SHAPE) return why;
  snprintf(message, sizeof message, "%s", ins_message());
  if (ins_checkpoint_is_torch(path) && ins_checkpoint_look(path, &look) == INS_OK) {
    if (json)
      print_json(look);
    else
      print_look(look);
  }
  ins_value_destroy(&look);
  return ins_fail(why, "%s", message);
}
