/* SPDX-License-Identifier: MIT */
/* Several files as one model: folders, lists, legacy ensembles, one member, centred masks. */
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/yaml.h"
#include "support.h"

#define KINDS    GOLDEN "kinds/"
#define VARIANTS GOLDEN "variants/"

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/insilico_test_ensemble_XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static void put(const char *from, const char *name) {
  char path[200];
  size_t n;
  void *bytes = file_bytes(from, &n);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  write_bytes(path, bytes, n);
  free(bytes);
}

static ins_status open_with(const char *name, const char *yaml, ins_model_source **out) {
  ins_value *options = NULL;
  if (yaml) assert_ok(ins_yaml_parse(yaml, strlen(yaml), NULL, NULL, &options));
  ins_status status = ins_model_open(name, options, out);
  ins_value_destroy(&options);
  return status;
}

static ins_model_source *opened(const char *name, const char *yaml) {
  ins_model_source *s;
  if (open_with(name, yaml, &s) != INS_OK) fail_msg("%s: %s", name ? name : yaml, ins_message());
  return s;
}

static const char *text_at(const ins_value *value, const char *path) {
  return ins_value_text_or(ins_value_at(value, path), "(none)");
}

/* ---- folders and lists ----------------------------------------------------------------------- */

static void a_folder_of_models_is_their_mean(void **state) {
  (void)state;
  put(VARIANTS "example_core_readout/model.ckpt", "b.ckpt");
  put(VARIANTS "fixed_bias/model.ckpt", "a.ckpt");
  put(VARIANTS "one_layer/model.ckpt", "notes.txt"); /* no model by its name */
  ins_model_source *s = opened(folder, NULL);
  ins_model_source *a = opened(VARIANTS "fixed_bias/model.ckpt", NULL);
  ins_model_source *b = opened(VARIANTS "example_core_readout/model.ckpt", NULL);
  assert_string_equal(text_at(s->architecture, "combine"), "mean");
  assert_int_equal(ins_value_count(ins_map_get(s->architecture, "members")), 2);
  assert_true(ins_value_equal(ins_value_at(s->architecture, "members.0"), a->architecture));
  assert_true(ins_value_equal(ins_value_at(s->architecture, "members.1"), b->architecture));
  assert_true(ins_value_equal(ins_map_get(s->architecture, "sessions"),
                              ins_map_get(a->architecture, "sessions")));
  assert_true(ins_value_equal(ins_map_get(s->architecture, "in_shape"),
                              ins_map_get(a->architecture, "in_shape")));
  assert_int_equal(s->parameters->children.n,
                   a->parameters->children.n + b->parameters->children.n);
  for (size_t i = 0; i < b->parameters->children.n; i++) {
    char name[200];
    snprintf(name, sizeof name, "members.1.%s", b->parameters->children.keys[i]);
    assert_true(
        ins_value_equal(ins_map_get(s->parameters, name), b->parameters->children.items[i]));
  }
  assert_true(ins_value_equal(s->data_info, a->data_info));
  assert_string_equal(text_at(s->provenance, "format"), "ensemble");
  assert_string_equal(text_at(s->provenance, "file"), strrchr(folder, '/') + 1);
  assert_string_equal(text_at(s->provenance, "members.0.file"), "a.ckpt");
  assert_string_equal(text_at(s->provenance, "members.1.sha256"), text_at(b->provenance, "sha256"));
  ins_model_source_destroy(&s);
  ins_model_source_destroy(&a);
  ins_model_source_destroy(&b);
}

static void a_list_of_files_keeps_its_order(void **state) {
  (void)state;
  ins_model_source *s =
      opened(NULL, "{files: [" VARIANTS "example_core_readout/model.ckpt, " VARIANTS
                   "fixed_bias/model.ckpt]}");
  assert_string_equal(text_at(s->provenance, "members.0.class"),
                      "openretina.models.core_readout.ExampleCoreReadout");
  assert_string_equal(text_at(s->provenance, "file"), "model.ckpt + model.ckpt");
  ins_model_source_destroy(&s);
  s = opened("", "{files: [" VARIANTS "fixed_bias/model.ckpt]}"); /* one is no ensemble */
  assert_null(ins_map_get(s->architecture, "combine"));
  ins_model_source_destroy(&s);
}

static void members_that_do_not_fit_are_named(void **state) {
  (void)state;
  ins_model_source *s;
  assert_int_equal(open_with(NULL,
                             "{files: [" VARIANTS "fixed_bias/model.ckpt, " VARIANTS
                             "one_layer/model.ckpt]}",
                             &s),
                   INS_ERR_SHAPE);
  assert_message("one_layer/model.ckpt: has other sessions");
  assert_int_equal(open_with(NULL,
                             "{files: [" VARIANTS "fixed_bias/model.ckpt, " VARIANTS
                             "one_channel/model.ckpt]}",
                             &s),
                   INS_ERR_SHAPE);
  assert_message("channels, height or width");
  assert_int_equal(open_with(NULL, "{files: []}", &s), INS_ERR_ARGUMENT);
  assert_int_equal(open_with(NULL, "{files: [3]}", &s), INS_ERR_ARGUMENT);
  assert_int_equal(open_with("x.ckpt", "{files: [y.ckpt]}", &s), INS_ERR_ARGUMENT);
  assert_message("exclude one another");
}

/* ---- one member ------------------------------------------------------------------------------ */

static void one_member_is_the_file_alone(void **state) {
  (void)state;
  char path[200];
  ins_model_source *whole = opened(folder, NULL), *s;
  ins_model_source *b = opened(VARIANTS "example_core_readout/model.ckpt", NULL);
  char hash[65], other[65];
  assert_ok(ins_model_source_hash(b, other));
  s = opened(folder, "{member: 1}");
  assert_ok(ins_model_source_hash(s, hash));
  assert_string_equal(hash, other);
  assert_true(ins_value_equal(s->data_info, b->data_info));
  ins_model_source_destroy(&s);
  /* The same from an ensemble that was converted into one file. */
  snprintf(path, sizeof path, "/tmp/insilico_test_ensemble_%d.h5", (int)getpid());
  assert_ok(ins_native_write(path, whole));
  ins_model_source *back = opened(path, NULL);
  assert_true(source_equal(back, whole));
  s = opened(path, "{member: 1}");
  assert_ok(ins_model_source_hash(s, hash));
  assert_string_equal(hash, other);
  assert_string_equal(text_at(s->provenance, "file"), "b.ckpt");
  assert_int_equal(ins_map_get(s->provenance, "member")->integer, 1);
  ins_model_source_destroy(&s);
  assert_int_equal(open_with(path, "{member: 2}", &s), INS_ERR_ARGUMENT);
  assert_message("has 2 members, counted from 0");
  assert_int_equal(open_with(folder, "{member: 2}", &s), INS_ERR_ARGUMENT);
  assert_int_equal(open_with(VARIANTS "one_layer/model.ckpt", "{member: 0}", &s), INS_ERR_ARGUMENT);
  assert_message("no ensemble");
  char files[500];
  snprintf(files, sizeof files, "{files: [" VARIANTS "fixed_bias/model.ckpt, %s]}", path);
  assert_int_equal(open_with(NULL, files, &s), INS_ERR_ARGUMENT);
  assert_message("is itself an ensemble");
  remove(path);
  ins_model_source_destroy(&back);
  ins_model_source_destroy(&whole);
  ins_model_source_destroy(&b);
}

/* ---- legacy ---------------------------------------------------------------------------------- */

static void a_legacy_folder_is_an_ensemble_by_seed(void **state) {
  (void)state;
  ins_model_source *s = opened(KINDS "legacy_speeds/", NULL); /* with a slash at its end */
  assert_string_equal(text_at(s->architecture, "combine"), "mean");
  assert_string_equal(text_at(s->provenance, "file"), "legacy_speeds");
  assert_string_equal(text_at(s->provenance, "members.0.file"), "state_dict_00000.pth.tar");
  assert_string_equal(text_at(s->provenance, "members.1.file"), "state_dict_01000.pth.tar");
  /* data_info is by session there */
  assert_int_equal(ins_value_at(s->data_info, "a_late.output_dimension")->integer, 3);
  assert_int_equal(ins_value_at(s->data_info, "a_late.roi_coords")->kind, INS_ARRAY);
  ins_model_source_destroy(&s);
}

static void sessions_with_speeds_of_their_own_share_the_other_weights(void **state) {
  (void)state;
  ins_model_source *s = opened(KINDS "legacy_speeds", "{member: 0}");
  const ins_value *a = s->architecture;
  assert_string_equal(text_at(a, "combine"), "sessions");
  assert_int_equal(ins_value_count(ins_map_get(a, "members")), 2);
  for (size_t k = 0; k < 2; k++) {
    const ins_value *member = ins_map_get(a, "members")->children.items[k];
    char speed[100];
    assert_int_equal(ins_value_count(ins_map_get(member, "sessions")), 1);
    assert_true(ins_value_equal(ins_value_at(member, "sessions.0"),
                                ins_map_get(a, "sessions")->children.items[k]));
    snprintf(speed, sizeof speed, "core.log_speed_%s", text_at(member, "sessions.0.name"));
    assert_string_equal(text_at(member, "core.log_speed"), speed);
    assert_non_null(ins_map_get(s->parameters, speed));
  }
  ins_model_source_destroy(&s);
  /* Speeds of 1 are no speeds. */
  s = opened(KINDS "legacy_one_speed", NULL);
  assert_null(ins_map_get(s->architecture, "combine"));
  assert_int_equal(ins_value_at(s->architecture, "core.log_speed")->kind, INS_NULL);
  assert_int_equal(ins_value_at(s->architecture, "core.stack")->integer, 1); /* -1 */
  ins_model_source_destroy(&s);
}

static void copy_legacy(const char *config, const char *state_dict, const char *info) {
  char path[200];
  if (config) {
    snprintf(path, sizeof path, "%s/config_00007.yaml", folder);
    write_bytes(path, config, strlen(config));
  }
  if (state_dict) put(state_dict, "state_dict_00007.pth.tar");
  if (info) put(info, "data_info_00007.pkl");
}

static void what_a_legacy_folder_lacks_is_named(void **state) {
  (void)state;
  static const char weights[] = KINDS "legacy_speeds/state_dict_00000.pth.tar";
  static const char info[] = KINDS "legacy_speeds/data_info_00000.pkl";
  ins_model_source *s;
  copy_legacy("model_fn: lab.models.other_model\nmodel_config: {}\n", NULL, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_IO);
  assert_message("data_info_00007.pkl");
  copy_legacy(NULL, NULL, info);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("config_00007.yaml: its model_fn is 'lab.models.other_model'");
  copy_legacy("model_fn: a.SFB3d_core_SxF3d_readout\n", NULL, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_MISSING);
  assert_message("model_config");
  copy_legacy("model_fn: a.SFB3d_core_SxF3d_readout\nmodel_config: {}\n", NULL, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_IO);
  assert_message("state_dict_00007.pth.tar");
  copy_legacy(NULL, weights, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_SHAPE);
  assert_message("state_dict_00007.pth.tar: stimuli of 8 x 7 pixels are too small"); /* 11 x 11 */
  copy_legacy("model_fn: a.SFB3d_core_SxF3d_readout\nmodel_config: {dilation: 2}\n", NULL, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_UNSUPPORTED);
  assert_message("dilation");
  copy_legacy("model_fn: a.SFB3d_core_SxF3d_readout\n"
              "model_config: !!python/object:os.system {}\n",
              NULL, NULL);
  assert_int_equal(ins_model_open(folder, NULL, &s), INS_ERR_ARGUMENT);
  assert_message("a tag (!) other than !!python/tuple");
}

/* ---- centred masks --------------------------------------------------------------------------- */

static void masks_are_moved_and_nothing_else_is(void **state) {
  (void)state;
  static const char *const models[] = {VARIANTS "three_layers/model.ckpt", KINDS "legacy_speeds"};
  for (size_t m = 0; m < 2; m++) {
    ins_model_source *plain = opened(models[m], NULL);
    ins_model_source *s = opened(models[m], "{center_readout: [0.25, -0.5]}");
    size_t moved = 0;
    for (size_t i = 0; i < s->parameters->children.n; i++) {
      const char *name = s->parameters->children.keys[i];
      const ins_value *value = s->parameters->children.items[i];
      if (!strstr(name, ".mask_mean")) {
        assert_true(ins_value_equal(value, ins_map_get(plain->parameters, name)));
        continue;
      }
      moved++;
      for (size_t k = 0; k < ins_array_count(&value->array); k++)
        assert_true(ins_array_get(&value->array, k) == (k % 2 ? -0.5 : 0.25));
    }
    assert_int_equal(moved, m ? 4 : 2);
    ins_text json = {0};
    ins_value_json(ins_map_get(s->provenance, "center_readout"), 4, &json);
    assert_string_equal(json.data, "[0.25,-0.5]");
    ins_text_free(&json);
    ins_model_source_destroy(&s);
    s = opened(models[m], "{center_readout: false, member: null, files: null}");
    assert_true(source_equal(s, plain));
    ins_model_source_destroy(&s);
    s = opened(models[m], "{center_readout: true}");
    assert_true(ins_value_real_or(ins_value_at(s->provenance, "center_readout.0"), 1) == 0);
    ins_model_source_destroy(&s);
    ins_model_source_destroy(&plain);
  }
}

static void readouts_without_such_masks_cannot_be_centred(void **state) {
  (void)state;
  ins_model_source *s;
  assert_int_equal(open_with(KINDS "lnp_defaults/model.ckpt", "{center_readout: true}", &s),
                   INS_ERR_UNSUPPORTED);
  assert_message("of the kind lnp");
  assert_null(s);
  assert_int_equal(open_with(VARIANTS "one_layer/model.ckpt", "{center_readout: [0]}", &s),
                   INS_ERR_ARGUMENT);
  assert_int_equal(open_with(VARIANTS "one_layer/model.ckpt", "{center_readout: middle}", &s),
                   INS_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest with_folder[] = {
      cmocka_unit_test(a_folder_of_models_is_their_mean),
      cmocka_unit_test(one_member_is_the_file_alone),
      cmocka_unit_test(what_a_legacy_folder_lacks_is_named),
  };
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_list_of_files_keeps_its_order),
      cmocka_unit_test(members_that_do_not_fit_are_named),
      cmocka_unit_test(a_legacy_folder_is_an_ensemble_by_seed),
      cmocka_unit_test(sessions_with_speeds_of_their_own_share_the_other_weights),
      cmocka_unit_test(masks_are_moved_and_nothing_else_is),
      cmocka_unit_test(readouts_without_such_masks_cannot_be_centred),
  };
  int failed = cmocka_run_group_tests(with_folder, make_folder, remove_folder);
  return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
