/* SPDX-License-Identifier: MIT */
/* All generators, and how experiments present them. */
#include "generator_parts.h"

const ins_variant ins_stimulus_places[] = {
    {.name = "field", .doc = "at x_um, y_um of the screen, to all neurons at once"},
    {.name = "cell",
     .doc = "around the middle of each neuron's receptive field; x_um, y_um are not used"},
    {0},
};

const ins_variant ins_response_measures[] = {
    {.name = "mean", .doc = "mean response from onset to offset"},
    {.name = "evoked",
     .doc = "mean response from onset to offset, less the mean response before the onset"},
    {.name = "peak", .doc = "largest mean response of 0.1 s from onset to offset"},
    {.name = "f1", .doc = "amplitude of the response at the stimulus's temporal frequency"},
    {0},
};

const ins_variant ins_generators[] = {
    {"step", "the whole screen at one contrast", ins_step_keys, &ins_step_generator},
    {"flash", "the whole screen at one contrast, briefly", ins_flash_keys, &ins_flash_generator},
    {"chirp",
     "a bright and a dark step, a sweep of frequency, a sweep of contrast (Baden et al. 2016)",
     ins_chirp_keys, &ins_chirp_generator},
    {"grating", "a sine or square grating that drifts, reverses or stands", ins_grating_keys,
     &ins_grating_generator},
    {"moving_bar", "a bar that crosses its middle at constant speed", ins_moving_bar_keys,
     &ins_moving_bar_generator},
    {"spot", "a disc", ins_spot_keys, &ins_spot_generator},
    {"annulus", "a ring", ins_annulus_keys, &ins_annulus_generator},
    {"white_noise", "a checkerboard of random contrasts, drawn anew again and again",
     ins_white_noise_keys, &ins_white_noise_generator},
    {"image", "a still image from a file", ins_image_keys, &ins_image_generator},
    {"movie", "a movie from a file", ins_movie_keys, &ins_movie_generator},
    {"sequence", "other stimuli, one after the other", ins_sequence_keys, &ins_sequence_generator},
    {"gabor", "a sine wave under a Gaussian that stands or drifts", ins_gabor_keys,
     &ins_gabor_generator},
    {"difference_of_gaussians", "a centre and its surround of the other sign",
     ins_difference_of_gaussians_keys, &ins_difference_of_gaussians_generator},
    {"plaid", "two sine gratings that cross at an angle", ins_plaid_keys, &ins_plaid_generator},
    {0},
};
