/* SPDX-License-Identifier: MIT */
/* Grids and distributed matrices against plain loops and LAPACK on one process: odd sizes, blocks
 * that do not divide them, fewer rows than ranks. */
#include <math.h>
#include <mpi.h>

#include "cmocka_all.h"
#include "insilico/memory.h"
#include "population/lapack.h"
#include "population/matrix.h"

#define OK(call)                                                                                   \
  do {                                                                                             \
    ins_status status_of_call = (call);                                                            \
    if (status_of_call != INS_OK) fail_msg("%s: %s", #call, ins_message());                        \
  } while (0)

static int rank, n_ranks;
enum { N_GRIDS = 3, N_SIZES = 8 };
static const int blocks[N_GRIDS] = {3, 8, 64};
static ins_grid *grids[N_GRIDS];
static const size_t sizes[N_SIZES][2] = {{1, 1}, {1, 13},  {13, 1}, {2, 2},
                                         {5, 3}, {23, 37}, {70, 9}, {65, 131}};

/* Numbers of magnitude about 1, the same on every rank. */
static double number(size_t i, size_t j) {
  const double x = sin(12.9898 * (double)(i + 1) + 78.233 * (double)(j + 3)) * 437.585453;
  return 2 * (x - floor(x)) - 1;
}

/* [n][k], row-major. */
static double *numbers(size_t n, size_t k) {
  double *x = malloc((n * k + 1) * sizeof *x);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < k; j++) x[i * k + j] = number(i, j);
  return x;
}

/* As a matrix of `dtype` has it. */
static double as(ins_dtype dtype, double x) {
  return dtype == INS_F32 ? (double)(float)x : x;
}

static double tolerance(ins_dtype dtype) {
  return dtype == INS_F32 ? 2e-5 : 1e-12;
}

static ins_matrix matrix_of(const ins_grid *g, ins_dtype dtype, size_t n, size_t k,
                            const double *x) {
  ins_matrix m;
  OK(ins_matrix_create(g, dtype, n, k, &m));
  if (x) ins_matrix_scatter(&m, 0, n, 0, k, x);
  return m;
}

static double *whole(const ins_matrix *m) {
  double *x = malloc((m->n_rows * m->n_columns + 1) * sizeof *x);
  OK(ins_matrix_gather(m, 0, m->n_rows, 0, m->n_columns, x));
  return x;
}

static void close_to(double a, double b, double allowed) {
  if (!(fabs(a - b) <= allowed)) fail_msg("%.17g and %.17g differ by more than %g", a, b, allowed);
}

/* Compares m with x [n][k] and clears both. */
static void expect(ins_matrix *m, double *x, double allowed) {
  double *got = whole(m);
  for (size_t i = 0; i < m->n_rows * m->n_columns; i++) close_to(got[i], x[i], allowed);
  free(got);
  free(x);
  ins_matrix_clear(m);
}

typedef void (*each)(const ins_grid *g, ins_dtype dtype, size_t n, size_t k);

static void on_all(each test) {
  for (int g = 0; g < N_GRIDS; g++)
    for (int s = 0; s < N_SIZES; s++) {
      test(grids[g], INS_F64, sizes[s][0], sizes[s][1]);
      test(grids[g], INS_F32, sizes[s][0], sizes[s][1]);
    }
}

/* ---- grids -------------------------------------------------------------------------------------
 */

static void grids_are_as_square_as_ranks_allow(void **state) {
  (void)state;
  const int shapes[][3] = {{1, 1, 1},  {2, 1, 2},  {3, 1, 3},   {4, 2, 2},
                           {6, 2, 3},  {7, 1, 7},  {12, 3, 4},  {16, 4, 4},
                           {18, 3, 6}, {30, 5, 6}, {97, 1, 97}, {100, 10, 10}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    int rows, columns;
    ins_grid_shape(shapes[i][0], &rows, &columns);
    assert_int_equal(rows, shapes[i][1]);
    assert_int_equal(columns, shapes[i][2]);
  }
}

static void shares_are_contiguous_and_hold_everything_once(void **state) {
  (void)state;
  for (size_t n = 0; n < 40; n++)
    for (int size = 1; size < 9; size++) {
      size_t next = 0;
      for (int r = 0; r < size; r++) {
        const ins_share_of share = ins_grid_share(n, size, r);
        assert_int_equal(share.first, next);
        assert_true(share.n <= (n + (size_t)size - 1) / (size_t)size);
        next += share.n;
      }
      assert_int_equal(next, n);
    }
}

static void processes_know_their_place_in_the_grid(void **state) {
  (void)state;
  for (int k = 0; k < N_GRIDS; k++) {
    const ins_grid *g = grids[k];
    int in_row, in_column;
    assert_int_equal(g->size, n_ranks);
    assert_int_equal(g->rank, rank);
    assert_int_equal(g->n_rows * g->n_columns, n_ranks);
    assert_int_equal(g->row * g->n_columns + g->column, rank);
    MPI_Comm_size(g->row_comm, &in_row);
    MPI_Comm_size(g->column_comm, &in_column);
    assert_int_equal(in_row, g->n_columns);
    assert_int_equal(in_column, g->n_rows);
  }
}

/* ---- where elements lie ------------------------------------------------------------------------
 */

/* Block b of rows is on row b mod n_rows of the grid, columns likewise. */
static void check_places(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  ins_matrix m = matrix_of(g, dtype, n, k, NULL);
  const size_t b = (size_t)g->block;
  size_t rows = 0, columns = 0;
  for (size_t i = 0; i < n; i++)
    if (i / b % (size_t)g->n_rows == (size_t)g->row) {
      assert_int_equal(ins_matrix_row(&m, rows), i);
      rows++;
    }
  for (size_t j = 0; j < k; j++)
    if (j / b % (size_t)g->n_columns == (size_t)g->column) {
      assert_int_equal(ins_matrix_column(&m, columns), j);
      columns++;
    }
  assert_int_equal(m.local_rows, rows);
  assert_int_equal(m.local_columns, columns);
  assert_true((double)(rows * columns * ins_dtype_size(dtype)) <=
              ins_matrix_bytes(n_ranks, g->block, dtype, (double)n, (double)k));
  ins_matrix_clear(&m);
}

static void every_element_lies_on_one_process(void **state) {
  (void)state;
  on_all(check_places);
}

static void check_boxes(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  double *x = numbers(n, k), *box = malloc((n * k + 1) * sizeof *box);
  ins_matrix m = matrix_of(g, dtype, n, k, x);
  const size_t row = n / 3, column = k / 4, rows = n - row - n / 5, columns = k - column - k / 7;
  OK(ins_matrix_gather(&m, row, rows, column, columns, box));
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      assert_true(box[i * columns + j] == as(dtype, x[(row + i) * k + column + j]));
      box[i * columns + j] += 2; /* exact in either type or not: rounded below */
      x[(row + i) * k + column + j] = as(dtype, box[i * columns + j]);
    }
  ins_matrix_scatter(&m, row, rows, column, columns, box);
  for (size_t i = 0; i < n * k; i++) x[i] = as(dtype, x[i]);
  free(box);
  expect(&m, x, 0);
}

static void boxes_are_gathered_and_scattered(void **state) {
  (void)state;
  on_all(check_boxes);
}

/* What take returns is written elsewhere by put: [first, first + k) of rows or columns. */
static void check_panels(const ins_grid *g, ins_dtype dtype, size_t n, size_t k, bool of_rows) {
  double *x = numbers(n, k);
  ins_matrix m = matrix_of(g, dtype, n, k, x), to = matrix_of(g, dtype, n, k, NULL);
  const size_t all = of_rows ? n : k, across = of_rows ? k : n, first = all / 3,
               many = all - first - all / 5;
  const ins_share_of share = ins_grid_share(many, n_ranks, rank);
  void *panel = malloc((share.n * across + 1) * 8);
  if (of_rows)
    OK(ins_matrix_take_rows(&m, first, many, panel));
  else
    OK(ins_matrix_take_columns(&m, first, many, panel));
  for (size_t a = 0; a < share.n; a++)
    for (size_t c = 0; c < across; c++) {
      const size_t line = first + share.first + a, at = a * across + c;
      const double got = dtype == INS_F32 ? (double)((float *)panel)[at] : ((double *)panel)[at];
      assert_true(got == as(dtype, of_rows ? x[line * k + c] : x[c * k + line]));
    }
  if (of_rows)
    OK(ins_matrix_put_rows(&to, first, many, panel));
  else
    OK(ins_matrix_put_columns(&to, first, many, panel));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < k; j++) {
      const size_t line = of_rows ? i : j;
      x[i * k + j] = line >= first && line < first + many ? as(dtype, x[i * k + j]) : 0;
    }
  free(panel);
  ins_matrix_clear(&m);
  expect(&to, x, 0);
}

static void check_row_panels(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  check_panels(g, dtype, n, k, true);
}

static void check_column_panels(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  check_panels(g, dtype, n, k, false);
}

static void panels_of_rows_are_taken_and_put(void **state) {
  (void)state;
  on_all(check_row_panels);
}

static void panels_of_columns_are_taken_and_put(void **state) {
  (void)state;
  on_all(check_column_panels);
}

static void matrices_too_large_for_the_ranks_are_refused_with_a_number_that_would_do(void **state) {
  (void)state;
  ins_matrix m;
  assert_int_equal(ins_matrix_create(grids[2], INS_F32, 2000000, 2000000, &m), INS_ERR_UNSUPPORTED);
  assert_non_null(strstr(ins_message(), "ranks would do"));
  assert_null(m.data);
  assert_int_equal(ins_matrix_create(grids[2], INS_F32, (size_t)1 << 31, 1, &m),
                   INS_ERR_UNSUPPORTED);
  assert_int_equal(ins_matrix_create(grids[2], INS_F32, 0, 4, &m), INS_ERR_UNSUPPORTED);
  assert_int_equal(ins_matrix_create(grids[2], INS_F64, 2147483647, 2147483647, &m),
                   INS_ERR_UNSUPPORTED);
}

/* ---- sums and scales ---------------------------------------------------------------------------
 */

static void check_sums(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  double *x = numbers(n, k), sum[131], squares[131], around[131], all = 0, trace = 0;
  ins_matrix m = matrix_of(g, dtype, n, k, x);
  for (size_t i = 0; i < 131; i++) around[i] = number(i, 500);
  for (int by = 0; by < 4; by++) {
    const bool rows = by % 2 == 0, with = by < 2;
    const size_t lines = rows ? n : k, across = rows ? k : n;
    if (rows)
      OK(ins_matrix_row_sums(&m, with ? around : NULL, sum, squares));
    else
      OK(ins_matrix_column_sums(&m, with ? around : NULL, sum, squares));
    for (size_t a = 0; a < lines; a++) {
      double s = 0, q = 0;
      for (size_t c = 0; c < across; c++) {
        const double v = as(dtype, rows ? x[a * k + c] : x[c * k + a]);
        s += v;
        q += (v - (with ? around[a] : 0)) * (v - (with ? around[a] : 0));
      }
      close_to(sum[a], s, 1e-12);
      close_to(squares[a], q, 1e-12);
      if (by == 2) all += q;
    }
  }
  OK(ins_matrix_row_sums(&m, NULL, sum, NULL));
  for (size_t i = 0; i < n && i < k; i++) trace += as(dtype, x[i * k + i]);
  close_to(ins_matrix_sum_squares(&m), all, 1e-13 * (double)(n * k + 10));
  close_to(ins_matrix_trace(&m), trace, 1e-12);
  ins_matrix_clear(&m);
  free(x);
}

static void sums_over_rows_columns_and_all(void **state) {
  (void)state;
  on_all(check_sums);
}

static void check_scales(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  double *x = numbers(n, k), shift[131], factor[131];
  ins_matrix m = matrix_of(g, dtype, n, k, x);
  for (size_t i = 0; i < 131; i++) {
    shift[i] = number(i, 600);
    factor[i] = number(i, 700);
  }
  ins_matrix_scale_rows(&m, shift, factor);
  ins_matrix_scale_rows(&m, NULL, factor);
  ins_matrix_scale_columns(&m, shift, NULL);
  ins_matrix_scale_columns(&m, shift, factor);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < k; j++) {
      double *v = &x[i * k + j];
      *v = (as(dtype, *v) - shift[i]) * factor[i] * factor[i];
      *v = (*v - 2 * shift[j]) * factor[j];
    }
  expect(&m, x, tolerance(dtype));
}

static void rows_and_columns_are_shifted_and_scaled(void **state) {
  (void)state;
  on_all(check_scales);
}

/* ---- copies ------------------------------------------------------------------------------------
 */

static void check_copies(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  double *x = numbers(n, k), *turned = numbers(n, k);
  ins_matrix m = matrix_of(g, dtype, n, k, x), same = matrix_of(g, dtype, n, k, NULL),
             wide = matrix_of(g, INS_F64, n, k, NULL), narrow = matrix_of(g, INS_F32, n, k, NULL),
             t = matrix_of(g, dtype, k, n, NULL);
  ins_matrix_copy(&m, &same);
  ins_matrix_copy(&m, &wide);
  ins_matrix_copy(&m, &narrow);
  OK(ins_matrix_transpose(&m, &t));
  double *single = numbers(n, k), *again = numbers(n, k);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < k; j++) {
      again[i * k + j] = x[i * k + j] = as(dtype, number(i, j));
      turned[j * n + i] = x[i * k + j];
      single[i * k + j] = (double)(float)x[i * k + j];
    }
  expect(&same, again, 0);
  expect(&wide, x, 0);
  expect(&narrow, single, 0);
  expect(&t, turned, 0);
  ins_matrix_clear(&m);
}

static void copies_convert_and_transposes_turn(void **state) {
  (void)state;
  on_all(check_copies);
}

static void check_mirror(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  const size_t side = n > k ? n : k;
  double *x = numbers(side, side);
  ins_matrix m = matrix_of(g, dtype, side, side, x);
  OK(ins_matrix_mirror(&m));
  for (size_t i = 0; i < side; i++)
    for (size_t j = 0; j < side; j++) {
      x[i * side + j] = as(dtype, x[i * side + j]);
      if (i > j) x[j * side + i] = x[i * side + j];
    }
  for (size_t i = 0; i < side; i++) /* now that the lower triangle has been rounded too */
    for (size_t j = 0; j < i; j++) x[j * side + i] = x[i * side + j];
  expect(&m, x, 0);
}

static void the_lower_triangle_is_copied_to_the_upper_one(void **state) {
  (void)state;
  on_all(check_mirror);
}

/* ---- products ----------------------------------------------------------------------------------
 */

static void check_products(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  enum { INNER = 17 };
  for (int by = 0; by < 4; by++) {
    const bool ta = by & 1, tb = by & 2;
    double *a = numbers(ta ? INNER : n, ta ? n : INNER),
           *b = numbers(tb ? k : INNER, tb ? INNER : k), *c = numbers(n, k);
    ins_matrix ma = matrix_of(g, dtype, ta ? INNER : n, ta ? n : INNER, a),
               mb = matrix_of(g, dtype, tb ? k : INNER, tb ? INNER : k, b),
               mc = matrix_of(g, dtype, n, k, c);
    OK(ins_matrix_multiply(0.75, &ma, ta, &mb, tb, -1.5, &mc));
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < k; j++) {
        double sum = 0;
        for (size_t l = 0; l < INNER; l++)
          sum += (ta ? a[l * n + i] : a[i * INNER + l]) * (tb ? b[j * INNER + l] : b[l * k + j]);
        c[i * k + j] = 0.75 * sum - 1.5 * c[i * k + j];
      }
    ins_matrix_clear(&ma);
    ins_matrix_clear(&mb);
    free(a);
    free(b);
    expect(&mc, c, tolerance(dtype));
  }
}

static void products_of_all_four_orders(void **state) {
  (void)state;
  on_all(check_products);
}

static void check_gram(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  for (int by = 0; by < 2; by++) {
    const size_t side = by ? k : n, across = by ? n : k;
    double *x = numbers(n, k), *c = malloc(side * side * sizeof *c);
    for (size_t i = 0; i < side * side; i++) c[i] = 7; /* also in the triangle that is to stay */
    ins_matrix m = matrix_of(g, dtype, n, k, x), gram = matrix_of(g, dtype, side, side, c);
    OK(ins_matrix_gram(0.5, &m, by, &gram));
    for (size_t i = 0; i < side; i++)
      for (size_t j = 0; j <= i; j++) {
        double sum = 0;
        for (size_t l = 0; l < across; l++)
          sum += by ? x[l * k + i] * x[l * k + j] : x[i * k + l] * x[j * k + l];
        c[i * side + j] = 0.5 * sum;
      }
    ins_matrix_clear(&m);
    free(x);
    expect(&gram, c, tolerance(dtype) * 4);
  }
}

static void gram_matrices_fill_the_lower_triangle_only(void **state) {
  (void)state;
  on_all(check_gram);
}

/* ---- eigenvectors ------------------------------------------------------------------------------
 */

/* What LAPACK says on one process, descending. */
static double *lapack_values(size_t side, const double *symmetric) {
  const int n = (int)side, lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
  int info = 0, *iwork = malloc((size_t)liwork * sizeof *iwork);
  double *a = malloc(side * side * sizeof *a), *w = malloc(side * sizeof *w),
         *work = malloc((size_t)lwork * sizeof *work);
  memcpy(a, symmetric, side * side * sizeof *a);
  dsyevd_("N", "L", &n, a, &n, w, work, &lwork, iwork, &liwork, &info);
  assert_int_equal(info, 0);
  for (size_t i = 0; i < side / 2; i++) {
    const double last = w[side - 1 - i];
    w[side - 1 - i] = w[i];
    w[i] = last;
  }
  free(a);
  free(work);
  free(iwork);
  return w;
}

static void check_vectors(size_t side, const double *a, const double *w, const double *v,
                          double allowed) {
  for (size_t c = 0; c < side; c++) {
    double largest = 0, first = 0;
    for (size_t i = 0; i < side; i++) {
      double product = 0;
      for (size_t j = 0; j < side; j++) product += a[i * side + j] * v[j * side + c];
      close_to(product, w[c] * v[i * side + c], allowed);
      largest = fmax(largest, fabs(v[i * side + c]));
    }
    for (size_t i = side; i-- > 0;)
      if (fabs(v[i * side + c]) > 0.999 * largest) first = v[i * side + c];
    /* Of nearly equal ones the first; a tie closer than that is tried elsewhere. */
    double runner_up = 0;
    for (size_t i = 0; i < side; i++)
      if (v[i * side + c] < 0) runner_up = fmax(runner_up, -v[i * side + c]);
    assert_true(first > 0 || runner_up < largest * (1 - 1e-9) || side == 1);
    for (size_t d = 0; d <= c; d++) {
      double product = 0;
      for (size_t i = 0; i < side; i++) product += v[i * side + c] * v[i * side + d];
      close_to(product, c == d, allowed);
    }
  }
}

/* a [side][side] symmetric; spoils the upper triangle, which is not to be looked at. */
static void check_eigen_of(const ins_grid *g, ins_dtype dtype, size_t side, const double *a) {
  double *spoilt = malloc(side * side * sizeof *spoilt), *w = malloc(side * sizeof *w),
         *alone = malloc(side * sizeof *alone), *truth = lapack_values(side, a), norm = 1;
  for (size_t i = 0; i < side; i++) norm = fmax(norm, fabs(truth[i]));
  const double allowed =
      (dtype == INS_F32 ? 2e-5 : 2e-13) * norm * (double)(side < 8 ? 8 : side) / 8;
  for (size_t i = 0; i < side; i++)
    for (size_t j = 0; j < side; j++) spoilt[i * side + j] = j > i ? (double)NAN : a[i * side + j];
  ins_matrix m = matrix_of(g, dtype, side, side, spoilt),
             n = matrix_of(g, dtype, side, side, spoilt), v = matrix_of(g, dtype, side, side, NULL);
  OK(ins_matrix_eigen(&m, w, &v));
  OK(ins_matrix_eigen(&n, alone, NULL));
  double *vectors = whole(&v);
  for (size_t i = 0; i < side; i++) {
    close_to(w[i], truth[i], allowed);
    close_to(alone[i], truth[i], allowed);
    assert_true(i == 0 || w[i] <= w[i - 1]);
  }
  check_vectors(side, a, w, vectors, allowed);
  free(vectors);
  free(spoilt);
  free(w);
  free(alone);
  free(truth);
  ins_matrix_clear(&m);
  ins_matrix_clear(&n);
  ins_matrix_clear(&v);
}

static void check_symmetric(const ins_grid *g, size_t n, double (*element)(size_t i, size_t j)) {
  double *a = malloc(n * n * sizeof *a);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) a[i * n + j] = i < j ? element(j, i) : element(i, j);
  check_eigen_of(g, INS_F64, n, a);
  check_eigen_of(g, INS_F32, n, a);
  free(a);
}

static void on_all_symmetric(double (*element)(size_t i, size_t j)) {
  const size_t sides[] = {1, 2, 3, 5, 7, 16, 33, 70};
  for (int g = 0; g < N_GRIDS; g++)
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
      check_symmetric(grids[g], sides[s], element);
}

static double zero(size_t i, size_t j) {
  return 0 * (double)(i + j);
}

static double identity(size_t i, size_t j) {
  return i == j;
}

/* Eigenvalues 1 and 1 + n, the former n - 1 times. */
static double one_apart(size_t i, size_t j) {
  return 1 + (i == j);
}

/* Of rank 2. */
static double two_products(size_t i, size_t j) {
  return number(i, 1) * number(j, 1) + 3 * number(i, 2) * number(j, 2);
}

/* Pairs of equal eigenvalues, in blocks. */
static double pairs(size_t i, size_t j) {
  return i / 2 == j / 2 && i != j ? 0.5 : i == j ? (double)(i / 2) : 0;
}

static double tiny(size_t i, size_t j) {
  return 1e-30 * number(i, j);
}

static void eigenvectors_of_symmetric_matrices(void **state) {
  (void)state;
  on_all_symmetric(number);
}

/* Where the last block is nearly one, is one, is one more: where processes begin to have a part. */
static void eigenvectors_of_matrices_about_as_large_as_a_block(void **state) {
  (void)state;
  for (int g = 0; g < N_GRIDS; g++) {
    const size_t block = (size_t)grids[g]->block,
                 sides[] = {block - 1, block, block + 1, 2 * block + 1};
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++)
      check_symmetric(grids[g], sides[s], number);
  }
}

static void eigenvectors_where_eigenvalues_repeat(void **state) {
  (void)state;
  on_all_symmetric(identity);
  on_all_symmetric(one_apart);
  on_all_symmetric(pairs);
}

static void eigenvectors_of_matrices_without_full_rank(void **state) {
  (void)state;
  on_all_symmetric(zero);
  on_all_symmetric(two_products);
  on_all_symmetric(tiny);
}

static void matrices_with_numbers_that_are_not_finite_have_no_eigenvalues(void **state) {
  (void)state;
  for (int g = 0; g < N_GRIDS; g++) {
    double *x = numbers(11, 11), w[11];
    x[10 * 11 + 4] = (double)NAN;
    ins_matrix m = matrix_of(grids[g], INS_F64, 11, 11, x),
               v = matrix_of(grids[g], INS_F64, 11, 11, x);
    assert_int_equal(ins_matrix_eigen(&m, w, &v), INS_ERR_NUMERIC);
    ins_matrix_clear(&m);
    ins_matrix_clear(&v);
    free(x);
  }
}

/* Two entries of the same magnitude but for rounding: the first is positive, whatever came in. */
static void signs_follow_the_first_of_the_largest(void **state) {
  (void)state;
  for (int g = 0; g < N_GRIDS; g++) {
    const double x[5][4] = {{0.1, 0.5, 0, -0.2},
                            {-0.7, -0.5000000000001, 0, 0.3},
                            {0.2, 0.4, 0, 0.1},
                            {0.7000000000001, 0.1, 0, 0.9},
                            {0.3, 0.5, 0, -0.9}};
    const double flips[4] = {-1, 1, 1, 1};
    double sign[4], *truth = malloc(sizeof x);
    ins_matrix m = matrix_of(grids[g], INS_F64, 5, 4, &x[0][0]);
    OK(ins_matrix_fix_signs(&m, sign));
    for (size_t i = 0; i < 5; i++)
      for (size_t j = 0; j < 4; j++) truth[i * 4 + j] = x[i][j] * flips[j];
    for (size_t j = 0; j < 4; j++) assert_true(sign[j] == flips[j]);
    expect(&m, truth, 0);
  }
}

/* ---- solving -----------------------------------------------------------------------------------
 */

/* (x x' + 1) s = b, where s is known. */
static void check_solve(const ins_grid *g, ins_dtype dtype, size_t n, size_t k) {
  double *x = numbers(n, k), *s = numbers(n, 3), *b = calloc(n * 3, sizeof *b),
         *a = malloc(n * n * sizeof *a);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      a[i * n + j] = i == j;
      for (size_t l = 0; l < k; l++) a[i * n + j] += x[i * k + l] * x[j * k + l];
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      for (size_t c = 0; c < 3; c++) b[i * 3 + c] += a[i * n + j] * s[j * 3 + c];
  for (size_t i = 0; i < n; i++)
    for (size_t j = i + 1; j < n; j++) a[i * n + j] = (double)NAN;
  ins_matrix ma = matrix_of(g, dtype, n, n, a), mb = matrix_of(g, dtype, n, 3, b);
  OK(ins_matrix_solve(&ma, &mb));
  ins_matrix_clear(&ma);
  free(a);
  free(b);
  free(x);
  expect(&mb, s, dtype == INS_F32 ? 2e-3 : 1e-11);
}

static void positive_definite_systems_are_solved(void **state) {
  (void)state;
  on_all(check_solve);
}

static void systems_that_are_not_positive_definite_are_refused(void **state) {
  (void)state;
  for (int g = 0; g < N_GRIDS; g++)
    for (size_t bad = 0; bad < 21; bad += 10) {
      double a[21 * 21] = {0}, b[21] = {1};
      for (size_t i = 0; i < 21; i++) a[i * 21 + i] = i == bad ? -1 : 2;
      ins_matrix ma = matrix_of(grids[g], INS_F64, 21, 21, a),
                 mb = matrix_of(grids[g], INS_F64, 21, 1, b);
      assert_int_equal(ins_matrix_solve(&ma, &mb), INS_ERR_NUMERIC);
      assert_non_null(strstr(ins_message(), "not positive definite"));
      ins_matrix_clear(&ma);
      ins_matrix_clear(&mb);
    }
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &n_ranks);
  for (int g = 0; g < N_GRIDS; g++)
    if (ins_grid_create(MPI_COMM_WORLD, blocks[g], &grids[g]) != INS_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grids_are_as_square_as_ranks_allow),
      cmocka_unit_test(shares_are_contiguous_and_hold_everything_once),
      cmocka_unit_test(processes_know_their_place_in_the_grid),
      cmocka_unit_test(every_element_lies_on_one_process),
      cmocka_unit_test(boxes_are_gathered_and_scattered),
      cmocka_unit_test(panels_of_rows_are_taken_and_put),
      cmocka_unit_test(panels_of_columns_are_taken_and_put),
      cmocka_unit_test(matrices_too_large_for_the_ranks_are_refused_with_a_number_that_would_do),
      cmocka_unit_test(sums_over_rows_columns_and_all),
      cmocka_unit_test(rows_and_columns_are_shifted_and_scaled),
      cmocka_unit_test(copies_convert_and_transposes_turn),
      cmocka_unit_test(the_lower_triangle_is_copied_to_the_upper_one),
      cmocka_unit_test(products_of_all_four_orders),
      cmocka_unit_test(gram_matrices_fill_the_lower_triangle_only),
      cmocka_unit_test(eigenvectors_of_symmetric_matrices),
      cmocka_unit_test(eigenvectors_of_matrices_about_as_large_as_a_block),
      cmocka_unit_test(eigenvectors_where_eigenvalues_repeat),
      cmocka_unit_test(eigenvectors_of_matrices_without_full_rank),
      cmocka_unit_test(matrices_with_numbers_that_are_not_finite_have_no_eigenvalues),
      cmocka_unit_test(signs_follow_the_first_of_the_largest),
      cmocka_unit_test(positive_definite_systems_are_solved),
      cmocka_unit_test(systems_that_are_not_positive_definite_are_refused),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  for (int g = 0; g < N_GRIDS; g++) ins_grid_destroy(&grids[g]);
  MPI_Finalize();
  return failed;
}
