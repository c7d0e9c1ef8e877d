/* SPDX-License-Identifier: MIT */
/* What lies in the place of the files that a run writes: links, pipes, files of interrupted runs.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>

#include "insilico/journal.h"
#include "store/parts.h"
#include "store/shared.h"

typedef struct world {
  char *folder, *path, *part, *lock, *journal, *precious;
  ins_layout *layout;
} world;

static const char secret[] = "not to be written over\n";

static int set_up(void **state) {
  world *w = calloc(1, sizeof *w);
  w->folder = fixture_folder();
  w->path = ins_format("%s/results.h5", w->folder);
  w->part = ins_format("%s.part", w->path);
  w->lock = ins_beside(w->path, "lock");
  w->journal = ins_beside(w->path, "journal.jsonl");
  w->precious = ins_format("%s/precious", w->folder);
  w->layout = fixture_small();
  FILE *file = fopen(w->precious, "w");
  fputs(secret, file);
  fclose(file);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  fixture_remove(w->folder);
  free(w->path);
  free(w->part);
  free(w->lock);
  free(w->journal);
  free(w->precious);
  ins_layout_destroy(&w->layout);
  free(w);
  return 0;
}

static void is_untouched(const world *w) {
  size_t n;
  unsigned char *bytes = fixture_read(w->precious, &n);
  assert_int_equal(n, sizeof secret - 1);
  assert_memory_equal(bytes, secret, n);
  free(bytes);
}

static void is_refused_as_a_link(ins_status status) {
  assert_int_equal(status, INS_ERR_ARGUMENT);
  assert_non_null(strstr(ins_message(), "is a symbolic link"));
}

static void a_link_in_place_of_the_results_is_refused(void **state) {
  world *w = *state;
  size_t kept;
  ins_store *store;
  char *real = ins_format("%s/real.h5", w->folder);
  assert_int_equal(symlink(w->precious, w->path), 0);
  is_refused_as_a_link(ins_store_create(w->path, 1, &w->layout, NULL));
  assert_non_null(strstr(ins_message(), w->precious));
  is_refused_as_a_link(ins_store_relayout(w->path, w->path, 1, &w->layout, NULL, &kept));
  is_untouched(w);

  /* Also one that leads to results, or nowhere: it is not replaced, and nothing appears behind it.
   */
  remove(w->path);
  assert_int_equal(symlink("real.h5", w->path), 0);
  is_refused_as_a_link(ins_store_create(w->path, 1, &w->layout, NULL));
  assert_int_equal(access(real, F_OK), -1);
  OK(ins_store_create(real, 1, &w->layout, NULL));
  is_refused_as_a_link(ins_store_open(MPI_COMM_SELF, w->path, 1, &w->layout, &store));
  is_refused_as_a_link(ins_store_create(w->path, 1, &w->layout, NULL));

  /* Looking at results through a link is nobody's harm. */
  ins_store_summary summary;
  OK(ins_store_summarise(w->path, true, &summary));
  assert_int_equal(summary.n_tasks, 24);
  ins_store_summary_clear(&summary);
  free(real);
}

static void a_link_in_place_of_the_unfinished_file_goes(void **state) {
  world *w = *state;
  struct stat file;
  assert_int_equal(symlink(w->precious, w->part), 0);
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
  is_untouched(w);
  assert_int_equal(lstat(w->path, &file), 0);
  assert_true(S_ISREG(file.st_mode));
  assert_int_equal(lstat(w->part, &file), -1);
}

static void links_in_place_of_lock_and_journal_are_refused(void **state) {
  world *w = *state;
  ins_lock *lock;
  ins_journal *journal;
  assert_int_equal(symlink(w->precious, w->lock), 0);
  assert_int_equal(symlink(w->precious, w->journal), 0);
  is_refused_as_a_link(ins_lock_take(w->path, 0, &lock));
  is_refused_as_a_link(ins_journal_open(w->path, &journal));
  is_untouched(w);
}

/* Opening a pipe waits for its reader; nobody reads this one. */
static void a_pipe_in_place_of_lock_or_journal_does_not_block(void **state) {
  world *w = *state;
  ins_lock *lock;
  ins_journal *journal;
  assert_int_equal(mkfifo(w->lock, 0600), 0);
  assert_int_equal(mkfifo(w->journal, 0600), 0);
  assert_int_not_equal(ins_lock_take(w->path, 0, &lock), INS_OK);
  assert_int_not_equal(ins_journal_open(w->path, &journal), INS_OK);
  assert_null(journal);
  assert_int_equal(mkfifo(w->part, 0600), 0);
  OK(ins_store_create(w->path, 1, &w->layout, NULL));
}

static void folders_on_the_way_may_be_links(void **state) {
  world *w = *state;
  char *inner = ins_format("%s/inner", w->folder), *link = ins_format("%s/scratch", w->folder);
  char *path = ins_format("%s/results.h5", link);
  ins_store *store;
  ins_lock *lock;
  assert_int_equal(mkdir(inner, 0777), 0);
  assert_int_equal(symlink(inner, link), 0);
  OK(ins_lock_take(path, 0, &lock));
  OK(ins_store_create(path, 1, &w->layout, NULL));
  OK(ins_store_open(MPI_COMM_SELF, path, 1, &w->layout, &store));
  fixture_write_range(store, w->layout, 0, 3, SIZE_MAX);
  OK(ins_store_close(&store));
  ins_lock_release(&lock);
  free(inner);
  free(link);
  free(path);
}

/* Every run has one of its own, which names no person's business in messages. */
static void a_lock_holds_a_token_of_its_run(void **state) {
  world *w = *state;
  ins_lock *lock, *other;
  char first[INS_TOKEN_MAX], second[INS_TOKEN_MAX];
  ins_lock_token(w->path, first);
  assert_string_equal(first, "");
  OK(ins_lock_take(w->path, 0, &lock));
  ins_lock_token(w->path, first);
  assert_int_equal(strlen(first), 32);
  assert_int_equal(ins_lock_take(w->path, 0, &other), INS_ERR_LOCKED);
  assert_null(strstr(ins_message(), first));
  ins_lock_release(&lock);
  OK(ins_lock_take(w->path, 0, &lock));
  ins_lock_token(w->path, second);
  assert_string_not_equal(first, second);
  ins_lock_release(&lock);
}

static void file_systems_that_nodes_cannot_write_together_are_known(void **state) {
  (void)state;
  assert_string_equal(ins_shared_unsafe(0x6969), "NFS");
  assert_string_equal(ins_shared_unsafe((long)0xFF534D42), "SMB");
  assert_string_equal(ins_shared_unsafe((long)(int32_t)0xFF534D42), "SMB"); /* sign-extended */
  assert_null(ins_shared_unsafe(0xEF53));                                   /* ext4 */
  assert_null(ins_shared_unsafe(0x0BD00BD0));                               /* Lustre */
  assert_null(ins_shared_unsafe(0x47504653));                               /* GPFS */
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
      TEST(a_link_in_place_of_the_results_is_refused),
      TEST(a_link_in_place_of_the_unfinished_file_goes),
      TEST(links_in_place_of_lock_and_journal_are_refused),
      TEST(a_pipe_in_place_of_lock_or_journal_does_not_block),
      TEST(folders_on_the_way_may_be_links),
      TEST(a_lock_holds_a_token_of_its_run),
      TEST(file_systems_that_nodes_cannot_write_together_are_known),
  };
  MPI_Init(&argc, &argv);
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Finalize();
  return failed;
}
