# SPDX-License-Identifier: MIT
"""Reads what population.yaml left: population_reads.py truth FILE, population_reads.py agree FILE FILE ..."""

import sys

import h5py
import numpy as np
import xarray as xr

NEURONS = 64
SELECTIVE = np.arange(1, NEURONS, 2)


def groups(path):
    """Every group of the file as xarray sees it."""
    with h5py.File(path) as file:
        names = [name for name, item in file.items() if isinstance(item, h5py.Group)]
    opened = {name: xr.open_dataset(path, engine="h5netcdf", group=name, mask_and_scale=False) for name in names}
    return {name: group.load() for name, group in opened.items()}


def rand_index(a, b):
    """Hubert and Arabie (1985), by counting pairs."""
    a, b = np.unique(a, return_inverse=True)[1], np.unique(b, return_inverse=True)[1]
    upper = np.triu_indices(a.size, 1)
    same_a, same_b = (a[:, None] == a)[upper], (b[:, None] == b)[upper]
    both, expected = (same_a & same_b).sum(), same_a.sum() * same_b.sum() / same_a.size
    return (both - expected) / ((same_a.sum() + same_b.sum()) / 2 - expected)


def check_types(name, data, n):
    """Types with the number of clusters that was chosen: n, and ARI above 0.95."""
    types, clusters = data.truth_cell_type.values, data.cluster.values
    assert types.size == NEURONS and len(set(types)) == 17
    found = rand_index(types, clusters)
    print(f"{name}: {int(data.best_k)} clusters, adjusted Rand index {found:.3f}")
    assert found > 0.95, (name, found)
    np.testing.assert_allclose(data.adjusted_rand_index_best, found, rtol=1e-9)
    assert int(data.best_k) == n == len(set(clusters)), (name, int(data.best_k))
    # What light on the whole screen cannot tell apart is small from large; nothing else shares a cluster.
    for cluster in set(clusters):
        members = set(types[clusters == cluster])
        assert len({member.rsplit("_small")[0].rsplit("_large")[0] for member in members}) == 1, members
    # Direction-selective cells of all directions are one.
    assert list(data.neuron.values[clusters == 0]) == list(SELECTIVE)


def check_truth(path):
    data = groups(path)
    for name, group in data.items():
        assert int(group.status) == 1, name
        for variable in group.data_vars.values():
            if variable.dtype.kind == "f" and not variable.name.startswith("truth_"):
                assert variable.attrs["long_name"], (name, variable.name)
    for name in ("types", "noisy_types", "means"):
        check_types(name, data[name], 14)
    bic = data["types"].bic
    assert int(bic.k[bic.argmin()]) == int(data["types"].best_k) and int(bic.k[-1]) > 14
    # The curves over direction tell directions apart, not types.
    assert data["curves"].adjusted_rand_index_best < 0.5
    directions = data["directions"]
    assert list(directions.neuron.values) == list(SELECTIVE)
    assert int(directions.best_k) == 16
    assert rand_index(directions.truth_preferred_direction_deg.values, directions.cluster.values) == 1

    # Correlations, distances and variances of matrices that are put together here
    curves = xr.open_dataset("types.h5", engine="h5netcdf", group="bars").tuning_curve.transpose("neuron", ...)
    distance = 1 - np.corrcoef(curves.values.astype(float))
    np.testing.assert_allclose(data["distances"].distance, distance, atol=1e-6)
    responses = xr.open_dataset("types.h5", engine="h5netcdf", group="chirp").response.transpose("neuron", ...)
    steps = xr.open_dataset("types.h5", engine="h5netcdf", group="steps").response.transpose("neuron", ...)
    blocks = [block.values.reshape(NEURONS, -1).astype(float) for block in (responses, steps)]
    light = np.hstack([block / np.sqrt(block.var(axis=0, ddof=1).sum()) for block in blocks])
    np.testing.assert_allclose(data["signal_correlation"].correlation, np.corrcoef(light), atol=2e-5)
    variance = np.linalg.svd(light - light.mean(axis=0), compute_uv=False) ** 2 / (NEURONS - 1)
    np.testing.assert_allclose(data["types"].component_variance, variance[:8], rtol=1e-4)

    decoded = data["decoding"]
    assert decoded.mean_absolute_error < 10 and decoded.r_squared > 0.9
    fisher = data["fisher_information"]
    np.testing.assert_allclose(fisher.cramer_rao_bound, fisher.information**-0.5, rtol=1e-6)
    assert (data["discriminability"].flag == 0).any()


def check_agreement(paths):
    """Whole numbers and texts are equal; others to 1e-4 of the largest. More clusters than there are split cells that
    give the same answers: rounding decides where, so those are left out. It may send single ones of the starts,
    which `stability` is a mean over, elsewhere too."""
    first, worst = groups(paths[0]), (0, None)
    for path in paths[1:]:
        other = groups(path)
        assert list(other) == list(first)
        for name, group in first.items():
            again = other[name]
            if "best_k" in group:
                group, again = (each.sel(k=each.k[each.k <= int(group.best_k)]) for each in (group, again))
            for key, variable in group.variables.items():
                a, b = variable.values, again.variables[key].values
                assert a.shape == b.shape and a.dtype == b.dtype, (name, key)
                if a.dtype.kind != "f":
                    assert key == "checksum" or (a == b).all(), (path, name, key)
                    continue
                assert (np.isnan(a) == np.isnan(b)).all(), (path, name, key)
                scale = np.nanmax(np.abs(a), initial=0)
                apart = np.nanmax(np.abs(a - b), initial=0) / (scale or 1)
                if key != "stability":
                    worst = max(worst, (float(apart), f"{name}/{key}"), key=lambda item: item[0])
                assert apart < (0.05 if key == "stability" else 1e-4), (path, name, key, apart)
    print(f"numbers of ranks agree: {worst[1]} differs most, by {worst[0]:.1e} of its largest")


if sys.argv[1] == "truth":
    check_truth(sys.argv[2])
else:
    check_agreement(sys.argv[2:])
