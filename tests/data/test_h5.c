/* SPDX-License-Identifier: MIT */
/* Datasets of HDF5 files. */
#include "cmocka_all.h"
#include "insilico/array_file.h"

#define ARRAYS INS_TEST_DATA "/data/arrays/"

static ins_value *read_ok(const char *path) {
  ins_value *value = NULL;
  if (ins_array_read(path, &value) != INS_OK) fail_msg("%s", ins_message());
  return value;
}

static void expect_counting(const char *path, ins_dtype dtype) {
  ins_value *v = read_ok(path);
  assert_int_equal(v->array.dtype, dtype);
  assert_int_equal(v->array.n_dims, 3);
  assert_int_equal(v->array.shape[2], 4);
  for (size_t i = 0; i < 24; i++) assert_true(ins_array_get(&v->array, i) == (double)i);
  ins_value_destroy(&v);
}

static void datasets_are_read_by_name(void **state) {
  (void)state;
  expect_counting(ARRAYS "several.h5:stimulus", INS_F32);
  expect_counting(ARRAYS "several.h5:/stimulus", INS_F32);
  expect_counting(ARRAYS "several.h5:group/big_endian", INS_F64);
  expect_counting(ARRAYS "several.h5:group/half", INS_F16);
  expect_counting(ARRAYS "several.h5:integers", INS_I32);
  expect_counting(ARRAYS "several.h5:a:b", INS_I8);
  ins_value *v = read_ok(ARRAYS "several.h5:truth");
  assert_int_equal(v->array.dtype, INS_BOOL8);
  assert_true(ins_array_get(&v->array, 0) == 1 && ins_array_get(&v->array, 1) == 0);
  ins_value_destroy(&v);
  v = read_ok(ARRAYS "several.h5:scalar");
  assert_int_equal(v->array.n_dims, 0);
  assert_true(ins_array_get(&v->array, 0) == 4.5);
  ins_value_destroy(&v);
  v = read_ok(ARRAYS "several.h5:deflated");
  assert_true(ins_array_get(&v->array, 9999) == 3);
  ins_value_destroy(&v);
}

static void the_only_dataset_needs_no_name(void **state) {
  (void)state;
  expect_counting(ARRAYS "one.h5", INS_I32);
}

static void expect_refusal(const char *path, ins_status code, const char *says) {
  ins_value *v;
  assert_int_equal(ins_array_read(path, &v), code);
  assert_null(v);
  if (!strstr(ins_message(), says)) fail_msg("'%s' lacks '%s'", ins_message(), says);
}

static void a_missing_dataset_lists_what_there_is(void **state) {
  (void)state;
  expect_refusal(ARRAYS "several.h5:stimuli", INS_ERR_MISSING, "group/big_endian");
  expect_refusal(ARRAYS "several.h5", INS_ERR_MISSING, "name one as FILE:DATASET");
  expect_refusal(ARRAYS "several.h5:group", INS_ERR_MISSING, "no dataset 'group'");
  expect_refusal(ARRAYS "none.h5", INS_ERR_MISSING, "no dataset");
  expect_refusal(ARRAYS "none.h5:x", INS_ERR_MISSING, "no dataset");
}

static void what_is_no_array_of_numbers_is_refused(void **state) {
  (void)state;
  expect_refusal(ARRAYS "several.h5:texts", INS_ERR_FORMAT, "no plain real numbers");
  expect_refusal(ARRAYS "several.h5:complex", INS_ERR_FORMAT, "no plain real numbers");
  /* 4 TiB that were never written. */
  expect_refusal(ARRAYS "several.h5:promised", INS_ERR_FORMAT, "claims");
  expect_refusal(INS_TEST_DATA "/data/make_arrays.py:x", INS_ERR_FORMAT, "no HDF5 file");
  expect_refusal(ARRAYS "nothing.h5:x", INS_ERR_IO, "nothing.h5");
}

static void the_file_of_a_dataset_is_found(void **state) {
  (void)state;
  char *file;
  assert_int_equal(ins_array_file(ARRAYS "several.h5:a:b", &file), INS_OK);
  assert_string_equal(file, ARRAYS "several.h5");
  free(file);
  assert_int_equal(ins_array_file(ARRAYS "one.h5", &file), INS_OK);
  assert_string_equal(file, ARRAYS "one.h5");
  free(file);
  assert_int_equal(ins_array_file(ARRAYS "nothing.h5:a", &file), INS_ERR_IO);
  assert_null(file);
}

static void one_item_of_several_is_the_same_as_in_the_whole(void **state) {
  (void)state;
  static const char *const paths[] = {ARRAYS "several.h5:stimulus",
                                      ARRAYS "several.h5:group/big_endian",
                                      ARRAYS "several.h5:group/half", ARRAYS "one.h5"};
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
      cmocka_unit_test(the_file_of_a_dataset_is_found),
      cmocka_unit_test(one_item_of_several_is_the_same_as_in_the_whole),
      cmocka_unit_test(datasets_are_read_by_name),
      cmocka_unit_test(the_only_dataset_needs_no_name),
      cmocka_unit_test(a_missing_dataset_lists_what_there_is),
      cmocka_unit_test(what_is_no_array_of_numbers_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
