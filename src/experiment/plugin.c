/* SPDX-License-Identifier: MIT */
#include "plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char prefix[] = "plugin:", symbol[] = "insilico_plugin";
static const char compile_again[] =
    "compile it again with the headers of this insilico (docs/plugins.md)";

/* ---- where it lies ----------------------------------------------------------------------------
 */

const char *ins_plugin_path_of(const char *name) {
  const size_t n = sizeof prefix - 1;
  return name && strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

ins_status ins_plugin_locate(const char *name, const char *job, char **path) {
  const char *given = ins_plugin_path_of(name);
  const char *slash = job ? strrchr(job, '/') : NULL;
  *path = NULL;
  if (!given || !*given)
    return ins_fail(INS_ERR_ARGUMENT,
                    "experiment '%.100s' names no file; write plugin:PATH, such as plugin:mine.so",
                    name);
  if (*given == '/')
    *path = strdup(given);
  else if (slash)
    *path = ins_format("%.*s/%s", (int)(slash - job), job, given);
  else
    *path = ins_format("./%s", given);
  return *path ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while looking for a plug-in");
}

static ins_status check_regular(const char *path) {
  struct stat about;
  if (stat(path, &about) != 0)
    return ins_fail(INS_ERR_IO,
                    "%s: the plug-in cannot be opened: %s; its path counts from the job file's "
                    "folder",
                    path, strerror(errno));
  if (!S_ISREG(about.st_mode))
    return ins_fail(INS_ERR_IO, "%s: is no file; a plug-in is a shared object (.so)", path);
  return INS_OK;
}

/* ---- what it is -------------------------------------------------------------------------------
 */

static ins_status check_hash(ins_plugin_file *f, const char *wanted) {
  ins_status status = ins_sha256_file(f->path, f->sha256);
  if (status != INS_OK || !wanted || strcmp(wanted, f->sha256) == 0) return status;
  return ins_fail(INS_ERR_FORMAT,
                  "%s: is another plug-in here (sha256 %.12s...) than on rank 0 (%.12s...); all "
                  "ranks need the same file",
                  f->path, f->sha256, wanted);
}

static ins_status load(ins_plugin_file *f) {
  /* What is missing is said now, not in the middle of a run; nothing else sees its names. */
  f->library = dlopen(f->path, RTLD_NOW | RTLD_LOCAL);
  if (f->library) return INS_OK;
  return ins_fail(INS_ERR_FORMAT, "the plug-in cannot be loaded: %.700s; %s", dlerror(),
                  compile_again);
}

static ins_status check_interface(const char *path, const ins_plugin_interface *theirs) {
  static const ins_plugin_interface ours = INS_PLUGIN_INTERFACE;
  static const char *const structs[] = {
#define NAME(type) #type,
      INS_PLUGIN_STRUCTS(NAME)
#undef NAME
  };
  enum { N = sizeof structs / sizeof structs[0] };
  if (theirs->magic != ours.magic)
    return ins_fail(INS_ERR_FORMAT, "%s: its %s is no ins_plugin; see docs/plugins.md", path,
                    symbol);
  if (theirs->version != ours.version)
    return ins_fail(INS_ERR_FORMAT, "%s: was made for interface %u of plug-ins, this is %u; %s",
                    path, (unsigned)theirs->version, (unsigned)ours.version, compile_again);
  for (size_t k = 0; k < INS_PLUGIN_MAX_STRUCTS; k++)
    if (theirs->size[k] != ours.size[k])
      return ins_fail(INS_ERR_FORMAT, "%s: was made with other headers (%s differs); %s", path,
                      k < N ? structs[k] : "their number", compile_again);
  return INS_OK;
}

static bool is_name(const char *name) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return name && *name && strlen(name) <= 64 && strspn(name, allowed) == strlen(name);
}

static ins_status check_experiment(const char *path, const ins_variant *experiment) {
  const ins_experiment *ops = experiment->ops;
  if (!is_name(experiment->name))
    return ins_fail(INS_ERR_FORMAT,
                    "%s: its experiment needs a name of at most 64 lower-case letters, digits and "
                    "underscores",
                    path);
  if (!experiment->doc || !ops || !ops->setup || !ops->compute || !ops->teardown || !ops->cost)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: its experiment '%s' needs a doc and operations with setup, compute, "
                    "teardown and cost",
                    path, experiment->name);
  return INS_OK;
}

/* ---- as an experiment among others ------------------------------------------------------------
 */

static size_t count_keys(const ins_key *keys) {
  size_t n = 0;
  while (keys && keys[n].name) n++;
  return n;
}

/* The plug-in's keys and one more, which has the hash as its default: so the job that the results
 * record says which plug-in made them, and another one does not go on with them. */
static ins_status extend_keys(ins_plugin_file *f, const ins_variant *experiment) {
  const size_t n = count_keys(experiment->keys);
  ins_status status = ins_alloc(n + 2, sizeof *f->keys, &f->keys);
  if (status != INS_OK) return status;
  for (size_t k = 0; k < n; k++) {
    f->keys[k] = experiment->keys[k];
    if (strcmp(f->keys[k].name, "plugin_sha256") != 0) continue;
    return ins_fail(INS_ERR_FORMAT, "%s: its key plugin_sha256 needs another name", f->path);
  }
  snprintf(f->fallback, sizeof f->fallback, "'%s'", f->sha256);
  f->known[0] = (ins_variant){.name = f->sha256, .doc = "this plug-in"};
  f->keys[n] = (ins_key){.name = "plugin_sha256",
                         .type = INS_KEY_TEXT,
                         .fallback = f->fallback,
                         .flags = INS_KEY_SHAPES,
                         .variants = f->known,
                         .doc = "of the plug-in's file; another one is refused"};
  return INS_OK;
}

static ins_status enlist(ins_plugin_file *f) {
  const ins_plugin *plugin = dlsym(f->library, symbol);
  if (!plugin)
    return ins_fail(INS_ERR_FORMAT,
                    "%s: is no plug-in: it does not export `const ins_plugin %s`; see "
                    "docs/plugins.md",
                    f->path, symbol);
  ins_status status = check_interface(f->path, &plugin->interface);
  if (status == INS_OK) status = check_experiment(f->path, &plugin->experiment);
  if (status == INS_OK) status = extend_keys(f, &plugin->experiment);
  if (status != INS_OK) return status;
  f->name = ins_format("%s%s", prefix, plugin->experiment.name);
  f->registry[0] = plugin->experiment;
  f->registry[0].name = f->name;
  f->registry[0].keys = f->keys;
  return f->name ? INS_OK : INS_ERR_MEMORY;
}

/* An object that was replaced while it was loaded is not the one that was hashed. */
static ins_status check_unchanged(const ins_plugin_file *f) {
  char now[INS_SHA256_HEX];
  ins_status status = ins_sha256_file(f->path, now);
  if (status != INS_OK || strcmp(now, f->sha256) == 0) return status;
  return ins_fail(INS_ERR_FORMAT, "%s: was changed just now; run again", f->path);
}

ins_status ins_plugin_open(const char *path, const char *sha256, ins_plugin_file **out) {
  ins_plugin_file *f;
  *out = NULL;
  ins_status status = check_regular(path);
  if (status == INS_OK) status = ins_alloc(1, sizeof *f, &f);
  if (status != INS_OK) return status;
  f->path = strdup(path);
  if (!f->path) status = ins_fail(INS_ERR_MEMORY, "out of memory while loading a plug-in");
  if (status == INS_OK) status = check_hash(f, sha256);
  if (status == INS_OK) status = load(f);
  if (status == INS_OK) status = check_unchanged(f);
  if (status == INS_OK) status = enlist(f);
  if (status == INS_OK)
    *out = f;
  else
    ins_plugin_close(&f);
  return status;
}

void ins_plugin_close(ins_plugin_file **file) {
  ins_plugin_file *f = *file;
  if (!f) return;
  if (f->library) dlclose(f->library);
  ins_free(&f->keys);
  free(f->name);
  free(f->path);
  ins_free(file);
}
