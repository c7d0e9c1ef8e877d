/* SPDX-License-Identifier: MIT */
/* Whole numbers as jobs name them, and entries of registries. */
#include <stdlib.h>
#include <string.h>

#include "insilico/keys.h"
#include "insilico/memory.h"

#include "cmocka_all.h"
#include "insilico/yaml.h"

static ins_status parse(const char *yaml, size_t total, int64_t **out, size_t *n) {
  ins_key_places keys = {0};
  ins_value *value;
  assert_int_equal(ins_yaml_parse(yaml, strlen(yaml), "job.yaml", &keys, &value), INS_OK);
  ins_status status = ins_range_parse(value, total, "neurons", out, n);
  ins_value_destroy(&value);
  ins_free(&keys.at);
  return status;
}

static void expect(const char *yaml, size_t total, const int64_t *expected, size_t n_expected) {
  int64_t *out;
  size_t n;
  assert_int_equal(parse(yaml, total, &out, &n), INS_OK);
  assert_int_equal(n, n_expected);
  assert_memory_equal(out, expected, n * sizeof *out);
  ins_free(&out);
}
#define EXPECT(yaml, total, ...)                                                                   \
  expect(yaml, total, (const int64_t[]){__VA_ARGS__},                                              \
         sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void numbers_come_in_the_order_written(void **state) {
  (void)state;
  EXPECT("5", 6, 5);
  EXPECT("'5'", 6, 5);
  EXPECT("[9, 1, 4]", 10, 9, 1, 4);
  EXPECT("0:4", 4, 0, 1, 2, 3);
  EXPECT("2:9:3", 9, 2, 5, 8);
  EXPECT("2:8:3", 6, 2, 5);
  EXPECT("['0:2', 7, '4:6']", 8, 0, 1, 7, 4, 5);
  EXPECT("all", 3, 0, 1, 2);
  EXPECT("1000000000000", SIZE_MAX, 1000000000000);
}

static void what_is_wrong_is_named_with_its_place(void **state) {
  (void)state;
  static const struct {
    const char *yaml;
    size_t total;
    const char *message;
  } wrong[] = {
      {"50", 50, "job.yaml:1:1: neurons: 50 is out of range: there are 50, 0 to 49"},
      {"[1, 50]", 50, "job.yaml:1:5: neurons: 50 is out of range"},
      {"0:51", 50, "neurons: \"0:51\" is out of range: there are 50, 0 to 49"},
      {"-1", 50, "neurons: -1 is negative"},
      {"'-3:2'", 50, "is negative"},
      {"5:5", 50, "names no number: its end is excluded"},
      {"5:2", 50, "names no number"},
      {"[]", 50, "[] names no number"},
      {"0:9:0", 50, "has a step below 1"},
      {"0:9:-1", 50, "has a step below 1"},
      {"[3, 1, 3]", 50, "neurons: [3,1,3] names 3 more than once"},
      {"['0:4', 2]", 50, "names 2 more than once"},
      {"all", SIZE_MAX, "has no meaning here"},
      {"all", 0, "there are none"},
      {"2.5", 50, "neurons: 2.5 is no list of whole numbers; expected 5, [1, 4, 9]"},
      {"0:", 50, "is no list of whole numbers"},
      {"':5'", 50, "is no list of whole numbers"},
      {"0:5:1:1", 50, "is no list of whole numbers"},
      {"0:5x", 50, "is no list of whole numbers"},
      {"0:9999999999999999999999", 50, "is no list of whole numbers"},
      {"some", 50, "is no list of whole numbers"},
      {"true", 50, "is no list of whole numbers"},
      {"{group: 5}", 50, "is no list of whole numbers"},
      {"[[1]]", 50, "job.yaml:1:2: neurons: [1] is no list of whole numbers"},
      {"0:1000000000000", SIZE_MAX, "names more than 100 million numbers"},
      {"9223372036854775807", SIZE_MAX, "is no list of whole numbers"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int64_t *out = (int64_t *)&out;
    size_t n = 7;
    assert_int_equal(parse(wrong[i].yaml, wrong[i].total, &out, &n), INS_ERR_ARGUMENT);
    if (!strstr(ins_message(), wrong[i].message))
      fail_msg("%s: '%s' does not say '%s'", wrong[i].yaml, ins_message(), wrong[i].message);
    assert_null(out);
    assert_int_equal(n, 0);
  }
}

static void a_variant_is_found_by_its_whole_name(void **state) {
  (void)state;
  const ins_variant variants[] = {{.name = "mean"}, {.name = "slice_mean"}, {0}};
  assert_ptr_equal(ins_variant_find(variants, "slice_mean"), &variants[1]);
  assert_null(ins_variant_find(variants, "slice"));
  assert_null(ins_variant_find(variants, ""));
  assert_null(ins_variant_find(NULL, "mean"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_come_in_the_order_written),
      cmocka_unit_test(what_is_wrong_is_named_with_its_place),
      cmocka_unit_test(a_variant_is_found_by_its_whole_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
