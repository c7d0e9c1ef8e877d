/* SPDX-License-Identifier: MIT */
/* A real checkpoint with bytes changed or cut off at thousands of places: always a status code,
 * never a crash, a hang or an allocation out of proportion to the file. */
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

enum { FLIPS = 3000, CUTS = 300, PICKLES = 3000 };

static char name[64];
static const char *const seeds[] = {GOLDEN "variants/three_layers/model.ckpt",
                                    GOLDEN "variants/example_core_readout/model.ckpt",
                                    DATA "values_5.pt", DATA "values_2.pt"};

/* A small generator of its own (Knuth's multiplier): the same places every time. */
static uint64_t next(uint64_t *x) {
  *x = *x * 6364136223846793005u + 1442695040888963407u;
  return *x >> 33;
}

static bool is_expected(ins_status status) {
  return status == INS_OK || status == INS_ERR_FORMAT || status == INS_ERR_UNSUPPORTED ||
         status == INS_ERR_MISSING || status == INS_ERR_SHAPE;
}

static void open_and_close(const char *path) {
  ins_model_source *source;
  ins_status status = ins_model_open(path, NULL, &source);
  if (!is_expected(status)) fail_msg("%s: %s", ins_status_name(status), ins_message());
  if (status == INS_OK) assert_non_null(source->parameters);
  if (status != INS_OK) assert_true(ins_message()[0] && !strchr(ins_message(), '\n'));
  ins_model_source_destroy(&source);
}

/* Also what no model needs: the whole content as values. */
static void read_everything(const char *path) {
  ins_status status;
  char *json = torch_json(path, &status);
  if (!is_expected(status)) fail_msg("%s: %s", ins_status_name(status), ins_message());
  free(json);
}

/* Checksums stop most changes at the door. Writers may leave them out, which the field 0 says: so
 * most of these files go past them, and every layer behind is met. */
static void forget_checksums(unsigned char *bytes, size_t n) {
  for (size_t i = 0; i + 46 <= n; i++)
    if (memcmp(bytes + i, "PK\1\2", 4) == 0) memset(bytes + i + 16, 0, 4);
}

static void changed_bytes_never_crash(void **state) {
  (void)state;
  uint64_t x = 1;
  for (size_t s = 0; s < 4; s++) {
    size_t n;
    unsigned char *bytes = file_bytes(seeds[s], &n);
    for (int i = 0; i < FLIPS / 4; i++) {
      if (i == FLIPS / 40) forget_checksums(bytes, n);
      size_t at[4];
      unsigned char was[4];
      int count = 1 + (int)(next(&x) % 4);
      for (int k = 0; k < count; k++) {
        at[k] = next(&x) % n;
        if (i % 4 == 0) at[k] = n - 1 - at[k] / 4; /* the directory stands at the end */
        was[k] = bytes[at[k]];
        bytes[at[k]] = (unsigned char)(next(&x) % 4 ? next(&x) : 0xff);
      }
      write_bytes(name, bytes, n);
      open_and_close(name);
      read_everything(name);
      for (int k = count; k-- > 0;) bytes[at[k]] = was[k];
    }
    free(bytes);
  }
}

static void files_cut_short_never_crash(void **state) {
  (void)state;
  size_t n;
  unsigned char *bytes = file_bytes(seeds[0], &n);
  for (int i = 0; i < CUTS; i++) {
    ins_model_source *source;
    write_bytes(name, bytes, n * (size_t)i / CUTS);
    assert_int_equal(ins_model_open(name, NULL, &source), INS_ERR_FORMAT);
  }
  free(bytes);
}

/* Straight into the machine, many changes a second. */
static void changed_pickles_never_crash(void **state) {
  (void)state;
  uint64_t x = 2;
  for (size_t s = 0; s < 4; s++) {
    ins_torch_file *file;
    assert_ok(ins_torch_open(seeds[s], &file));
    for (int i = 0; i < PICKLES / 4; i++) {
      size_t n = file->n_pickle_bytes, at = next(&x) % n, span = 1 + next(&x) % 3;
      unsigned char was[3];
      ins_value *value = NULL;
      ins_pickle_free(&file->pickle);
      file->n_values = 0;
      for (size_t k = 0; k < span && at + k < n; k++) {
        was[k] = file->pickle_bytes[at + k];
        file->pickle_bytes[at + k] = (unsigned char)next(&x);
      }
      ins_status status = ins_pickle_read(file->pickle_bytes, n, "test", &file->pickle);
      if (status == INS_OK) status = ins_torch_value(file, ins_torch_root(file), &value);
      if (!is_expected(status)) fail_msg("%s: %s", ins_status_name(status), ins_message());
      ins_value_destroy(&value);
      for (size_t k = 0; k < span && at + k < n; k++) file->pickle_bytes[at + k] = was[k];
    }
    ins_torch_close(&file);
  }
}

/* The largest of these files has 100 kB: anything near a gigabyte would be a size that was
 * believed. The address sanitizer keeps freed memory for a while. */
static void memory_stays_in_proportion(void **state) {
  (void)state;
#ifdef __SANITIZE_ADDRESS__
  const long most_mb = 2000;
#else
  const long most_mb = 200;
#endif
  struct rusage usage;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  print_message("most memory used: %ld MB\n", usage.ru_maxrss / 1024);
  assert_true(usage.ru_maxrss / 1024 < most_mb);
}

/* The same without writing it down as text, which takes memory of its own. */
static void make_everything(const char *path) {
  ins_torch_file *file;
  ins_value *value = NULL;
  ins_status status = ins_torch_open(path, &file);
  if (status == INS_OK) status = ins_torch_value(file, ins_torch_root(file), &value);
  if (!is_expected(status)) fail_msg("%s: %s", ins_status_name(status), ins_message());
  ins_value_destroy(&value);
  ins_torch_close(&file);
}

/* A torch ZIP file around a pickle, written by hand: one member, no checksum. */
static void write_zip(const void *pickle, size_t n) {
  static const char member[] = "a/data.pkl";
  enum { NAME = sizeof member - 1, LOCAL = 30, ENTRY = 46, END = 22 };
  unsigned char *zip = calloc(1, n + LOCAL + ENTRY + END + 2 * NAME);
  unsigned char *entry = zip + LOCAL + NAME + n, *end = entry + ENTRY + NAME;
  const uint32_t size = (uint32_t)n, at = (uint32_t)(entry - zip), length = ENTRY + NAME;
  memcpy(zip, "PK\3\4", 4);
  memcpy(zip + 18, &size, 4);
  memcpy(zip + 22, &size, 4);
  zip[26] = NAME;
  memcpy(zip + LOCAL, member, NAME);
  memcpy(zip + LOCAL + NAME, pickle, n);
  memcpy(entry, "PK\1\2", 4);
  memcpy(entry + 20, &size, 4);
  memcpy(entry + 24, &size, 4);
  entry[28] = NAME;
  memcpy(entry + ENTRY, member, NAME);
  memcpy(end, "PK\5\6", 4);
  end[8] = end[10] = 1;
  memcpy(end + 12, &length, 4);
  memcpy(end + 16, &at, 4);
  write_bytes(name, zip, (size_t)(end + END - zip));
  free(zip);
}

/* What makes the most of every byte: nodes, groups, references, values, long names. docs/safety.md
 * states 320 MB and 80 times the file's size. */
static void the_stated_bound_on_memory_holds(void **state) {
  (void)state;
  static const struct {
    const char *begin, *again, *end;
  } cases[] = {{"(", "]", "l."},
               {"(", "N", "l."},
               {"(", "K\1", "l."},
               {"", "(", "."},
               {"(]q\1", "h\1", "l."},
               {"", "]", "."},
               {"(", "}", "l."},
               {"(", "cabcdefgh\nabcdefgh\n", "l."},
               {"(", "cabcdefgh\nabcdefgh\n)R", "l."},
               {"(", "VA\n", "l."},
               {"(", "U\1A", "l."},
               {"(", "]K\1a", "l."}};
  enum { N = 2 << 20 };
  char *bytes = malloc(N + 64);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t n = strlen(cases[i].begin), step = strlen(cases[i].again);
    memcpy(bytes, cases[i].begin, n);
    for (; n + step <= N; n += step) memcpy(bytes + n, cases[i].again, step);
    memcpy(bytes + n, cases[i].end, strlen(cases[i].end));
    write_zip(bytes, n + strlen(cases[i].end));
    make_everything(name);
    open_and_close(name);
  }
  free(bytes);
#ifndef __SANITIZE_ADDRESS__
  struct rusage usage;
  const long bound_mb = 320 + 80 * (N >> 20), own_mb = 32;
  assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
  print_message("most memory used: %ld MB of %ld\n", usage.ru_maxrss / 1024, bound_mb);
  assert_true(usage.ru_maxrss / 1024 < bound_mb + own_mb);
#endif
}

static int make_name(void **state) {
  (void)state;
  snprintf(name, sizeof name, "test_fuzz_%ld.ckpt", (long)getpid());
  return 0;
}

static int remove_file(void **state) {
  (void)state;
  unlink(name);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(changed_bytes_never_crash),
      cmocka_unit_test(files_cut_short_never_crash),
      cmocka_unit_test(changed_pickles_never_crash),
      cmocka_unit_test(memory_stays_in_proportion),
      cmocka_unit_test(the_stated_bound_on_memory_holds),
  };
  return cmocka_run_group_tests(tests, make_name, remove_file);
}
