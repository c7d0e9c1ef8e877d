/* SPDX-License-Identifier: MIT */
/* insilico stimulus show: a stimulus as pictures, without running anything. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "contact_sheet.h"
#include "experiment/screen.h"
#include "insilico/file.h"
#include "insilico/log.h"
#include "insilico/memory.h"
#include "insilico/yaml.h"
#include "job/resolve.h"

static const char *const default_model = "builtin:ground_truth";

/* What is to be shown, and on what. */
typedef struct request {
  ins_value *settings; /* {model, intensity} as in a job, validated */
  ins_value *stimulus; /* {kind, ...}, validated */
  ins_text asked;      /* what was asked for, for people */
  ins_model_source *source;
  ins_model *model;
} request;

static void request_clear(request *r) {
  ins_value_destroy(&r->settings);
  ins_value_destroy(&r->stimulus);
  ins_text_free(&r->asked);
  ins_model_destroy(&r->model);
  ins_model_source_destroy(&r->source);
}

/* ---- KIND key=value ... -------------------------------------------------------------------------
 */

static bool begins(const char *word, const char *with) {
  return strncmp(word, with, strlen(with)) == 0;
}

/* Keys of the model and of intensity are a job's, all others the stimulus's. */
static bool is_of_job(const char *word) {
  return begins(word, "model=") || begins(word, "model.") || begins(word, "intensity.");
}

/* VALUE as overrides of jobs have it: 1,2,3 is a list; range(...) and the like stay text. */
static ins_status read_value(const char *word, const char *text, ins_value **out) {
  const size_t n = strlen(text);
  ins_value *list = NULL;
  *out = NULL;
  if (n == 0)
    return ins_fail(INS_ERR_ARGUMENT, "'%s': no value after '='; write null for none", word);
  if (text[n - 1] == ')' && strspn(text, "abcdefghijklmnopqrstuvwxyz") > 0) {
    *out = ins_value_text(text);
    return *out ? INS_OK : INS_ERR_MEMORY;
  }
  char *inner = ins_format("[%s]", text), *origin = ins_format("'%s'", word);
  ins_status status = inner && origin ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK) status = ins_yaml_parse(inner, strlen(inner), origin, NULL, &list);
  if (status == INS_OK && (!list || list->kind != INS_LIST || list->children.n == 0))
    status = ins_fail(INS_ERR_ARGUMENT, "'%s': no value can be read after '='", word);
  if (status == INS_OK && list->children.n == 1) {
    *out = list->children.items[0];
    list->children.n = 0;
  } else if (status == INS_OK) {
    *out = list;
    list = NULL;
  }
  ins_value_destroy(&list);
  free(inner);
  free(origin);
  return status;
}

static ins_status put_word(const char *word, ins_value *tree) {
  const char *equals = strchr(word, '=');
  ins_value *value = NULL;
  char *key = NULL;
  if (!equals || equals == word)
    return ins_fail(INS_ERR_ARGUMENT, "'%s': expected key=value, such as direction_deg=45", word);
  ins_status status = read_value(word, equals + 1, &value);
  if (status != INS_OK) return status;
  key = strndup(word, (size_t)(equals - word));
  if (!key) {
    ins_value_destroy(&value);
    return ins_fail(INS_ERR_MEMORY, "out of memory while reading '%s'", word);
  }
  /* `model=NAME model.units.x=1`: the name is the model's file. */
  status = ins_value_set(tree, strcmp(key, "model") == 0 ? "model.file" : key, value);
  free(key);
  return status;
}

static const ins_key stimulus_key = {
    .name = "stimulus", .type = INS_KEY_CHOICE, .variants = ins_generators};
static const ins_key intensity_key = {
    .name = "intensity", .type = INS_KEY_GROUP, .children = ins_intensity_keys};

static const ins_key *job_key(const char *name) {
  const ins_key *key = ins_job_common_keys;
  while (strcmp(key->name, name) != 0) key++;
  return key;
}

/* map.NAME = what the key makes of tree.NAME. */
static ins_status resolve_into(const ins_key *key, const ins_value *tree, ins_value *map) {
  const ins_check check = {.file = "insilico stimulus show"};
  const ins_trail trail = {.name = key->name};
  ins_value *resolved = NULL;
  ins_status status =
      ins_resolve_key(&check, key, ins_map_get(tree, key->name), tree, &trail, &resolved);
  return status == INS_OK ? ins_map_take(map, key->name, resolved) : status;
}

static ins_status resolve_stimulus(const ins_value *given, ins_value **out) {
  const ins_check check = {.file = "insilico stimulus show"};
  const ins_trail trail = {.name = stimulus_key.name};
  return ins_resolve_key(&check, &stimulus_key, given, NULL, &trail, out);
}

static ins_status request_kind(const ins_arguments *arguments, request *r) {
  ins_value *job = ins_value_map(), *stimulus = ins_value_map();
  ins_status status = job && stimulus ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK)
    status = ins_map_take(stimulus, "kind", ins_value_text(arguments->words[1]));
  if (status == INS_OK) status = ins_value_set(job, "model.file", ins_value_text(default_model));
  for (size_t i = 2; status == INS_OK && i < arguments->n_words; i++) {
    const bool of_job = is_of_job(arguments->words[i]);
    status = put_word(arguments->words[i], of_job ? job : stimulus);
    if (!of_job) ins_text_add(&r->asked, "%s   ", arguments->words[i]);
  }
  if (status == INS_OK) status = resolve_stimulus(stimulus, &r->stimulus);
  if (status == INS_OK && !(r->settings = ins_value_map())) status = INS_ERR_MEMORY;
  if (status == INS_OK) status = resolve_into(job_key("model"), job, r->settings);
  if (status == INS_OK) status = resolve_into(&intensity_key, job, r->settings);
  ins_value_destroy(&job);
  ins_value_destroy(&stimulus);
  return status;
}

static ins_status open_named(const ins_arguments *arguments, request *r) {
  const char *name = ins_value_text_or(ins_value_at(r->settings, "model.file"), default_model);
  char *path = NULL;
  ins_status status = ins_ready_named(arguments, name, &path, &r->source);
  free(path);
  return status;
}

/* ---- JOB [NAME] [key=value ...] -----------------------------------------------------------------
 */

/* What a stimulus of a job is called: its name, else its kind. */
static const char *name_of(const ins_value *stimulus) {
  const char *kind = ins_value_text_or(ins_map_get(stimulus, "kind"), "");
  return ins_value_text_or(ins_map_get(stimulus, "name"), kind);
}

static ins_status find_named(const ins_job *job, const char *name, size_t *k) {
  const ins_value *stimuli = ins_map_get(job->settings, "stimuli");
  const size_t n = ins_value_count(stimuli);
  ins_text names = {0};
  if (n == 0 || stimuli->kind != INS_LIST)
    return ins_fail(INS_ERR_ARGUMENT, "%s: experiment %s has no `stimuli` to show", job->path,
                    job->experiment->name);
  for (*k = 0; *k < n; ++*k) {
    const char *called = name_of(stimuli->children.items[*k]);
    if (name ? strcmp(called, name) == 0 : n == 1) return INS_OK;
    ins_text_add(&names, "%s%s", *k ? ", " : "", called);
  }
  ins_status status =
      name ? ins_fail(INS_ERR_ARGUMENT, "%s: there is no stimulus '%s'; its stimuli are %s",
                      job->path, name, names.data ? names.data : "")
           : ins_fail(INS_ERR_ARGUMENT, "%s: which stimulus? Add the name of one: %s", job->path,
                      names.data ? names.data : "");
  ins_text_free(&names);
  return status;
}

static ins_status load(const char *path, const char *const *overrides, size_t n, ins_job **job) {
  return ins_job_load(path, overrides, n, ins_experiments, job);
}

/* The job once more, with the words of the command line set in stimulus k. */
static ins_status load_changed(const char *path, const char *const *words, size_t n, size_t k,
                               ins_job **job) {
  char **overrides = NULL;
  ins_status status = ins_alloc(n, sizeof *overrides, &overrides);
  for (size_t i = 0; status == INS_OK && i < n; i++) {
    overrides[i] =
        is_of_job(words[i]) ? strdup(words[i]) : ins_format("stimuli.%zu.%s", k, words[i]);
    if (!overrides[i])
      status = ins_fail(INS_ERR_MEMORY, "out of memory while reading '%s'", words[i]);
  }
  if (status == INS_OK) status = load(path, (const char *const *)overrides, n, job);
  for (size_t i = 0; overrides && i < n; i++) free(overrides[i]);
  ins_free(&overrides);
  return status;
}

static ins_status request_job(const ins_arguments *arguments, request *r) {
  const char *path = arguments->words[1];
  const bool named = arguments->n_words > 2 && !strchr(arguments->words[2], '=');
  const size_t first = named ? 3 : 2, n = arguments->n_words - first;
  ins_ready ready = {0};
  size_t k = 0;
  ins_status status = load(path, NULL, 0, &ready.job);
  if (status == INS_OK) status = find_named(ready.job, named ? arguments->words[2] : NULL, &k);
  if (status == INS_OK && n) {
    ins_job_destroy(&ready.job);
    status = load_changed(path, arguments->words + first, n, k, &ready.job);
  }
  if (status == INS_OK) status = ins_ready_source(&ready);
  if (status == INS_OK) {
    const ins_value *stimuli = ins_map_get(ready.job->settings, "stimuli");
    r->stimulus = ins_value_copy(stimuli->children.items[k]);
    r->settings = ins_value_copy(ready.job->settings);
    r->source = ready.source;
    ready.source = NULL;
    if (!r->stimulus || !r->settings) status = INS_ERR_MEMORY;
    ins_text_add(&r->asked, "%s of %s   ", ins_value_text_or(ins_map_get(r->stimulus, "kind"), ""),
                 path);
  }
  ins_ready_clear(&ready);
  return status;
}

static ins_status refuse_kind(const char *name) {
  const char *names[64];
  size_t n = 0;
  ins_text list = {0};
  for (const ins_variant *v = ins_generators; v->name && n < 64; v++) {
    ins_text_add(&list, "%s%s", n ? ", " : "", v->name);
    names[n++] = v->name;
  }
  const char *near = ins_text_nearest(name, names, n);
  ins_status status = ins_fail(
      INS_ERR_ARGUMENT, "'%.200s' is neither a kind of stimulus nor a job%s%s%s; kinds are %s",
      name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "",
      list.data ? list.data : "");
  ins_text_free(&list);
  return status;
}

/* ---- showing ------------------------------------------------------------------------------------
 */

static void describe_screen(const ins_screen *screen, ins_text *out) {
  ins_text_add(out, "%zu x %zu pixels", screen->height, screen->width);
  if (screen->pixel_um > 0) ins_text_add(out, " of %g um", screen->pixel_um);
  if (!screen->still && screen->rate_hz > 0)
    ins_text_add(out, ", %g frames a second", screen->rate_hz);
}

static void print_range(const ins_view *view) {
  char name[32];
  for (size_t c = 0; c < view->screen.n_channels; c++)
    ins_print(c ? "" : "range", "%s %.4g to %.4g",
              ins_channel_name(c, view->screen.n_channels, name, sizeof name),
              (double)view->range[c][0], (double)view->range[c][1]);
}

static void print_view(const ins_view *view, const ins_text *screen) {
  ins_print("stimulus", "%s%s%s", view->title, view->notes ? ": " : "",
            view->notes ? view->notes : "");
  ins_print("screen", "%s", screen->data ? screen->data : "");
  if (view->n_conditions > 1)
    ins_print("conditions", "%zu%s", view->n_conditions,
              view->n < view->n_conditions ? ", some of which are shown" : "");
  if (!view->screen.still)
    ins_print("duration", "%g s, %zu frames%s", (double)view->longest / view->screen.rate_hz,
              view->longest, view->n_conditions > 1 ? " (the longest)" : "");
  print_range(view);
}

static ins_status warn_of_range(const request *r, ins_view *view) {
  float trained[INS_MAX_CHANNELS][2];
  ins_text why = {0};
  ins_status status = ins_screen_range(r->model, r->source, r->settings, trained);
  if (status == INS_OK && ins_range_warning(view->screen.n_channels, view->range, trained, &why))
    ins_log(INS_LOG_WARNING, "%s: %s", view->title, why.data ? why.data : "");
  ins_text_free(&why);
  return status;
}

static ins_status write_all(const ins_arguments *a, const ins_view *view, const char *settings,
                            const char *screen) {
  const bool any = a->frames || a->sheet || a->animation;
  char *own = any ? NULL : ins_format("%s.png", view->title);
  const char *sheet = any ? a->sheet : own;
  size_t n = 0;
  ins_status status = any || own ? INS_OK : INS_ERR_MEMORY;
  if (status == INS_OK && sheet) {
    status = ins_contact_sheet_write(view, settings, screen, sheet);
    if (status == INS_OK) ins_print("contact sheet", "%s", sheet);
  }
  if (status == INS_OK && a->animation) {
    status = ins_view_animate(view, a->animation, &n);
    if (status == INS_OK) ins_print("animation", "%s, %zu frames", a->animation, n);
  }
  if (status == INS_OK && a->frames) {
    status = ins_view_write_frames(view, a->frames, &n);
    if (status == INS_OK) ins_print("frames", "%s, %zu files", a->frames, n);
  }
  free(own);
  return status;
}

static ins_status show(const ins_arguments *arguments, request *r) {
  ins_screen screen;
  ins_view view = {0};
  ins_text about = {0};
  ins_status status = ins_model_create(r->source, &r->model);
  if (status == INS_OK) status = ins_screen_of(r->model, r->source, r->settings, &screen);
  if (status == INS_OK) {
    status = ins_view_create(r->stimulus, &screen, &view);
    if (status != INS_OK) status = ins_screen_explain(status, r->source, r->settings);
  }
  if (status == INS_OK) {
    describe_screen(&screen, &about);
    ins_text_add(&r->asked, "%s", ""); /* none is an empty line */
    status = ins_text_ok(&r->asked);
    if (status == INS_OK) status = ins_text_ok(&about);
  }
  if (status == INS_OK) {
    print_view(&view, &about);
    status = warn_of_range(r, &view);
  }
  if (status == INS_OK) status = write_all(arguments, &view, r->asked.data, about.data);
  ins_view_clear(&view);
  ins_text_free(&about);
  return status;
}

ins_status ins_command_stimulus(const ins_arguments *arguments) {
  request r = {0};
  const char *what = arguments->words[1];
  ins_status status;
  if (strcmp(arguments->words[0], "show") != 0)
    return ins_fail(INS_ERR_ARGUMENT,
                    "'%s' is nothing to do with a stimulus; usage: insilico "
                    "stimulus show KIND|JOB [key=value ...]",
                    arguments->words[0]);
  if (ins_variant_find(ins_generators, what)) {
    status = request_kind(arguments, &r);
    if (status == INS_OK) status = open_named(arguments, &r);
  } else if (ins_file_exists(what)) {
    status = request_job(arguments, &r);
  } else {
    status = refuse_kind(what);
  }
  if (status == INS_OK) status = show(arguments, &r);
  request_clear(&r);
  return status;
}
