/* SPDX-License-Identifier: MIT */
#include "film.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "film_shelf.h"
#include "insilico/array_file.h"
#include "insilico/image_file.h"
#include "insilico/memory.h"

const ins_variant ins_film_scales[] = {
    {.name = "contrast", .doc = "contrast as it is: 0 grey, 1 full contrast"},
    {.name = "luminance", .doc = "0 black (contrast -1) to `white` (contrast 1), as in PNG files"},
    {.name = "model", .doc = "the model's own numbers, shown unchanged"},
    {0},
};

/* Numbers as a file holds them: planes [C,T,H,W] of the chosen one. */
typedef struct planes {
  size_t n_channels, n_frames, height, width;
  float *x;
  bool png;
  ins_film_files files; /* that they are of */
} planes;

static ins_status allocate(planes *p) {
  size_t n = p->n_channels;
  if (!ins_mul(n, p->n_frames, &n) || !ins_mul(n, p->height, &n) || !ins_mul(n, p->width, &n))
    return ins_fail(INS_ERR_MEMORY, "a stimulus file is too large");
  return ins_alloc(n, sizeof *p->x, &p->x);
}

static ins_status no_such_index(const ins_value *settings, const char *index, size_t n) {
  if (n == 0)
    return ins_fail(INS_ERR_SHAPE, "%s: %s is empty", ins_setting_kind(settings),
                    ins_setting_text(settings, "file"));
  return ins_fail(INS_ERR_ARGUMENT, "%s: %s %lld is not in %s, which has %zu (0 to %zu)",
                  ins_setting_kind(settings), index,
                  (long long)ins_value_int_or(ins_map_get(settings, index), 0),
                  ins_setting_text(settings, "file"), n, n - 1);
}

static ins_status wrong_shape(const ins_value *settings, const ins_array *array, bool moving) {
  ins_text shape = {0};
  for (int d = 0; d < array->n_dims; d++)
    ins_text_add(&shape, "%s%zu", d ? ", " : "", array->shape[d]);
  ins_status status = ins_fail(
      INS_ERR_SHAPE, "%s: %s holds an array of shape [%s]; expected %s", ins_setting_kind(settings),
      ins_setting_text(settings, "file"), shape.data ? shape.data : "",
      moving ? "[T,H,W], [C,T,H,W] or [B,C,T,H,W]" : "[H,W], [C,H,W] or [B,C,H,W]");
  ins_text_free(&shape);
  return status;
}

/* ---- arrays -------------------------------------------------------------------------------------
 */

/* a [H,W] or [C,H,W], with `moving` [T,H,W] or [C,T,H,W]. */
static ins_status take_array(const ins_value *settings, bool moving, const ins_array *a,
                             planes *out) {
  const int inner = moving ? 3 : 2, outer = a->n_dims - inner;
  if (outer < 0 || outer > 1 || ins_array_count(a) == 0) return wrong_shape(settings, a, moving);
  const size_t *tail = a->shape + outer, n = ins_array_count(a);
  out->n_channels = outer ? a->shape[0] : 1;
  out->n_frames = moving ? tail[0] : 1;
  out->height = tail[inner - 2];
  out->width = tail[inner - 1];
  ins_status status = allocate(out);
  if (status != INS_OK) return status;
  for (size_t i = 0; i < n; i++) out->x[i] = (float)ins_array_get(a, i);
  return INS_OK;
}

static ins_status read_array(const ins_value *settings, const char *index, bool moving,
                             planes *out) {
  const size_t k = (size_t)ins_value_int_or(ins_map_get(settings, index), 0);
  const char *path = ins_setting_text(settings, "file");
  size_t n_items = 1;
  char *file = NULL;
  ins_value *read = NULL;
  ins_status status = ins_array_file(path, &file);
  if (status == INS_OK) status = ins_film_files_add(&out->files, file);
  if (status == INS_OK) status = ins_array_read_item(path, moving ? 5 : 4, k, &n_items, &read);
  if (status == INS_ERR_ARGUMENT) status = no_such_index(settings, index, n_items);
  if (status == INS_OK) status = take_array(settings, moving, &read->array, out);
  ins_value_destroy(&read);
  free(file);
  return status;
}

/* ---- PNG files ----------------------------------------------------------------------------------
 */

/* Frame t of n from a PNG; the first one sets the size. */
static ins_status take_png(const char *path, size_t t, size_t n, planes *out) {
  ins_value *read = NULL;
  ins_status status = ins_film_files_add(&out->files, path);
  if (status == INS_OK) status = ins_png_read(path, &read);
  if (status != INS_OK) return status;
  const ins_array *a = &read->array;
  const size_t *size = a->shape + a->n_dims - 2, n_channels = a->n_dims == 2 ? 1 : a->shape[0];
  if (t == 0) {
    out->n_channels = n_channels;
    out->n_frames = n;
    out->height = size[0];
    out->width = size[1];
    status = allocate(out);
  } else if (n_channels != out->n_channels || size[0] != out->height || size[1] != out->width) {
    status =
        ins_fail(INS_ERR_SHAPE,
                 "%s: is %zu x %zu pixels of %zu colours, the first of the folder %zu x %zu of "
                 "%zu",
                 path, size[0], size[1], n_channels, out->height, out->width, out->n_channels);
  }
  const size_t plane = out->height * out->width;
  for (size_t c = 0; status == INS_OK && c < n_channels; c++)
    memcpy(out->x + (c * n + t) * plane, (const float *)a->data + c * plane,
           plane * sizeof *out->x);
  ins_value_destroy(&read);
  return status;
}

static ins_status read_folder(const ins_value *settings, const char *index, bool moving,
                              planes *out) {
  const size_t k = (size_t)ins_value_int_or(ins_map_get(settings, index), 0);
  ins_value *paths = NULL;
  const char *folder = ins_setting_text(settings, "file");
  ins_status status = ins_film_files_add(&out->files, folder);
  if (status == INS_OK) status = ins_png_list(folder, &paths);
  const size_t n = ins_value_count(paths), n_items = moving ? 1 : n;
  if (status == INS_OK && k >= n_items) status = no_such_index(settings, index, n_items);
  if (status == INS_OK && !moving) status = take_png(paths->children.items[k]->text, 0, 1, out);
  for (size_t t = 0; status == INS_OK && moving && t < n; t++)
    status = take_png(paths->children.items[t]->text, t, n, out);
  ins_value_destroy(&paths);
  return status;
}

static bool ends_in_png(const char *path) {
  const size_t n = strlen(path);
  return n > 4 && strcasecmp(path + n - 4, ".png") == 0;
}

static ins_status read_planes(const ins_value *settings, const char *index, bool moving,
                              planes *out) {
  const char *path = ins_setting_text(settings, "file");
  struct stat about;
  const bool there = stat(path, &about) == 0;
  out->png = there && (S_ISDIR(about.st_mode) || ends_in_png(path));
  if (there && S_ISDIR(about.st_mode)) return read_folder(settings, index, moving, out);
  if (!out->png) return read_array(settings, index, moving, out);
  if (moving)
    return ins_fail(INS_ERR_ARGUMENT,
                    "%s: %s is one image; a movie is a folder of them, or an array",
                    ins_setting_kind(settings), path);
  if (ins_value_int_or(ins_map_get(settings, index), 0) != 0)
    return no_such_index(settings, index, 1);
  return take_png(path, 0, 1, out);
}

/* ---- contrast -----------------------------------------------------------------------------------
 */

static ins_status refuse_number(const ins_value *settings, float x) {
  return ins_fail(INS_ERR_ARGUMENT, "%s: %s holds %s, which no screen shows",
                  ins_setting_kind(settings), ins_setting_text(settings, "file"),
                  isnan(x) ? "NaN" : "infinity");
}

static ins_status check_numbers(const ins_value *settings, const planes *p) {
  const size_t n = p->n_channels * p->n_frames * p->height * p->width;
  for (size_t i = 0; i < n; i++)
    if (!isfinite(p->x[i])) return refuse_number(settings, p->x[i]);
  return INS_OK;
}

/* contrast = slope * number + offset */
static ins_status scale_of(const ins_value *settings, const ins_screen *screen, bool png, size_t c,
                           double *slope, double *offset) {
  const char *scale = ins_setting_text(settings, "scale");
  if (!*scale) scale = png ? "luminance" : "model";
  *slope = 1;
  *offset = 0;
  if (strcmp(scale, "luminance") == 0) {
    *slope = 2 / ins_setting_real(settings, "white");
    *offset = -1;
  } else if (strcmp(scale, "model") == 0) {
    if (screen->gain[c] == 0)
      return ins_fail(INS_ERR_ARGUMENT,
                      "%s: the model's own numbers cannot be shown where contrast is 0 by "
                      "intensity.contrast (channel %zu)",
                      ins_setting_kind(settings), c);
    *slope = 1 / screen->gain[c];
    *offset = -screen->grey[c] / screen->gain[c];
  }
  return INS_OK;
}

/* The file's channels [*first, *first + *n) whose mean is shown in channel c of the screen. */
static bool channels_of(size_t n_file, size_t n_screen, size_t c, size_t *first, size_t *n) {
  *n = 1;
  *first = n_file == 1 ? 0 : c;
  if (n_file == 1 || n_file == n_screen) return true;
  if (n_file == 3 && n_screen == 2) *first = c + 1; /* green and blue */
  if (n_file == 3 && n_screen == 1) *n = 3;
  return n_file == 3 && n_screen < 3;
}

static ins_status convert(const ins_value *settings, const ins_screen *screen, const planes *p,
                          ins_film *out) {
  const size_t count = p->n_frames * p->height * p->width;
  ins_status status = ins_alloc(screen->n_channels * count, sizeof *out->x, &out->x);
  *out = (ins_film){screen->n_channels, p->n_frames, p->height, p->width, out->x};
  for (size_t c = 0; status == INS_OK && c < screen->n_channels; c++) {
    double slope, offset;
    size_t first, n;
    float *to = out->x + c * count;
    if (!channels_of(p->n_channels, screen->n_channels, c, &first, &n))
      return ins_fail(INS_ERR_SHAPE, "%s: %s has %zu channels, the model has %zu",
                      ins_setting_kind(settings), ins_setting_text(settings, "file"), p->n_channels,
                      screen->n_channels);
    status = scale_of(settings, screen, p->png, c, &slope, &offset);
    for (size_t i = 0; status == INS_OK && i < count; i++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++) sum += (double)p->x[(first + k) * count + i];
      to[i] = (float)(slope * sum / (double)n + offset);
    }
  }
  return status;
}

/* ---- films --------------------------------------------------------------------------------------
 */

/* All that a film's numbers depend on but the contents of its file. */
static ins_status key_of(const ins_value *settings, const ins_screen *screen, const char *index,
                         bool moving, ins_text *key) {
  ins_text_add(key, "%s\n%s %lld%s\n%s %a\n", ins_setting_text(settings, "file"), index,
               (long long)ins_value_int_or(ins_map_get(settings, index), 0),
               moving ? " moving" : "", ins_setting_text(settings, "scale"),
               ins_setting_real(settings, "white"));
  for (size_t c = 0; c < screen->n_channels; c++)
    ins_text_add(key, "%a %a\n", screen->gain[c], screen->grey[c]);
  return ins_text_ok(key);
}

static ins_status read_film(const ins_value *settings, const ins_screen *screen, const char *index,
                            bool moving, const char *key, const ins_film **out) {
  planes p = {0};
  ins_film film = {0};
  ins_status status = read_planes(settings, index, moving, &p);
  if (status == INS_OK) status = ins_film_files_check(&p.files); /* nor while it was read */
  if (status == INS_OK) status = check_numbers(settings, &p);
  if (status == INS_OK) status = convert(settings, screen, &p, &film);
  ins_free(&p.x);
  if (status == INS_OK) status = ins_film_shelf_add(key, &film, &p.files, out);
  ins_film_files_clear(&p.files);
  ins_film_clear(&film);
  return status;
}

ins_status ins_film_open(const ins_value *settings, const ins_screen *screen, const char *index,
                         bool moving, const ins_film **out) {
  ins_text key = {0};
  *out = NULL;
  ins_status status = key_of(settings, screen, index, moving, &key);
  if (status == INS_OK) status = ins_film_shelf_take(key.data, out);
  if (status == INS_OK && !*out) status = read_film(settings, screen, index, moving, key.data, out);
  ins_text_free(&key);
  return status;
}

void ins_film_clear(ins_film *film) {
  ins_free(&film->x);
  *film = (ins_film){0};
}
