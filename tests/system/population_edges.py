# SPDX-License-Identifier: MIT
"""Populations with unusual neurons in them.

population_edges.py plant FROM TO     a copy with silent neurons, two that are the same and two equal stimuli
population_edges.py check DATA FILE   what population_edges.yaml made of it
population_edges.py rounding FILE FILE   the same results, but for rounding
population_edges.py cells FILE GROUP  neurons of its cluster 0, as `insilico select` prints them
"""

import shutil
import sys

import h5py
import numpy as np

SILENT, SAME = [3, 16], (11, 30)  # of 40 neurons; one at zero, one not
ALIKE = (2, 6)  # of 8 directions


def plant(source, path):
    shutil.copy(source, path)
    with h5py.File(path, "r+") as file:
        for name in ("tuning_curve", "response", "trial_response"):
            values = file["bars"][name]
            across = values[...]
            by_neuron = np.moveaxis(across, 1, 0)  # a view: [direction, neuron, ...]
            by_neuron[SILENT[0]], by_neuron[SILENT[1]] = 0, 0.1
            by_neuron[SAME[1]] = by_neuron[SAME[0]]
            across[ALIKE[1]] = across[ALIKE[0]]
            values[...] = across


def table(path, name):
    """Neurons by all else, in double."""
    with h5py.File(path) as file:
        values = file["bars"][name][...].astype(float)
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)


def analyses(path):
    with h5py.File(path) as file:
        return {
            group: {name: item[...] for name, item in file[group].items()}
            for group in file
            if isinstance(file[group], h5py.Group)
        }


# What may be missing: properties that not every cell has. What is there just where something is said to be.
MAY_BE_MISSING = "truth_"
THERE = {
    "nearest_distance": lambda group: group["nearest"] >= 0,
    "probability": lambda group: group["cluster"] >= 0,
    "cluster_mean": lambda group: group["cluster_size"][:, None] > 0,
}


def check_finite(name, group):
    for key, values in group.items():
        if values.dtype.kind == "f" and not key.startswith(MAY_BE_MISSING):
            there = THERE[key](group) if key in THERE else True
            assert (np.isfinite(values) == there).all(), (name, key, values)


def check_flags(name, group):
    neurons = group["neuron"]
    silent = np.isin(neurons, SILENT)
    assert (group["flag"][silent] == 1).all(), (name, group["flag"])
    assert not np.isin(group["flag"][~silent], (1, 2)).any(), (name, group["flag"])
    if "cluster" in group:
        assert (group["cluster"][silent] == -1).all() and (group["cluster"][~silent] >= 0).all(), name


def check_components(name, group, values):
    """Against numpy's decomposition: 1e-5 of each leading component; what is beyond the rank is rounding."""
    centred = values - values.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    variance = s**2 / (len(values) - 1)
    leading = variance > 1e-6 * variance[0]
    n = group["eigenvalue"].size
    assert n == min(values.shape), (name, n)
    found = group["eigenvalue"]
    worst = np.abs(found[leading] / variance[leading] - 1).max()
    assert worst < 1e-5, (name, worst)
    assert np.abs(found[~leading] - variance[~leading]).max(initial=0) < 1e-11 * variance[0], name
    rank = np.linalg.matrix_rank(centred)
    assert rank < min(values.shape), (name, rank)
    assert group["n_components_used"] <= rank, (name, group["n_components_used"], rank)
    kept = group["scores"].shape[1]
    loadings = group["loadings"].reshape(kept, -1)
    for c in range(min(kept, leading.sum())):
        sign = np.sign(vt[c][np.argmax(np.abs(vt[c]))])
        assert np.abs(loadings[c] - sign * vt[c]).max() < 1e-5, (name, c)
        assert np.abs(group["scores"][:, c] - sign * u[:, c] * s[c]).max() < 1e-5 * s[c], (name, c)
    same = group["scores"][list(SAME)]
    assert np.abs(same[0] - same[1]).max() < 1e-12 * np.abs(group["scores"]).max(), name
    ratio = (variance.sum() ** 2) / (variance**2).sum()
    np.testing.assert_allclose(group["participation_ratio"], ratio, rtol=1e-9)
    print(f"{name}: {leading.sum()} of {n} leading components within {worst:.1e}, rank {rank}")


def check(data, path):
    found = analyses(path)
    curves, traces = table(data, "tuning_curve"), table(data, "response")
    for name, group in found.items():
        assert group["status"] == 1, name
        check_finite(name, group)
        check_flags(name, group)
    check_components("few_stimuli", found["few_stimuli"], curves)
    check_components("many_stimuli", found["many_stimuli"], traces)
    a, b = SAME
    loud = np.setdiff1d(np.arange(len(curves)), SILENT)
    light = found["signal_correlation"]["correlation"]
    truth = np.corrcoef(curves[loud])
    assert np.abs(light[np.ix_(loud, loud)] - truth).max() < 1e-5
    assert abs(light[a, b] - 1) < 1e-6 and not light[SILENT][:, loud].any()
    apart = found["distances"]["distance"]
    assert np.abs(apart - np.linalg.norm(curves[:, None] - curves, axis=-1)).max() < 1e-6
    assert apart[a, b] < 1e-7 and found["distances"]["nearest"][a] == b
    angles = found["angles"]["distance"]
    assert (angles[SILENT][:, loud] == 1).all() and angles[a, b] < 1e-9


def rounding(one, other):
    """Numbers of leading components' size; those that are rounding themselves have no digits to agree in."""
    one, other = analyses(one), analyses(other)
    assert one.keys() == other.keys()
    for name, group in one.items():
        for key, a in group.items():
            b = other[name][key]
            assert a.shape == b.shape, (name, key)
            if key == "checksum":
                continue
            if a.dtype.kind != "f":
                assert (a == b).all(), (name, key, a, b)
                continue
            if key in ("scores", "loadings"):
                used = int(group["n_components_used"])
                a, b = (a[:, :used], b[:, :used]) if key == "scores" else (a[:used], b[:used])
            there = np.isfinite(a)
            assert (there == np.isfinite(b)).all(), (name, key, a, b)
            scale = np.abs(a[there]).max(initial=0)
            assert np.abs(a[there] - b[there]).max(initial=0) <= 2e-5 * scale, (name, key, a, b)


def cells(path, group):
    with h5py.File(path) as file:
        chosen = file[group]["neuron"][...][file[group]["cluster"][...] == 0]
    print(*sorted(chosen))


{"plant": plant, "check": check, "rounding": rounding, "cells": cells}[sys.argv[1]](*sys.argv[2:])
