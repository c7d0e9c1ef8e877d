/* SPDX-License-Identifier: MIT */
/* Images and movies from files: numbers, sizes, channels, rates. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "insilico/array_file.h"
#include "insilico/image_file.h"
#include "scenes.h"
#include "stimulus/film_shelf.h"

static char folder[64];

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/insilico-image-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  char command[100];
  (void)state;
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

static float wave(size_t i) {
  return (float)sin(0.37 * (double)i) * 0.9F;
}

/* An array whose element i is wave(i), written as NAME.npy. */
static void write_array(const char *name, int n_dims, const size_t *shape) {
  char path[128];
  ins_value *value = ins_value_array(INS_F32, n_dims, shape);
  for (size_t i = 0; i < ins_array_count(&value->array); i++)
    ((float *)value->array.data)[i] = wave(i);
  snprintf(path, sizeof path, "%s/%s.npy", folder, name);
  assert_int_equal(ins_npy_write(path, &value->array), INS_OK);
  ins_value_destroy(&value);
}

/* A settings line "{kind: KIND, file: FOLDER/NAME, MORE}" in a buffer that the next call reuses. */
static const char *with(const char *kind, const char *name, const char *more) {
  static char yaml[400];
  snprintf(yaml, sizeof yaml, "{kind: %s, file: %s/%s, %s}", kind, folder, name, more);
  return yaml;
}

static double mean_of(const float *x, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)x[i];
  return sum / (double)n;
}

static void an_array_of_the_screens_size_passes_unchanged(void **state) {
  (void)state;
  const size_t shape[] = {3, 2, 6, 8};
  ins_screen screen = plain_screen(6, 8, NAN, 30);
  screen.n_channels = 2;
  screen.gain[0] = 0.5;
  screen.gain[1] = 2;
  screen.grey[0] = -0.25;
  size_t n;
  write_array("four", 4, shape);
  float *x = movie_of(with("image", "four.npy", "image: 2, duration_s: 0.1"), &screen, &n);
  assert_int_equal(n, 3);
  for (size_t c = 0; c < 2; c++)
    for (size_t t = 0; t < 3; t++)
      for (size_t i = 0; i < 48; i++)
        assert_true(fabsf(x[(c * 3 + t) * 48 + i] - wave(2 * 96 + c * 48 + i)) < 1e-6F);
  free(x);
  assert_refused(with("image", "four.npy", "image: 3"), &screen, INS_ERR_ARGUMENT,
                 "which has 3 (0 to 2)");
}

static void resampling_keeps_the_mean(void **state) {
  (void)state;
  const size_t large[] = {50, 70}, small[] = {5, 7};
  const ins_screen screen = plain_screen(15, 21, 10, 30);
  size_t n;
  double mean = 0;
  write_array("large", 2, large);
  for (size_t i = 0; i < 3500; i++) mean += (double)wave(i) / 3500;
  float *x = movie_of(with("image", "large.npy", "scale: contrast"), &screen, &n);
  assert_true(fabs(mean_of(x, 315) - mean) < 1e-6);
  free(x);
  write_array("small", 2, small);
  x = movie_of(with("image", "small.npy", "scale: contrast"), &screen, &n);
  for (size_t i = 0; i < 315; i++) /* each pixel of the file is 3 x 3 of the screen */
    assert_true(fabsf(x[i] - wave(i / 21 / 3 * 7 + i % 21 / 3)) < 1e-6F);
  free(x);
}

static void a_pixel_of_a_file_can_be_given_a_size_and_a_place(void **state) {
  (void)state;
  const size_t shape[] = {4, 4};
  const ins_screen screen = plain_screen(20, 20, 10, 30);
  double mean = 0;
  size_t n;
  write_array("sized", 2, shape);
  for (size_t i = 0; i < 16; i++) mean += (double)wave(i);
  /* 4 pixels of 5 um are 20 um: 2 x 2 pixels around x = 55 um, y = 105 um. */
  float *x =
      movie_of(with("image", "sized.npy", "pixel_um: 5, x_um: 55, y_um: 105, background: 0.25"),
               &screen, &n);
  double inside = 0;
  for (size_t i = 0; i < 400; i++) {
    const size_t row = i / 20, column = i % 20;
    if (row >= 10 && row <= 11 && column >= 5 && column <= 6)
      inside += (double)x[i];
    else
      assert_true(x[i] == 0.25F);
  }
  assert_true(fabs(inside - mean / 4) < 1e-6);
  free(x);
  assert_refused(with("image", "sized.npy", "pixel_um: 5, x_um: 1000"), &screen, INS_ERR_ARGUMENT,
                 "off the screen");
}

static void write_png(const char *name, int n_colors, uint8_t value) {
  char path[128];
  uint8_t pixels[6 * 8 * 3];
  for (size_t i = 0; i < sizeof pixels; i++)
    pixels[i] = (uint8_t)(n_colors == 3 ? value + i % 3 : value);
  snprintf(path, sizeof path, "%s/%s", folder, name);
  const ins_picture picture = {6, 8, n_colors, pixels};
  assert_int_equal(ins_png_write(path, &picture), INS_OK);
}

static void a_png_runs_from_black_to_white_about_mid_grey(void **state) {
  (void)state;
  static const uint8_t values[] = {0, 51, 255};
  const ins_screen screen = plain_screen(6, 8, 10, 30);
  for (size_t k = 0; k < 3; k++) {
    size_t n;
    char name[32];
    snprintf(name, sizeof name, "grey_%zu.png", k);
    write_png(name, 1, values[k]);
    float *x = movie_of(with("image", name, "contrast: 0.5"), &screen, &n);
    assert_true(fabs((double)x[0] - 0.5 * (2 * values[k] / 255.0 - 1)) < 1e-6);
    free(x);
  }
}

static void green_and_blue_of_a_png_go_to_green_and_uv(void **state) {
  (void)state;
  ins_screen screen = plain_screen(6, 8, 10, 30);
  size_t n;
  write_png("colour.png", 3, 100); /* red 100, green 101, blue 102 */
  float *x = movie_of(with("image", "colour.png", ""), &screen, &n);
  assert_true(fabs((double)x[0] - (2 * 101 / 255.0 - 1)) < 1e-6);
  free(x);
  screen.n_channels = 2;
  screen.gain[1] = 1;
  x = movie_of(with("image", "colour.png", "duration_s: 0.0333"), &screen, &n);
  assert_int_equal(n, 1);
  assert_true(fabs((double)x[0] - (2 * 101 / 255.0 - 1)) < 1e-6);
  assert_true(fabs((double)x[48] - (2 * 102 / 255.0 - 1)) < 1e-6);
  free(x);
}

static void a_folder_is_images_or_the_frames_of_a_movie_in_order(void **state) {
  (void)state;
  char path[100];
  const ins_screen screen = plain_screen(6, 8, 10, 30);
  size_t n;
  snprintf(path, sizeof path, "mkdir -p %s/frames", folder);
  assert_int_equal(system(path), 0);
  for (int k = 0; k < 12; k++) {
    snprintf(path, sizeof path, "frames/frame_%d.png", k);
    write_png(path, 1, (uint8_t)(10 * k));
  }
  float *x = movie_of(with("movie", "frames", ""), &screen, &n);
  assert_int_equal(n, 12);
  for (size_t k = 0; k < 12; k++)
    assert_true(fabs((double)x[k * 48] - (2 * 10.0 * (double)k / 255 - 1)) < 1e-6);
  free(x);
  x = movie_of(with("image", "frames", "image: 10"), &screen, &n);
  assert_true(fabs((double)x[0] - (2 * 100.0 / 255 - 1)) < 1e-6);
  free(x);
  snprintf(path, sizeof path, "mkdir -p %s/mixed", folder);
  assert_int_equal(system(path), 0);
  write_png("mixed/frame_0.png", 1, 0);
  write_png("mixed/frame_1.png", 3, 0);
  assert_refused(with("movie", "mixed", ""), &screen, INS_ERR_SHAPE, "the first of the folder");
}

/* Element of the movie [T,1,1] of wave: frame t is wave(t). */
static void a_movie_keeps_its_rate_on_any_screen(void **state) {
  (void)state;
  const size_t shape[] = {30, 1, 1};
  size_t n;
  write_array("time", 3, shape);
  ins_screen screen = plain_screen(2, 2, 10, 30);
  float *x = movie_of(with("movie", "time.npy", ""), &screen, &n);
  assert_int_equal(n, 30);
  for (size_t t = 0; t < n; t++) assert_true(x[t * 4] == wave(t));
  free(x);
  x = movie_of(with("movie", "time.npy", "rate_hz: 60"), &screen, &n); /* two into one */
  assert_int_equal(n, 15);
  for (size_t t = 0; t < n; t++)
    assert_true(fabsf(x[t * 4] - (wave(2 * t) + wave(2 * t + 1)) / 2) < 1e-6F);
  free(x);
  x = movie_of(with("movie", "time.npy", "rate_hz: 10"), &screen, &n); /* each stands for three */
  assert_int_equal(n, 90);
  for (size_t t = 0; t < n; t++) assert_true(x[t * 4] == wave(t / 3));
  free(x);
  x = movie_of(with("movie", "time.npy", "rate_hz: 45"), &screen, &n); /* 1.5 frames each */
  assert_int_equal(n, 20);
  for (size_t t = 0; t < n; t += 2)
    assert_true(fabsf(x[t * 4] - (wave(t / 2 * 3) + wave(t / 2 * 3 + 1) / 2) / 1.5F) < 1e-6F);
  free(x);
}

static void movies_with_channels_and_several_movies_are_told_apart(void **state) {
  (void)state;
  const size_t shape[] = {2, 2, 5, 3, 4};
  ins_screen screen = plain_screen(3, 4, 10, 30);
  screen.n_channels = 2;
  screen.gain[1] = 1;
  size_t n;
  write_array("five", 5, shape);
  float *x = movie_of(with("movie", "five.npy", "movie: 1"), &screen, &n);
  assert_int_equal(n, 5);
  for (size_t i = 0; i < 120; i++) assert_true(x[i] == wave(120 + i));
  free(x);
  screen.n_channels = 3;
  assert_refused(with("movie", "five.npy", ""), &screen, INS_ERR_SHAPE,
                 "has 2 channels, the model has 3");
  screen.still = true;
  assert_refused(with("movie", "five.npy", ""), &screen, INS_ERR_ARGUMENT, "needs time");
}

static void what_is_no_image_is_refused_by_name(void **state) {
  (void)state;
  const size_t one[] = {7};
  const ins_screen screen = plain_screen(6, 8, 10, 30);
  write_array("line", 1, one);
  assert_refused(with("image", "line.npy", ""), &screen, INS_ERR_SHAPE, "expected [H,W]");
  assert_refused(with("image", "nothing.npy", ""), &screen, INS_ERR_IO, "nothing.npy");
  write_png("single.png", 1, 0);
  assert_refused(with("movie", "single.png", ""), &screen, INS_ERR_ARGUMENT, "is one image");
}

/* Writes n images [n,1,2,2] or n frames [n,2,2] of `value`, as if they had been there since 1970.
 */
static void write_flat(const char *name, bool moving, size_t n, float value) {
  const size_t images[] = {n, 1, 2, 2}, frames[] = {n, 2, 2};
  const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
  char path[128];
  ins_value *v = moving ? ins_value_array(INS_F32, 3, frames) : ins_value_array(INS_F32, 4, images);
  for (size_t i = 0; i < 4 * n; i++) ((float *)v->array.data)[i] = value;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(ins_npy_write(path, &v->array), INS_OK);
  assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  ins_value_destroy(&v);
}

static float first_number(const char *kind, const char *name, const char *more) {
  const ins_screen screen = plain_screen(2, 2, 10, 30);
  size_t n;
  float *x = movie_of(with(kind, name, more), &screen, &n), first = x[0];
  free(x);
  return first;
}

/* The file is overwritten, as no program that keeps times of change does: what is shown says
 * whether it was read again. */
static void a_file_is_read_once_for_many_presentations(void **state) {
  (void)state;
  write_flat("kept.npy", false, 2, 0.25F);
  write_flat("frames.npy", true, 4, 0.25F);
  assert_true(first_number("image", "kept.npy", "image: 1") == 0.25F);
  assert_true(first_number("movie", "frames.npy", "rate_hz: 60") == 0.25F);
  write_flat("kept.npy", false, 2, 0.5F);
  write_flat("frames.npy", true, 4, 0.5F);
  assert_true(first_number("image", "kept.npy", "image: 1") == 0.25F);
  assert_true(first_number("movie", "frames.npy", "rate_hz: 60") == 0.25F);
  /* Another item, another scale are other films. */
  assert_true(first_number("image", "kept.npy", "image: 0") == 0.5F);
  assert_true(first_number("image", "kept.npy", "image: 1, scale: luminance, white: 1") == 0);
  assert_true(first_number("image", "kept.npy", "image: 1, scale: luminance, white: 2") == -0.5F);
}

static void what_is_beyond_the_bound_is_read_again(void **state) {
  (void)state;
  const size_t before = ins_film_shelf_bound(1 << 20);
  write_flat("little.npy", false, 1, 0.25F);
  write_flat("much.npy", true, 70000, 0.25F); /* 1.1 MB as a movie */
  assert_true(first_number("image", "little.npy", "") == 0.25F);
  assert_true(first_number("movie", "much.npy", "") == 0.25F);
  write_flat("little.npy", false, 1, 0.5F);
  write_flat("much.npy", true, 70000, 0.5F);
  assert_true(first_number("movie", "much.npy", "") == 0.5F);
  assert_int_equal(ins_film_shelf_bound(0), 1 << 20);
  assert_true(first_number("image", "little.npy", "") == 0.5F);
  ins_film_shelf_bound(before);
}

/* Two scenes of one film; it outlives the bound while one of them is left. */
static void a_film_in_use_stays(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(2, 2, 10, 30);
  const size_t before = ins_film_shelf_bound(0);
  float x[4];
  write_flat("used.npy", true, 3, 0.25F);
  ins_scene *first = scene_of(with("movie", "used.npy", ""), &screen);
  ins_scene *second = scene_of(with("movie", "used.npy", ""), &screen);
  ins_scene_destroy(&first);
  ins_scene_render(second, 0, 1, x);
  assert_true(x[0] == 0.25F);
  ins_scene_destroy(&second);
  ins_film_shelf_bound(before);
}

static void files_that_change_while_the_process_runs_are_refused(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(6, 8, 10, 30);
  char path[128];
  write_flat("size.npy", false, 2, 0.25F);
  assert_true(first_number("image", "size.npy", "") == 0.25F);
  write_flat("size.npy", false, 3, 0.25F);
  assert_refused(with("image", "size.npy", ""), &screen, INS_ERR_IO, "size.npy: has changed since");
  assert_refused(with("image", "size.npy", "image: 2"), &screen, INS_ERR_IO, "has changed since");
  write_flat("size.npy", false, 2, 0.25F); /* put back */
  assert_true(first_number("image", "size.npy", "") == 0.25F);
  snprintf(path, sizeof path, "%s/size.npy", folder);
  assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
  assert_refused(with("image", "size.npy", ""), &screen, INS_ERR_IO, "has changed since");
  unlink(path);
  assert_refused(with("image", "size.npy", ""), &screen, INS_ERR_IO, "size.npy: cannot be opened");
}

static void folders_that_change_are_refused_but_not_for_other_files(void **state) {
  (void)state;
  const ins_screen screen = plain_screen(6, 8, 10, 30);
  char path[128];
  size_t n;
  snprintf(path, sizeof path, "%s/watched", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  write_png("watched/a.png", 1, 10);
  write_png("watched/b.png", 1, 20);
  free(movie_of(with("movie", "watched", ""), &screen, &n));
  snprintf(path, sizeof path, "%s/watched/results.h5", folder);
  close(open(path, O_CREAT | O_WRONLY, 0600));
  free(movie_of(with("movie", "watched", ""), &screen, &n));
  assert_int_equal(n, 2);
  write_png("watched/b.png", 1, 21); /* the names are the same */
  assert_refused(with("movie", "watched", ""), &screen, INS_ERR_IO, "b.png: has changed since");
  assert_refused(with("image", "watched", "image: 1"), &screen, INS_ERR_IO, "b.png: has changed");
  free(movie_of(with("image", "watched", "image: 0"), &screen, &n));
  write_png("watched/aa.png", 1, 10);
  assert_refused(with("image", "watched", "image: 0"), &screen, INS_ERR_IO,
                 "watched: has changed since");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_array_of_the_screens_size_passes_unchanged),
      cmocka_unit_test(resampling_keeps_the_mean),
      cmocka_unit_test(a_pixel_of_a_file_can_be_given_a_size_and_a_place),
      cmocka_unit_test(a_png_runs_from_black_to_white_about_mid_grey),
      cmocka_unit_test(green_and_blue_of_a_png_go_to_green_and_uv),
      cmocka_unit_test(a_folder_is_images_or_the_frames_of_a_movie_in_order),
      cmocka_unit_test(a_movie_keeps_its_rate_on_any_screen),
      cmocka_unit_test(movies_with_channels_and_several_movies_are_told_apart),
      cmocka_unit_test(what_is_no_image_is_refused_by_name),
      cmocka_unit_test(a_file_is_read_once_for_many_presentations),
      cmocka_unit_test(what_is_beyond_the_bound_is_read_again),
      cmocka_unit_test(a_film_in_use_stays),
      cmocka_unit_test(files_that_change_while_the_process_runs_are_refused),
      cmocka_unit_test(folders_that_change_are_refused_but_not_for_other_files),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
