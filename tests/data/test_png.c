/* SPDX-License-Identifier: MIT */
/* PNG files: what is written is read back, what other programs write is read, damage is refused. */
#include <unistd.h>

#include "cmocka_all.h"
#include "insilico/image_file.h"
#include "insilico/memory.h"

#define IMAGES INS_TEST_DATA "/data/images/"

static char path[64];

static int make_path(void **state) {
  (void)state;
  strcpy(path, "/tmp/insilico-png-XXXXXX");
  const int file = mkstemp(path);
  return file < 0 ? -1 : close(file);
}

static int remove_path(void **state) {
  (void)state;
  return unlink(path);
}

static ins_value *read_ok(const char *from) {
  ins_value *value = NULL;
  if (ins_png_read(from, &value) != INS_OK) fail_msg("%s", ins_message());
  assert_int_equal(value->array.dtype, INS_F32);
  return value;
}

static void grey_and_colour_survive_a_round_trip(void **state) {
  (void)state;
  enum { H = 5, W = 7 };
  uint8_t pixels[H * W * 3];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 + 5);
  for (int n = 1; n <= 3; n += 2) {
    const ins_picture picture = {H, W, n, pixels};
    assert_int_equal(ins_png_write(path, &picture), INS_OK);
    ins_value *v = read_ok(path);
    const float *x = v->array.data;
    assert_int_equal(v->array.n_dims, n == 1 ? 2 : 3);
    assert_int_equal(v->array.shape[v->array.n_dims - 2], H);
    assert_int_equal(v->array.shape[v->array.n_dims - 1], W);
    for (int c = 0; c < n; c++)
      for (size_t i = 0; i < H * W; i++)
        assert_true(x[(size_t)c * H * W + i] == (float)pixels[i * (size_t)n + (size_t)c]);
    ins_value_destroy(&v);
  }
}

/* What make_images.py wrote, by hand from the specification: pixel i of 3 x 4 is 20 i. */
static void every_kind_of_pixel_is_read(void **state) {
  (void)state;
  static const struct {
    const char *name;
    int n_dims;
    double unit; /* pixel i is unit * i in the first plane */
  } cases[] = {{"grey_8", 2, 20},
               {"grey_16", 2, 20 + 0.25},
               {"grey_1", 2, 0},
               {"palette_8", 3, 20},
               {"rgb_8", 3, 20},
               {"rgb_16", 3, 20 + 0.25},
               {"grey_alpha_opaque", 2, 20},
               {"rgba_opaque", 3, 20},
               {"grey_8_interlaced", 2, 20}};
  for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
    char file[300];
    snprintf(file, sizeof file, IMAGES "%s.png", cases[k].name);
    ins_value *v = read_ok(file);
    const float *x = v->array.data;
    assert_int_equal(v->array.n_dims, cases[k].n_dims);
    assert_int_equal(v->array.shape[v->array.n_dims - 2], 3);
    assert_int_equal(v->array.shape[v->array.n_dims - 1], 4);
    for (size_t i = 0; i < 12; i++) {
      const double want = cases[k].unit > 0 ? cases[k].unit * (double)i : (i % 2 ? 255 : 0);
      /* 16 bits step by 1 / 257 */
      if (!(x[i] - want < 0.5 / 257 + 1e-4 && want - x[i] < 0.5 / 257 + 1e-4))
        fail_msg("%s: pixel %zu is %g, not %g", cases[k].name, i, (double)x[i], want);
    }
    if (cases[k].n_dims == 3) assert_true(x[12] == 1 && x[24] == 2); /* green, blue of pixel 0 */
    ins_value_destroy(&v);
  }
}

static void interlaced_images_are_the_same_as_others(void **state) {
  (void)state;
  ins_value *plain = read_ok(IMAGES "large.png"), *passes = read_ok(IMAGES "large_interlaced.png");
  const float *x = plain->array.data;
  assert_int_equal(ins_array_count(&plain->array), 3 * 11 * 13);
  assert_memory_equal(plain->array.shape, passes->array.shape, 3 * sizeof(size_t));
  assert_memory_equal(x, passes->array.data, 3 * 11 * 13 * sizeof *x);
  for (size_t i = 0; i < 11 * 13; i++) assert_true(x[i] == (float)(i % 13 + 16 * (i / 13)));
  ins_value_destroy(&plain);
  ins_value_destroy(&passes);
}

static void refused(const char *from, ins_status status, const char *why) {
  ins_value *v = NULL;
  assert_int_equal(ins_png_read(from, &v), status);
  assert_null(v);
  if (!strstr(ins_message(), why)) fail_msg("'%s' does not say '%s'", ins_message(), why);
}

static void what_is_damaged_or_unknown_is_refused(void **state) {
  (void)state;
  refused(IMAGES "transparent.png", INS_ERR_UNSUPPORTED, "transparent pixels (the first in row 1");
  refused(IMAGES "palette_transparent.png", INS_ERR_UNSUPPORTED, "transparent pixels");
  refused(IMAGES "transparent_interlaced.png", INS_ERR_UNSUPPORTED, "first in row 1, column 3");
  refused(IMAGES "huge.png", INS_ERR_FORMAT, "damaged PNG file");
  refused(IMAGES "claims_much.png", INS_ERR_FORMAT, "cannot be in");
  refused(IMAGES "bad_checksum.png", INS_ERR_FORMAT, "damaged PNG file: ");
  refused(IMAGES "cut_short.png", INS_ERR_FORMAT, "damaged PNG file: ");
  refused(IMAGES "make_images.py", INS_ERR_FORMAT, "is no PNG file");
  refused(IMAGES "nothing.png", INS_ERR_IO, "cannot be opened");
  refused("/tmp", INS_ERR_IO, "it is no file");
}

/* A few kilobytes that would become 400 MB and, as a stimulus, a multiple of it. */
static void more_pixels_than_any_camera_has_are_refused(void **state) {
  (void)state;
  refused(IMAGES "many_pixels.png", INS_ERR_UNSUPPORTED, "9000 x 9000 pixels; at most 67108864");
}

/* Any byte changed, any length: refused or read, never a crash or a leak. */
static void damage_anywhere_is_survived(void **state) {
  (void)state;
  static const char *const names[] = {"palette_8", "rgb_16", "grey_8_interlaced"};
  for (size_t k = 0; k < 3; k++) {
    char from[300];
    uint8_t bytes[4096];
    snprintf(from, sizeof from, IMAGES "%s.png", names[k]);
    FILE *file = fopen(from, "rb");
    assert_non_null(file);
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t i = 0; i < 2 * n; i++) {
      uint8_t damaged[4096];
      ins_value *v = NULL;
      memcpy(damaged, bytes, n);
      if (i < n) damaged[i] ^= (uint8_t)(1 << i % 8);
      file = fopen(path, "wb");
      assert_int_equal(fwrite(damaged, 1, i < n ? n : i - n, file), i < n ? n : i - n);
      fclose(file);
      const ins_status status = ins_png_read(path, &v);
      assert_true((status == INS_OK) == (v != NULL));
      if (status != INS_OK) assert_true(ins_message()[0] != '\0');
      ins_value_destroy(&v);
    }
  }
}

static void a_folder_lists_its_images_by_number(void **state) {
  (void)state;
  static const char *const names[] = {"a_2.png", "a_10.png", "b.PNG"};
  char folder[] = "/tmp/insilico-png-list-XXXXXX", file[100];
  const uint8_t grey = 9;
  const ins_picture picture = {1, 1, 1, &grey};
  ins_value *paths = NULL;
  assert_non_null(mkdtemp(folder));
  assert_int_equal(ins_png_list(folder, &paths), INS_ERR_MISSING);
  assert_null(paths);
  for (size_t k = 3; k-- > 0;) {
    snprintf(file, sizeof file, "%s/%s", folder, names[k]);
    assert_int_equal(ins_png_write(file, &picture), INS_OK);
  }
  assert_int_equal(ins_png_list(folder, &paths), INS_OK);
  assert_int_equal(ins_value_count(paths), 3);
  for (size_t k = 0; k < 3; k++) {
    snprintf(file, sizeof file, "%s/%s", folder, names[k]);
    assert_string_equal(paths->children.items[k]->text, file);
    unlink(file);
  }
  ins_value_destroy(&paths);
  rmdir(folder);
  assert_int_equal(ins_png_list(folder, &paths), INS_ERR_IO);
}

static void an_animations_first_frame_is_an_image_and_its_chunks_are_numbered(void **state) {
  (void)state;
  uint8_t pixels[3][4 * 6 * 3], bytes[4096];
  ins_animation *animation = NULL;
  assert_int_equal(ins_animation_create(path, 3, 30, &animation), INS_OK);
  for (size_t t = 0; t < 3; t++) {
    memset(pixels[t], (int)(50 * t + 10), sizeof pixels[t]);
    const ins_picture picture = {4, 6, 3, pixels[t]};
    assert_int_equal(ins_animation_add(animation, &picture), INS_OK);
  }
  assert_int_equal(ins_animation_finish(animation), INS_OK);
  ins_animation_destroy(&animation);
  ins_value *v = read_ok(path);
  assert_true(((float *)v->array.data)[0] == 10);
  ins_value_destroy(&v);
  FILE *file = fopen(path, "rb");
  const size_t n = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  static const char *const wanted[] = {"IHDR", "acTL", "fcTL", "IDAT", "fcTL",
                                       "fdAT", "fcTL", "fdAT", "IEND"};
  size_t at = 8, k = 0;
  uint32_t sequence = 0;
  for (; at < n; k++) {
    const uint32_t length = (uint32_t)bytes[at + 2] << 8 | bytes[at + 3];
    assert_true(k < 9);
    assert_memory_equal(bytes + at + 4, wanted[k], 4);
    if (k == 1) assert_int_equal(bytes[at + 11], 3);
    if (wanted[k][0] == 'f') assert_int_equal(bytes[at + 11], sequence++);
    if (!strcmp(wanted[k], "fcTL")) /* 1 / 30 s */
      assert_true(bytes[at + 29] == 1 && bytes[at + 31] == 30);
    at += 12 + length;
  }
  assert_int_equal(k, 9);
}

static void an_unfinished_animation_leaves_nothing(void **state) {
  (void)state;
  char file[100], part[110];
  const uint8_t grey[4] = {0};
  const ins_picture picture = {2, 2, 1, grey}, other = {1, 2, 1, grey};
  ins_animation *animation = NULL;
  snprintf(file, sizeof file, "%s-animation", path);
  snprintf(part, sizeof part, "%s.part", file);
  assert_int_equal(ins_animation_create(file, 2, 30, &animation), INS_OK);
  assert_int_equal(ins_animation_add(animation, &picture), INS_OK);
  assert_int_equal(ins_animation_add(animation, &other), INS_ERR_INTERNAL);
  assert_int_equal(ins_animation_finish(animation), INS_ERR_INTERNAL);
  ins_animation_destroy(&animation);
  assert_int_equal(ins_animation_create(file, 2, 30, &animation), INS_OK);
  ins_animation_destroy(&animation);
  assert_int_equal(access(file, F_OK), -1);
  assert_int_equal(access(part, F_OK), -1);
}

static void a_place_that_cannot_be_written_is_an_error(void **state) {
  (void)state;
  const uint8_t grey[4] = {0};
  const ins_picture picture = {2, 2, 1, grey}, none = {0, 2, 1, grey};
  ins_animation *animation = NULL;
  assert_int_equal(ins_png_write("/nowhere/at/all.png", &picture), INS_ERR_IO);
  assert_int_equal(ins_animation_create("/nowhere/at/all.png", 1, 30, &animation), INS_ERR_IO);
  assert_null(animation);
  assert_int_equal(ins_png_write(path, &none), INS_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grey_and_colour_survive_a_round_trip),
      cmocka_unit_test(every_kind_of_pixel_is_read),
      cmocka_unit_test(interlaced_images_are_the_same_as_others),
      cmocka_unit_test(more_pixels_than_any_camera_has_are_refused),
      cmocka_unit_test(what_is_damaged_or_unknown_is_refused),
      cmocka_unit_test(damage_anywhere_is_survived),
      cmocka_unit_test(a_folder_lists_its_images_by_number),
      cmocka_unit_test(an_animations_first_frame_is_an_image_and_its_chunks_are_numbered),
      cmocka_unit_test(an_unfinished_animation_leaves_nothing),
      cmocka_unit_test(a_place_that_cannot_be_written_is_an_error),
  };
  return cmocka_run_group_tests(tests, make_path, remove_path);
}
