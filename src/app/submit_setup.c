/* SPDX-License-Identifier: MIT */
/* What all jobs of one call have in common: words, site, template, program. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "submit_tell.h"

static ins_status read_text(const char *path, char **out) {
  ins_text text = {0};
  char piece[4096];
  size_t n;
  FILE *file = fopen(path, "rb");
  if (!file) return ins_fail(INS_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
  while ((n = fread(piece, 1, sizeof piece, file)) > 0) ins_text_add_bytes(&text, piece, n);
  ins_status status =
      ferror(file) ? ins_fail(INS_ERR_IO, "%s: cannot be read", path) : ins_text_ok(&text);
  fclose(file);
  if (status == INS_OK && !text.length) status = ins_fail(INS_ERR_ARGUMENT, "%s: is empty", path);
  if (status == INS_OK && strlen(text.data) != text.length)
    status = ins_fail(INS_ERR_ARGUMENT, "%s: is no text", path);
  *out = status == INS_OK ? text.data : NULL;
  if (status != INS_OK) ins_text_free(&text);
  return status;
}

static ins_status read_links(ins_submission *s) {
  const char *text = s->arguments->chain;
  char *end;
  if (!text || !*text) return INS_OK;
  const long n = strtol(text, &end, 10);
  if (*end || n < 1 || n > 100000)
    return ins_fail(INS_ERR_ARGUMENT, "--chain is '%.40s'; expected a number of jobs", text);
  s->links = (size_t)n;
  return INS_OK;
}

bool ins_submit_for_slurm(const ins_submission *s) {
  return !s->template || strstr(s->template, "#SBATCH") || strstr(s->template, "@DIRECTIVES@");
}

/* Only Slurm can be handed a script. Others look for their options in all lines of it, also in
 * those that a name with a line end in it makes. */
static ins_status check_template(const ins_submission *s) {
  bool lines = strchr(s->directory, '\n') != NULL;
  if (ins_submit_for_slurm(s)) return INS_OK;
  for (size_t i = 0; i < s->arguments->n_words; i++)
    lines = lines || strchr(s->arguments->words[i], '\n');
  if (lines)
    return ins_fail(INS_ERR_ARGUMENT, "%s cannot take names with line ends in them",
                    s->arguments->template);
  if (!s->arguments->dry_run)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s is no script for Slurm: print it with --dry-run and submit it yourself",
                    s->arguments->template);
  for (size_t i = 0; i < s->order.n_typed; i++) {
    const char *option = s->order.given.text[i];
    if (strncmp(option, "--ntasks=", 9) && strncmp(option, "--time=", 7) &&
        strcmp(option, "--requeue") && strcmp(option, "--no-requeue"))
      return ins_fail(INS_ERR_ARGUMENT,
                      "%s is an option of sbatch; write what stands for it into %s", option,
                      s->arguments->template);
  }
  if (s->order.n_jobs > 1)
    return ins_fail(INS_ERR_ARGUMENT, "%s takes one JOB; several are an array of Slurm only",
                    s->arguments->template);
  return INS_OK;
}

static ins_status check_launcher(const char *launcher) {
  if (!launcher || !strcmp(launcher, "srun") || !strcmp(launcher, "mpirun")) return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "--launcher is '%.40s'; expected srun or mpirun", launcher);
}

static ins_status check_no_plan(const ins_submit_order *order) {
  char missing[80];
  if (!order->no_plan || !*ins_submit_missing(&order->given, missing, sizeof missing))
    return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT, "--no-plan measures nothing, so say what to ask for: %s",
                  missing);
}

static ins_status find_program(ins_submission *s) {
  const ssize_t n = readlink("/proc/self/exe", s->program, sizeof s->program - 1);
  if (n <= 0 || !getcwd(s->directory, sizeof s->directory))
    return ins_fail(INS_ERR_IO, "the program or the working directory has no name: %s",
                    strerror(errno));
  s->program[n] = '\0';
  return INS_OK;
}

ins_status ins_submit_set_up(ins_submission *s) {
  const ins_arguments *a = s->arguments;
  ins_status status = ins_submit_read(a, &s->order);
  if (status == INS_OK) status = read_links(s);
  if (status == INS_OK) status = check_launcher(a->launcher);
  if (status == INS_OK && a->deadline && !ins_submit_deadline(a->deadline))
    status = ins_fail(INS_ERR_ARGUMENT, "--deadline is '%.40s'; expected seconds", a->deadline);
  if (status == INS_OK) status = ins_site_read(a->site, &s->site, &s->site_file);
  if (status == INS_OK) status = ins_site_options(s->site, &s->order.given);
  if (status == INS_OK) status = check_no_plan(&s->order);
  if (status == INS_OK && a->template) status = read_text(a->template, &s->template);
  if (status == INS_OK) status = find_program(s);
  if (status == INS_OK) status = check_template(s);
  if (status != INS_OK) return status;
  size_t n = 0;
  if (a->allow_plugins) s->run_options[n++] = "--allow-plugins";
  if (a->deadline && !(s->deadline = ins_format("--deadline=%s", a->deadline)))
    return INS_ERR_MEMORY;
  if (a->deadline) s->run_options[n++] = s->deadline;
  s->setting =
      (ins_submit_setting){.order = &s->order,
                           .site = s->site,
                           .program = s->program,
                           .directory = s->directory,
                           .launcher = a->launcher,
                           .template = s->template,
                           .template_name = a->template ? a->template : "slurm/job.sh",
                           .run_options = s->run_options,
                           .n_run_options = n,
                           .mode = ins_submit_mode_of(s->site, &s->order.given, a->chain != NULL)};
  return INS_OK;
}
