/* SPDX-License-Identifier: MIT */
/** Running an experiment made for a test through the framework, into a folder of its own that all
 * ranks share. The file that includes this defines `registry`, whose first entry is the experiment.
 */
#ifndef INSILICO_TESTS_SCHEDULE_HARNESS_H
#define INSILICO_TESTS_SCHEDULE_HARNESS_H

#include <mpi.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/schedule.h"
#include "insilico/store.h"

static const ins_variant registry[2];
static char folder[64];
static const char *output = "r.h5";
static double deadline_s = 300;

static inline bool first_rank(void) {
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank == 0;
}

/* The same folder on all ranks. */
static inline int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/insilico-run-XXXXXX");
  if (first_rank() && !mkdtemp(folder)) return -1;
  MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
  return 0;
}

static inline int remove_folder(void **state) {
  (void)state;
  char command[128];
  MPI_Barrier(MPI_COMM_WORLD);
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return first_rank() && system(command) ? -1 : 0;
}

static inline ins_job *load(const char *settings) {
  char path[] = "/tmp/insilico-job-XXXXXX";
  int fd = mkstemp(path);
  ins_job *job = NULL;
  dprintf(fd, "experiment: %s\nmodel: x\noutput: %s/%s\n%s", registry[0].name, folder, output,
          settings);
  close(fd);
  if (ins_job_load(path, NULL, 0, registry, &job) != INS_OK) fail_msg("%s", ins_message());
  unlink(path);
  return job;
}

static inline ins_status run(const char *settings, bool fresh, ins_run_report *report) {
  ins_job *job = load(settings);
  ins_value *attributes = ins_value_map();
  ins_text json = {0};
  assert_int_equal(ins_job_json(job, &json), INS_OK);
  assert_int_equal(ins_map_take(attributes, "job", ins_value_text(json.data)), INS_OK);
  ins_experiment_context context = {.job = job, .kernels = ins_kernels_best()};
  int size;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  ins_run_options options = {.fresh = fresh,
                             .quiet = true,
                             .computing_master = -1,
                             .group = size > 6 ? 3 : 0, /* with foremen */
                             .deadline_s = deadline_s};
  ins_status status =
      ins_run(MPI_COMM_WORLD, registry[0].ops, &context, attributes, &options, report);
  ins_text_free(&json);
  ins_value_destroy(&attributes);
  ins_job_destroy(&job);
  return status;
}

static inline char *contents(const char *name, size_t *n) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  fseek(file, 0, SEEK_END);
  *n = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*n);
  assert_int_equal(fread(bytes, 1, *n, file), *n);
  fclose(file);
  return bytes;
}

static inline void same_files(const char *a, const char *b) {
  size_t n, m;
  if (!first_rank()) return;
  char *x = contents(a, &n), *y = contents(b, &m);
  assert_int_equal(n, m);
  if (memcmp(x, y, n)) fail_msg("%s and %s differ", a, b);
  free(x);
  free(y);
}

#endif
