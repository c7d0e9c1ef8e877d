# SPDX-License-Identifier: MIT
"""Writes tuning.h5, a results file as docs/results-file.md has it, of twelve neurons in two sessions.

select_file.py FILE [--session NAME] [--numbers A,B,...] [--in-session A,B,...] [--status LENGTH]

The last three replace numbers of neurons, or the length of `status`, by wrong ones.
"""

import sys

import h5py
import numpy as np

N = 12
nan = np.nan


def texts(file, name, words, axis):
    width = max(len(w) for w in words)
    letters = np.zeros((len(words), width), "S1")
    for row, word in zip(letters, words):
        row[: len(word)] = [c.encode() for c in word]
    if f"string{width}" not in file:
        file.create_dataset(f"string{width}", data=np.zeros(width, "u1"))
        file[f"string{width}"].make_scale(f"string{width}")
    file[name] = letters
    file[name].attrs["_Encoding"] = np.bytes_("utf-8")
    file[name].dims[0].attach_scale(file[axis])
    file[name].dims[1].attach_scale(file[f"string{width}"])


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


def replaced(name, whole):
    """The first numbers replaced by those of an option, which need not be whole."""
    wrong = [float(x) for x in option(name).split(",")] if option(name) else []
    return np.concatenate([wrong, whole[len(wrong):]]) if wrong else whole


with h5py.File(sys.argv[1], "w", track_order=True) as file:
    job = '{"experiment":"tuning","session":null}'
    if "--session" in sys.argv:
        job = job.replace("null", '"a_left"')
    file.attrs["job"] = np.bytes_(job)
    neurons = np.array([3, 17, 20, 21, 22, 23, 24, 30, 31, 40, 41, 42], "i8")
    file["neuron"] = replaced("--numbers", neurons)
    file["neuron"].make_scale("neuron")
    file["direction_deg"] = np.arange(N) * 30.0  # as long as `neuron`, but another axis
    file["direction_deg"].make_scale("direction_deg")

    def over(name, values, axis="neuron"):
        file[name] = values
        file[name].dims[0].attach_scale(file[axis])
        return file[name]

    over("status", np.array([1] * 10 + [0, 2], "i1")[: int(option("--status") or N)])
    over("checksum", np.arange(N, dtype="u8"))
    over("dsi", np.array([0.9, 0.8, 0.7, 0.7, 0.7, 0.7, 0.7, 0.1, nan, 0.95, 1, 1]))
    over("dsi_valid", np.array([1] * 9 + [0, 1, 1], "i1"))
    over("dsi_q", np.array([0.001] * 6 + [0.5, 0.002, nan, 0.001, 0, 0]))
    over("osi", np.linspace(0, 0.55, N, dtype="f4"))
    polarity = np.array([1, -1] * 5 + [-127, 1], "i1")
    polarity[2] = -127
    over("polarity", polarity).attrs["_FillValue"] = np.int8(-127)
    in_session = np.array([3, 17, 20, 21, 22, 23, 24, 0, 1, 10, 11, 12], "i4")
    over("neuron_in_session", replaced("--in-session", in_session))
    texts(file, "session", ["a_left"] * 7 + ["b_right"] * 5, "neuron")
    over("tuning_width", np.arange(N) * 1.0, axis="direction_deg")
    curves = file.create_dataset("curves", data=np.zeros((N, N)))
    curves.dims[0].attach_scale(file["neuron"])
    curves.dims[1].attach_scale(file["direction_deg"])
    file["title_number"] = 3
    file.create_group("bars")["dsi"] = np.zeros(N)
