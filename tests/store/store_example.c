/* SPDX-License-Identifier: MIT */
/* store_example PATH [WAIT]: writes the fixture's file for other programs to read. With WAIT, half
 * of it, then it says so and keeps the file open until its standard input ends.
 * store_example stages PATH: the one of several stages, a task of the bars failed. */
#include "fixture.h"

static int print_status(const char *path) {
  ins_store_summary s;
  OK(ins_store_summarise(path, true, &s));
  printf("%zu %zu %zu %zu %zu\n", s.n_tasks, s.n_done, s.n_failed, s.n_pending, s.n_damaged);
  ins_store_summary_clear(&s);
  return 0;
}

static void write_stages(const char *path) {
  ins_store *store;
  fixture_stages s = fixture_battery(3, 4);
  ins_value *attributes = fixture_attributes();
  fixture_write_battery(path, &s, attributes);
  OK(ins_store_open(MPI_COMM_WORLD, path, s.n, s.layout, &store));
  fixture_write_stage(store, BARS, s.layout[BARS], 7, 1, 7);
  OK(ins_store_close(&store));
  ins_value_destroy(&attributes);
  fixture_stages_clear(&s);
}

int main(int argc, char **argv) {
  ins_store *store;
  if (argc == 3 && !strcmp(argv[1], "status")) return print_status(argv[2]);
  MPI_Init(&argc, &argv);
  if (argc == 3 && !strcmp(argv[1], "stages")) {
    write_stages(argv[2]);
    MPI_Finalize();
    return 0;
  }
  ins_layout *layout = fixture_small();
  ins_value *attributes = fixture_attributes();
  size_t n = ins_layout_tasks(layout);
  if (argc < 2) return 2;
  OK(ins_store_create(argv[1], 1, &layout, attributes));
  OK(ins_store_open(MPI_COMM_WORLD, argv[1], 1, &layout, &store));
  fixture_write_range(store, layout, 0, n / 2, 5);
  if (argc > 2) {
    puts("half");
    fflush(stdout);
    while (getchar() != EOF) continue;
  }
  fixture_write_range(store, layout, n / 2, n - n / 2 - 1, SIZE_MAX);
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
  ins_value_destroy(&attributes);
  ins_layout_destroy(&layout);
  MPI_Finalize();
  return 0;
}
