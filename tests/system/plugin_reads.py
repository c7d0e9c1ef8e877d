# SPDX-License-Identifier: MIT
"""plugin_reads.py stimulus: the steps of plugin.sh as stimuli of experiment `response`, steps.npy.
plugin_reads.py compare STEP.h5 RESPONSE.h5 PLUGIN.so: what the plug-in stored is what follows from these responses."""
import hashlib
import sys

import h5py
import numpy as np

CONTRASTS, BEFORE, AFTER = [-1.0, -0.5, 0.25, 0.5, 1.0], 40, 12


def make_stimulus():
    x = np.zeros((len(CONTRASTS), 2, BEFORE + AFTER, 36, 32), "f4")
    for k, contrast in enumerate(CONTRASTS):
        x[k, :, BEFORE:] = contrast
    np.save("steps.npy", x)


def compare(step, response, plugin):
    with h5py.File(step) as a, h5py.File(response) as b:
        assert list(a["contrast"][:]) == CONTRASTS
        assert a.attrs["plugin_sha256"].decode() == hashlib.sha256(open(plugin, "rb").read()).hexdigest()
        assert plugin.encode() not in a.attrs["job"], "results name a plug-in by its contents, not by its path"
        r = b["response"][:].astype("f8")  # stimulus, frame, neuron
        change = r[:, -AFTER:].mean(1) - r[:, -AFTER - 1]
        assert np.abs(change).max() > 0.1, "a step should change responses"
        np.testing.assert_allclose(a["step_response"][:], change, rtol=1e-5, atol=1e-6)
        print("step responses agree with", response, "to", np.abs(a["step_response"][:] - change).max())


if sys.argv[1] == "stimulus":
    make_stimulus()
else:
    compare(*sys.argv[2:])
