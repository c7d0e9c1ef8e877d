/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "analysis.h"
#include "insilico/population.h"

const ins_variant ins_population_analyses[] = {
    {"signal_correlation", "correlation of every pair of neurons over stimuli; of their noise too",
     ins_signal_correlation_keys, &ins_signal_correlation},
    {"distances", "distance of every pair of stimuli or responses, at their best shift",
     ins_distances_keys, &ins_distances},
    {"components", "principal components: variance, dimensionality, scores and loadings",
     ins_components_keys, &ins_components},
    {"clusters", "groups of neurons: k-means or Gaussian mixtures on the leading components",
     ins_clusters_keys, &ins_clusters},
    {"discriminability", "how well the population tells two conditions apart: linear d'",
     ins_discriminability_keys, &ins_discriminability},
    {"decoding", "ridge regression from responses to the stimulus or its parameter",
     ins_decoding_keys, &ins_decoding},
    {"fisher_information", "Fisher information about a parameter, under Poisson noise",
     ins_fisher_information_keys, &ins_fisher_information},
    {0},
};

const ins_variant ins_precisions[] = {
    {.name = "single", .doc = "32 bits: half the memory, twice the speed"},
    {.name = "double", .doc = "64 bits"},
    {0},
};

ins_dtype ins_precision(const ins_value *settings) {
  const char *name = ins_value_text_or(ins_map_get(settings, "precision"), "single");
  return strcmp(name, "double") == 0 ? INS_F64 : INS_F32;
}
