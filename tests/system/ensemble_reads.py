# SPDX-License-Identifier: MIT
"""The mean, its members and their spread, in the results files that ensemble.sh leaves."""
import sys

import h5py
import numpy as np


def read(name, variable):
    with h5py.File(name) as file:
        return np.array(file[variable])


peer = np.load(sys.argv[1])
mean = read("list.h5", "response")
each = read("list.h5", "member_response")  # [stimulus, member, frame, neuron]
spread = read("list.h5", "response_sd")

assert np.abs(mean - peer).max() <= 1e-5 * np.abs(peer).max(), "the mean is openretina's"
assert np.array_equal(mean, read("mean.h5", "response")), "the mean, with and without its members"
assert np.array_equal(mean, read("folder.h5", "response")), "a folder is the list of its files"
assert np.array_equal(each[:, 1], read("member.h5", "response")), "member 1 alone"
assert np.allclose(mean, each.mean(axis=1), rtol=1e-6, atol=0)
assert np.allclose(spread, each.std(axis=1, ddof=1), rtol=1e-5, atol=1e-9)
assert spread.max() > 0.01, "the members differ"
print("ensemble: mean, members and spread are what they should be")
