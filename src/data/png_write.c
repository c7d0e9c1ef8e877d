/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "insilico/file.h"
#include "insilico/image_file.h"
#include "insilico/memory.h"

static void on_error(png_structp png, png_const_charp message) {
  char *kept = png_get_error_ptr(png);
  snprintf(kept, INS_MESSAGE_MAX / 4, "%s", message);
  png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
  (void)png;
  (void)message;
}

static ins_status check_picture(const char *path, const ins_picture *p) {
  if (p->height > 0 && p->width > 0 && p->height <= INS_IMAGE_MAX_SIDE &&
      p->width <= INS_IMAGE_MAX_SIDE)
    return INS_OK;
  return ins_fail(INS_ERR_ARGUMENT,
                  "%s: an image of %zu x %zu pixels cannot be written; at most %d", path, p->height,
                  p->width, INS_IMAGE_MAX_SIDE);
}

/* ---- one image as bytes -------------------------------------------------------------------------
 */

/* Survives the longjmp that ends a failing libpng call. */
typedef struct encoder {
  png_structp png;
  png_infop info;
  ins_text *bytes;
  char message[INS_MESSAGE_MAX / 4];
} encoder;

static void take_bytes(png_structp png, png_bytep bytes, size_t n) {
  ins_text *to = png_get_io_ptr(png);
  ins_text_add_bytes(to, bytes, n);
  if (to->failed) png_error(png, "out of memory");
}

static void flush_nothing(png_structp png) {
  (void)png;
}

static bool run_encoder(encoder *e, const ins_picture *p) {
  if (setjmp(png_jmpbuf(e->png))) return false;
  const size_t row = p->width * (size_t)p->n_colors;
  png_set_write_fn(e->png, e->bytes, take_bytes, flush_nothing);
  png_set_IHDR(e->png, e->info, (png_uint_32)p->width, (png_uint_32)p->height, 8,
               p->n_colors == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(e->png, e->info);
  for (size_t y = 0; y < p->height; y++) png_write_row(e->png, p->pixels + y * row);
  png_write_end(e->png, NULL);
  return true;
}

/* A whole PNG file of one image, into `bytes`. */
static ins_status encode(const char *path, const ins_picture *picture, ins_text *bytes) {
  encoder e = {.bytes = bytes};
  ins_status status = check_picture(path, picture);
  if (status != INS_OK) return status;
  e.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, e.message, on_error, on_warning);
  e.info = e.png ? png_create_info_struct(e.png) : NULL;
  if (!e.info)
    status = ins_fail(INS_ERR_MEMORY, "out of memory while writing %s", path);
  else if (!run_encoder(&e, picture))
    status = ins_fail(bytes->failed ? INS_ERR_MEMORY : INS_ERR_INTERNAL, "%s: %s", path, e.message);
  png_destroy_write_struct(&e.png, &e.info);
  return status;
}

/* ---- files --------------------------------------------------------------------------------------
 */

static ins_status write_failed(const char *part) {
  return ins_fail(INS_ERR_IO, "%s: writing failed: %s", part, strerror(errno));
}

static ins_status open_part(const char *path, char **part, FILE **file) {
  *part = ins_format("%s.part", path);
  if (!*part) return INS_ERR_MEMORY;
  int fd;
  ins_status status = ins_file_make_new(*part, &fd);
  if (status != INS_OK) return status;
  *file = fdopen(fd, "wb");
  if (*file) return INS_OK;
  close(fd);
  return ins_fail(INS_ERR_MEMORY, "%s: cannot be written: %s", *part, strerror(errno));
}

/* Closes *file, and gives it its name when `status` is INS_OK. */
static ins_status close_part(ins_status status, const char *path, const char *part, FILE **file) {
  if (!*file) return status;
  if (status == INS_OK && (fflush(*file) != 0 || fsync(fileno(*file)) != 0))
    status = write_failed(part);
  if (fclose(*file) != 0 && status == INS_OK) status = write_failed(part);
  *file = NULL;
  if (status == INS_OK && rename(part, path) != 0)
    status = ins_fail(INS_ERR_IO, "%s: cannot be renamed to %s: %s", part, path, strerror(errno));
  if (status != INS_OK) unlink(part);
  return status;
}

ins_status ins_png_write(const char *path, const ins_picture *picture) {
  ins_text bytes = {0};
  char *part = NULL;
  FILE *file = NULL;
  ins_status status = encode(path, picture, &bytes);
  if (status == INS_OK) status = open_part(path, &part, &file);
  if (status == INS_OK && fwrite(bytes.data, 1, bytes.length, file) != bytes.length)
    status = write_failed(part);
  status = close_part(status, path, part, &file);
  ins_text_free(&bytes);
  free(part);
  return status;
}

/* ---- animations ---------------------------------------------------------------------------------
 */

struct ins_animation {
  char *path, *part;
  FILE *file;
  png_structp png; /* writes chunks: lengths, types and checksums */
  size_t n_frames, n_added;
  png_uint_32 sequence, width, height;
  int n_colors;
  unsigned delay[2]; /* of a frame: numerator and denominator in seconds */
  char message[INS_MESSAGE_MAX / 4];
};

static void put_u32(unsigned char *to, size_t value) {
  for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void put_u16(unsigned char *to, unsigned value) {
  to[0] = (unsigned char)(value >> 8);
  to[1] = (unsigned char)value;
}

static bool put_chunk(ins_animation *a, const char *type, const void *bytes, size_t n) {
  if (setjmp(png_jmpbuf(a->png))) return false;
  png_write_chunk(a->png, (png_const_bytep)type, bytes, n);
  return true;
}

static bool put_signature(ins_animation *a) {
  if (setjmp(png_jmpbuf(a->png))) return false;
  png_init_io(a->png, a->file);
  png_write_sig(a->png);
  return true;
}

/* Half a frame's rounding is not seen: 1/30 s is exact, 1/29.97 s to 1e-5. */
static void set_delay(double rate_hz, unsigned delay[2]) {
  delay[1] = 100;
  delay[0] = 100; /* stills: one second */
  if (!isfinite(rate_hz) || rate_hz <= 0) return;
  const bool slow = rate_hz < 1;
  const double whole = round(rate_hz);
  if (!slow && fabs(rate_hz - whole) < 1e-9 && whole <= 65535) {
    delay[0] = 1;
    delay[1] = (unsigned)whole;
    return;
  }
  const double scale = slow ? 1000 : floor(fmin(65535 / rate_hz, 1000));
  delay[0] = (unsigned)fmin(round(slow ? scale / rate_hz : fmax(scale, 1)), 65535);
  delay[1] = (unsigned)fmin(slow ? scale : round(fmax(scale, 1) * rate_hz), 65535);
}

ins_status ins_animation_create(const char *path, size_t n_frames, double rate_hz,
                                ins_animation **out) {
  ins_animation *a = NULL;
  ins_status status = ins_alloc(1, sizeof *a, &a);
  *out = NULL;
  if (status != INS_OK) return status;
  a->n_frames = n_frames;
  set_delay(rate_hz, a->delay);
  a->path = strdup(path);
  a->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, a->message, on_error, on_warning);
  if (!a->path || !a->png)
    status = ins_fail(INS_ERR_MEMORY, "out of memory while writing %s", path);
  if (status == INS_OK) status = open_part(path, &a->part, &a->file);
  if (status == INS_OK && !put_signature(a)) status = write_failed(a->part);
  if (status == INS_OK)
    *out = a;
  else
    ins_animation_destroy(&a);
  return status;
}

/* fcTL: sequence, width, height, place, delay, dispose 0 (leave), blend 0 (replace). */
static bool put_frame_control(ins_animation *a) {
  unsigned char control[26] = {0};
  put_u32(control, a->sequence++);
  put_u32(control + 4, a->width);
  put_u32(control + 8, a->height);
  put_u16(control + 20, a->delay[0]);
  put_u16(control + 22, a->delay[1]);
  return put_chunk(a, "fcTL", control, sizeof control);
}

/* Compressed pixels: as they are in the first frame, with a number in front in later ones. */
static bool put_data(ins_animation *a, unsigned char *chunk, size_t n) {
  if (a->n_added == 0) return put_chunk(a, "IDAT", chunk + 8, n);
  put_u32(chunk + 4, a->sequence++); /* over the type, which has been read */
  return put_chunk(a, "fdAT", chunk + 4, n + 4);
}

/* Takes the chunks of an encoded image: length, type, data, checksum. */
static bool put_image(ins_animation *a, ins_text *bytes) {
  enum { SIGNATURE = 8, AROUND = 12 };
  unsigned char *end = (unsigned char *)bytes->data + bytes->length, control[8];
  bool good = true, begun = false;
  for (unsigned char *p = (unsigned char *)bytes->data + SIGNATURE; good && p + AROUND <= end;) {
    const size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    unsigned char *next = p + AROUND + n;
    if (memcmp(p + 4, "IHDR", 4) == 0 && a->n_added == 0) {
      put_u32(control, a->n_frames);
      put_u32(control + 4, 0); /* plays for ever */
      good = put_chunk(a, "IHDR", p + 8, n) && put_chunk(a, "acTL", control, sizeof control);
    } else if (memcmp(p + 4, "IDAT", 4) == 0) {
      good = (begun || put_frame_control(a)) && put_data(a, p, n);
      begun = true;
    }
    p = next;
  }
  return good;
}

ins_status ins_animation_add(ins_animation *a, const ins_picture *picture) {
  ins_text bytes = {0};
  if (a->n_added == a->n_frames)
    return ins_fail(INS_ERR_INTERNAL, "%s: has more than its %zu frames", a->path, a->n_frames);
  if (a->n_added && (picture->width != a->width || picture->height != a->height ||
                     picture->n_colors != a->n_colors))
    return ins_fail(INS_ERR_INTERNAL, "%s: its frames differ in size", a->path);
  ins_status status = encode(a->path, picture, &bytes);
  if (status == INS_OK) {
    a->width = (png_uint_32)picture->width;
    a->height = (png_uint_32)picture->height;
    a->n_colors = picture->n_colors;
    if (!put_image(a, &bytes)) status = write_failed(a->part);
  }
  if (status == INS_OK) a->n_added++;
  ins_text_free(&bytes);
  return status;
}

ins_status ins_animation_finish(ins_animation *a) {
  ins_status status = INS_OK;
  if (a->n_added != a->n_frames)
    status = ins_fail(INS_ERR_INTERNAL, "%s: has %zu of its %zu frames", a->path, a->n_added,
                      a->n_frames);
  if (status == INS_OK && !put_chunk(a, "IEND", NULL, 0)) status = write_failed(a->part);
  return close_part(status, a->path, a->part, &a->file);
}

void ins_animation_destroy(ins_animation **animation) {
  ins_animation *a = *animation;
  if (!a) return;
  if (a->file) {
    fclose(a->file);
    unlink(a->part);
  }
  png_destroy_write_struct(&a->png, NULL);
  free(a->path);
  free(a->part);
  ins_free(animation);
}
