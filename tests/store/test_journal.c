/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "insilico/journal.h"

typedef struct world {
  char *folder, *path, *journal, *lock;
} world;

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->journal = ins_format("%s/results.journal.jsonl", w->folder);
  w->lock = ins_format("%s/results.lock", w->folder);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->journal);
  free(w->lock);
  free(w);
  return 0;
}

static void files_beside_take_the_name_without_its_ending(void **state) {
  (void)state;
  static const char *const cases[][2] = {{"a/b.h5", "a/b.lock"},    {"b.nc", "b.lock"},
                                         {"b.hdf5", "b.lock"},      {"a.h5/b", "a.h5/b.lock"},
                                         {"b.h5.x", "b.h5.x.lock"}, {"a/.h5", "a/.h5.lock"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char *name = ins_beside(cases[i][0], "lock");
    assert_string_equal(name, cases[i][1]);
    free(name);
  }
}

static void note(ins_journal *journal, const char *event, int64_t number) {
  ins_value *fields = ins_value_map();
  OK(ins_map_take(fields, "number", ins_value_int(number)));
  ins_journal_write(journal, event, fields);
}

static void events_are_appended_and_read_back_oldest_first(void **state) {
  world *w = *state;
  ins_value *events;
  ins_journal *journal;
  OK(ins_journal_read(w->path, 5, &events));
  assert_int_equal(ins_value_count(events), 0); /* no journal, no events */
  ins_value_destroy(&events);
  for (int run = 0; run < 2; run++) {
    OK(ins_journal_open(w->path, &journal));
    ins_journal_write(journal, "start \"now\"\n", NULL);
    for (int k = 0; k < 3; k++) note(journal, "deal", 10 * run + k);
    ins_journal_close(&journal);
    assert_null(journal);
  }
  OK(ins_journal_read(w->path, 4, &events));
  assert_int_equal(ins_value_count(events), 4);
  assert_string_equal(ins_value_text_or(ins_value_at(events, "0.event"), ""), "start \"now\"\n");
  for (int k = 0; k < 3; k++)
    assert_int_equal(ins_value_int_or(ins_map_get(events->children.items[k + 1], "number"), -1),
                     10 + k);
  const char *when = ins_value_text_or(ins_value_at(events, "0.time"), "");
  struct tm parts;
  const char *rest = strptime(when, "%Y-%m-%dT%H:%M:%S", &parts);
  assert_non_null(rest);
  assert_true(rest[0] == '.' && strlen(rest) == 5 && rest[4] == 'Z');
  assert_true(labs((long)(timegm(&parts) - time(NULL))) <= 2);
  ins_value_destroy(&events);
  OK(ins_journal_read(w->path, 1000, &events));
  assert_int_equal(ins_value_count(events), 8);
  ins_value_destroy(&events);
}

static void damaged_lines_are_skipped_and_do_not_swallow_the_next(void **state) {
  world *w = *state;
  ins_value *events;
  ins_journal *journal;
  FILE *file = fopen(w->journal, "w");
  fputs("{\"event\":\"good\",\"number\":1}\nnoise\n\n[1,2]\n{\"event\":\"cut off", file);
  fclose(file);
  OK(ins_journal_open(w->path, &journal));
  note(journal, "resume", 2);
  ins_journal_close(&journal);
  OK(ins_journal_read(w->path, 10, &events));
  assert_int_equal(ins_value_count(events), 2);
  assert_int_equal(ins_value_int_or(ins_value_at(events, "0.number"), -1), 1);
  assert_int_equal(ins_value_int_or(ins_value_at(events, "1.number"), -1), 2);
  ins_value_destroy(&events);
}

/* A disk that is full takes a part of a line; once there is room again, the next is whole. */
static void a_line_that_was_cut_short_does_not_swallow_the_next(void **state) {
  world *w = *state;
  struct rlimit before, limit;
  ins_value *events;
  ins_journal *journal;
  OK(ins_journal_open(w->path, &journal));
  note(journal, "start", 1);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  limit = before;
  limit.rlim_cur = 100;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (int k = 2; k < 5; k++) note(journal, "lost", k);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  note(journal, "batch", 5);
  note(journal, "end", 6);
  ins_journal_close(&journal);
  OK(ins_journal_read(w->path, 10, &events));
  assert_int_equal(ins_value_count(events), 3);
  assert_string_equal(ins_value_text_or(ins_value_at(events, "1.event"), ""), "batch");
  assert_string_equal(ins_value_text_or(ins_value_at(events, "2.event"), ""), "end");
  ins_value_destroy(&events);
}

static void the_end_of_a_long_journal_is_found(void **state) {
  world *w = *state;
  ins_value *events;
  ins_journal *journal;
  OK(ins_journal_open(w->path, &journal));
  for (int k = 0; k < 5000; k++)
    note(journal, "deal with a name of some length, so that blocks fill up", k);
  ins_journal_close(&journal);
  OK(ins_journal_read(w->path, 3000, &events));
  assert_int_equal(ins_value_count(events), 3000);
  for (int k = 0; k < 3000; k++)
    assert_int_equal(ins_value_int_or(ins_map_get(events->children.items[k], "number"), -1),
                     2000 + k);
  ins_value_destroy(&events);
}

static void a_journal_that_cannot_be_written_is_an_error_once_opened_a_warning(void **state) {
  world *w = *state;
  ins_journal *journal;
  assert_int_equal(mkdir(w->journal, 0777), 0);
  assert_int_equal(ins_journal_open(w->path, &journal), INS_ERR_IO);
  assert_null(journal);
  assert_non_null(strstr(ins_message(), w->journal));
  ins_journal_write(NULL, "nobody listens", ins_value_map());
}

/* Runs `hold` seconds with the lock held, in a process of its own; returns once it holds it. */
static pid_t hold_elsewhere(const world *w, double hold) {
  int ready[2];
  char byte;
  assert_int_equal(pipe(ready), 0);
  pid_t child = fork();
  if (child == 0) {
    ins_lock *lock;
    if (ins_lock_take(w->path, 0, &lock) != INS_OK || write(ready[1], "x", 1) != 1) _exit(1);
    usleep((useconds_t)(hold * 1e6));
    ins_lock_release(&lock);
    _exit(0);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return child;
}

static void a_second_run_is_refused_and_told_who_holds_the_lock(void **state) {
  world *w = *state;
  ins_lock *lock;
  char host[128] = "", process[32];
  pid_t child = hold_elsewhere(w, 60);
  assert_int_equal(ins_lock_take(w->path, 0.1, &lock), INS_ERR_LOCKED);
  assert_null(lock);
  gethostname(host, sizeof host - 1);
  snprintf(process, sizeof process, "process %ld", (long)child);
  assert_non_null(strstr(ins_message(), host));
  assert_non_null(strstr(ins_message(), process));
  assert_non_null(strstr(ins_message(), w->path));

  /* However its holder ends, the lock is free. */
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  OK(ins_lock_take(w->path, 0, &lock));
  ins_lock_release(&lock);
  assert_null(lock);
  assert_int_equal(access(w->lock, F_OK), -1);
}

static void a_lock_that_is_let_go_in_time_is_waited_for(void **state) {
  world *w = *state;
  ins_lock *lock;
  pid_t child = hold_elsewhere(w, 0.3);
  OK(ins_lock_take(w->path, 30, &lock));
  ins_lock_release(&lock);
  waitpid(child, NULL, 0);
}

/* Several processes take turns; a counter kept without atomics shows whether two ever held it at
 * once. */
static void nobody_holds_it_together_with_another(void **state) {
  world *w = *state;
  enum { CHILDREN = 4, TURNS = 25 };
  pid_t child[CHILDREN];
  int status;
  for (int i = 0; i < CHILDREN; i++) {
    child[i] = fork();
    if (child[i]) continue;
    for (int k = 0; k < TURNS; k++) {
      ins_lock *lock;
      int count = 0;
      if (ins_lock_take(w->path, 60, &lock) != INS_OK) _exit(1);
      FILE *file = fopen(w->journal, "r");
      if (file) count = fscanf(file, "%d", &count) == 1 ? count : 0, fclose(file);
      sched_yield();
      file = fopen(w->journal, "w");
      fprintf(file, "%d", count + 1);
      fclose(file);
      ins_lock_release(&lock);
    }
    _exit(0);
  }
  for (int i = 0; i < CHILDREN; i++) {
    waitpid(child[i], &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  size_t n;
  unsigned char *count = fixture_read(w->journal, &n);
  count[n] = '\0';
  assert_int_equal(atoi((char *)count), CHILDREN * TURNS);
  free(count);
}

static void a_lock_that_cannot_be_made_is_said(void **state) {
  world *w = *state;
  ins_lock *lock;
  char *nowhere = ins_format("%s/missing/results.h5", w->folder);
  assert_int_equal(ins_lock_take(nowhere, 0, &lock), INS_ERR_IO);
  assert_non_null(strstr(ins_message(), "missing/results.lock"));
  free(nowhere);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(files_beside_take_the_name_without_its_ending),
      TEST(events_are_appended_and_read_back_oldest_first),
      TEST(damaged_lines_are_skipped_and_do_not_swallow_the_next),
      TEST(a_line_that_was_cut_short_does_not_swallow_the_next),
      TEST(the_end_of_a_long_journal_is_found),
      TEST(a_journal_that_cannot_be_written_is_an_error_once_opened_a_warning),
      TEST(a_second_run_is_refused_and_told_who_holds_the_lock),
      TEST(a_lock_that_is_let_go_in_time_is_waited_for),
      TEST(nobody_holds_it_together_with_another),
      TEST(a_lock_that_cannot_be_made_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
