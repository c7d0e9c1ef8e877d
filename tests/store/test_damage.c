/* SPDX-License-Identifier: MIT */
/* Any byte of a results file may change on the disk: what is a row is computed again, what is not
 * is laid out anew, and the end is as if nothing had happened. */
#include "fixture.h"

#include <fcntl.h>
#include <sys/resource.h>

#include "insilico/log.h"
#include "store/parts.h"

/* Sanitizers make each ten times as dear. */
#ifdef __SANITIZE_ADDRESS__
enum { FLIPS = 60, BATTERY_FLIPS = 15 };
#else
enum { FLIPS = 300, BATTERY_FLIPS = 60 };
#endif

typedef struct world {
  char *folder, *path, *whole;
  ins_layout *small;
  fixture_stages battery;
  ins_value *attributes;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->whole = ins_format("%s/whole.h5", w->folder);
  w->small = fixture_small();
  w->battery = fixture_battery(3, 4);
  w->attributes = fixture_attributes();
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->whole);
  ins_layout_destroy(&w->small);
  fixture_stages_clear(&w->battery);
  ins_value_destroy(&w->attributes);
  free(w);
  return 0;
}

static void copy(const char *from, const char *to) {
  size_t n;
  unsigned char *bytes = fixture_read(from, &n);
  FILE *file = fopen(to, "wb");
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
  free(bytes);
}

static void flip(const char *path, size_t at, unsigned char bits) {
  unsigned char byte;
  int fd = open(path, O_RDWR);
  assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
  byte ^= bits;
  assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
  close(fd);
}

/* Steps of a generator of random numbers that is the same everywhere (SplitMix64). */
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* Takes the file up as a run does; *anew: it was laid out anew. */
static void take_up(const world *w, size_t n, ins_layout *const *stages, bool *anew) {
  ins_store_facts facts;
  bool intact = false;
  size_t kept;
  OK(ins_store_probe(w->path, n, stages, &facts));
  assert_true(facts.ours);
  if (facts.opens && facts.same_axes)
    OK(ins_store_intact(w->path, n, stages, w->attributes, &intact));
  if (!intact) OK(ins_store_relayout(w->path, w->path, n, stages, w->attributes, &kept));
  ins_store_facts_clear(&facts);
  *anew = !intact;
}

/* Computes again what does not hold; returns how many tasks that were. */
static size_t run_the_rest(const world *w, size_t n, ins_layout *const *stages) {
  ins_store *store;
  size_t ran = 0;
  OK(ins_store_open(MPI_COMM_SELF, w->path, n, stages, &store));
  for (size_t s = 0; s < n; s++) {
    uint8_t state[64];
    size_t tasks = ins_layout_tasks(stages[s]);
    OK(ins_store_verify(store, s, 0, tasks, state));
    for (size_t k = 0; k < tasks; k++) {
      if (state[k] != INS_TASK_PENDING) continue;
      fixture_write_stage(store, s, stages[s], k, 1, SIZE_MAX);
      ran++;
    }
  }
  if (n == 1)
    fixture_write_summaries(store, stages[0]);
  else
    fixture_write_q(store, &w->battery);
  OK(ins_store_close(&store));
  return ran;
}

static void write_whole(const world *w) {
  ins_store *store;
  ins_layout *layout = w->small;
  OK(ins_store_create(w->whole, 1, &layout, w->attributes));
  OK(ins_store_open(MPI_COMM_SELF, w->whole, 1, &layout, &store));
  fixture_write_range(store, layout, 0, ins_layout_tasks(layout), SIZE_MAX);
  fixture_write_summaries(store, layout);
  OK(ins_store_close(&store));
}

static void flip_everywhere(const world *w, size_t n, ins_layout *const *stages, int n_flips) {
  struct stat file;
  uint64_t random = 20;
  int laid_out = 0, rows = 0, twin;
  size_t n_regions;
  ins_region *regions;
  assert_int_equal(stat(w->whole, &file), 0);
  OK(ins_store_twin(n, stages, w->attributes, &twin, &regions, &n_regions));
  close(twin);
  for (int i = 0; i < n_flips; i++) {
    bool anew;
    /* What runs write is little in so small a file: every third goes there. */
    const ins_region *r = &regions[next(&random) % n_regions];
    size_t at = (size_t)(i % 3 ? next(&random) % (uint64_t)file.st_size
                               : r->offset + next(&random) % r->bytes);
    unsigned char bits = (unsigned char)(1 + next(&random) % 255);
    copy(w->whole, w->path);
    flip(w->path, at, bits);
    take_up(w, n, stages, &anew);
    size_t ran = run_the_rest(w, n, stages);
    if (ran > 1 || (anew && ran)) fail_msg("byte %zu: %zu tasks ran again", at, ran);
    size_t a, b;
    unsigned char *x = fixture_read(w->whole, &a), *y = fixture_read(w->path, &b);
    if (a != b || memcmp(x, y, a) != 0)
      fail_msg("byte %zu ^ %d shows in the end (anew: %d, ran %zu)", at, bits, anew, ran);
    free(x);
    free(y);
    laid_out += anew;
    rows += ran == 1;
  }
  assert_true(laid_out > n_flips / 10);
  assert_true(rows > n_flips / 20);
  ins_free(&regions);
}

static void any_byte_may_change_and_the_end_is_the_same(void **state) {
  world *w = *state;
  write_whole(w);
  flip_everywhere(w, 1, &w->small, FLIPS);
}

static void any_byte_of_several_stages_may_change(void **state) {
  world *w = *state;
  fixture_write_battery(w->whole, &w->battery, w->attributes);
  flip_everywhere(w, w->battery.n, w->battery.layout, BATTERY_FLIPS);
}

/* The file as it was made, half filled and full is intact; rows are none of its business. */
static void rows_do_not_make_a_file_another(void **state) {
  world *w = *state;
  ins_store *store;
  bool intact;
  OK(ins_store_create(w->path, 1, &w->small, w->attributes));
  OK(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact));
  assert_true(intact);
  OK(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->small, &store));
  fixture_write_range(store, w->small, 3, 9, 4);
  OK(ins_store_close(&store));
  OK(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact));
  assert_true(intact);
  /* Of other attributes, and cut by one byte, it is not. */
  OK(ins_map_take(w->attributes, "seed", ins_value_int(-8)));
  OK(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact));
  assert_false(intact);
  OK(ins_map_take(w->attributes, "seed", ins_value_int(-7)));
  struct stat file;
  assert_int_equal(stat(w->path, &file), 0);
  assert_int_equal(truncate(w->path, file.st_size - 1), 0);
  OK(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact));
  assert_false(intact);
}

/* The value of a coordinate stands in no header, so HDF5 does not notice; matched by the changed
 * value, its rows would be lost. */
static void a_changed_coordinate_is_mended_and_no_row_is_lost(void **state) {
  world *w = *state;
  ins_store_facts facts;
  bool intact, anew;
  size_t n, at = 0, kept;
  const int64_t neurons[] = {10, 20, 30};
  write_whole(w);
  unsigned char *bytes = fixture_read(w->whole, &n);
  while (at + sizeof neurons < n && memcmp(bytes + at, neurons, sizeof neurons)) at++;
  assert_true(at + sizeof neurons < n);
  free(bytes);
  copy(w->whole, w->path);
  flip(w->path, at + 8, 1);
  OK(ins_store_probe(w->path, 1, &w->small, &facts));
  assert_true(facts.opens && facts.same_axes);
  ins_store_facts_clear(&facts);
  OK(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact));
  assert_false(intact);
  OK(ins_store_relayout(w->path, w->path, 1, &w->small, w->attributes, &kept));
  assert_int_equal(kept, 24);
  take_up(w, 1, &w->small, &anew);
  assert_false(anew);
  assert_int_equal(run_the_rest(w, 1, &w->small), 0);
  fixture_same(w->whole, w->path);
}

/* All tasks pending is zeros where nobody wrote any. */
static void books_of_a_new_file_read_as_pending(void **state) {
  world *w = *state;
  ins_region *regions;
  size_t n, size;
  int twin;
  OK(ins_store_create(w->path, w->battery.n, w->battery.layout, w->attributes));
  OK(ins_store_twin(w->battery.n, w->battery.layout, w->attributes, &twin, &regions, &n));
  close(twin);
  unsigned char *bytes = fixture_read(w->path, &size);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < regions[i].bytes && !regions[i].filled; k++)
      assert_int_equal(bytes[regions[i].offset + k], 0);
  free(bytes);
  ins_free(&regions);
}

/* No descriptor is left for what it is compared with, or none to open it by its name. */
static void a_sound_file_goes_on_where_it_cannot_be_compared(void **state) {
  world *w = *state;
  struct rlimit before;
  bool intact;
  write_whole(w);
  int next = dup(0);
  close(next);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  for (int spare = 1; spare <= 2; spare++) {
    struct rlimit few = {.rlim_cur = (rlim_t)(next + spare), .rlim_max = before.rlim_max};
    intact = false;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    ins_status status = ins_store_intact(w->whole, 1, &w->small, w->attributes, &intact);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    OK(status);
    assert_true(intact);
  }

  /* A file that is not there is no sound file. */
  assert_int_equal(ins_store_intact(w->path, 1, &w->small, w->attributes, &intact), INS_ERR_IO);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(rows_do_not_make_a_file_another),
      TEST(books_of_a_new_file_read_as_pending),
      TEST(a_sound_file_goes_on_where_it_cannot_be_compared),
      TEST(a_changed_coordinate_is_mended_and_no_row_is_lost),
      TEST(any_byte_may_change_and_the_end_is_the_same),
      TEST(any_byte_of_several_stages_may_change),
  };
  MPI_Init(&argc, &argv);
  ins_log_set_level(INS_LOG_ERROR); /* every damage is warned about */
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
