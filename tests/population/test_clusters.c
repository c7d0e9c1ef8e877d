/* SPDX-License-Identifier: MIT */
/* Clusters of items whose types are planted, on any number of ranks. */
#include "analysis_fixture.h"
#include "insilico/random.h"
#include "population/clusters_search.h"

static void near(double is, double should, double tolerance, const char *what) {
  if (isnan(should) ? !isnan(is) : !(fabs(is - should) <= tolerance))
    fail_msg("%s is %.15g, not %.15g", what, is, should);
}

static void normal(int64_t which, size_t n, double *out) {
  const ins_stream stream = ins_stream_at(2, "test_clusters", &which, 1);
  float x;
  for (size_t i = 0; i < n; i++) {
    ins_stream_normal(&stream, i, 1, &x);
    out[i] = (double)x;
  }
}

static analysis_test run(const analysis_data *d, const char *settings) {
  return analysis_run(d, &ins_clusters, ins_clusters_keys, settings);
}

static double scalar(const analysis_test *t, const char *name) {
  double *x = analysis_read(t, name), out = x[0];
  free(x);
  return out;
}

/* ---- planted types -----------------------------------------------------------------------------
 * 92 neurons of three types, of which there are many, some and few, to 30 stimuli; one neuron is
 * silent, one has a value that is none. */
enum { N = 92, K = 30, SILENT = 17, MISSING = 40, USED = N - 2 };

static const char *const type_names[] = {"on", "off", "direction"};
static double responses[N * K];
static const char *types[N];
static size_t type_of[N];

static analysis_data planted(void) {
  double profile[3 * K], noise[N * K];
  normal(1, 3 * K, profile);
  normal(2, N * K, noise);
  for (size_t i = 0; i < N; i++) {
    type_of[i] = i * 5 % 9 < 5 ? 2 : i * 5 % 9 < 8 ? 0 : 1;
    types[i] = type_names[type_of[i]];
    for (size_t f = 0; f < K; f++)
      responses[i * K + f] = 5 + 2 * profile[type_of[i] * K + f] + 0.5 * noise[i * K + f];
  }
  for (size_t f = 0; f < K; f++) responses[SILENT * K + f] = 3;
  responses[MISSING * K + 7] = NAN;
  return (analysis_data){.n_item_axes = 1,
                         .n_axes = 2,
                         .axes = {"neuron", "stimulus"},
                         .lengths = {N, K},
                         .values = responses,
                         .labels = {{.name = "cell_type", .texts = types}},
                         .seed = 5};
}

/* Sorted, as labels are: direction, off, on. */
static const size_t sorted_type[] = {2, 1, 0};

static void check_types(const analysis_test *t) {
  double *cluster = analysis_read(t, "cluster"), *flag = analysis_read(t, "flag");
  double *confusion = analysis_read(t, "confusion"), *size = analysis_read(t, "cluster_size");
  size_t n_of[3] = {0};
  for (size_t i = 0; i < N; i++) {
    const int why = i == SILENT ? INS_ITEM_SILENT : i == MISSING ? INS_ITEM_MISSING : INS_ITEM_USED;
    assert_int_equal((int)flag[i], why);
    if (!why) n_of[type_of[i]]++;
  }
  /* By size: direction, on, off. */
  const size_t type_at[] = {2, 0, 1};
  for (size_t i = 0; i < N; i++)
    assert_int_equal((int)cluster[i], flag[i] > 0       ? -1
                                      : type_of[i] == 2 ? 0
                                      : type_of[i] == 0 ? 1
                                                        : 2);
  for (size_t c = 0; c < 6; c++)
    near(size[c], c < 3 ? (double)n_of[type_at[c]] : 0, 0, "cluster_size");
  for (size_t c = 0; c < 6; c++)
    for (size_t l = 0; l < 3; l++)
      near(confusion[c * 3 + l],
           c < 3 && type_at[c] == sorted_type[l] ? (double)n_of[type_at[c]] : 0, 0, "confusion");
  free(cluster);
  free(flag);
  free(confusion);
  free(size);
}

static void mixtures_recover_planted_types(void **state) {
  const analysis_data d = planted();
  analysis_test t = run(&d, "k: '1:7', starts: 6, components: 3, labels: cell_type, "
                            "covariance: full, regularization: 1e-4");
  double *bic, *ari, *information, *purity, *probability, *stability, *converged;
  (void)state;
  near(scalar(&t, "best_k"), 3, 0, "best_k");
  near(scalar(&t, "adjusted_rand_index_best"), 1, 0, "adjusted_rand_index_best");
  check_types(&t);
  bic = analysis_read(&t, "bic");
  ari = analysis_read(&t, "adjusted_rand_index");
  information = analysis_read(&t, "adjusted_mutual_information");
  purity = analysis_read(&t, "purity");
  probability = analysis_read(&t, "probability");
  stability = analysis_read(&t, "stability");
  converged = analysis_read(&t, "converged");
  for (size_t k = 1; k <= 6; k++) {
    if (k != 3) assert_true(bic[k - 1] > bic[2] && ari[k - 1] < 1);
    if (k > 1 && k != 3) assert_true(stability[k - 1] < stability[2]);
    near(converged[k - 1], 1, 0, "converged");
  }
  near(ari[0], 0, 1e-12, "adjusted_rand_index of one cluster");
  near(information[2], 1, 1e-12, "adjusted_mutual_information");
  near(purity[2], 1, 0, "purity");
  near(stability[0], 1, 0, "stability of one cluster");
  for (size_t i = 0; i < N; i++)
    near(probability[i], i == SILENT || i == MISSING ? NAN : 1, 1e-6, "probability");
  free(bic);
  free(ari);
  free(information);
  free(purity);
  free(probability);
  free(stability);
  free(converged);
  analysis_clear(&t);
}

/* Five types of 7 to 30 neurons: along one direction they vary more than along others, and an
 * ellipsoid of any shape would need more neurons than the smallest have. */
static void types_of_few_neurons_are_found_without_any_setting(void **state) {
  enum { TYPES = 5, NEURONS = 30 + 20 + 12 + 9 + 7 };
  static const size_t sizes[TYPES] = {30, 20, 12, 9, 7};
  double profile[TYPES * K], along[K], noise[NEURONS * (K + 1)], x[NEURONS * K];
  int64_t type[NEURONS];
  (void)state;
  normal(11, TYPES * K, profile);
  normal(12, K, along);
  normal(13, NEURONS * (K + 1), noise);
  for (size_t i = 0, of = 0, first = 0; i < NEURONS; i++) {
    if (i == first + sizes[of]) first += sizes[of++];
    type[i] = (int64_t)of;
    for (size_t f = 0; f < K; f++)
      x[i * K + f] = 3 * profile[of * K + f] + 0.2 * along[f] * noise[i * (K + 1) + K] +
                     0.2 * noise[i * (K + 1) + f];
  }
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "stimulus"},
                           .lengths = {NEURONS, K},
                           .values = x,
                           .labels = {{.name = "type", .numbers = type}}};
  analysis_test t = run(&d, "labels: type");
  near(scalar(&t, "best_k"), TYPES, 0, "best_k");
  near(scalar(&t, "adjusted_rand_index_best"), 1, 0, "adjusted_rand_index_best");
  analysis_clear(&t);
  t = run(&d, "labels: type, covariance: full");
  assert_true(scalar(&t, "best_k") < TYPES);
  analysis_clear(&t);
}

static void k_means_recovers_planted_types(void **state) {
  const analysis_data d = planted();
  analysis_test t =
      run(&d, "method: kmeans, k: '1:7', starts: 10, components: 3, labels: cell_type");
  double *inertia = analysis_read(&t, "inertia"), *silhouette = analysis_read(&t, "silhouette");
  double *variance = analysis_read(&t, "component_variance");
  (void)state;
  near(scalar(&t, "best_k"), 3, 0, "best_k");
  check_types(&t);
  assert_true(isnan(silhouette[0]));
  for (size_t k = 2; k <= 6; k++) {
    assert_true(inertia[k - 1] < inertia[k - 2]);
    if (k != 3) assert_true(silhouette[k - 1] < silhouette[2]);
  }
  /* One cluster: all the variance there is. */
  const double all = (USED - 1) * (variance[0] + variance[1] + variance[2]);
  near(inertia[0] / all, 1, 1e-5, "inertia of one cluster");
  assert_int_equal(ins_layout_find(t.layout, "probability"), -1);
  free(inertia);
  free(silhouette);
  free(variance);
  analysis_clear(&t);
}

/* One Gaussian: log L = -n/2 (d log 2 pi + sum_a (log(v_a + r) + v_a / (v_a + r))), v the variances
 * of components, r the ridge. */
static void one_component_has_the_likelihood_of_its_variances(void **state) {
  const analysis_data d = planted();
  (void)state;
  for (int white = 0; white < 2; white++) {
    analysis_test t = run(&d, white ? "k: 1, starts: 1, components: 5, precision: double, "
                                      "covariance: full, regularization: 0.01, whiten: true"
                                    : "k: 1, starts: 1, components: 5, precision: double, "
                                      "covariance: full, regularization: 0.01");
    double *variance = analysis_read(&t, "component_variance"), ridge = 0, sum = 0;
    double *mean = analysis_read(&t, "cluster_mean");
    for (size_t a = 0; a < 5; a++) {
      variance[a] = (white ? 1 : variance[a]) * (USED - 1) / USED;
      ridge += 0.01 * variance[a] / 5;
    }
    for (size_t a = 0; a < 5; a++) {
      sum += log(2 * M_PI) + log(variance[a] + ridge) + variance[a] / (variance[a] + ridge);
      near(mean[a], 0, 1e-10, "cluster_mean");
    }
    near(scalar(&t, "log_likelihood"), -USED * sum / 2, 1e-8, "log_likelihood");
    near(scalar(&t, "bic"), USED * sum + 20 * log(USED), 1e-8, "bic");
    free(variance);
    free(mean);
    analysis_clear(&t);
  }
}

static void silent_items_take_part_when_asked(void **state) {
  const analysis_data d = planted();
  analysis_test t = run(&d, "method: kmeans, k: '2:6', components: 3, exclude_flagged: false");
  double *cluster = analysis_read(&t, "cluster"), *flag = analysis_read(&t, "flag");
  double *size = analysis_read(&t, "cluster_size");
  (void)state;
  assert_true(cluster[SILENT] >= 0);
  near(cluster[MISSING], -1, 0, "cluster of a missing item");
  near(flag[SILENT], INS_ITEM_SILENT, 0, "flag");
  double total = 0;
  for (size_t c = 0; c < 5; c++) total += size[c];
  near(total, N - 1, 0, "all sizes");
  free(cluster);
  free(flag);
  free(size);
  analysis_clear(&t);
}

static void items_with_one_feature_are_no_silent_items(void **state) {
  enum { M = 30 };
  double x[M];
  int64_t side[M];
  (void)state;
  normal(5, M, x);
  for (size_t i = 0; i < M; i++) {
    side[i] = (int64_t)(i % 3 == 0);
    x[i] = 0.1 * x[i] + (side[i] ? 4 : -2);
  }
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "index"},
                           .lengths = {M, 1},
                           .values = x,
                           .labels = {{.name = "side", .numbers = side}}};
  analysis_test t = run(&d, "k: '1:5', labels: side");
  double *flag = analysis_read(&t, "flag");
  near(scalar(&t, "best_k"), 2, 0, "best_k");
  near(scalar(&t, "adjusted_rand_index_best"), 1, 0, "adjusted_rand_index_best");
  for (size_t i = 0; i < M; i++) near(flag[i], INS_ITEM_USED, 0, "flag");
  free(flag);
  analysis_clear(&t);
}

/* ---- degenerate data ---------------------------------------------------------------------------
 */

/* Four kinds of neurons without noise: five are not to be had. */
static void identical_items_make_as_many_clusters_as_there_are_kinds(void **state) {
  enum { M = 24, F = 12 };
  double kinds[4 * F], x[M * F];
  int64_t kind_of[M];
  (void)state;
  normal(3, 4 * F, kinds);
  for (size_t i = 0; i < M; i++) {
    kind_of[i] = (int64_t)(i % 7 % 4);
    memcpy(x + i * F, kinds + kind_of[i] * F, F * sizeof *x);
  }
  const analysis_data d = {.n_item_axes = 1,
                           .n_axes = 2,
                           .axes = {"neuron", "stimulus"},
                           .lengths = {M, F},
                           .values = x,
                           .labels = {{.name = "kind", .numbers = kind_of}}};
  analysis_test t = run(&d, "k: '1:8', starts: 5, labels: kind, precision: double");
  double *bic = analysis_read(&t, "bic"), *of_k = analysis_read(&t, "cluster_of_k");
  double *variance = analysis_read(&t, "component_variance");
  near(scalar(&t, "best_k"), 4, 0, "best_k");
  near(scalar(&t, "adjusted_rand_index_best"), 1, 0, "adjusted_rand_index_best");
  assert_true(variance[2] > 1e-3 && variance[3] < 1e-12 * variance[0]);
  for (size_t k = 1; k <= 7; k++) {
    assert_int_equal(isnan(bic[k - 1]), k > 4);
    if (k > 4) near(of_k[(k - 1) * M], -1, 0, "cluster_of_k");
  }
  free(bic);
  free(of_k);
  free(variance);
  analysis_clear(&t);
}

static void few_items_and_none_that_answer_are_results_too(void **state) {
  const double two[] = {1, 2, 3, 3, 2, 9}, silent[] = {1, 1, 1, 3, 3, 3};
  analysis_data d = {.n_item_axes = 1,
                     .n_axes = 2,
                     .axes = {"neuron", "stimulus"},
                     .lengths = {2, 3},
                     .values = two};
  (void)state;
  for (int turn = 0; turn < 2; turn++) {
    analysis_test t = run(&d, turn ? "k: '1:5'" : "k: '2:5', method: kmeans");
    double *cluster = analysis_read(&t, "cluster"), *of_k = analysis_read(&t, "cluster_of_k");
    near(scalar(&t, "best_k"), cluster[1] + 1, 0, "best_k");
    near(cluster[0], 0, 0, "cluster");
    for (size_t i = 0; i < 2; i++) near(of_k[4 + i], -1, 0, "cluster_of_k");
    free(cluster);
    free(of_k);
    analysis_clear(&t);
  }
  d.values = silent;
  analysis_test t = run(&d, NULL);
  double *cluster = analysis_read(&t, "cluster"), *bic = analysis_read(&t, "bic");
  near(scalar(&t, "best_k"), 0, 0, "best_k");
  near(cluster[0], -1, 0, "cluster");
  near(cluster[1], -1, 0, "cluster");
  for (size_t k = 0; k < 15; k++) near(bic[k], NAN, 0, "bic");
  free(cluster);
  free(bic);
  analysis_clear(&t);
}

static void refuse(const analysis_data *d, const char *settings, const char *message) {
  analysis_test t;
  assert_int_equal(analysis_declare(d, &ins_clusters, ins_clusters_keys, settings, &t),
                   INS_ERR_ARGUMENT);
  if (!strstr(ins_message(), message)) fail_msg("%s", ins_message());
  analysis_clear(&t);
}

static void what_cannot_be_is_refused_beforehand(void **state) {
  const analysis_data d = planted();
  (void)state;
  refuse(&d, "k: '0:4'", "k is 1 or more");
  refuse(&d, "k: [93, 200]", "92 items");
  refuse(&d, "labels: cell_kind", "cell_type");
}

/* ---- ranks -------------------------------------------------------------------------------------
 */

enum { POINTS = 400, D = 3, N_K = 6, STARTS = 7 };

static ins_search search(MPI_Comm comm, const double *x, bool mixture) {
  static const int64_t k[N_K] = {4, 9, 1, 6, 2, 13};
  const ins_search_options options = {.mixture = mixture,
                                      .em = {.kind = INS_COVARIANCE_FULL,
                                             .regularization = 1e-6,
                                             .max_iterations = 300,
                                             .tolerance = 1e-6},
                                      .max_iterations = 300,
                                      .n_starts = STARTS,
                                      .n_k = N_K,
                                      .k = k,
                                      .seed = 8,
                                      .stream = "ranks"};
  ins_grid *grid;
  ins_search out;
  OK(ins_grid_create(comm, 4, &grid));
  const ins_work work = {.grid = grid};
  OK(ins_search_clusters(&work, x, POINTS, D, &options, &out));
  ins_grid_destroy(&grid);
  return out;
}

static void the_number_of_ranks_does_not_change_a_bit(void **state) {
  static double x[POINTS * D];
  (void)state;
  normal(6, POINTS * D, x);
  for (size_t i = 0; i < POINTS; i += 3) x[i * D] += 5;
  for (int mixture = 0; mixture < 2; mixture++) {
    ins_search all = search(MPI_COMM_WORLD, x, mixture), one = search(MPI_COMM_SELF, x, mixture);
    assert_int_equal(all.best, one.best);
    assert_memory_equal(all.label, one.label, N_K * POINTS * sizeof *all.label);
    assert_memory_equal(all.stability, one.stability, N_K * sizeof(double));
    assert_memory_equal(all.bic, one.bic, N_K * sizeof(double));
    assert_memory_equal(all.log_likelihood, one.log_likelihood, N_K * sizeof(double));
    assert_memory_equal(all.inertia, one.inertia, N_K * sizeof(double));
    assert_memory_equal(all.converged, one.converged, N_K * sizeof(double));
    if (mixture)
      assert_memory_equal(all.probability, one.probability, N_K * POINTS * sizeof(double));
    else
      assert_memory_equal(all.silhouette, one.silhouette, N_K * sizeof(double));
    ins_search_clear(&all);
    ins_search_clear(&one);
  }
}

static ins_status stop(void *self, double done) {
  double *last = self;
  assert_true(done >= *last && done <= 1);
  *last = done;
  return done < 0.5 ? INS_OK : ins_fail(INS_ERR_STOPPED, "stopped on request");
}

static void a_search_can_be_stopped(void **state) {
  static double x[POINTS * D];
  static const int64_t k[] = {1, 2, 3};
  const ins_search_options options = {
      .max_iterations = 100, .n_starts = 20, .n_k = 3, .k = k, .seed = 8, .stream = "stop"};
  ins_grid *grid;
  ins_search out;
  double last = 0;
  (void)state;
  normal(6, POINTS * D, x);
  OK(ins_grid_create(MPI_COMM_WORLD, 4, &grid));
  const ins_work work = {.grid = grid, .self = &last, .beat = stop};
  assert_int_equal(ins_search_clusters(&work, x, POINTS, D, &options, &out), INS_ERR_STOPPED);
  assert_null(out.label);
  ins_grid_destroy(&grid);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mixtures_recover_planted_types),
      cmocka_unit_test(types_of_few_neurons_are_found_without_any_setting),
      cmocka_unit_test(k_means_recovers_planted_types),
      cmocka_unit_test(one_component_has_the_likelihood_of_its_variances),
      cmocka_unit_test(silent_items_take_part_when_asked),
      cmocka_unit_test(items_with_one_feature_are_no_silent_items),
      cmocka_unit_test(identical_items_make_as_many_clusters_as_there_are_kinds),
      cmocka_unit_test(few_items_and_none_that_answer_are_results_too),
      cmocka_unit_test(what_cannot_be_is_refused_beforehand),
      cmocka_unit_test(the_number_of_ranks_does_not_change_a_bit),
      cmocka_unit_test(a_search_can_be_stopped),
  };
  return analysis_main(argc, argv, tests);
}
