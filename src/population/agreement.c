/* SPDX-License-Identifier: MIT */
#include "agreement.h"

#include <math.h>
#include <string.h>

#include "insilico/memory.h"

typedef struct margins {
  size_t n_a, n_b;
  const int64_t *counts;
  int64_t *a, *b; /* [n_a], [n_b] */
  int64_t total;
} margins;

static void clear(margins *m) {
  ins_free(&m->a);
  ins_free(&m->b);
}

static ins_status sum_up(const int64_t *counts, size_t n_a, size_t n_b, margins *m) {
  *m = (margins){.n_a = n_a, .n_b = n_b, .counts = counts};
  ins_status status = ins_alloc(n_a, sizeof *m->a, &m->a);
  if (status == INS_OK) status = ins_alloc(n_b, sizeof *m->b, &m->b);
  if (status != INS_OK) {
    clear(m);
    return status;
  }
  for (size_t i = 0; i < n_a; i++)
    for (size_t j = 0; j < n_b; j++) {
      m->a[i] += counts[i * n_b + j];
      m->b[j] += counts[i * n_b + j];
      m->total += counts[i * n_b + j];
    }
  return INS_OK;
}

/* Groups that have items. */
static size_t used(const int64_t *sizes, size_t n) {
  size_t n_used = 0;
  for (size_t i = 0; i < n; i++) n_used += sizes[i] > 0;
  return n_used;
}

/* Both one group, or both every item alone: the same groups, where the formulas say 0 / 0. */
static bool trivially_same(const margins *m) {
  const size_t a = used(m->a, m->n_a), b = used(m->b, m->n_b);
  return a == b && (a == 1 || a == (size_t)m->total);
}

void ins_contingency(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b, size_t n,
                     int64_t *counts) {
  memset(counts, 0, n_a * n_b * sizeof *counts);
  for (size_t i = 0; i < n; i++)
    if (a[i] >= 0 && b[i] >= 0 && (size_t)a[i] < n_a && (size_t)b[i] < n_b)
      counts[(size_t)a[i] * n_b + (size_t)b[i]]++;
}

static double pairs(const int64_t *sizes, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (double)sizes[i] * ((double)sizes[i] - 1) / 2;
  return sum;
}

ins_status ins_adjusted_rand(const int64_t *counts, size_t n_a, size_t n_b, double *out) {
  margins m;
  ins_status status = sum_up(counts, n_a, n_b, &m);
  if (status != INS_OK) return status;
  const double both = pairs(counts, n_a * n_b), a = pairs(m.a, n_a), b = pairs(m.b, n_b);
  const double all = pairs(&m.total, 1), expected = all > 0 ? a * b / all : 0;
  if (!m.total)
    *out = NAN;
  else
    *out = trivially_same(&m) ? 1 : (both - expected) / ((a + b) / 2 - expected);
  clear(&m);
  return INS_OK;
}

static double entropy(const int64_t *sizes, size_t n, int64_t total) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) {
    const double p = (double)sizes[i] / (double)total;
    if (sizes[i] > 0) sum -= p * log(p);
  }
  return sum;
}

/* n_ij / n log(n n_ij / (a_i b_j)), the share of a cell in the mutual information. */
static double information(const margins *m, int64_t count, int64_t a, int64_t b) {
  const double n = (double)m->total, x = (double)count;
  return x / n * log(n * x / ((double)a * (double)b));
}

/* Its expectation where the cell is hypergeometric, of group sizes a and b; f[x] = log x!. */
static double expected_information(const margins *m, const double *f, int64_t a, int64_t b) {
  const int64_t n = m->total, least = a + b > n ? a + b - n : 1, most = a < b ? a : b;
  const double constant = f[a] + f[b] + f[n - a] + f[n - b] - f[n];
  double sum = 0;
  for (int64_t x = least; x <= most; x++)
    sum += exp(constant - f[x] - f[a - x] - f[b - x] - f[n - a - b + x]) * information(m, x, a, b);
  return sum;
}

ins_status ins_adjusted_information(const int64_t *counts, size_t n_a, size_t n_b, double *out) {
  margins m;
  double found = 0, expected = 0, *f = NULL;
  ins_status status = sum_up(counts, n_a, n_b, &m);
  if (status != INS_OK) return status;
  *out = m.total ? 1 : NAN;
  if (!m.total || trivially_same(&m)) goto done;
  status = ins_alloc((size_t)m.total + 1, sizeof *f, &f);
  if (status != INS_OK) goto done;
  for (int64_t x = 0; x <= m.total; x++) f[x] = lgamma((double)x + 1);
  for (size_t i = 0; i < n_a; i++)
    for (size_t j = 0; j < n_b; j++) {
      const int64_t count = counts[i * n_b + j];
      if (count > 0) found += information(&m, count, m.a[i], m.b[j]);
      if (m.a[i] > 0 && m.b[j] > 0) expected += expected_information(&m, f, m.a[i], m.b[j]);
    }
  const double most = (entropy(m.a, n_a, m.total) + entropy(m.b, n_b, m.total)) / 2;
  const double room = most - expected;
  /* One group against every item alone leaves no room, but for rounding. */
  *out = fabs(room) > 1e-14 * most ? (found - expected) / room : 0;
done:
  clear(&m);
  ins_free(&f);
  return status;
}

double ins_purity(const int64_t *counts, size_t n_a, size_t n_b) {
  double agreeing = 0, total = 0;
  for (size_t i = 0; i < n_a; i++) {
    int64_t most = 0;
    for (size_t j = 0; j < n_b; j++) {
      const int64_t count = counts[i * n_b + j];
      if (count > most) most = count;
      total += (double)count;
    }
    agreeing += (double)most;
  }
  return total > 0 ? agreeing / total : NAN;
}
