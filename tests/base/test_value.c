/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "insilico/value.h"

/* {"a": {"b.c": 1, "list": [1.5, "x"]}, "array": float32 [2,2], "none": null, "yes": true} */
static ins_value *sample(void) {
  const size_t shape[] = {2, 2};
  ins_value *map = ins_value_map(), *inner = ins_value_map(), *list = ins_value_list();
  ins_value *array = ins_value_array(INS_F32, 2, shape);
  for (int i = 0; i < 4; i++) ((float *)array->array.data)[i] = (float)i / 2;
  assert_int_equal(ins_list_take(list, ins_value_real(1.5)), INS_OK);
  assert_int_equal(ins_list_take(list, ins_value_text("x")), INS_OK);
  assert_int_equal(ins_map_take(inner, "b.c", ins_value_int(1)), INS_OK);
  assert_int_equal(ins_map_take(inner, "list", list), INS_OK);
  assert_int_equal(ins_map_take(map, "a", inner), INS_OK);
  assert_int_equal(ins_map_take(map, "array", array), INS_OK);
  assert_int_equal(ins_map_take(map, "none", ins_value_null()), INS_OK);
  assert_int_equal(ins_map_take(map, "yes", ins_value_bool(true)), INS_OK);
  map->children.items[0]->origin = strdup("job.yaml");
  map->children.items[0]->line = 3;
  map->children.items[0]->column = 7;
  return map;
}

static void paths_reach_into_maps_and_lists(void **state) {
  (void)state;
  ins_value *map = sample();
  assert_int_equal(ins_value_int_or(ins_value_at(map, "a.b.c"), -1), 1);
  assert_string_equal(ins_value_text_or(ins_value_at(map, "a.list.1"), ""), "x");
  assert_null(ins_value_at(map, "a.list.2"));
  assert_null(ins_value_at(map, "a.nothing.at.all"));
  ins_value_destroy(&map);
}

static void setting_a_path_makes_maps_and_replaces_items(void **state) {
  (void)state;
  ins_value *map = sample();
  assert_int_equal(ins_value_set(map, "new.deep.key", ins_value_int(5)), INS_OK);
  assert_int_equal(ins_value_set(map, "a.list.0", ins_value_int(6)), INS_OK);
  assert_int_equal(ins_value_set(map, "a.list.9", ins_value_int(7)), INS_ERR_ARGUMENT);
  assert_int_equal(ins_value_set(map, "yes.key", ins_value_int(7)), INS_ERR_ARGUMENT);
  assert_int_equal(ins_value_int_or(ins_value_at(map, "new.deep.key"), 0), 5);
  assert_int_equal(ins_value_int_or(ins_value_at(map, "a.list.0"), 0), 6);
  ins_value_destroy(&map);
}

static void json_is_exact_and_repeatable(void **state) {
  (void)state;
  ins_value *map = sample();
  ins_text text = {0};
  ins_value_json(map, 16, &text);
  assert_string_equal(text.data, "{\"a\":{\"b.c\":1,\"list\":[1.5,\"x\"]},"
                                 "\"array\":[[0.0,0.5],[1.0,1.5]],\"none\":null,\"yes\":true}");
  ins_text_free(&text);
  ins_value *numbers = ins_value_list();
  assert_int_equal(ins_list_take(numbers, ins_value_real(0.1)), INS_OK);
  assert_int_equal(ins_list_take(numbers, ins_value_real(1e300)), INS_OK);
  assert_int_equal(ins_list_take(numbers, ins_value_real((double)NAN)), INS_OK);
  ins_value_json(numbers, 16, &text);
  assert_string_equal(text.data, "[0.1,1e+300,\"NaN\"]");
  ins_text_free(&text);
  ins_value_destroy(&numbers);
  ins_value_destroy(&map);
}

static void copies_and_packed_copies_are_equal(void **state) {
  (void)state;
  ins_value *map = sample(), *copy = ins_value_copy(map), *unpacked = NULL;
  ins_text bytes = {0};
  assert_true(ins_value_equal(map, copy));
  assert_int_equal(ins_value_pack(map, &bytes), INS_OK);
  assert_int_equal(ins_value_unpack(bytes.data, bytes.length, &unpacked), INS_OK);
  assert_true(ins_value_equal(map, unpacked));
  assert_string_equal(unpacked->children.items[0]->origin, "job.yaml");
  assert_int_equal(unpacked->children.items[0]->column, 7);
  ((float *)copy->children.items[1]->array.data)[3] = 9;
  assert_false(ins_value_equal(map, copy));
  ins_text_free(&bytes);
  ins_value_destroy(&map);
  ins_value_destroy(&copy);
  ins_value_destroy(&unpacked);
}

static void arrays_can_stay_where_they_were_packed(void **state) {
  (void)state;
  ins_value *map = sample(), *borrowing = NULL;
  ins_text text = {0};
  void *bytes = NULL;
  assert_int_equal(ins_value_pack(map, &text), INS_OK);
  assert_int_equal(ins_alloc(text.length, 1, &bytes), INS_OK);
  memcpy(bytes, text.data, text.length);
  assert_int_equal(ins_value_unpack_borrowing(bytes, text.length, &borrowing), INS_OK);
  assert_true(ins_value_equal(map, borrowing));
  const char *data = borrowing->children.items[1]->array.data;
  assert_true(data > (char *)bytes && data < (char *)bytes + text.length);
  assert_int_equal((uintptr_t)data % 64, 0);
  ins_text_free(&text);
  ins_value_destroy(&map);
  ins_value_destroy(&borrowing); /* leaves the bytes alone */
  ins_free(&bytes);
}

static void damaged_packed_bytes_are_refused_at_every_length(void **state) {
  (void)state;
  ins_value *map = sample(), *out = NULL;
  ins_text bytes = {0};
  assert_int_equal(ins_value_pack(map, &bytes), INS_OK);
  for (size_t n = 0; n < bytes.length; n++) {
    assert_int_equal(ins_value_unpack(bytes.data, n, &out), INS_ERR_FORMAT);
    assert_null(out);
  }
  for (size_t i = 0; i < bytes.length; i++) {
    char kept = bytes.data[i];
    bytes.data[i] = (char)(kept ^ 0xff);
    ins_status status = ins_value_unpack(bytes.data, bytes.length, &out);
    assert_true(status == INS_OK || status == INS_ERR_FORMAT || status == INS_ERR_MEMORY);
    ins_value_destroy(&out);
    bytes.data[i] = kept;
  }
  ins_text_free(&bytes);
  ins_value_destroy(&map);
}

static void half_precision_numbers_are_read_exactly(void **state) {
  (void)state;
  const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x3555};
  const uint16_t brain[] = {0x3f80, 0xc000, 0x7f80};
  ins_array h = {INS_F16, 1, {6}, (void *)half, true}, b = {INS_BF16, 1, {3}, (void *)brain, true};
  assert_true(ins_array_get(&h, 0) == 1 && ins_array_get(&h, 1) == -2);
  assert_true(ins_array_get(&h, 2) == 0x1p-24 && ins_array_get(&h, 3) == 65504);
  assert_true(isinf(ins_array_get(&h, 4)) && ins_array_get(&h, 5) == 0.333251953125);
  assert_true(ins_array_get(&b, 0) == 1 && ins_array_get(&b, 1) == -2);
  assert_true(isinf(ins_array_get(&b, 2)));
}

static void removing_a_key_keeps_the_others_in_order(void **state) {
  (void)state;
  ins_value *map = sample();
  assert_true(ins_map_remove(map, "array"));
  assert_false(ins_map_remove(map, "array"));
  assert_int_equal(ins_value_count(map), 3);
  assert_string_equal(map->children.keys[1], "none");
  ins_value_destroy(&map);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(paths_reach_into_maps_and_lists),
      cmocka_unit_test(setting_a_path_makes_maps_and_replaces_items),
      cmocka_unit_test(json_is_exact_and_repeatable),
      cmocka_unit_test(copies_and_packed_copies_are_equal),
      cmocka_unit_test(arrays_can_stay_where_they_were_packed),
      cmocka_unit_test(damaged_packed_bytes_are_refused_at_every_length),
      cmocka_unit_test(half_precision_numbers_are_read_exactly),
      cmocka_unit_test(removing_a_key_keeps_the_others_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
