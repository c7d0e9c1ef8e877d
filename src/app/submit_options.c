/* SPDX-License-Identifier: MIT */
/* The command line of submit: which words are jobs, which are overrides, which are sbatch's. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insilico/file.h"
#include "insilico/memory.h"
#include "submit.h"

/* Options of sbatch 19.05 to 24.11 (man sbatch): a letter if it has one, and whether the value may
 * be the next word. */
static const struct known {
  const char *name;
  char letter;
  bool value;
} known[] = {
    {"account", 'A', true},
    {"acctg-freq", 0, true},
    {"array", 'a', true},
    {"batch", 0, true},
    {"bb", 0, true},
    {"bbf", 0, true},
    {"begin", 'b', true},
    {"chdir", 'D', true},
    {"cluster-constraint", 0, true},
    {"clusters", 'M', true},
    {"comment", 0, true},
    {"constraint", 'C', true},
    {"container", 0, true},
    {"container-id", 0, true},
    {"contiguous", 0, false},
    {"core-spec", 'S', true},
    {"cores-per-socket", 0, true},
    {"cpu-freq", 0, true},
    {"cpus-per-gpu", 0, true},
    {"cpus-per-task", 'c', true},
    {"deadline", 0, true},
    {"delay-boot", 0, true},
    {"dependency", 'd', true},
    {"distribution", 'm', true},
    {"error", 'e', true},
    {"exclude", 'x', true},
    {"exclusive", 0, false},
    {"export", 0, true},
    {"export-file", 0, true},
    {"extra", 0, true},
    {"extra-node-info", 'B', true},
    {"get-user-env", 0, false},
    {"gid", 0, true},
    {"gpu-bind", 0, true},
    {"gpu-freq", 0, true},
    {"gpus", 'G', true},
    {"gpus-per-node", 0, true},
    {"gpus-per-socket", 0, true},
    {"gpus-per-task", 0, true},
    {"gres", 0, true},
    {"gres-flags", 0, true},
    {"hint", 0, true},
    {"hold", 'H', false},
    {"ignore-pbs", 0, false},
    {"input", 'i', true},
    {"job-name", 'J', true},
    {"kill-on-invalid-dep", 0, true},
    {"licenses", 'L', true},
    {"mail-type", 0, true},
    {"mail-user", 0, true},
    {"mcs-label", 0, true},
    {"mem", 0, true},
    {"mem-bind", 0, true},
    {"mem-per-cpu", 0, true},
    {"mem-per-gpu", 0, true},
    {"mincpus", 0, true},
    {"network", 0, true},
    {"nice", 0, false},
    {"no-kill", 'k', false},
    {"no-requeue", 0, false},
    {"nodefile", 'F', true},
    {"nodelist", 'w', true},
    {"nodes", 'N', true},
    {"ntasks", 'n', true},
    {"ntasks-per-core", 0, true},
    {"ntasks-per-gpu", 0, true},
    {"ntasks-per-node", 0, true},
    {"ntasks-per-socket", 0, true},
    {"output", 'o', true},
    {"overcommit", 'O', false},
    {"oversubscribe", 's', false},
    {"partition", 'p', true},
    {"power", 0, true},
    {"prefer", 0, true},
    {"priority", 0, true},
    {"profile", 0, true},
    {"propagate", 0, false},
    {"qos", 'q', true},
    {"quiet", 'Q', false},
    {"reboot", 0, false},
    {"requeue", 0, false},
    {"reservation", 0, true},
    {"resv-ports", 0, false},
    {"segment", 0, true},
    {"sockets-per-node", 0, true},
    {"spread-job", 0, false},
    {"stepmgr", 0, false},
    {"switches", 0, true},
    {"thread-spec", 0, true},
    {"threads-per-core", 0, true},
    {"time", 't', true},
    {"time-min", 0, true},
    {"tmp", 0, true},
    {"tres-bind", 0, true},
    {"tres-per-task", 0, true},
    {"uid", 0, true},
    {"use-min-nodes", 0, false},
    {"verbose", 'v', false},
    {"wait", 'W', false},
    {"wait-all-nodes", 0, true},
    {"wckey", 0, true},
};
enum { N_KNOWN = sizeof known / sizeof known[0] };

/* What submit sets itself, and what to do instead. */
static const struct reserved {
  const char *name, *instead;
} reserved[] = {
    {"array", "several JOBs become an array by themselves"},
    {"signal", "signal_seconds in a site file says how long before the limit"},
    {"wrap", "the script is the one that insilico writes"},
    {"parsable", "--json prints the answer for scripts"},
    {"open-mode", "the log of all turns of a job is one file"},
    {"test-only", "--dry-run shows the script"},
    {"wait", "`insilico status --watch` shows how far it is, and ends with the run"},
    {"fresh", "each turn would start over; remove the results, or choose another output"},
    {"chdir", "jobs run where submit was called: change there first"},
};
enum { N_RESERVED = sizeof reserved / sizeof reserved[0] };

/* ---- a list of options ----------------------------------------------------------------------- */

/* --requeue and --no-requeue are one option. */
static const char *without_no(const char *name) {
  return strcmp(name, "--no-requeue") == 0 ? "--requeue" : name;
}

static bool same_name(const char *a, const char *b) {
  a = without_no(a);
  b = without_no(b);
  const size_t n = strcspn(a, "=");
  return strncmp(a, b, n) == 0 && (b[n] == '=' || !b[n]);
}

const char *ins_sbatch_option(const ins_sbatch_options *options, const char *name) {
  const size_t n = strlen(name);
  for (size_t i = 0; i < options->n; i++) {
    const char *s = options->text[i] + 2;
    if (strncmp(s, name, n) == 0 && (s[n] == '=' || !s[n])) return s[n] ? s + n + 1 : s + n;
  }
  return NULL;
}

/* Takes `text`; NULL is out of memory. An option of that name is replaced. */
static ins_status take(ins_sbatch_options *options, char *text) {
  if (!text) return INS_ERR_MEMORY;
  for (size_t i = 0; i < options->n; i++)
    if (same_name(options->text[i], text)) {
      free(options->text[i]);
      options->text[i] = text;
      return INS_OK;
    }
  ins_status status =
      ins_grow(&options->text, &options->capacity, options->n + 1, sizeof *options->text);
  if (status == INS_OK)
    options->text[options->n++] = text;
  else
    free(text);
  return status;
}

ins_status ins_sbatch_options_default(ins_sbatch_options *options, const char *format, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, format);
  if (vasprintf(&text, format, args) < 0) text = NULL;
  va_end(args);
  if (!text) return ins_fail(INS_ERR_MEMORY, "out of memory for options of sbatch");
  for (size_t i = 0; i < options->n; i++)
    if (same_name(options->text[i], text)) {
      free(text);
      return INS_OK;
    }
  return take(options, text);
}

void ins_sbatch_options_clear(ins_sbatch_options *options) {
  for (size_t i = 0; i < options->n; i++) free(options->text[i]);
  ins_free(&options->text);
  options->n = options->capacity = 0;
}

/* ---- words to options ------------------------------------------------------------------------ */

static const struct known *find_known(const char *name, size_t n) {
  for (size_t i = 0; i < N_KNOWN; i++)
    if (strlen(known[i].name) == n && strncmp(known[i].name, name, n) == 0) return &known[i];
  return NULL;
}

static const struct known *find_letter(char letter) {
  for (size_t i = 0; i < N_KNOWN; i++)
    if (known[i].letter == letter) return &known[i];
  return NULL;
}

static ins_status refuse_reserved(const char *name, size_t n) {
  for (size_t i = 0; i < N_RESERVED; i++)
    if (strlen(reserved[i].name) == n && strncmp(reserved[i].name, name, n) == 0)
      return ins_fail(INS_ERR_ARGUMENT, "submit does not take --%s: %s", reserved[i].name,
                      reserved[i].instead);
  return INS_OK;
}

static ins_status refuse_unknown(const char *word) {
  const char *names[N_KNOWN];
  char name[64];
  for (size_t i = 0; i < N_KNOWN; i++) names[i] = known[i].name;
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const char *near = ins_text_nearest(name, names, N_KNOWN);
  return ins_fail(INS_ERR_ARGUMENT,
                  "'%.100s' is no option of submit, and none of sbatch that is known here%s%s%s; "
                  "what stands behind `--` is passed on as it is",
                  word, near ? " (did you mean '--" : "", near ? near : "", near ? "'?)" : "");
}

/* The value in the next word, *i moves there. */
static ins_status next_word(const char *const *words, size_t n, size_t *i, const char **value) {
  const char *option = words[*i];
  if (*i + 1 >= n) return ins_fail(INS_ERR_ARGUMENT, "%.100s needs a value", option);
  *value = words[++*i];
  return INS_OK;
}

static ins_status take_short(ins_sbatch_options *options, const char *const *words, size_t n,
                             size_t *i) {
  const char *word = words[*i], *value = word + 2;
  const struct known *option = find_letter(word[1]);
  if (!option)
    return ins_fail(
        INS_ERR_ARGUMENT,
        "'%.100s' is no option of sbatch that is known here; one that is newer is passed "
        "on by its long name, behind `--`",
        word);
  ins_status status = refuse_reserved(option->name, strlen(option->name));
  if (status != INS_OK) return status;
  if (!option->value && strspn(value, (const char[]){word[1], 0}) == strlen(value))
    return take(options, ins_format("--%s", option->name)); /* -v, -vv */
  if (!option->value)
    return ins_fail(INS_ERR_ARGUMENT, "'%.100s': -%c takes no value; write options apart", word,
                    word[1]);
  if (!*value) status = next_word(words, n, i, &value);
  return status == INS_OK ? take(options, ins_format("--%s=%s", option->name, value)) : status;
}

/* One option at words[*i], which is left at the last word taken. `any`: unknown ones are passed on.
 */
static ins_status take_option(ins_sbatch_options *options, const char *const *words, size_t n,
                              size_t *i, bool any) {
  const char *word = words[*i], *value = NULL;
  if (word[0] != '-' || !word[1])
    return ins_fail(INS_ERR_ARGUMENT, "'%.100s' is no option; options of sbatch begin with '-'",
                    word);
  if (word[1] != '-') return take_short(options, words, n, i);
  const size_t length = strcspn(word + 2, "=");
  const struct known *option = find_known(word + 2, length);
  ins_status status = refuse_reserved(word + 2, length);
  if (status == INS_OK && !option && !any) status = refuse_unknown(word);
  if (status != INS_OK) return status;
  const bool apart =
      !word[2 + length] && (option ? option->value : *i + 1 < n && words[*i + 1][0] != '-');
  if (!apart) return take(options, ins_format("%s", word));
  status = next_word(words, n, i, &value);
  return status == INS_OK ? take(options, ins_format("%s=%s", word, value)) : status;
}

ins_status ins_sbatch_options_add(ins_sbatch_options *options, const char *const *words, size_t n) {
  ins_status status = INS_OK;
  for (size_t i = 0; i < n && status == INS_OK; i++)
    status = take_option(options, words, n, &i, true);
  return status;
}

/* ---- all words ------------------------------------------------------------------------------- */

static bool is_override(const char *word) {
  return (strchr(word, '=') || word[0] == '~') && !ins_file_exists(word);
}

static ins_status check_order(const ins_submit_order *order) {
  if (order->n_jobs == 0)
    return ins_fail(INS_ERR_ARGUMENT, "usage: insilico submit JOB ... [key=value ...]");
  for (size_t i = 0; i < order->n_jobs; i++)
    if (strspn(order->jobs[i], "0123456789") == strlen(order->jobs[i]) &&
        !ins_file_exists(order->jobs[i]))
      return ins_fail(INS_ERR_ARGUMENT,
                      "there is no job file '%.100s'; the value of an option stands behind '=': "
                      "--chain=%.100s",
                      order->jobs[i], order->jobs[i]);
  if (order->n_jobs > 1 && order->n_overrides)
    return ins_fail(INS_ERR_ARGUMENT,
                    "'%.100s' changes one JOB, but %zu are given; submit them one by one",
                    order->overrides[0], order->n_jobs);
  return INS_OK;
}

ins_status ins_submit_read(const ins_arguments *arguments, ins_submit_order *order) {
  const size_t n = arguments->n_words;
  *order = (ins_submit_order){.no_plan = arguments->no_plan};
  ins_status status = ins_alloc(n, sizeof *order->jobs, &order->jobs);
  if (status == INS_OK) status = ins_alloc(n, sizeof *order->overrides, &order->overrides);
  for (size_t i = 0; i < n && status == INS_OK; i++) {
    const char *word = arguments->words[i];
    if (strcmp(word, "--") == 0) {
      status = ins_sbatch_options_add(&order->given, arguments->words + i + 1, n - i - 1);
      break;
    }
    if (word[0] == '-')
      status = take_option(&order->given, arguments->words, n, &i, false);
    else if (is_override(word))
      order->overrides[order->n_overrides++] = word;
    else
      order->jobs[order->n_jobs++] = word;
  }
  order->n_typed = order->given.n;
  return status == INS_OK ? check_order(order) : status;
}

void ins_submit_order_clear(ins_submit_order *order) {
  ins_free(&order->jobs);
  ins_free(&order->overrides);
  ins_sbatch_options_clear(&order->given);
}

static bool has(const ins_sbatch_options *options, const char *name) {
  return ins_sbatch_option(options, name) != NULL;
}

char *ins_submit_missing(const ins_sbatch_options *options, char *out, size_t size) {
  const bool ranks =
      has(options, "ntasks") || (has(options, "nodes") && has(options, "ntasks-per-node"));
  const bool memory =
      has(options, "mem") || has(options, "mem-per-cpu") || has(options, "mem-per-gpu");
  const char *missing[3];
  size_t n = 0;
  if (!ranks) missing[n++] = "--ntasks";
  if (!has(options, "time")) missing[n++] = "--time";
  if (!memory) missing[n++] = "--mem-per-cpu";
  snprintf(out, size, "%s%s%s%s%s", n > 0 ? missing[0] : "",
           n > 2   ? ", "
           : n > 1 ? " and "
                   : "",
           n > 1 ? missing[1] : "", n > 2 ? " and " : "", n > 2 ? missing[2] : "");
  return out;
}
