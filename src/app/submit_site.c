/* SPDX-License-Identifier: MIT */
/* What differs from cluster to cluster, as settings with a table of keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/file.h"
#include "insilico/settings.h"
#include "submit.h"

static const ins_variant launchers[] = {
    {"auto", "srun where it knows `mpi`, else mpirun", NULL, NULL},
    {"srun", "srun --mpi=...", NULL, NULL},
    {"mpirun", "mpirun, which must know Slurm's nodes by itself", NULL, NULL},
    {0}};

static const ins_variant modes[] = {
    {"requeue", "the job goes back into the queue by itself", NULL, NULL},
    {"chain", "dependent jobs wait for the rest, where requeueing is forbidden", NULL, NULL},
    {"no", "stop at the time limit; somebody submits again", NULL, NULL},
    {0}};

const ins_key ins_site_keys[] = {
    {.name = "modules",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE,
     .doc = "modules to load before the program starts"},
    {.name = "before",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE,
     .doc = "lines of shell that are run before the program starts"},
    {.name = "launcher",
     .type = INS_KEY_TEXT,
     .fallback = "auto",
     .variants = launchers,
     .doc = "what starts the ranks"},
    {.name = "mpi",
     .type = INS_KEY_TEXT,
     .fallback = "pmix",
     .doc = "of srun --mpi=; srun --mpi=list names them"},
    {.name = "partition",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE,
     .doc = "the partition to ask for"},
    {.name = "account",
     .type = INS_KEY_TEXT,
     .flags = INS_KEY_NULLABLE,
     .doc = "the account that pays"},
    {.name = "max_ranks",
     .type = INS_KEY_INT,
     .fallback = "128",
     .min = 1,
     .max = 10000000,
     .doc = "never ask for more ranks than this by itself"},
    {.name = "ranks_per_node",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE,
     .min = 1,
     .max = 100000,
     .doc = "at most so many ranks on a node"},
    {.name = "max_time",
     .type = INS_KEY_TEXT,
     .fallback = "1-00:00:00",
     .doc = "the longest time limit to ask for, as Slurm writes it; what takes longer is requeued"},
    {.name = "min_time", .type = INS_KEY_TEXT, .fallback = "00:10:00", .doc = "the shortest"},
    {.name = "requeue",
     .type = INS_KEY_TEXT,
     .fallback = "requeue",
     .variants = modes,
     .doc = "how a job goes on behind its time limit"},
    {.name = "max_requeues",
     .type = INS_KEY_INT,
     .fallback = "100",
     .min = 0,
     .max = 1000000,
     .doc = "give up after so many"},
    {.name = "signal_seconds",
     .type = INS_KEY_INT,
     .fallback = "120",
     .units = "s",
     .min = 1,
     .max = 65535,
     .doc = "begin to stop so long before the time limit; at most a quarter of it"},
    {.name = "array_limit",
     .type = INS_KEY_INT,
     .flags = INS_KEY_NULLABLE,
     .min = 1,
     .max = 1000000,
     .doc = "so many jobs of an array at a time"},
    {.name = "sbatch",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE,
     .doc = "further options of sbatch: [--qos=low, --constraint=ib]"},
    {.name = "run",
     .type = INS_KEY_TEXTS,
     .flags = INS_KEY_NULLABLE,
     .doc = "further options of insilico run"},
    {0}};

/* The first place with a file, as a copy; NULL: none (or out of memory, which the next call finds).
 */
static char *find_file(void) {
  const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
  char *path = NULL;
  if (config && *config)
    path = ins_format("%s/insilico/site.yaml", config);
  else if (home && *home)
    path = ins_format("%s/.config/insilico/site.yaml", home);
  if (path && ins_file_exists(path)) return path;
  free(path);
  return ins_file_exists("/etc/insilico/site.yaml") ? strdup("/etc/insilico/site.yaml") : NULL;
}

bool ins_submit_deadline(const char *text) {
  char *end;
  const double seconds = strtod(text, &end);
  return end != text && !*end && seconds > 0 && seconds < 1e9;
}

static ins_status check_times(const char *file, const ins_value *site) {
  static const char *const keys[] = {"max_time", "min_time"};
  char place[512];
  double seconds, most = 0;
  for (size_t k = 0; k < 2; k++) {
    const ins_value *value = ins_map_get(site, keys[k]);
    if (ins_submit_time(ins_value_text_or(value, ""), &seconds) && (k == 0 || seconds < 1e9)) {
      if (k == 1 && seconds > most)
        return ins_fail(INS_ERR_ARGUMENT, "%s: min_time is more than max_time", file);
      most = seconds;
      continue;
    }
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s%s is '%.40s'; expected a time as Slurm writes it: 60 (minutes, in quotes), "
                    "12:00:00, 2-00:00:00",
                    value && value->line ? ins_value_place(value, place, sizeof place) : file,
                    keys[k], ins_value_text_or(value, ""));
  }
  return INS_OK;
}

static ins_status check_options(const ins_value *site) {
  ins_sbatch_options options = {0};
  char place[512];
  const ins_value *list = ins_map_get(site, "sbatch");
  ins_status status = INS_OK;
  for (size_t i = 0; i < ins_value_count(list) && status == INS_OK; i++) {
    const ins_value *item = list->children.items[i];
    if (item->text[strcspn(item->text, " =")] == ' ' || item->text[0] != '-' || !item->text[1] ||
        (item->text[1] != '-' && !item->text[2]))
      return ins_fail(INS_ERR_ARGUMENT,
                      "%ssbatch: '%.60s' is no whole option; write each as one item with '=': "
                      "[--qos=low, --constraint=ib]",
                      ins_value_place(item, place, sizeof place), item->text);
    status = ins_sbatch_options_add(&options, (const char *const[]){item->text}, 1);
    if (status != INS_OK)
      status = ins_within(status, "%ssbatch", ins_value_place(item, place, sizeof place));
  }
  ins_sbatch_options_clear(&options);
  return status;
}

/* What a cluster may set for all runs. `--fresh` would throw away at each turn what the last one
 * did.
 */
static ins_status check_run(const ins_value *site) {
  static const char *const may[] = {"--deadline=", "--allow-plugins", "--quiet"};
  char place[512];
  const ins_value *list = ins_map_get(site, "run");
  for (size_t i = 0; i < ins_value_count(list); i++) {
    const ins_value *item = list->children.items[i];
    bool good = strcmp(item->text, may[1]) == 0 || strcmp(item->text, may[2]) == 0;
    good = good || (strncmp(item->text, may[0], strlen(may[0])) == 0 &&
                    ins_submit_deadline(item->text + strlen(may[0])));
    if (!good)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%srun: '%.60s' cannot be set for every turn of every job; there are "
                      "--deadline=SECONDS, --allow-plugins and --quiet",
                      ins_value_place(item, place, sizeof place), item->text);
  }
  return INS_OK;
}

const char *const ins_submit_mode_names[] = {
    [INS_SUBMIT_REQUEUE] = "requeue", [INS_SUBMIT_CHAIN] = "chain", [INS_SUBMIT_ONCE] = "no"};

ins_submit_mode ins_submit_mode_of(const ins_value *site, const ins_sbatch_options *given,
                                   bool chain) {
  const char *mode = ins_value_text_or(ins_map_get(site, "requeue"), "requeue");
  if (chain || strcmp(mode, "chain") == 0) return INS_SUBMIT_CHAIN;
  if (ins_sbatch_option(given, "no-requeue")) return INS_SUBMIT_ONCE;
  if (ins_sbatch_option(given, "requeue")) return INS_SUBMIT_REQUEUE;
  return strcmp(mode, "no") == 0 ? INS_SUBMIT_ONCE : INS_SUBMIT_REQUEUE;
}

ins_status ins_site_options(const ins_value *site, ins_sbatch_options *options) {
  const char *partition = ins_value_text_or(ins_map_get(site, "partition"), NULL);
  const char *account = ins_value_text_or(ins_map_get(site, "account"), NULL);
  const char *limit = getenv("SBATCH_TIMELIMIT");
  const ins_value *list = ins_map_get(site, "sbatch");
  const long long per_node = ins_value_int_or(ins_map_get(site, "ranks_per_node"), 0);
  ins_sbatch_options own = {0};
  ins_status status = INS_OK;
  if (limit && *limit) status = ins_sbatch_options_default(options, "--time=%s", limit);
  for (size_t i = 0; i < ins_value_count(list) && status == INS_OK; i++)
    status = ins_sbatch_options_add(&own, (const char *const[]){list->children.items[i]->text}, 1);
  for (size_t i = 0; i < own.n && status == INS_OK; i++)
    status = ins_sbatch_options_default(options, "%s", own.text[i]);
  if (status == INS_OK && partition)
    status = ins_sbatch_options_default(options, "--partition=%s", partition);
  if (status == INS_OK && account)
    status = ins_sbatch_options_default(options, "--account=%s", account);
  if (status == INS_OK && per_node)
    status = ins_sbatch_options_default(options, "--ntasks-per-node=%lld", per_node);
  ins_sbatch_options_clear(&own);
  return status;
}

ins_status ins_site_read(const char *file_given, ins_value **site, char **file) {
  const char *named = file_given ? file_given : getenv("INSILICO_SITE");
  *site = NULL;
  *file = named && *named ? strdup(named) : find_file();
  ins_status status = *file ? ins_settings_load(*file, ins_site_keys, "a site file", site)
                            : ins_settings_default(ins_site_keys, site);
  if (status == INS_OK) status = check_times(*file ? *file : "", *site);
  if (status == INS_OK) status = check_options(*site);
  if (status == INS_OK) status = check_run(*site);
  if (status != INS_OK) ins_value_destroy(site);
  return status;
}
