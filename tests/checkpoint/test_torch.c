/* SPDX-License-Identifier: MIT */
/* Torch files: ZIP members, storages, tensors, and the plain values of everything else. */
#include <math.h>
#include <sys/stat.h>

#include "checkpoint/archive_members.h"
#include "support.h"

static void expect_entry(const char *json, const char *entry) {
  if (!strstr(json, entry)) fail_msg("%s is not in %s", entry, json);
}

static void tensors_of_every_type_and_stride_are_contiguous_arrays(void **state) {
  (void)state;
  ins_torch_file *file;
  ins_value *v = NULL;
  assert_ok(ins_torch_open(DATA "tensors.pt", &file));
  assert_ok(ins_torch_value(file, ins_torch_root(file), &v));
  static const struct {
    const char *name;
    ins_dtype dtype;
  } types[] = {{"f32", INS_F32}, {"f64", INS_F64},    {"f16", INS_F16}, {"bf16", INS_BF16},
               {"i8", INS_I8},   {"i16", INS_I16},    {"i32", INS_I32}, {"i64", INS_I64},
               {"u8", INS_U8},   {"bool", INS_BOOL8}, {"u16", INS_I32}, {"u32", INS_I64},
               {"u64", INS_U64}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    const ins_value *t = ins_map_get(v, types[i].name);
    assert_int_equal(t->kind, INS_ARRAY);
    assert_int_equal(t->array.dtype, types[i].dtype);
    assert_int_equal(t->array.shape[0], 3);
    for (size_t k = 0; k < 3; k++)
      assert_true(ins_array_get(&t->array, k) == (types[i].dtype == INS_BOOL8 ? k > 0 : (double)k));
  }
  const ins_array *turned = &ins_map_get(v, "transposed")->array;
  assert_int_equal(turned->shape[0], 6);
  for (size_t i = 0; i < 6; i++)
    for (size_t k = 0; k < 4; k++)
      assert_true(ins_array_get(turned, 4 * i + k) == (double)(6 * k + i));
  assert_true(ins_array_get(&ins_map_get(v, "every_second")->array, 11) == 23);
  assert_true(ins_array_get(&ins_map_get(v, "offset")->array, 3) == 14);
  assert_true(ins_array_get(&ins_map_get(v, "expanded")->array, 5) == 5);
  assert_int_equal(ins_map_get(v, "scalar")->array.n_dims, 0);
  assert_true(ins_array_get(&ins_map_get(v, "scalar")->array, 0) == 7.5);
  assert_int_equal(ins_array_count(&ins_map_get(v, "empty")->array), 0);
  assert_int_equal(ins_map_get(v, "parameter")->kind, INS_ARRAY);
  /* Complex numbers have no type here: the tensor stays a description of itself. */
  assert_int_equal(ins_map_get(v, "complex")->kind, INS_MAP);
  ins_value_destroy(&v);
  ins_torch_close(&file);
}

/* The same objects by way of torch's older container. */
static void files_from_before_torch_1_6_hold_the_same(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{DATA "tensors.pt", DATA "old_tensors.pt"},
                                         {DATA "values_2.pt", DATA "old_values.pt"}};
  for (int i = 0; i < 2; i++) {
    ins_torch_file *zip, *old;
    ins_value *expected = NULL, *v = NULL;
    assert_ok(ins_torch_open(pairs[i][0], &zip));
    assert_ok(ins_torch_value(zip, ins_torch_root(zip), &expected));
    assert_ok(ins_torch_open(pairs[i][1], &old));
    assert_ok(ins_torch_value(old, ins_torch_root(old), &v));
    assert_true(v->children.n >= expected->children.n - 3 && v->children.n > 0);
    for (size_t k = 0; k < v->children.n; k++) {
      /* NaN is equal to nothing, and an unknown tensor tells the key of its storage. */
      if (strcmp(v->children.keys[k], "nan") == 0 || strcmp(v->children.keys[k], "complex") == 0)
        continue;
      if (!ins_value_equal(v->children.items[k], ins_map_get(expected, v->children.keys[k])))
        fail_msg("%s differs", v->children.keys[k]);
    }
    ins_value_destroy(&expected);
    ins_value_destroy(&v);
    ins_torch_close(&zip);
    ins_torch_close(&old);
  }
}

/* Elements 1 to 3 of the storage are the view, and of these the second and third are the tensor. */
static void views_of_storages_in_old_files_are_resolved(void **state) {
  (void)state;
  ins_status status;
  char *json = torch_json(DATA "old_view.pt", &status);
  assert_ok(status);
  assert_string_equal(json, "{\"v\":[2.0,3.0]}");
  free(json);
}

static void a_list_in_an_old_file_may_hold_itself(void **state) {
  (void)state;
  ins_status status;
  char *json = torch_json(DATA "old_loop.pt", &status);
  assert_ok(status);
  assert_string_equal(json, "[\"<cycle>\"]");
  free(json);
}

static void tar_files_are_refused_with_what_to_do(void **state) {
  (void)state;
  ins_torch_file *file;
  assert_int_equal(ins_torch_open(DATA "old_tar.pt", &file), INS_ERR_UNSUPPORTED);
  assert_message("torch.save it again");
  assert_null(file);
}

/* A tensor that is the whole of its storage takes the bytes; another one of the same storage still
 * finds them. */
/* Against the definition, a bit at a time, at lengths around every step of the fast ways. */
static void checksums_of_every_length_follow_the_definition(void **state) {
  (void)state;
  static unsigned char bytes[400];
  static ins_crc crc;
  ins_crc_begin(&crc);
  assert_int_equal(ins_crc_of(&crc, "123456789", 9), 0xcbf43926); /* the known answer */
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * i * 7 + i / 3);
  uint32_t x = 0xffffffffu;
  for (size_t n = 0; n < sizeof bytes; n++) {
    assert_int_equal(ins_crc_of(&crc, bytes, n), ~x);
    x ^= bytes[n];
    for (int bit = 0; bit < 8; bit++) x = x & 1 ? x >> 1 ^ 0xedb88320u : x >> 1;
  }
}

static void tensors_that_share_a_storage_are_independent_copies(void **state) {
  (void)state;
  ins_torch_file *file;
  ins_value *first = NULL, *second = NULL;
  assert_ok(ins_torch_open(DATA "no_checksums.pt", &file));
  assert_ok(ins_torch_value(file, ins_torch_root(file), &first));
  assert_ok(ins_torch_value(file, ins_torch_root(file), &second));
  assert_true(ins_value_equal(first, second));
  assert_ptr_not_equal(ins_map_get(first, "x")->array.data, ins_map_get(second, "x")->array.data);
  ins_value_destroy(&first);
  assert_true(ins_array_get(&ins_map_get(second, "x")->array, 2) == 2);
  ins_value_destroy(&second);
  ins_torch_close(&file);
}

static void python_and_numpy_objects_become_plain_values(void **state) {
  (void)state;
  static const char *const files[] = {DATA "values_2.pt", DATA "values_5.pt"};
  for (int i = 0; i < 2; i++) {
    ins_status status;
    char *json = torch_json(files[i], &status);
    assert_ok(status);
    static const char *const entries[] = {
        "\"none\":null",
        "\"true\":true",
        "\"int\":-5",
        "\"big\":\"0x400000000000000000\"",
        "\"nan\":\"NaN\"",
        "\"text\":\"\xc2\xb5m\"",
        "\"bytes\":[0,255]",
        "\"tuple\":[1,\"a\"]",
        "\"set\":[3]",
        "\"shared\":[[1,2],[1,2]]",
        "\"cycle\":[\"<cycle>\"]",
        "\"4\":\"four\"",
        "\"[1,2]\":\"pair\"",
        "\"ordered\":{\"b\":1,\"a\":2}",
        "\"default\":{\"k\":[1]}",
        "\"size\":[2,3]",
        "\"dtype\":\"torch.float16\"",
        "\"device\":\"cpu\"",
        "\"path\":\"/data/run 1\"",
        "\"colour\":{\"__class__\":\"__main__.Colour\",\"__args__\":[1]}",
        "\"thing\":{\"__class__\":\"__main__.Thing\",\"rate_hz\":30.0}",
        "\"np_f32\":[[0.0,1.0,2.0],[3.0,4.0,5.0]]",
        "\"np_fortran\":[[0,1,2],[3,4,5]]",
        "\"np_big_endian\":[0,1,2]",
        "\"np_bool\":[true,false]",
        "\"np_u16\":[65535]",
        "\"np_text\":[[\"a\",\"bcd\"],[\"\xc2\xb5\",\"\"]]",
        "\"np_bytes\":[\"ab\",\"c\"]",
        "\"np_object\":[{\"x\":1},null]",
        "\"np_scalar\":0.5",
        "\"np_int\":-3",
        "\"np_true\":true",
        "\"np_text_scalar\":\"left\"",
        "\"np_dtype\":\"<f4\"",
    };
    for (size_t k = 0; k < sizeof entries / sizeof entries[0]; k++) expect_entry(json, entries[k]);
    free(json);
  }
}

static void a_hostile_call_is_kept_as_a_description(void **state) {
  (void)state;
  struct stat about;
  ins_status status;
  char *json = torch_json(DATA "system.pt", &status);
  assert_ok(status);
  expect_entry(json, "posix.system");
  free(json);
  assert_int_not_equal(stat("/tmp/insilico_test_was_run", &about), 0);
}

static void files_without_checksums_and_deflated_ones_are_read(void **state) {
  (void)state;
  ins_status status;
  char *json = torch_json(DATA "no_checksums.pt", &status);
  assert_ok(status);
  assert_string_equal(json, "{\"x\":[0.0,1.0,2.0]}");
  free(json);
  json = torch_json(DATA "deflated.pt", &status);
  assert_ok(status);
  free(json);
}

static void files_that_lie_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *file, *says;
  } cases[] = {
      {"bad_crc.pt", "CRC"},
      {"beyond.pt", "beyond the data"},
      {"beyond_storage.pt", "member a/data/0 holds 4 bytes where 36 are needed"},
      {"bomb.pt", "unfolds"},
      {"deep.pt", "nested"},
      {"encrypted.pt", "encrypted"},
      {"laughs.pt", "refer to one another"},
      {"lies_larger.pt", "member a/data.pkl"},
      {"lies_smaller.pt", "more data"},
      {"overflow.pt", "impossible shape"},
      {"overlapping.pt", "overlap (byte 5)"},
      {"wide_view.pt", "unfolds"},
      {"foreign.zip", "no member data.pkl"},
      {"twice.pt", "have the name"},
      {"old_cut.pt", "beyond the end (byte"},
      {"old_count.pt", "beyond the end (byte"},
      {"old_deep.pt", "nested"},
      {"old_stranger.pt", "belongs to nothing"},
      {"old_view_beyond.pt", "beyond its part"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[512];
    ins_status status;
    snprintf(path, sizeof path, DATA "%s", cases[i].file);
    char *json = torch_json(path, &status);
    if (status != INS_ERR_FORMAT) fail_msg("%s gave %s", cases[i].file, ins_status_name(status));
    assert_null(json);
    assert_message(cases[i].says);
  }
}

static size_t count_arrays(const ins_value *value) {
  size_t n = value->kind == INS_ARRAY;
  for (size_t i = 0; i < ins_value_count(value); i++) n += count_arrays(value->children.items[i]);
  return n;
}

/* Trained models of other projects; see the README of that directory for their sources. */
static void real_files_of_others_are_read_whole(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t n_tensors;
    double sum; /* of all elements, as torch adds them in double precision */
  } cases[] = {{"model.pt", 116, 321.1092297401135},
               {"model_bipolar_0.pt", 32, 2.151191781533271},
               {"v1_color_1.tar", 49, 100587.16714301085}};
  for (size_t i = 0; i < 3; i++) {
    char path[512];
    struct stat about;
    ins_torch_file *file;
    ins_value *v = NULL;
    snprintf(path, sizeof path, INS_TEST_DATA "/../../shared/data/torch/%s", cases[i].name);
    if (stat(path, &about) != 0) {
      print_message("%s is not here: skipped\n", path);
      skip();
    }
    assert_ok(ins_torch_open(path, &file));
    assert_ok(ins_torch_value(file, ins_torch_root(file), &v));
    assert_int_equal(v->kind, INS_MAP);
    assert_int_equal(count_arrays(v), v->children.n);
    assert_int_equal(v->children.n, cases[i].n_tensors);
    double sum = 0;
    for (size_t k = 0; k < v->children.n; k++)
      for (size_t e = 0; e < ins_array_count(&v->children.items[k]->array); e++)
        sum += ins_array_get(&v->children.items[k]->array, e);
    assert_true(fabs(sum - cases[i].sum) < 1e-9 * fabs(cases[i].sum)); /* only the order differs */
    ins_value_destroy(&v);
    ins_torch_close(&file);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tensors_of_every_type_and_stride_are_contiguous_arrays),
      cmocka_unit_test(files_from_before_torch_1_6_hold_the_same),
      cmocka_unit_test(views_of_storages_in_old_files_are_resolved),
      cmocka_unit_test(a_list_in_an_old_file_may_hold_itself),
      cmocka_unit_test(tar_files_are_refused_with_what_to_do),
      cmocka_unit_test(checksums_of_every_length_follow_the_definition),
      cmocka_unit_test(tensors_that_share_a_storage_are_independent_copies),
      cmocka_unit_test(python_and_numpy_objects_become_plain_values),
      cmocka_unit_test(a_hostile_call_is_kept_as_a_description),
      cmocka_unit_test(files_without_checksums_and_deflated_ones_are_read),
      cmocka_unit_test(files_that_lie_are_refused),
      cmocka_unit_test(real_files_of_others_are_read_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
