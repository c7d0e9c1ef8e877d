/* SPDX-License-Identifier: MIT */
/* The published models of openretina 1.1.1 (openretina/models/core_readout.py and
 * openretina/utils/nnfabrik_model_loading.py), by the names that it gives them. */
#include <string.h>

#include "target.h"

#define HUB FETCH_HUB "/datasets/" FETCH_HUB_REPO "/resolve/main/model_checkpoints/"
#define GIN FETCH_GIN "/eulerlab/rgc-natstim/raw/master/models/nonlinear/"

#define MEMBER(seed) "config_" seed ".yaml", "data_info_" seed ".pkl", "state_dict_" seed ".pth.tar"
static const char *const ensemble_files[] = {MEMBER("00000"), MEMBER("01000"), MEMBER("02000"),
                                             MEMBER("03000"), MEMBER("04000"), NULL};

static const ins_known_model known[] = {
    {"hoefling_2024_low_res",
     "Hoefling et al. (2024): mouse, calcium, natural movies of 18 x 16 pixels",
     HUB "2026-03-09/hoefling_2024_cnn_low_res.ckpt", NULL},
    {"hoefling_2024_high_res", "the same at 72 x 64 pixels",
     HUB "2026-03-09/hoefling_2024_cnn_high_res.ckpt", NULL},
    {"hoefling_2024_base_low_res", "the low-resolution model of openretina's first preprint",
     HUB "27-11-2025/hoefling_2024_base_low_res.ckpt", NULL},
    {"hoefling_2024_ensemble", "five members trained from five seeds: a folder of 15 files",
     GIN "9d574ab9fcb85e8251639080c8d402b7/", ensemble_files},
    {"karamanlis_2024_mouse", "Karamanlis et al. (2024): mouse, spikes",
     HUB "2026-03-09/karamanlis_2024_mouse.ckpt", NULL},
    {"karamanlis_2024_marmoset", "Karamanlis et al. (2024): marmoset, spikes",
     HUB "2026-03-09/karamanlis_2024_marmoset.ckpt", NULL},
    {"maheswaranathan_2023", "Maheswaranathan et al. (2023): salamander, spikes, natural scenes",
     HUB "2026-03-09/maheswaranathan_2023.ckpt", NULL},
    {"sridhar_2025", "Sridhar et al. (2025): marmoset, spikes, natural movies",
     HUB "2026-03-09/sridhar_2025.ckpt", NULL},
    {"goldin_2022_axolotl", "Goldin et al. (2022): axolotl, spikes, natural images",
     HUB "2026-03-09/goldin_2022_axolotl.ckpt", NULL},
    {"goldin_2022_mouse", "Goldin et al. (2022): mouse, spikes, natural images",
     HUB "2026-03-09/goldin_2022_mouse.ckpt", NULL},
    {0},
};

const ins_known_model *ins_fetch_known(void) {
  return known;
}

const ins_known_model *fetch_known_find(const char *name) {
  for (const ins_known_model *model = known; model->name; model++)
    if (strcmp(model->name, name) == 0) return model;
  return NULL;
}
