/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "app.h"
#include "insilico/fetch.h"
#include "insilico/log.h"
#include "insilico/schedule.h"

enum { NAMES_MAX = 64 };

static ins_status not_remote(const char *name) {
  const char *names[NAMES_MAX];
  size_t n = 0;
  for (const ins_known_model *model = ins_fetch_known(); model->name && n < NAMES_MAX; model++)
    names[n++] = model->name;
  const char *near = ins_text_nearest(name, names, n);
  return ins_fail(INS_ERR_ARGUMENT,
                  "'%.200s' is neither a known model nor a URL%s%s%s; insilico list models names "
                  "them",
                  name, near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static void print_json(const char *name, const char *path) {
  ins_text text = {0};
  ins_text_add(&text, "{\"name\":");
  ins_text_add_json(&text, name);
  ins_text_add(&text, ",\"path\":");
  ins_text_add_json(&text, path);
  if (text.data) printf("%s}\n", text.data);
  ins_text_free(&text);
}

ins_status ins_command_fetch(const ins_arguments *arguments) {
  const char *name = arguments->words[0];
  char *path = NULL;
  ins_fetch_options options = {.cache = arguments->cache,
                               .sha256 = arguments->sha256,
                               .offline = arguments->offline,
                               .verify = true,
                               .quiet = arguments->quiet || arguments->json,
                               .stop = ins_signals_caught};
  if (!ins_fetch_is_remote(name)) return not_remote(name);
  ins_signals_catch();
  ins_status status = ins_fetch_resolve(name, &options, &path);
  if (status == INS_ERR_STOPPED) ins_log(INS_LOG_INFO, "%s", ins_message());
  if (status == INS_OK && arguments->json) print_json(name, path);
  if (status == INS_OK && !arguments->json) printf("%s\n", path);
  free(path);
  return status;
}
