# SPDX-License-Identifier: MIT
"""docs/openretina_responses.py as a user runs it, and `insilico verify` on what it wrote.

    check_responses_script.py PROGRAM
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
from peer_tools import GOLDEN, versions

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "openretina_responses.py"
VARIANTS = GOLDEN / "variants"
LNP = [
    "in_shape=[2,7,5,4]", "spat_kernel_size=[5,4]", "rank=3", "nonlinearity=parametrized_softplus",
]  # fmt: skip


def write(model: Path, out: Path, *more: str) -> None:
    """The script, in the folder of the model: openretina looks for STA files from there."""
    command = [sys.executable, "-W", "ignore", str(SCRIPT), str(model), str(out), *more]
    inside = model if model.is_dir() else model.parent
    done = subprocess.run(command, cwd=inside, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{model}: status {done.returncode}\n{done.stderr}")


def check_file(name: str, out: Path, sessions: dict[str, int], stimulus: np.ndarray) -> None:
    with h5py.File(out) as file:
        assert file["stimulus"].dtype == np.float32 and file["stimulus"].ndim == 4, name
        assert np.array_equal(file["stimulus"][:], stimulus), name
        assert {s: d.shape[1] for s, d in file["responses"].items()} == sessions, name
        for responses in file["responses"].values():
            assert responses.dtype == np.float32 and np.abs(responses[:]).max() > 0, name
        assert file.attrs["openretina_version"] == versions()["openretina"], name
        assert file.attrs["torch_version"] == versions()["torch"] and file.attrs["model"], name


def check_given_stimulus(folder: Path) -> None:
    """The golden stimulus gives the golden responses."""
    model = VARIANTS / "three_layers" / "model.ckpt"
    stimulus = np.load(model.with_name("stimulus.npy"))[1]
    np.save(folder / "x.npy", stimulus)
    write(model, folder / "given.h5", str(folder / "x.npy"))
    check_file("given", folder / "given.h5", {"a_late": 3, "b_early": 2}, stimulus)
    golden = np.load(model.with_name("responses_all.npy"))[1]
    with h5py.File(folder / "given.h5") as file:
        r = np.concatenate([file["responses/a_late"][:], file["responses/b_early"][:]], axis=1)
    assert np.abs(r - golden).max() < 1e-5 * np.abs(golden).max()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def main(program: str) -> int:
    two = {"a_late": 3, "b_early": 2}
    cases = [
        ("gru_core/model.ckpt", {"only": 3}, (2, 18, 8, 7), []),
        ("spatial_contrast/model.ckpt", two, (1, 18, 8, 7), []),
        ("legacy_ensemble", two, (2, 18, 8, 7), []),
        ("ensemble", two, (2, 18, 8, 7), []),
        ("single_lnp/model.ckpt", {"cell": 1}, (2, 7, 5, 4), LNP),
    ]
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_given_stimulus(folder)
        copies = folder / "variants"  # `verify` leaves a note beside the model
        shutil.copytree(VARIANTS, copies)
        for case, sessions, shape, more in cases:
            model = copies / case
            out = folder / "peer.h5"
            write(model, out, *more)
            check_file(case, out, sessions, noise(*shape))
            if more:
                continue  # `verify` has no place for the architecture that this file lacks
            command = [program, "verify", str(model), str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            print(f"{case}: status {done.returncode}\n{done.stdout}{done.stderr}")
            good = good and done.returncode == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
