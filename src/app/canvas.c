/* SPDX-License-Identifier: MIT */
#include "canvas.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

ins_status ins_canvas_create(size_t width, size_t height, ins_canvas *out) {
  *out = (ins_canvas){width, height, NULL};
  if (width > INS_IMAGE_MAX_SIDE || height > INS_IMAGE_MAX_SIDE)
    return ins_fail(INS_ERR_ARGUMENT,
                    "a picture of %zu x %zu pixels is too large; at most %d a side", width, height,
                    INS_IMAGE_MAX_SIDE);
  ins_status status = ins_alloc(width * height, 3, &out->pixels);
  if (status == INS_OK) memset(out->pixels, 255, width * height * 3);
  return status;
}

void ins_canvas_clear(ins_canvas *canvas) {
  ins_free(&canvas->pixels);
}

ins_picture ins_canvas_picture(const ins_canvas *canvas) {
  return (ins_picture){canvas->height, canvas->width, 3, canvas->pixels};
}

/* ---- lines --------------------------------------------------------------------------------------
 */

static void blend(ins_canvas *c, long x, long y, double share, ins_color color) {
  if (x < 0 || y < 0 || (size_t)x >= c->width || (size_t)y >= c->height || share <= 0) return;
  uint8_t *p = c->pixels + ((size_t)y * c->width + (size_t)x) * 3;
  const uint8_t to[3] = {color.r, color.g, color.b};
  if (share > 1) share = 1;
  for (int k = 0; k < 3; k++) p[k] = (uint8_t)lround(p[k] + share * (to[k] - p[k]));
}

static double clamp(double x, double low, double high) {
  return fmin(fmax(x, low), high);
}

void ins_canvas_rectangle(ins_canvas *c, double x, double y, double width, double height,
                          ins_color color) {
  for (long j = (long)floor(y); (double)j < y + height; j++) {
    const double rows = fmin((double)j + 1, y + height) - fmax((double)j, y);
    for (long i = (long)floor(x); (double)i < x + width; i++)
      blend(c, i, j, rows * (fmin((double)i + 1, x + width) - fmax((double)i, x)), color);
  }
}

typedef struct segment {
  double x0, y0, x1, y1;
} segment;

static double distance(const segment *s, double x, double y) {
  const double dx = s->x1 - s->x0, dy = s->y1 - s->y0, length = dx * dx + dy * dy;
  const double t = length > 0 ? clamp(((x - s->x0) * dx + (y - s->y0) * dy) / length, 0, 1) : 0;
  return hypot(x - s->x0 - t * dx, y - s->y0 - t * dy);
}

/* Strokes with round ends that do not darken where they meet. */
static void stroke(ins_canvas *c, const segment *segments, size_t n, double width,
                   ins_color color) {
  double left = INFINITY, right = -INFINITY, top = INFINITY, bottom = -INFINITY;
  for (size_t k = 0; k < n; k++) {
    left = fmin(left, fmin(segments[k].x0, segments[k].x1));
    right = fmax(right, fmax(segments[k].x0, segments[k].x1));
    top = fmin(top, fmin(segments[k].y0, segments[k].y1));
    bottom = fmax(bottom, fmax(segments[k].y0, segments[k].y1));
  }
  left = fmax(left - width - 1, 0);
  top = fmax(top - width - 1, 0);
  right = fmin(right + width + 1, (double)c->width);
  bottom = fmin(bottom + width + 1, (double)c->height);
  for (long j = (long)top; (double)j < bottom; j++)
    for (long i = (long)left; (double)i < right; i++) {
      double nearest = INFINITY;
      for (size_t k = 0; k < n; k++)
        nearest = fmin(nearest, distance(&segments[k], (double)i + 0.5, (double)j + 0.5));
      blend(c, i, j, width / 2 + 0.5 - nearest, color);
    }
}

void ins_canvas_line(ins_canvas *c, double x0, double y0, double x1, double y1, double width,
                     ins_color color) {
  const segment one = {x0, y0, x1, y1};
  stroke(c, &one, 1, width, color);
}

void ins_canvas_enlarge(ins_canvas *c, size_t x, size_t y, size_t scale, size_t height,
                        size_t width, const uint8_t *rgb) {
  for (size_t j = 0; j < height * scale && y + j < c->height; j++)
    for (size_t i = 0; i < width * scale && x + i < c->width; i++)
      memcpy(c->pixels + ((y + j) * c->width + x + i) * 3,
             rgb + (j / scale * width + i / scale) * 3, 3);
}

/* ---- text ---------------------------------------------------------------------------------------
 */

/* Each character as strokes on a grid: pairs of digits are column (0 to 4) and row (0 the top of
 * capitals, 2 that of small letters, 6 the baseline, 8 the lowest), blanks lift the pen. */
static const char *const glyphs[128] = {
    ['0'] = "103041453616050110",
    ['1'] = "112026 1636",
    ['2'] = "01103041420646",
    ['3'] = "01103041423313 334445361605",
    ['4'] = "300444 3036",
    ['5'] = "400002324345361605",
    ['6'] = "3010010516364544331304",
    ['7'] = "004016",
    ['8'] = "103041423313020110 1304051636454433",
    ['9'] = "1636454130100102133342",
    ['A'] = "0602204246 0444",
    ['B'] = "00063645443303 3342413000",
    ['C'] = "4130100105163645",
    ['D'] = "00062644422000",
    ['E'] = "40000646 0333",
    ['F'] = "400006 0333",
    ['G'] = "41301001051636454323",
    ['H'] = "0006 4046 0343",
    ['I'] = "1030 2026 1636",
    ['J'] = "4045361605",
    ['K'] = "0006 4004 1346",
    ['L'] = "000646",
    ['M'] = "0600234046",
    ['N'] = "06004640",
    ['O'] = "103041453616050110",
    ['P'] = "06003041423303",
    ['Q'] = "103041453616050110 3446",
    ['R'] = "06003041423303 2346",
    ['S'] = "413010010213334445361605",
    ['T'] = "0040 2026",
    ['U'] = "000516364540",
    ['V'] = "002640",
    ['W'] = "0016233640",
    ['X'] = "0046 4006",
    ['Y'] = "002340 2326",
    ['Z'] = "00400646",
    ['a'] = "12324346 441405163645",
    ['b'] = "0006 0312324345361605",
    ['c'] = "4332120305163645",
    ['d'] = "4046 4332120305163645",
    ['e'] = "04444332120305163645",
    ['f'] = "40302126 1232",
    ['g'] = "4247381807 4332120305163645",
    ['h'] = "0006 0312324346",
    ['i'] = "122226 1636 2020",
    ['j'] = "222718 2020",
    ['k'] = "0006 4204 2346",
    ['l'] = "102026 1636",
    ['m'] = "0206 03122326 23324346",
    ['n'] = "0206 0312324346",
    ['o'] = "123243453616050312",
    ['p'] = "0208 0312324345361605",
    ['q'] = "4248 4332120305163645",
    ['r'] = "0206 04223243",
    ['s'] = "43321203143445361605",
    ['t'] = "20253646 1232",
    ['u'] = "0205163645 4246",
    ['v'] = "022642",
    ['w'] = "0216243642",
    ['x'] = "0246 4206",
    ['y'] = "0226 4218",
    ['z'] = "02420646",
    ['.'] = "2626",
    [','] = "2617",
    [':'] = "2323 2626",
    [';'] = "2323 2617",
    ['-'] = "0343",
    ['+'] = "0343 2125",
    ['='] = "0242 0444",
    ['/'] = "0640",
    ['\\'] = "0046",
    ['('] = "30212536",
    [')'] = "10212516",
    ['{'] = "30212213242536",
    ['}'] = "10212233242516",
    ['['] = "30101636",
    [']'] = "10303616",
    ['_'] = "0747",
    ['%'] = "0640 0010110100 3545463635",
    ['*'] = "1135 3115 0343",
    ['<'] = "410345",
    ['>'] = "014305",
    ['\''] = "2021",
    ['"'] = "1011 3031",
    ['|'] = "2028",
    ['!'] = "2024 2626",
    ['?'] = "01103041422324 2626",
    ['#'] = "1016 3036 0242 0444",
    ['^'] = "022042",
    ['~'] = "0413243342",
};

enum { MOST_SEGMENTS = 24, CAPITALS = 6, ADVANCE = 6, WIDE = 4 };

static size_t glyph_segments(const char *strokes, double x, double y, double unit,
                             segment *segments) {
  size_t n = 0;
  for (const char *p = strokes; *p && n < MOST_SEGMENTS;) {
    if (p[2] == ' ' || p[2] == '\0') {
      p += 2 + (p[2] == ' ');
      continue;
    }
    segments[n++] = (segment){x + (p[0] - '0') * unit, y + (p[1] - '0' - CAPITALS) * unit,
                              x + (p[2] - '0') * unit, y + (p[3] - '0' - CAPITALS) * unit};
    p += 2;
  }
  return n;
}

double ins_text_width(const char *text, double size) {
  const size_t n = strlen(text);
  return n ? (double)(n * ADVANCE - (ADVANCE - WIDE)) * size / CAPITALS : 0;
}

void ins_canvas_text(ins_canvas *canvas, double x, double y, double size, double align,
                     ins_color color, const char *text) {
  const double unit = size / CAPITALS;
  segment segments[MOST_SEGMENTS];
  x -= align * ins_text_width(text, size);
  for (const char *p = text; *p; p++, x += ADVANCE * unit) {
    const unsigned char c = (unsigned char)*p;
    const char *strokes = c < 128 && glyphs[c] ? glyphs[c] : glyphs['?'];
    if (c == ' ') continue;
    const size_t n = glyph_segments(strokes, x, y, unit, segments);
    stroke(canvas, segments, n, fmax(size / 8, 1), color);
  }
}
