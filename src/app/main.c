/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <hdf5.h>
#include <libfyaml.h>
#include <mpi.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "insilico/comm.h"
#include "insilico/fault.h"
#include "insilico/kernels.h"
#include "insilico/log.h"
#include "insilico/memory.h"

const ins_command ins_commands[] = {
    {"run", "run JOB [key=value ...]", "run a job, or go on with it where it stopped", "fqDP", 1,
     SIZE_MAX, ins_command_run},
    {"plan", "plan JOB [key=value ...]", "what a job would do: tasks, memory, time, file size",
     "jP", 1, SIZE_MAX, ins_command_plan},
    {"submit", "submit JOB ... [key=value ...]",
     "hand jobs to Slurm, sized from their plan; any option of sbatch, unknown ones behind --",
     "jPDnGNCITL*", 1, SIZE_MAX, ins_command_submit},
    {"status", "status RESULTS", "how far a finished, stopped or running job is", "jwv", 1, 1,
     ins_command_status},
    {"inspect", "inspect MODEL", "what a model is: sessions, neurons, layers, rates, provenance",
     "jascyohd", 1, 1, ins_command_inspect},
    {"convert", "convert MODEL OUT.h5", "write any model as a native model file", "yohd", 2, 2,
     ins_command_convert},
    {"verify", "verify MODEL PEER.h5", "compare with responses that openretina itself wrote",
     "jyohd", 2, 2, ins_command_verify},
    {"fetch", "fetch NAME|URL", "a published model into the cache; prints where it is", "jqohd", 1,
     1, ins_command_fetch},
    {"select", "select RESULTS CONDITION",
     "neurons that fulfil 'dsi > 0.5 & dsi_q < 0.01', as `neurons` of the next job", "jti", 2, 2,
     ins_command_select},
    {"stimulus", "stimulus show KIND|JOB [NAME] [key=...]",
     "a stimulus as a contact sheet, an animation or frames", "FSAyohd", 2, SIZE_MAX,
     ins_command_stimulus},
    {"list", "list [TOPIC]", "experiments, objectives, optimizers, ... and their keys", "P", 0, 1,
     ins_command_list},
    {0},
};

/* Each is a member of ins_arguments: a flag, or the text that follows (`value` names it). */
static const struct option {
  char letter;
  const char *name, *value, *doc;
  size_t member;
} options[] = {
    {'j', "--json", NULL, "the answer as JSON, for scripts", offsetof(ins_arguments, json)},
    {'f', "--fresh", NULL, "start over: existing results are replaced",
     offsetof(ins_arguments, fresh)},
    {'q', "--quiet", NULL, "no progress bar", offsetof(ins_arguments, quiet)},
    {'w', "--watch", NULL, "look again every two seconds until interrupted",
     offsetof(ins_arguments, watch)},
    {'v', "--verify", NULL, "recompute every checksum too", offsetof(ins_arguments, verify)},
    {'a', "--all", NULL, "every neuron, not only the first", offsetof(ins_arguments, all)},
    {'s', "--scan", NULL, "what loading the file in Python would run; status 0 only if harmless",
     offsetof(ins_arguments, scan)},
    {'c', "--card", NULL, "the model's card: what to know before using it",
     offsetof(ins_arguments, card)},
    {'o', "--offline", NULL, "only what is in the cache; no network",
     offsetof(ins_arguments, offline)},
    {'t', "--table", NULL, "a table of the neurons and the numbers the condition names",
     offsetof(ins_arguments, table)},
    {'i', "--in-session", NULL, "numbers within the session, for a job with `session`",
     offsetof(ins_arguments, in_session)},
    {'F', "--frames", "DIR", "every frame as a PNG file of its own",
     offsetof(ins_arguments, frames)},
    {'S', "--sheet", "FILE.png", "a contact sheet; without any of these: KIND.png",
     offsetof(ins_arguments, sheet)},
    {'A', "--animation", "FILE.png", "an animated PNG, which browsers play",
     offsetof(ins_arguments, animation)},
    {'D', "--deadline", "SECONDS",
     "a rank not heard of for so long is silent: its work is done by others,\n"
     "                             and after six times as long the run ends (default: 300)",
     offsetof(ins_arguments, deadline)},
    {'P', "--allow-plugins", NULL, "load the plug-in that `experiment: plugin:PATH` names",
     offsetof(ins_arguments, allow_plugins)},
    {'n', "--dry-run", NULL, "print script and sbatch command, submit nothing",
     offsetof(ins_arguments, dry_run)},
    {'G', "--again", NULL, "also what is in the queue already, or has nothing left to do",
     offsetof(ins_arguments, again)},
    {'N', "--no-plan", NULL, "open no model here: --ntasks, --time and --mem-per-cpu say it all",
     offsetof(ins_arguments, no_plan)},
    {'C', "--chain", "[=N]", "N jobs, each waiting for the last, where requeueing is forbidden",
     offsetof(ins_arguments, chain)},
    {'I', "--site", "FILE", "settings of the cluster (insilico list site; docs/cluster.md)",
     offsetof(ins_arguments, site)},
    {'T', "--template", "FILE", "another script, such as slurm/pbs.sh or slurm/lsf.sh",
     offsetof(ins_arguments, template)},
    {'L', "--launcher", "NAME", "srun or mpirun, instead of what the site file says",
     offsetof(ins_arguments, launcher)},
    {'h', "--sha256", "HEX", "refuse the file unless it has this SHA-256",
     offsetof(ins_arguments, sha256)},
    {'d', "--cache", "DIR", "the directory for fetched files, instead of openretina's",
     offsetof(ins_arguments, cache)},
    {'y', "--architecture", "FILE.yaml", "what a bare state dict lacks (docs/checkpoints.md)",
     offsetof(ins_arguments, architecture)},
};
enum { N_OPTIONS = sizeof options / sizeof options[0] };

static void print_help(FILE *out) {
  fprintf(out, "insilico - in-silico experiments on trained retina models\n\n"
               "  insilico COMMAND [options] ...        on one rank\n"
               "  mpirun -n 8 insilico run JOB ...      on many\n\n");
  for (const ins_command *c = ins_commands; c->name; c++)
    fprintf(out, "  %-39s %s\n", c->usage, c->summary);
  fprintf(
      out,
      "\n  insilico COMMAND -h                      options of a command\n"
      "  insilico --version                       versions of program and libraries\n\n"
      "Exit status: 0 done; 1 finished with failed tasks, or verify: numbers differ, or\n"
      "inspect --scan: not known to be harmless (6: dangerous), or select: no neuron fulfils it;\n"
      "2 the job or command is wrong; 3 input or output failed; 4 a rank could not go on;\n"
      "75 stopped, run again to go on.\n");
}

static void print_command_help(const ins_command *command) {
  printf("insilico %s\n\n  %s\n\n", command->usage, command->summary);
  for (size_t i = 0; i < N_OPTIONS; i++)
    if (strchr(command->options, options[i].letter)) {
      char name[32];
      snprintf(name, sizeof name, "%s%s%s", options[i].name, options[i].value ? " " : "",
               options[i].value ? options[i].value : "");
      printf("  %-26s %s\n", name, options[i].doc);
    }
}

static void print_version(void) {
  unsigned major, minor, release;
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  H5get_libversion(&major, &minor, &release);
  MPI_Get_library_version(mpi, &length);
  mpi[strcspn(mpi, ",\n")] = '\0';
  printf("insilico %s\nHDF5 %u.%u.%u\nMPI %s\nlibfyaml %s\nkernels", INS_VERSION, major, minor,
         release, mpi, fy_library_version());
  for (const char *const *name = ins_kernels_names(); *name; name++)
    printf(" %s%s", *name, ins_kernels_find(*name) ? "" : " (not on this processor)");
  printf("; in use: %s\n", ins_kernels_name(ins_kernels_best()));
}

static const ins_command *find_command(const char *name) {
  for (const ins_command *c = ins_commands; c->name; c++)
    if (strcmp(c->name, name) == 0) return c;
  return NULL;
}

static ins_status unknown_command(const char *name) {
  const char *names[16];
  size_t n = 0;
  for (const ins_command *c = ins_commands; c->name; c++) names[n++] = c->name;
  const char *near = ins_text_nearest(name, names, n);
  return ins_fail(INS_ERR_ARGUMENT, "there is no command '%s'%s%s%s; see insilico -h", name,
                  near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static const struct option *find_option(const ins_command *command, const char *word, size_t n) {
  for (size_t i = 0; i < N_OPTIONS; i++)
    if (strlen(options[i].name) == n && strncmp(word, options[i].name, n) == 0 &&
        strchr(command->options, options[i].letter))
      return &options[i];
  return NULL;
}

/* --flag, --option VALUE or --option=VALUE; *i is left at the last word taken. */
static ins_status take_option(const ins_command *command, char **argv, int argc, int *i,
                              ins_arguments *out) {
  const char *word = argv[*i];
  const size_t n = strcspn(word, "=");
  const struct option *option = find_option(command, word, n);
  if (!option || (word[n] && !option->value))
    return ins_fail(INS_ERR_ARGUMENT, "'%s' is no option of 'insilico %s'; see insilico %s -h",
                    word, command->name, command->name);
  char *member = (char *)out + option->member;
  if (!option->value) {
    *(bool *)member = true;
    return INS_OK;
  }
  const bool optional = option->value[0] == '[';
  const char *value = word[n] ? word + n + 1 : optional ? "" : *i + 1 < argc ? argv[++*i] : NULL;
  if (!value || (!*value && (word[n] || !optional)))
    return ins_fail(INS_ERR_ARGUMENT, "%s needs a value: %s %s", option->name, option->name,
                    option->value);
  memcpy(member, &value, sizeof value);
  return INS_OK;
}

/* With '*', options that are not in the table are left to the command, among the words. */
static bool is_option(const ins_command *command, const char *word) {
  if (strncmp(word, "--", 2) != 0) return false;
  return !strchr(command->options, '*') || find_option(command, word, strcspn(word, "="));
}

/* Splits argv into options and words; words[] has room for argc. */
static ins_status parse(const ins_command *command, int argc, char **argv, const char **words,
                        ins_arguments *out) {
  const bool foreign = strchr(command->options, '*');
  bool rest = false; /* behind "--" */
  *out = (ins_arguments){.words = words};
  for (int i = 0; i < argc; i++) {
    ins_status status = INS_OK;
    rest = rest || (foreign && strcmp(argv[i], "--") == 0);
    if (!rest && is_option(command, argv[i]))
      status = take_option(command, argv, argc, &i, out);
    else
      words[out->n_words++] = argv[i];
    if (status != INS_OK) return status;
  }
  if (out->n_words < command->min_words || out->n_words > command->max_words)
    return ins_fail(INS_ERR_ARGUMENT, "usage: insilico %s", command->usage);
  return INS_OK;
}

static ins_status dispatch(int argc, char **argv) {
  const ins_command *command = find_command(argv[1]);
  const char **words = NULL;
  ins_arguments arguments;
  if (!command) return unknown_command(argv[1]);
  for (int i = 2; i < argc; i++)
    if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
      print_command_help(command);
      return INS_OK;
    }
  ins_status status = ins_fault_check();
  if (status == INS_OK) status = ins_kernels_check();
  if (status == INS_OK) status = ins_alloc((size_t)argc, sizeof *words, &words);
  if (status == INS_OK) status = parse(command, argc - 2, argv + 2, words, &arguments);
  if (status == INS_OK) status = command->run(&arguments);
  ins_free(&words);
  return status;
}

/* One rank speaks for all: failures of a run are agreed on before they come here, and a wrong
 * command line is wrong for every rank, also before MPI tells them apart. */
static bool speaks(void) {
  static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *rank = getenv(names[i]);
    if (rank) return strcmp(rank, "0") == 0;
  }
  return true;
}

int main(int argc, char **argv) {
  ins_status status = INS_OK;
  H5dont_atexit();                       /* it would crash on a file that could not be closed */
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL); /* failures are reported in our own words */
  /* No file makes HDF5 load a program as its filter, or follow a link into another file. */
  H5PLset_loading_state(0);
  H5Lunregister(H5L_TYPE_EXTERNAL);
  ins_output_tame();
  if (argc < 2) {
    print_help(stderr);
    return ins_status_exit(INS_ERR_ARGUMENT);
  }
  if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
    print_help(stdout);
  else if (!strcmp(argv[1], "--version"))
    print_version();
  else
    status = dispatch(argc, argv);
  if ((fflush(stdout) != 0 || ferror(stdout)) && status == INS_OK)
    status = ins_fail(INS_ERR_IO, "the answer cannot be written: %s", strerror(errno));
  if (status != INS_OK && status != INS_ERR_STOPPED && speaks()) /* without memory, no message */
    ins_log(INS_LOG_ERROR, "%s", *ins_message() ? ins_message() : ins_status_text(status));
  const int answer = status == INS_OK ? ins_answer : ins_status_exit(status);
  ins_comm_finish(answer);
  return answer;
}
