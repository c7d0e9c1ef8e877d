/* SPDX-License-Identifier: MIT */
/* NumPy files: what numpy wrote is read, what we write numpy's way is read back, the rest is
 * refused. */
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/array_file.h"

#define ARRAYS INS_TEST_DATA "/data/arrays/"

static ins_value *read_ok(const char *path) {
  ins_value *value = NULL;
  if (ins_array_read(path, &value) != INS_OK) fail_msg("%s", ins_message());
  assert_int_equal(value->kind, INS_ARRAY);
  return value;
}

static void expect_counting(const char *path, ins_dtype dtype) {
  ins_value *v = read_ok(path);
  assert_int_equal(v->array.dtype, dtype);
  assert_int_equal(v->array.n_dims, 3);
  assert_int_equal(v->array.shape[0], 2);
  assert_int_equal(v->array.shape[1], 3);
  assert_int_equal(v->array.shape[2], 4);
  for (size_t i = 0; i < 24; i++) assert_true(ins_array_get(&v->array, i) == (double)i);
  ins_value_destroy(&v);
}

static void every_version_order_and_byte_order_is_read(void **state) {
  (void)state;
  expect_counting(ARRAYS "version_1.npy", INS_F32);
  expect_counting(ARRAYS "version_2.npy", INS_F32);
  expect_counting(ARRAYS "version_3.npy", INS_F32);
  expect_counting(ARRAYS "fortran.npy", INS_F64);
  expect_counting(ARRAYS "big_endian.npy", INS_I16);
  expect_counting(ARRAYS "fortran_big_endian.npy", INS_F32);
}

static void every_number_type_is_read(void **state) {
  (void)state;
  static const struct {
    const char *name;
    ins_dtype dtype;
    double last;
  } cases[] = {{"u1", INS_U8, 200},  {"u2", INS_I32, 200}, {"u4", INS_I64, 200},
               {"u8", INS_U64, 200}, {"i1", INS_I8, 100},  {"i8", INS_I64, 100},
               {"f2", INS_F16, 100}, {"b1", INS_BOOL8, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[512];
    snprintf(path, sizeof path, ARRAYS "type_%s.npy", cases[i].name);
    ins_value *v = read_ok(path);
    assert_int_equal(v->array.dtype, cases[i].dtype);
    assert_true(ins_array_get(&v->array, 0) == 0);
    assert_true(ins_array_get(&v->array, 2) == cases[i].last);
    ins_value_destroy(&v);
  }
  ins_value *v = read_ok(ARRAYS "scalar.npy");
  assert_int_equal(v->array.n_dims, 0);
  assert_true(ins_array_get(&v->array, 0) == 2.5);
  ins_value_destroy(&v);
  v = read_ok(ARRAYS "empty.npy");
  assert_int_equal(v->array.shape[0], 3);
  assert_int_equal(ins_array_count(&v->array), 0);
  ins_value_destroy(&v);
}

static void expect_refusal(const char *path, ins_status code, const char *says) {
  ins_value *v;
  assert_int_equal(ins_array_read(path, &v), code);
  assert_null(v);
  if (!strstr(ins_message(), says)) fail_msg("'%s' lacks '%s'", ins_message(), says);
}

static void what_is_no_array_of_numbers_is_refused(void **state) {
  (void)state;
  expect_refusal(ARRAYS "objects.npy", INS_ERR_FORMAT, "'|O'");
  expect_refusal(ARRAYS "structured.npy", INS_ERR_FORMAT, "structures");
  expect_refusal(ARRAYS "texts.npy", INS_ERR_FORMAT, "no plain");
  expect_refusal(ARRAYS "complex.npy", INS_ERR_FORMAT, "'<c8'");
  expect_refusal(ARRAYS "nothing.npy", INS_ERR_IO, "nothing.npy");
  expect_refusal(ARRAYS, INS_ERR_IO, "no file");
  expect_refusal(INS_TEST_DATA "/data/make_arrays.py", INS_ERR_FORMAT, "neither");
  expect_refusal(ARRAYS "version_1.npy:stimulus", INS_ERR_FORMAT, "leave out");
}

/* ---- hand-made headers ----------------------------------------------------------------------- */

static char name[64];

static int make_name(void **state) {
  (void)state;
  snprintf(name, sizeof name, "test_npy_%ld.npy", (long)getpid());
  return 0;
}

static int remove_file(void **state) {
  (void)state;
  unlink(name);
  return 0;
}

static void write_header(const char *dictionary, size_t n_bytes) {
  size_t n = strlen(dictionary);
  FILE *file = fopen(name, "wb");
  const unsigned char prefix[10] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(n & 0xff), (unsigned char)(n >> 8)};
  fwrite(prefix, 1, sizeof prefix, file);
  fwrite(dictionary, 1, n, file);
  for (size_t i = 0; i < n_bytes; i++) fputc(0, file);
  fclose(file);
}

static void hostile_headers_are_refused_before_anything_is_allocated(void **state) {
  (void)state;
  static const char *const headers[] = {
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
      "{'descr': '<f4', 'fortran_order': False, 'shape': (3",
      "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3,), }",
      "{'descr': '<f4', 'fortran_order': False, }",
      "{'descr': '<f4, 'fortran_order': False, 'shape': (3,), }",
      "{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }",
      "{'other': 1, 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
      "__import__('os').system('true')",
      "",
      "{",
      "{'descr'",
  };
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    write_header(headers[i], 12);
    expect_refusal(name, INS_ERR_FORMAT, name);
  }
  write_header("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 12);
  expect_refusal(name, INS_ERR_FORMAT, "cut short");
  write_header("{\"shape\": (3L,), \"fortran_order\": False, \"descr\": \"<f4\"}", 12);
  ins_value *v =
      read_ok(name); /* another order of entries, double quotes, Python 2's long numbers */
  assert_int_equal(v->array.shape[0], 3);
  ins_value_destroy(&v);
}

static void changed_bytes_never_crash(void **state) {
  (void)state;
  unsigned char bytes[512];
  uint64_t x = 1;
  FILE *file = fopen(ARRAYS "fortran.npy", "rb");
  size_t n = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  for (int i = 0; i < 2000; i++) {
    ins_value *v;
    x = x * 6364136223846793005u + 1442695040888963407u;
    size_t at = (x >> 33) % 128, keep = i % 10 ? n : (x >> 40) % n;
    unsigned char was = bytes[at];
    bytes[at] = (unsigned char)(x >> 20);
    file = fopen(name, "wb");
    fwrite(bytes, 1, keep, file);
    fclose(file);
    ins_status status = ins_array_read(name, &v);
    assert_true(status == INS_OK || status == INS_ERR_FORMAT);
    ins_value_destroy(&v);
    bytes[at] = was;
  }
}

static void written_files_are_read_back_equal(void **state) {
  (void)state;
  const size_t shape[] = {2, 3};
  for (int n_dims = 0; n_dims <= 2; n_dims++)
    for (int d = INS_U8; d <= INS_BOOL8; d++) {
      ins_value *v = ins_value_array((ins_dtype)d, n_dims, shape);
      memset(v->array.data, 1, ins_array_count(&v->array) * ins_dtype_size((ins_dtype)d));
      if (d == INS_BF16) {
        assert_int_equal(ins_npy_write(name, &v->array), INS_ERR_UNSUPPORTED);
      } else {
        if (ins_npy_write(name, &v->array) != INS_OK) fail_msg("%s", ins_message());
        ins_value *back = read_ok(name);
        assert_true(ins_value_equal(v, back));
        ins_value_destroy(&back);
      }
      ins_value_destroy(&v);
    }
  ins_value *v = read_ok(ARRAYS "version_1.npy");
  assert_int_equal(ins_npy_write(name, &v->array), INS_OK);
  FILE *ours = fopen(name, "rb"), *theirs = fopen(ARRAYS "version_1.npy", "rb");
  for (int c = 0; c != EOF;)
    assert_int_equal(c = fgetc(ours), fgetc(theirs)); /* numpy's own bytes */
  fclose(ours);
  fclose(theirs);
  assert_int_equal(ins_npy_write("no/such/directory/x.npy", &v->array), INS_ERR_IO);
  ins_value_destroy(&v);
}

static void one_item_of_several_is_the_same_as_in_the_whole(void **state) {
  (void)state;
  static const char *const paths[] = {ARRAYS "version_1.npy", ARRAYS "fortran.npy",
                                      ARRAYS "big_endian.npy", ARRAYS "fortran_big_endian.npy"};
  for (size_t k = 0; k < sizeof paths / sizeof paths[0]; k++)
    for (size_t item = 0; item < 2; item++) {
      ins_value *whole = read_ok(paths[k]), *v;
      size_t n_items;
      assert_int_equal(ins_array_read_item(paths[k], 3, item, &n_items, &v), INS_OK);
      assert_int_equal(n_items, 2);
      assert_int_equal(v->array.dtype, whole->array.dtype);
      assert_int_equal(v->array.n_dims, 2);
      assert_int_equal(v->array.shape[0], 3);
      assert_int_equal(v->array.shape[1], 4);
      for (size_t i = 0; i < 12; i++)
        assert_true(ins_array_get(&v->array, i) == ins_array_get(&whole->array, item * 12 + i));
      ins_value_destroy(&v);
      assert_int_equal(ins_array_read_item(paths[k], 4, 0, &n_items, &v), INS_OK);
      assert_int_equal(n_items, 1);
      assert_int_equal(ins_array_count(&v->array), 24);
      ins_value_destroy(&v);
      assert_int_equal(ins_array_read_item(paths[k], 3, 2, &n_items, &v), INS_ERR_ARGUMENT);
      assert_null(v);
      assert_int_equal(n_items, 2);
      ins_value_destroy(&whole);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_item_of_several_is_the_same_as_in_the_whole),
      cmocka_unit_test(every_version_order_and_byte_order_is_read),
      cmocka_unit_test(every_number_type_is_read),
      cmocka_unit_test(what_is_no_array_of_numbers_is_refused),
      cmocka_unit_test(hostile_headers_are_refused_before_anything_is_allocated),
      cmocka_unit_test(changed_bytes_never_crash),
      cmocka_unit_test(written_files_are_read_back_equal),
  };
  return cmocka_run_group_tests(tests, make_name, remove_file);
}
