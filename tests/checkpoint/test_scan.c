/* SPDX-License-Identifier: MIT */
/* What a file holds and what loading it in Python would run, told without running it. */
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/scan_names.h"
#include "insilico/look.h"
#include "support.h"

static ins_value *scan(const char *path) {
  ins_value *answer;
  assert_ok(ins_checkpoint_scan(path, &answer));
  return answer;
}

static const char *text_of(const ins_value *map, const char *key) {
  return ins_value_text_or(ins_map_get(map, key), "");
}

static const ins_value *find(const ins_value *answer, const char *name) {
  const ins_value *imports = ins_map_get(answer, "imports");
  for (size_t i = 0; i < ins_value_count(imports); i++)
    if (strcmp(text_of(imports->children.items[i], "name"), name) == 0)
      return imports->children.items[i];
  fail_msg("%s is not told of", name);
  return NULL;
}

static void expect_verdict(const char *path, const char *verdict) {
  ins_value *answer = scan(path);
  if (strcmp(text_of(answer, "verdict"), verdict) != 0)
    fail_msg("%s: %s in place of %s", path, text_of(answer, "verdict"), verdict);
  ins_value_destroy(&answer);
}

static void checkpoints_as_openretina_writes_them_are_harmless(void **state) {
  (void)state;
  expect_verdict(GOLDEN "trained/model.ckpt", "harmless");
  expect_verdict(GOLDEN "variants/three_layers/model.ckpt", "harmless");
  expect_verdict(GOLDEN "variants/example_core_readout/model.ckpt", "harmless");
  expect_verdict(DATA "before_1_6.pt", "harmless");
  expect_verdict(DATA "old_tensors.pt", "harmless");
  expect_verdict(DATA "info_2.pkl", "harmless");
  expect_verdict(DATA "info_5.pkl", "harmless");
  expect_verdict(DATA "numbers.npy", "harmless");
  expect_verdict(DATA "module.pt", "harmless");
}

static void classes_of_others_are_unknown(void **state) {
  (void)state;
  ins_value *answer = scan(DATA "values_5.pt");
  assert_string_equal(text_of(answer, "verdict"), "unknown");
  assert_string_equal(text_of(find(answer, "__main__.Thing"), "verdict"), "unknown");
  assert_string_equal(text_of(find(answer, "collections.OrderedDict"), "verdict"), "harmless");
  ins_value_destroy(&answer);
}

static void a_call_of_the_system_is_told_with_its_arguments(void **state) {
  (void)state;
  struct stat about;
  static const char *const files[] = {
      DATA "system.pt",   DATA "system_core.ckpt", DATA "old_system.pt",   DATA "second.pkl",
      DATA "objects.npy", DATA "broken_later.pkl", DATA "second_member.pt"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    ins_value *answer = scan(files[i]);
    assert_string_equal(text_of(answer, "verdict"), "dangerous");
    const ins_value *call = find(answer, "posix.system");
    assert_string_equal(text_of(call, "verdict"), "dangerous");
    assert_int_equal(ins_value_int_or(ins_map_get(call, "calls"), 0), 1);
    assert_string_equal(text_of(call, "arguments"), "('touch /tmp/insilico_test_was_run')");
    ins_value_destroy(&answer);
  }
  assert_int_not_equal(stat("/tmp/insilico_test_was_run", &about), 0);
}

/* `first_at` leads to the instruction that imports the name, whatever is around the pickle. */
static void places_are_bytes_of_the_file(void **state) {
  (void)state;
  static const char *const files[] = {DATA "system.pt", DATA "old_system.pt", DATA "objects.npy",
                                      DATA "broken_later.pkl"};
  for (size_t i = 0; i < 4; i++) {
    size_t n;
    unsigned char *bytes = file_bytes(files[i], &n);
    ins_value *answer = scan(files[i]);
    const ins_value *call = find(answer, "posix.system");
    size_t at = (size_t)ins_value_int_or(ins_map_get(call, "first_at"), 0);
    assert_true(at < n);
    assert_true(bytes[at] == 'c' || bytes[at] == 0x93);
    if (bytes[at] == 'c') assert_memory_equal(bytes + at, "cposix\nsystem\n", 14);
    ins_value_destroy(&answer);
    free(bytes);
  }
}

static void names_reached_by_detours_are_dangerous(void **state) {
  (void)state;
  expect_verdict(DATA "nested.pkl", "dangerous");
  expect_verdict(DATA "computed.pkl", "dangerous");
  ins_value *answer = scan(DATA "getattr.pkl");
  assert_string_equal(text_of(find(answer, "builtins.getattr"), "verdict"), "dangerous");
  /* What would colour a terminal is spelt out. */
  assert_string_equal(text_of(find(answer, "builtins.getattr"), "arguments"),
                      "(os.path, 'sys\\x1b[31mtem')");
  ins_value_destroy(&answer);
}

static void what_hydra_would_make_is_told(void **state) {
  (void)state;
  ins_value *answer = scan(DATA "target.pt");
  assert_string_equal(text_of(answer, "verdict"), "dangerous");
  assert_string_equal(text_of(find(answer, "os.system"), "by"), "_target_");
  ins_value_destroy(&answer);
}

static void a_pickle_that_changes_a_class_is_not_harmless(void **state) {
  (void)state;
  expect_verdict(DATA "changed_class.pkl", "unknown");
}

static void what_cannot_be_followed_is_not_harmless(void **state) {
  (void)state;
  ins_value *answer = scan(DATA "broken_later.pkl");
  const ins_value *pickle = ins_map_get(answer, "pickles")->children.items[0];
  assert_non_null(strstr(text_of(pickle, "broken"), "still open"));
  ins_value_destroy(&answer);
  char name[64];
  snprintf(name, sizeof name, "test_scan_%ld.pkl", (long)getpid());
  write_bytes(name, "\x80\x02]h\x05.", 6); /* an object that was not made before */
  expect_verdict(name, "unknown");
  write_bytes(name, "cos\nsystem\ncos\nsystem\nK\1RR.", 27); /* arguments that are no tuple */
  expect_verdict(name, "dangerous");
  write_bytes(name, "", 0);
  expect_verdict(name, "harmless"); /* nothing in it, nothing done */
  unlink(name);
}

static void files_without_a_readable_container_are_not_judged(void **state) {
  (void)state;
  static const char *const files[] = {DATA "overlapping.pt", DATA "twice.pt", DATA "bad_crc.pt",
                                      DATA "bomb.pt"};
  ins_value *answer;
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(ins_checkpoint_scan(files[i], &answer), INS_ERR_FORMAT);
    assert_null(answer);
  }
  assert_int_equal(ins_checkpoint_scan(DATA "old_tar.pt", &answer), INS_ERR_UNSUPPORTED);
  assert_int_equal(ins_checkpoint_scan(DATA "nowhere.pt", &answer), INS_ERR_IO);
}

static void verdicts_depend_on_the_whole_name(void **state) {
  (void)state;
  static const struct {
    const char *module, *name;
    ins_verdict verdict;
  } cases[] = {
      {"torch._utils", "_rebuild_tensor_v2", INS_HARMLESS},
      {"torch", "BFloat16Storage", INS_HARMLESS},
      {"torch.nn.modules.conv", "Conv3d", INS_HARMLESS},
      {"torch.nn.modules.conv", "Conv3d.forward", INS_UNKNOWN},
      {"torch.nn.modules.conv", "Conv3d.__init__.__globals__", INS_DANGEROUS},
      {"torch.nn.modules.module", "torch", INS_UNKNOWN},
      {"torch.nn.modules.module", "os", INS_DANGEROUS},
      {"torch.hub", "load", INS_DANGEROUS},
      {"torch", "hub.load", INS_DANGEROUS},
      {"torch.hubs", "load", INS_UNKNOWN},
      {"pathlib", "PosixPath", INS_HARMLESS},
      {"pathlib", "Path.unlink", INS_DANGEROUS},
      {"builtins", "dict", INS_HARMLESS},
      {"builtins", "eval", INS_DANGEROUS},
      {"__builtin__", "execfile", INS_DANGEROUS},
      {"builtins", "print", INS_UNKNOWN},
      {"numpy", "load", INS_DANGEROUS},
      {"numpy", "core.os.system", INS_DANGEROUS},
      {"torch.storage", "_load_from_bytes", INS_DANGEROUS},
      {"openretina.modules.core.base_core", "SimpleCoreWrapper", INS_HARMLESS},
      {"openretina.modules.core.base_core", "os", INS_DANGEROUS},
      {"__main__", "Thing", INS_UNKNOWN},
      {"sklearn.linear_model", "Ridge", INS_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    if (ins_verdict_of(cases[i].module, cases[i].name) != cases[i].verdict)
      fail_msg("%s.%s is %s", cases[i].module, cases[i].name,
               ins_verdict_name(ins_verdict_of(cases[i].module, cases[i].name)));
}

/* ---- what a file holds ----------------------------------------------------------------------- */

static void expect_tensor(const ins_value *look, size_t i, const char *name, const char *dtype,
                          const char *shape) {
  const ins_value *tensor = ins_map_get(look, "tensors")->children.items[i];
  ins_text json = {0};
  ins_value_json(ins_map_get(tensor, "shape"), 16, &json);
  assert_string_equal(text_of(tensor, "name"), name);
  assert_string_equal(text_of(tensor, "dtype"), dtype);
  assert_string_equal(json.data, shape);
  ins_text_free(&json);
}

static void tensors_are_listed_with_names_shapes_and_types(void **state) {
  (void)state;
  ins_value *look;
  assert_ok(ins_checkpoint_look(DATA "nested.pt", &look));
  assert_int_equal(ins_value_count(ins_map_get(look, "tensors")), 2);
  expect_tensor(look, 0, "state_dict.a.w", "float32", "[2,3]");
  expect_tensor(look, 1, "more.0", "float32", "[4]");
  ins_text json = {0};
  ins_value_json(ins_map_get(look, "other"), 16, &json);
  assert_string_equal(json.data, "[\"epoch\",\"more.1\",\"hyper\"]");
  ins_text_free(&json);
  assert_null(ins_map_get(look, "class"));
  ins_value_destroy(&look);
  assert_ok(ins_checkpoint_look(DATA "tensors.pt", &look));
  assert_int_equal(ins_value_count(ins_map_get(look, "tensors")), 21);
  expect_tensor(look, 11, "u32", "uint32", "[3]");
  expect_tensor(look, 20, "complex", "complex64", "[2]");
  ins_value_destroy(&look);
}

static void a_whole_module_is_listed_by_the_names_of_its_state_dict(void **state) {
  (void)state;
  ins_value *look;
  assert_ok(ins_checkpoint_look(DATA "module.pt", &look));
  assert_string_equal(text_of(look, "class"), "torch.nn.modules.container.Sequential");
  assert_int_equal(ins_value_count(ins_map_get(look, "tensors")), 2);
  expect_tensor(look, 0, "a.weight", "float32", "[3,2]");
  expect_tensor(look, 1, "a.bias", "float32", "[3]");
  ins_value_destroy(&look);
}

static void both_containers_look_alike(void **state) {
  (void)state;
  ins_value *zip, *old;
  assert_ok(ins_checkpoint_look(DATA "tensors.pt", &zip));
  assert_ok(ins_checkpoint_look(DATA "old_tensors.pt", &old));
  assert_string_equal(text_of(old, "format"), "torch (before 1.6)");
  const ins_value *more = ins_map_get(zip, "tensors"), *fewer = ins_map_get(old, "tensors");
  size_t k = 0;
  for (size_t i = 0; i < fewer->children.n; i++, k++) {
    while (strcmp(text_of(more->children.items[k], "name"),
                  text_of(fewer->children.items[i], "name")) != 0)
      k++;
    assert_true(ins_value_equal(more->children.items[k], fewer->children.items[i]));
  }
  assert_int_equal(fewer->children.n, more->children.n - 3);
  ins_value_destroy(&zip);
  ins_value_destroy(&old);
}

static void hostile_files_are_refused_or_listed_in_bounds(void **state) {
  (void)state;
  ins_value *look;
  assert_int_equal(ins_checkpoint_look(DATA "deep.pt", &look), INS_ERR_FORMAT);
  assert_message("200 levels");
  assert_int_equal(ins_checkpoint_look(DATA "old_deep.pt", &look), INS_ERR_FORMAT);
  assert_int_equal(ins_checkpoint_look(DATA "laughs.pt", &look), INS_ERR_FORMAT);
  assert_message("refer to one another");
  assert_ok(ins_checkpoint_look(DATA "old_loop.pt", &look));
  ins_value_destroy(&look);
  assert_int_equal(ins_checkpoint_look(DATA "overflow.pt", &look), INS_ERR_FORMAT);
}

static void real_files_of_others_are_listed_whole(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t n_tensors;
  } cases[] = {{"model.pt", 116}, {"model_bipolar_0.pt", 32}, {"v1_color_1.tar", 49}};
  for (size_t i = 0; i < 3; i++) {
    char path[512];
    struct stat about;
    ins_value *look;
    snprintf(path, sizeof path, INS_TEST_DATA "/../../shared/data/torch/%s", cases[i].name);
    if (stat(path, &about) != 0) skip();
    assert_ok(ins_checkpoint_look(path, &look));
    assert_int_equal(ins_value_count(ins_map_get(look, "tensors")), cases[i].n_tensors);
    assert_int_equal(ins_value_count(ins_map_get(look, "other")), 0);
    ins_value_destroy(&look);
    expect_verdict(path, "harmless");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checkpoints_as_openretina_writes_them_are_harmless),
      cmocka_unit_test(classes_of_others_are_unknown),
      cmocka_unit_test(a_call_of_the_system_is_told_with_its_arguments),
      cmocka_unit_test(places_are_bytes_of_the_file),
      cmocka_unit_test(names_reached_by_detours_are_dangerous),
      cmocka_unit_test(what_hydra_would_make_is_told),
      cmocka_unit_test(a_pickle_that_changes_a_class_is_not_harmless),
      cmocka_unit_test(what_cannot_be_followed_is_not_harmless),
      cmocka_unit_test(files_without_a_readable_container_are_not_judged),
      cmocka_unit_test(verdicts_depend_on_the_whole_name),
      cmocka_unit_test(tensors_are_listed_with_names_shapes_and_types),
      cmocka_unit_test(a_whole_module_is_listed_by_the_names_of_its_state_dict),
      cmocka_unit_test(both_containers_look_alike),
      cmocka_unit_test(hostile_files_are_refused_or_listed_in_bounds),
      cmocka_unit_test(real_files_of_others_are_listed_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
