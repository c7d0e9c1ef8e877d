/* SPDX-License-Identifier: MIT */
/* The native model file: what goes in comes out, bit for bit, and damage is noticed. */
#include <math.h>
#include <unistd.h>

#include "support.h"

static char file_name[64];

static int make_name(void **state) {
  (void)state;
  snprintf(file_name, sizeof file_name, "test_native_%ld.h5", (long)getpid());
  return 0;
}

static int remove_file(void **state) {
  (void)state;
  unlink(file_name);
  return 0;
}

static void expect_round_trip(const ins_model_source *source) {
  ins_model_source *back;
  assert_ok(ins_native_write(file_name, source));
  assert_ok(ins_native_read(file_name, &back));
  assert_true(source_equal(source, back));
  ins_model_source_destroy(&back);
}

static void checkpoints_come_back_equal(void **state) {
  (void)state;
  static const char *const files[] = {
      GOLDEN "trained/model.ckpt", GOLDEN "variants/float16_weights/model.ckpt",
      GOLDEN "variants/example_core_readout/model.ckpt", "builtin:ground_truth?neurons=6"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    ins_model_source *s;
    char before[65], after[65];
    assert_ok(ins_model_open(files[i], NULL, &s));
    expect_round_trip(s);
    assert_ok(ins_model_source_hash(s, before));
    ins_model_source_destroy(&s);
    assert_ok(ins_model_open(file_name, NULL, &s)); /* by its first bytes, not by its name */
    assert_ok(ins_model_source_hash(s, after));
    assert_string_equal(before, after);
    ins_model_source_destroy(&s);
  }
}

static void put(ins_value *map, const char *key, ins_value *item) {
  assert_ok(ins_map_take(map, key, item));
}

/* Every kind of value, and the keys and shapes that a file format stumbles over. */
static ins_value *odd_tree(void) {
  ins_value *tree = ins_value_map(), *list = ins_value_list(), *inner = ins_value_map();
  uint64_t payload = 0x7ff8dead0000beefu;
  double strange;
  memcpy(&strange, &payload, sizeof strange);
  put(tree, "null", ins_value_null());
  put(tree, "", ins_value_text(""));
  put(tree, ".", ins_value_bool(false));
  put(tree, "..", ins_value_bool(true));
  put(tree, "a/b", ins_value_int(INT64_MIN));
  put(tree, "100%2F", ins_value_real(-0.0));
  put(tree, "nan", ins_value_real(strange));
  put(tree, "inf", ins_value_real(-INFINITY));
  put(tree, "\xc2\xb5m", ins_value_text("0.5 \xc2\xb5m\nnew line"));
  put(tree, "empty list", ins_value_list());
  put(tree, "empty map", ins_value_map());
  for (int d = INS_U8; d <= INS_BOOL8; d++) {
    ins_value *array = ins_value_array((ins_dtype)d, 2, (size_t[]){2, 3});
    memset(array->array.data, d == INS_BOOL8 ? 1 : 0x3c, 6 * ins_dtype_size((ins_dtype)d));
    put(tree, ins_dtype_name((ins_dtype)d), array);
    put(inner, ins_dtype_name((ins_dtype)d), ins_value_array((ins_dtype)d, 0, NULL));
  }
  put(tree, "no axes", inner);
  put(tree, "no elements", ins_value_array(INS_F32, 3, (size_t[]){2, 0, 3}));
  put(tree, "eight axes", ins_value_array(INS_I8, 8, (size_t[]){1, 2, 1, 2, 1, 2, 1, 2}));
  static const char *const texts[] = {"a", "", "longer than the others"};
  for (int i = 0; i < 3; i++) assert_ok(ins_list_take(list, ins_value_text(texts[i])));
  put(tree, "texts", list);
  list = ins_value_list();
  assert_ok(ins_list_take(list, ins_value_bool(true)));
  assert_ok(ins_list_take(list, ins_value_bool(false)));
  put(tree, "truths", list);
  list = ins_value_list();
  assert_ok(ins_list_take(list, ins_value_int(1)));
  assert_ok(ins_list_take(list, ins_value_real(1)));
  assert_ok(ins_list_take(list, ins_value_list()));
  put(tree, "mixed", list);
  list = ins_value_list();
  char *wide = calloc(1, 2000001);
  memset(wide, 'w', 2000000);
  assert_ok(ins_list_take(list, ins_value_text(wide)));
  for (int i = 0; i < 20; i++) assert_ok(ins_list_take(list, ins_value_int(i)));
  assert_ok(ins_list_take(list, ins_value_text("narrow")));
  free(wide);
  put(tree, "one wide text", list);
  return tree;
}

static void odd_trees_come_back_equal(void **state) {
  (void)state;
  ins_model_source *s;
  assert_ok(ins_model_open(GOLDEN "variants/one_layer/model.ckpt", NULL, &s));
  ins_value_destroy(&s->data_info);
  s->data_info = odd_tree();
  s->truth = odd_tree();
  expect_round_trip(s);
  ins_value_destroy(&s->data_info);
  expect_round_trip(s);
  ins_model_source_destroy(&s);
}

static void the_same_model_gives_the_same_bytes(void **state) {
  (void)state;
  ins_model_source *s;
  size_t n, m;
  assert_ok(ins_model_open(GOLDEN "variants/one_layer/model.ckpt", NULL, &s));
  assert_ok(ins_native_write(file_name, s));
  void *first = file_bytes(file_name, &n);
  assert_ok(ins_native_write(file_name, s));
  void *second = file_bytes(file_name, &m);
  assert_int_equal(n, m);
  assert_memory_equal(first, second, n);
  free(first);
  free(second);
  ins_model_source_destroy(&s);
}

static void damage_anywhere_is_noticed(void **state) {
  (void)state;
  ins_model_source *s, *back;
  size_t n, refused = 0;
  assert_ok(ins_model_open(GOLDEN "variants/one_layer/model.ckpt", NULL, &s));
  assert_ok(ins_native_write(file_name, s));
  unsigned char *bytes = file_bytes(file_name, &n);
  if (!bytes || n <= 512) abort();
  for (size_t i = 0; i < 400; i++) {
    size_t at = 512 + (i * 2654435761u) % (n - 512);
    bytes[at] ^= 0x10;
    write_bytes(file_name, bytes, n);
    refused += ins_model_open(file_name, NULL, &back) == INS_ERR_FORMAT;
    bytes[at] ^= 0x10;
  }
  assert_int_equal(refused, 400);
  assert_message("hash");
  for (size_t keep = 0; keep < n; keep += 1 + n / 50) {
    write_bytes(file_name, bytes, keep);
    assert_int_equal(ins_model_open(file_name, NULL, &back), INS_ERR_FORMAT);
  }
  write_bytes(file_name, bytes, n);
  assert_ok(ins_model_open(file_name, NULL, &back));
  ins_model_source_destroy(&back);
  ins_model_source_destroy(&s);
  free(bytes);
}

static void a_failed_write_leaves_the_old_file(void **state) {
  (void)state;
  ins_model_source *s;
  assert_ok(ins_model_open(GOLDEN "variants/one_layer/model.ckpt", NULL, &s));
  assert_int_equal(ins_native_write("no/such/directory/m.h5", s), INS_ERR_IO);
  assert_message("no/such/directory");
  ins_model_source_destroy(&s);
}

static void sources_travel_packed(void **state) {
  (void)state;
  ins_model_source *s, *back;
  ins_text bytes = {0};
  assert_ok(ins_model_open(GOLDEN "trained/model.ckpt", NULL, &s));
  assert_ok(ins_model_source_pack(s, &bytes));
  assert_ok(ins_model_source_unpack(bytes.data, bytes.length, &back));
  assert_true(source_equal(s, back));
  assert_null(back->truth);
  ins_model_source_destroy(&back);
  assert_int_equal(ins_model_source_unpack(bytes.data, bytes.length - 1, &back), INS_ERR_FORMAT);
  ins_text_free(&bytes);
  ins_model_source_destroy(&s);
}

static void the_hash_names_weights_and_architecture_alone(void **state) {
  (void)state;
  ins_model_source *s;
  char first[65], second[65];
  assert_ok(ins_model_open(GOLDEN "trained/model.ckpt", NULL, &s));
  assert_ok(ins_model_source_hash(s, first));
  ins_value_destroy(&s->data_info);
  s->architecture->line = 7; /* places do not matter */
  assert_ok(ins_model_source_hash(s, second));
  assert_string_equal(first, second);
  float *weights = ins_map_get(s->parameters, "readout.1_ventral1_20200226.bias")->array.data;
  weights[0] = nextafterf(weights[0], 10.0f);
  assert_ok(ins_model_source_hash(s, second));
  assert_string_not_equal(first, second);
  ins_model_source_destroy(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checkpoints_come_back_equal),
      cmocka_unit_test(odd_trees_come_back_equal),
      cmocka_unit_test(the_same_model_gives_the_same_bytes),
      cmocka_unit_test(damage_anywhere_is_noticed),
      cmocka_unit_test(a_failed_write_leaves_the_old_file),
      cmocka_unit_test(sources_travel_packed),
      cmocka_unit_test(the_hash_names_weights_and_architecture_alone),
  };
  return cmocka_run_group_tests(tests, make_name, remove_file);
}
