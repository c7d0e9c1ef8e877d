/* SPDX-License-Identifier: MIT */
/** Principal components of a matrix that lies over all processes: x[i,f] - mean = sum over k of
 * scores[i,k] loadings[f,k]. Private to the room.
 *
 * One of the two, items or features, are the samples: the mean over them is removed, and
 * eigenvalues are variances over them (divided by their number minus one). Either way loadings are
 * orthonormal over features, and scores are orthogonal over items: (singular vector) * (singular
 * value).
 *
 * The smaller of the two Gram matrices is formed and its eigenvectors are computed; those of the
 * other side follow by a product. An eigenvalue below n * eps * (the largest), n the side of the
 * Gram matrix, eps the precision of its numbers, is rounding: it is set to 0, and so are scores and
 * loadings of its component. Signs: of each component's loadings, the one that is largest in
 * magnitude is positive (the first of those that are equal but for rounding), whichever Gram matrix
 * it was. */
#ifndef INSILICO_POPULATION_PCA_H
#define INSILICO_POPULATION_PCA_H

#include "dimensionality.h"
#include "matrix.h"

/** Items or features, where it matters which. */
typedef enum ins_side { INS_OF_ITEMS, INS_OF_FEATURES, INS_OF_NEITHER } ins_side;

typedef struct ins_pca_options {
  ins_side samples; /* of items (the common case) or features */
  ins_side scaled;  /* each of these is first brought to mean 0, standard deviation 1 */
  size_t n_components;
  const int8_t
      *flag; /* [n_items]: items other than 0 have no part and get scores of 0; NULL: all */
} ins_pca_options;

/* Numbers are in units of the data where it says so, else in multiples of `unit`: squares of
 * responses of 1e20 are beyond single precision, fourth powers of 1e-80 beyond double. Ratios and
 * participation ratios have no units. */
typedef struct ins_pca {
  size_t n_items, n_features;
  bool of_items;       /* samples are items */
  size_t n_used;       /* items that have a part */
  size_t n_samples;    /* n_used, or n_features */
  size_t n_components; /* at most n_values */
  size_t n_values;     /* min(n_items, n_features) */
  size_t rank;         /* eigenvalues that are not zero */
  double unit;         /* a power of two, so that it takes no digits; 1 of what was scaled */
  double total;        /* variance of all components: tr C */
  double *values;      /* [n_values] eigenvalues of C, descending; the same on every rank */
  double *mean; /* [n_features], or [n_items] where features are the samples: what was removed,
                 * in units of the data */
  ins_spread_sums sums; /* for participation ratios */
  double diagonal;      /* ins_spread_diagonal, in units of C */
  ins_matrix scores;    /* [n_items, n_components] */
  ins_matrix loadings;  /* [n_features, n_components] */
} ins_pca;

/** Scales and centres x in place: x is then what scores and loadings multiply to, in units. Sets
 * all of `out` but values, rank, sums.m1m1, scores and loadings. First part of ins_pca_create;
 * alone, for a second measurement of the same. Collective. */
ins_status ins_pca_prepare(ins_matrix *x, const ins_pca_options *options, ins_pca *out) INS_CHECKED;
/** Components of x [n_items, n_features], which is scaled and centred in place. Collective; on
 * failure `out` is empty.
 * @return INS_OK; INS_ERR_MEMORY; INS_ERR_NUMERIC: not finite, no convergence */
ins_status ins_pca_create(ins_matrix *x, const ins_pca_options *options, ins_pca *out) INS_CHECKED;
/** Can variances be written in units of the data? INS_ERR_NUMERIC where they are too large or too
 * small. The same on every rank; local. */
ins_status ins_pca_check_units(const ins_pca *pca) INS_CHECKED;
/** Local. */
void ins_pca_clear(ins_pca *pca);

/** Variance along each component that two measurements share, which is free of noise as far as
 * theirs is independent (cvPCA; Stringer et al. 2019, Nature 571:361): shared[k] = sum over samples
 * of (a u_k) (b u_k) / (n_samples - 1), u_k the components of a, which `pca` was made of; `a` and
 * `b` were prepared with the same options. *total: over all directions, the trace of the
 * cross-covariance. In units of a times those of b. The same on every rank. Collective. */
ins_status ins_pca_shared(const ins_pca *pca, const ins_matrix *a, const ins_matrix *b,
                          double *shared, double *total) INS_CHECKED;

/** What ins_spread_shared takes, of a and b, both prepared with the same options: the
 * participation ratio of what they share. Collective. */
ins_status ins_pca_cross(const ins_matrix *a, const ins_matrix *b, const ins_pca *of_a,
                         const ins_pca *of_b, ins_cross_sums *out) INS_CHECKED;

/** A copy of the first k columns of m. Collective. */
ins_status ins_pca_first(const ins_matrix *m, size_t k, ins_matrix *out) INS_CHECKED;

/** Bytes that ins_pca_create takes on a rank on top of x: all that it leaves, and what it needs
 * meanwhile. Operations of all ranks. Local. */
double ins_pca_bytes(int size, int block, ins_dtype dtype, size_t n_items, size_t n_features,
                     size_t n_components);
double ins_pca_flops(size_t n_items, size_t n_features, size_t n_components);
/** Likewise of ins_pca_cross. */
double ins_pca_cross_bytes(int size, int block, ins_dtype dtype, size_t n_items, size_t n_features);

#endif
