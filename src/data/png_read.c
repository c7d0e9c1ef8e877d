/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "insilico/image_file.h"
#include "insilico/memory.h"

/* All that must survive libpng's longjmp lives here, not in a function that it leaves. */
typedef struct reader {
  const char *path;
  FILE *file;
  size_t file_size;
  png_structp png;
  png_infop info;
  png_uint_32 width, height;
  int depth, n_colors; /* bits of a sample, samples of a pixel once expanded */
  int n_passes;        /* over the rows: 1, or 7 of an interlaced file */
  size_t row_bytes;
  unsigned char *row; /* the only one that is kept beside the result */
  size_t n_planes;
  float *planes; /* [n_planes,H,W], the result's */
  bool transparent;
  size_t transparent_at; /* y * width + x of the first such pixel */
  char message[200];
} reader;

static void on_error(png_structp png, png_const_charp message) {
  reader *r = png_get_error_ptr(png);
  snprintf(r->message, sizeof r->message, "%s", message);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

/* Everything up to the first pixel, turned into 8 or 16 bits of grey or colour, maybe with alpha.
 */
static bool read_head(reader *r) {
  if (setjmp(png_jmpbuf(r->png))) return false;
  png_init_io(r->png, r->file);
  png_set_user_limits(r->png, INS_IMAGE_MAX_SIDE, INS_IMAGE_MAX_SIDE);
  png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  png_read_info(r->png, r->info);
  png_set_expand(r->png);
  r->n_passes = png_set_interlace_handling(r->png);
  png_read_update_info(r->png, r->info);
  r->width = png_get_image_width(r->png, r->info);
  r->height = png_get_image_height(r->png, r->info);
  r->depth = png_get_bit_depth(r->png, r->info);
  r->n_colors = png_get_channels(r->png, r->info);
  r->row_bytes = png_get_rowbytes(r->png, r->info);
  return true;
}

static ins_status damaged(const reader *r) {
  return ins_fail(INS_ERR_FORMAT, "%s: damaged PNG file: %s", r->path,
                  r->message[0] ? r->message : "it cannot be read");
}

/* Deflate makes at most 1032 bytes of one; palettes and low bit depths at most 3 * 8 or (with
 * alpha) 4 * 8 of each of these. */
static ins_status check_size(const reader *r) {
  const double most = (double)r->file_size * 1032 * 32;
  if ((double)r->row_bytes * r->height <= most) return INS_OK;
  return ins_fail(INS_ERR_FORMAT,
                  "%s: damaged PNG file: it says %u x %u pixels, which cannot be in %zu bytes",
                  r->path, (unsigned)r->width, (unsigned)r->height, r->file_size);
}

/* A small file may hold an image that fills the memory. */
static ins_status check_limit(const reader *r) {
  if ((size_t)r->width * r->height <= INS_IMAGE_MAX_PIXELS) return INS_OK;
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: has %u x %u pixels; at most %d (such as 8192 x 8192) are read: save it "
                  "smaller",
                  r->path, (unsigned)r->width, (unsigned)r->height, INS_IMAGE_MAX_PIXELS);
}

/* ---- pixels -------------------------------------------------------------------------------------
 */

static double sample(const reader *r, size_t x, size_t c) {
  const size_t i = x * (size_t)r->n_colors + c;
  if (r->depth == 8) return r->row[i];
  return (r->row[2 * i] * 256 + r->row[2 * i + 1]) / 257.0;
}

static void take_pixel(reader *r, size_t y, size_t x) {
  const size_t at = y * r->width + x, plane = (size_t)r->height * r->width;
  for (size_t c = 0; c < r->n_planes; c++) r->planes[c * plane + at] = (float)sample(r, x, c);
  if (r->n_colors % 2 || sample(r, x, (size_t)r->n_colors - 1) == 255) return;
  if (!r->transparent || at < r->transparent_at) r->transparent_at = at;
  r->transparent = true;
}

/* Each pass over an interlaced file brings some pixels of some rows, in their places. */
static void take_rows(reader *r) {
  for (int pass = 0; pass < r->n_passes; pass++) {
    const bool interlaced = r->n_passes > 1;
    const size_t first = interlaced ? PNG_PASS_START_COL(pass) : 0;
    const size_t step = interlaced ? PNG_PASS_COL_OFFSET(pass) : 1;
    for (png_uint_32 y = 0; y < r->height; y++) {
      png_read_row(r->png, r->row, NULL);
      if (interlaced && !PNG_ROW_IN_INTERLACE_PASS(y, pass)) continue;
      for (size_t x = first; x < r->width; x += step) take_pixel(r, y, x);
    }
  }
}

static bool read_pixels(reader *r) {
  if (setjmp(png_jmpbuf(r->png))) return false;
  take_rows(r);
  png_read_end(r->png, NULL);
  return true;
}

static ins_status refuse_transparent(const reader *r) {
  return ins_fail(INS_ERR_UNSUPPORTED,
                  "%s: has transparent pixels (the first in row %zu, column %zu), and what "
                  "is behind them is not known; save it on a background",
                  r->path, r->transparent_at / r->width, r->transparent_at % r->width);
}

static ins_status make_result(reader *r, ins_value **out) {
  r->n_planes = r->n_colors < 3 ? 1 : 3;
  const size_t shape[] = {r->n_planes, r->height, r->width};
  *out = r->n_planes == 1 ? ins_value_array(INS_F32, 2, shape + 1)
                          : ins_value_array(INS_F32, 3, shape);
  if (!*out) return INS_ERR_MEMORY;
  r->planes = (*out)->array.data;
  return ins_alloc(1, r->row_bytes, &r->row);
}

static ins_status read_image(reader *r, ins_value **out) {
  if (!read_head(r)) return damaged(r);
  ins_status status = check_size(r);
  if (status == INS_OK) status = check_limit(r);
  if (status == INS_OK) status = make_result(r, out);
  if (status == INS_OK && !read_pixels(r)) status = damaged(r);
  if (status == INS_OK && r->transparent) status = refuse_transparent(r);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}

static ins_status open_file(reader *r) {
  unsigned char head[8];
  struct stat about;
  r->file = fopen(r->path, "rb");
  if (!r->file || fstat(fileno(r->file), &about) != 0)
    return ins_fail(INS_ERR_IO, "%s: cannot be opened: %s", r->path, strerror(errno));
  if (!S_ISREG(about.st_mode)) return ins_fail(INS_ERR_IO, "%s: it is no file", r->path);
  r->file_size = (size_t)about.st_size;
  if (fread(head, 1, sizeof head, r->file) != sizeof head || png_sig_cmp(head, 0, sizeof head))
    return ins_fail(INS_ERR_FORMAT, "%s: is no PNG file", r->path);
  rewind(r->file);
  r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
  r->info = r->png ? png_create_info_struct(r->png) : NULL;
  return r->info ? INS_OK : ins_fail(INS_ERR_MEMORY, "out of memory while reading %s", r->path);
}

ins_status ins_png_read(const char *path, ins_value **out) {
  reader r = {.path = path};
  *out = NULL;
  ins_status status = open_file(&r);
  if (status == INS_OK) status = read_image(&r, out);
  png_destroy_read_struct(&r.png, &r.info, NULL);
  ins_free(&r.row);
  if (r.file) fclose(r.file);
  return status;
}

/* ---- folders ------------------------------------------------------------------------------------
 */

static int is_png(const struct dirent *entry) {
  const size_t n = strlen(entry->d_name);
  return n > 4 && entry->d_name[0] != '.' && strcasecmp(entry->d_name + n - 4, ".png") == 0;
}

ins_status ins_png_list(const char *folder, ins_value **out) {
  struct dirent **entries = NULL;
  *out = NULL;
  const int n = scandir(folder, &entries, is_png, versionsort);
  if (n < 0) return ins_fail(INS_ERR_IO, "%s: cannot be listed: %s", folder, strerror(errno));
  ins_status status =
      n ? INS_OK : ins_fail(INS_ERR_MISSING, "%s: no file in this folder ends in .png", folder);
  if (status == INS_OK && !(*out = ins_value_list())) status = INS_ERR_MEMORY;
  for (int i = 0; i < n; i++) {
    char *path = ins_format("%s/%s", folder, entries[i]->d_name);
    if (status == INS_OK) status = ins_list_take(*out, path ? ins_value_text(path) : NULL);
    free(path);
    free(entries[i]);
  }
  free(entries);
  if (status != INS_OK) ins_value_destroy(out);
  return status;
}
