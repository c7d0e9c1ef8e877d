/* SPDX-License-Identifier: MIT */
/** Random models of any geometry, as sources: for tests and benchmarks that need no file. */
#ifndef INSILICO_TESTS_MODEL_FIXTURE_H
#define INSILICO_TESTS_MODEL_FIXTURE_H

#include "insilico/model.h"

enum { FIXTURE_LAYERS = 4, FIXTURE_SESSIONS = 3 };

typedef struct model_fixture {
  uint64_t seed;
  int in_shape[4]; /* [C,T,H,W] */
  int n_layers;
  int channels[FIXTURE_LAYERS]; /* after each layer */
  int kernel_t[FIXTURE_LAYERS], kernel_s[FIXTURE_LAYERS];
  /* NULL: false. "true", "false", "same", "2", "1,2,0" */
  const char *input_padding, *hidden_padding;
  int cut;
  int n_sessions;
  int n_neurons[FIXTURE_SESSIONS]; /* of sessions "a", "b", "c" */
  bool positive;
  /* What zero leaves out. */
  const char *core;        /* NULL: "simple"; "stacked", "image", "dummy" */
  const char *convolution; /* NULL: "custom_separable" */
  bool log_speed;          /* convolutions stretch time */
  /* Of the simple core. */
  int maxpool_every, downsample[3];
  bool squash; /* the stimulus to grey; the first layer takes one channel */
  /* Of the stacked and the image core. */
  const char *stack;        /* NULL: all layers; "1", "1,0" */
  const char *nonlinearity; /* NULL: "ELU" */
  bool no_batch_norm, no_scale, no_bias, no_final_nonlinearity;
  bool depth_separable; /* layers of the image core above the first */
} model_fixture;

/** The 18x16 (or, scaled up, 72x64) pixel model that openretina publishes for the mouse: 2 -> 16 ->
 * 16 channels, temporal kernels 21 and 11, spatial kernels 11 and 5, 30 frames of the clip lost. */
model_fixture fixture_mouse(int height, int width);
/** A small model with two layers and two sessions. */
model_fixture fixture_small(uint64_t seed);

/** Aborts when out of memory. Weights are scaled so that responses and nonlinearities are lively.
 */
ins_model_source *fixture_source(const model_fixture *fixture);
/** fixture_source and ins_model_create; aborts, with the message, on failure. */
ins_model *fixture_model(const model_fixture *fixture);

/** n standard normal numbers, the same for the same seed. */
void fixture_normal(uint64_t seed, size_t n, float *out);

#endif
