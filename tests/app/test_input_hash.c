/* SPDX-License-Identifier: MIT */
/* Input files of a job are known by their contents. */
#include "app/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/array_file.h"
#include "insilico/hash.h"

static const ins_key file_keys[] = {
    {.name = "file", .type = INS_KEY_TEXT, .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS}, {0}};
static const ins_variant stimuli[] = {{"movie", "", file_keys, NULL}, {0}};
static const ins_key keys[] = {
    {.name = "stimulus", .type = INS_KEY_GROUP, .children = file_keys},
    {.name = "stimuli", .type = INS_KEY_CHOICES, .fallback = "[]", .variants = stimuli},
    {.name = "set", .type = INS_KEY_TEXTS, .flags = INS_KEY_NULLABLE | INS_KEY_CONTENTS},
    {0}};
static const ins_variant experiments[] = {{"tuning", "", keys, NULL}, {0}};

static char folder[] = "/tmp/insilico-input-XXXXXX";

static int enter(void **state) {
  (void)state;
  return !mkdtemp(folder) || chdir(folder) != 0;
}

static int leave(void **state) {
  (void)state;
  char *command = ins_format("rm -rf %s", folder);
  int status = chdir("/") != 0 || system(command) != 0;
  free(command);
  return status;
}

static void put(const char *path, const char *bytes) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_true(fputs(bytes, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void put_array(const char *path, float first) {
  ins_value *value = ins_value_array(INS_F32, 1, (size_t[]){3});
  ((float *)value->array.data)[0] = first;
  assert_int_equal(ins_npy_write(path, &value->array), INS_OK);
  ins_value_destroy(&value);
}

/* The hashes of a job with these lines; NULL where they are refused. */
static ins_value *hashes(const char *lines) {
  ins_job *job;
  ins_value *attributes = ins_value_map();
  char *text = ins_format("experiment: tuning\nmodel: m\noutput: o\n%s", lines);
  put("job.yaml", text);
  free(text);
  assert_int_equal(ins_job_load("job.yaml", NULL, 0, experiments, &job), INS_OK);
  if (ins_input_hashes(job, attributes) != INS_OK) ins_value_destroy(&attributes);
  ins_job_destroy(&job);
  return attributes;
}

static char *hash_of(const char *lines, const char *name) {
  ins_value *map = hashes(lines);
  const char *hash = ins_value_text_or(ins_map_get(map, name), NULL);
  char *copy = hash ? strdup(hash) : NULL;
  ins_value_destroy(&map);
  return copy;
}

static bool equal(const char *a, const char *b, const char *name) {
  char *x = hash_of(a, name), *y = hash_of(b, name);
  assert_non_null(x);
  assert_non_null(y);
  assert_int_equal(strlen(x), 64);
  bool same = strcmp(x, y) == 0;
  free(x);
  free(y);
  return same;
}

static void the_one_stimulus_needs_no_name(void **state) {
  (void)state;
  put_array("a.npy", 1);
  ins_value *map = hashes("stimulus: {file: a.npy}\n");
  assert_int_equal(ins_value_count(map), 1);
  assert_non_null(ins_map_get(map, "stimulus_sha256"));
  ins_value_destroy(&map);
  map = hashes("");
  assert_int_equal(ins_value_count(map), 0);
  ins_value_destroy(&map);
}

static void each_of_several_is_named_and_all_are_one(void **state) {
  (void)state;
  put_array("a.npy", 1);
  put_array("b.npy", 2);
  ins_value *map =
      hashes("stimuli: [{kind: movie, file: a.npy}, movie, {kind: movie, file: b.npy}]\n");
  assert_int_equal(ins_value_count(map), 3);
  char pairs[400], expected[INS_SHA256_HEX];
  snprintf(pairs, sizeof pairs, "stimuli.0.file %s\nstimuli.2.file %s\n",
           ins_value_text_or(ins_map_get(map, "stimuli.0.file_sha256"), ""),
           ins_value_text_or(ins_map_get(map, "stimuli.2.file_sha256"), ""));
  assert_int_equal(ins_sha256(pairs, strlen(pairs), expected), INS_OK);
  assert_string_equal(ins_value_text_or(ins_map_get(map, "stimulus_sha256"), ""), expected);
  ins_value_destroy(&map);

  const char *ab = "stimuli: [{kind: movie, file: a.npy}, {kind: movie, file: b.npy}]\n";
  const char *ba = "stimuli: [{kind: movie, file: b.npy}, {kind: movie, file: a.npy}]\n";
  assert_false(equal(ab, ba, "stimulus_sha256"));
  assert_true(equal(ab, ab, "stimulus_sha256"));
}

static void one_of_a_list_has_name_and_hash_of_all(void **state) {
  (void)state;
  put_array("a.npy", 1);
  char *alone = hash_of("stimulus: {file: a.npy}\n", "stimulus_sha256");
  char *all = hash_of("stimuli: [{kind: movie, file: a.npy}]\n", "stimulus_sha256");
  char *named = hash_of("stimuli: [{kind: movie, file: a.npy}]\n", "stimuli.0.file_sha256");
  assert_string_equal(alone, all);
  assert_string_equal(alone, named);
  free(alone);
  free(all);
  free(named);
}

static void contents_count_and_names_of_files_do_not(void **state) {
  (void)state;
  put_array("a.npy", 1);
  put_array("same.npy", 1);
  put_array("other.npy", 2);
  assert_true(
      equal("stimulus: {file: a.npy}\n", "stimulus: {file: same.npy}\n", "stimulus_sha256"));
  assert_false(
      equal("stimulus: {file: a.npy}\n", "stimulus: {file: other.npy}\n", "stimulus_sha256"));
  put("a.png", "pixels");
  put("same.png", "pixels");
  put("other.png", "pixel");
  assert_true(
      equal("stimulus: {file: a.png}\n", "stimulus: {file: same.png}\n", "stimulus_sha256"));
  assert_false(
      equal("stimulus: {file: a.png}\n", "stimulus: {file: other.png}\n", "stimulus_sha256"));
}

static void a_picture_is_its_bytes(void **state) {
  (void)state;
  char expected[INS_SHA256_HEX];
  put("a.png", "pixels");
  assert_int_equal(ins_sha256("pixels", 6, expected), INS_OK);
  char *hash = hash_of("stimulus: {file: a.png}\n", "stimulus_sha256");
  assert_string_equal(hash, expected);
  free(hash);
}

/* Frames are shown in the order of their names, so names count; hidden files and folders do not. */
static void a_folder_is_its_files_and_their_names(void **state) {
  (void)state;
  static const char *const folders[] = {"one", "two", "renamed", "changed", "more", "moved"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
    assert_int_equal(mkdir(folders[i], 0755), 0);
  put("one/1.png", "first");
  put("one/2.png", "second");
  put("two/2.png", "second");
  put("two/1.png", "first");
  put("two/.hidden", "x");
  assert_int_equal(mkdir("two/inner", 0755), 0);
  put("renamed/1.png", "first");
  put("renamed/3.png", "second");
  put("changed/1.png", "first");
  put("changed/2.png", "Second");
  put("more/1.png", "first");
  put("more/2.png", "second");
  put("more/3.png", "");
  put("moved/1.png", "second");
  put("moved/2.png", "first");
  assert_true(equal("stimulus: {file: one}\n", "stimulus: {file: two/}\n", "stimulus_sha256"));
  for (size_t i = 2; i < sizeof folders / sizeof *folders; i++) {
    char *lines = ins_format("stimulus: {file: %s}\n", folders[i]);
    assert_false(equal("stimulus: {file: one}\n", lines, "stimulus_sha256"));
    free(lines);
  }
}

static void lists_keep_their_order(void **state) {
  (void)state;
  put("a.png", "pixels");
  put("b.png", "others");
  assert_false(equal("set: [a.png, b.png]\n", "set: [b.png, a.png]\n", "set_sha256"));
  assert_true(equal("set: [a.png]\n", "stimulus: {file: a.png}\n", "stimulus_sha256"));
}

static void what_is_not_there_is_named_with_its_key(void **state) {
  (void)state;
  static const char *const lines[] = {"stimuli: [{kind: movie, file: gone.npy}]\n",
                                      "stimuli: [{kind: movie, file: empty}]\n",
                                      "stimuli: [{kind: movie, file: 'gone.h5:x'}]\n"};
  assert_int_equal(mkdir("empty", 0755), 0);
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    assert_null(hashes(lines[i]));
    assert_non_null(strstr(ins_message(), "stimuli.0.file: "));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_one_stimulus_needs_no_name),
      cmocka_unit_test(each_of_several_is_named_and_all_are_one),
      cmocka_unit_test(one_of_a_list_has_name_and_hash_of_all),
      cmocka_unit_test(contents_count_and_names_of_files_do_not),
      cmocka_unit_test(a_picture_is_its_bytes),
      cmocka_unit_test(a_folder_is_its_files_and_their_names),
      cmocka_unit_test(lists_keep_their_order),
      cmocka_unit_test(what_is_not_there_is_named_with_its_key),
  };
  return cmocka_run_group_tests(tests, enter, leave);
}
