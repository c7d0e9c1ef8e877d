# SPDX-License-Identifier: MIT
"""security_files.py MAKE SOURCE: hostile inputs for security.sh, written to the working directory.

jobs SOURCE: jobs/K.yaml, each with one text of a job that would run `touch mark` if anybody gave it to a shell;
results FILE.h5: its attributes changed to such texts; checkpoint SOURCE: names.ckpt, with such names of sessions;
arrays FILTERS: HDF5 files that lead elsewhere or ask for a filter of their own."""
import json
import os
import pathlib
import sys
import zipfile

PAYLOADS = ["$(touch mark)", "`touch mark`", "|touch mark", ";touch mark;", "\ntouch mark\n", "';touch mark;'",
            '";touch mark;"', "\x1b]0;\x07\x1b[2J\u009b2J %n%s", "../../../../tmp/../etc/passwd"]


def jobs(source):
    model = "builtin:ground_truth?neurons=16"
    optimisation = {"experiment": "stimulus_optimization", "model": model, "neurons": "0:2", "output": "r.h5",
                    "stimulus": {"frames": 44}, "stop": {"max_iterations": 1}}
    response = {"experiment": "response", "model": f"{source}/tests/golden/trained/model.ckpt",
                "stimulus": f"{source}/tests/golden/trained/stimulus.npy", "output": "r.h5"}
    tuning = {"experiment": "tuning", "model": model, "neurons": [0], "output": "r.h5"}
    texts = []
    for k, p in enumerate(PAYLOADS):
        settings = [{**optimisation, key: p} for key in ("experiment", "model", "session", "neurons", "output", "sweep")]
        settings += [{**optimisation, "model": m} for m in
                     ({"files": [p, p]}, {"file": model, "sha256": p}, {"file": "https://" + p},
                      {"file": "hf://" + p}, {"file": "builtin:" + p}, {"file": model, "architecture": {"core": p}})]
        settings += [{**optimisation, p: 1}, {**optimisation, "sweep": {p: [1, 2]}}, {**optimisation, "objective": p},
                     {**optimisation, "stimulus": {"frames": 44, "init": {"file": p}}}, {**response, "stimulus": p},
                     {**response, "stimulus": p + ".h5:" + p}, {**response, "session": p},
                     {**tuning, "stimuli": [{"kind": p}]}, {**tuning, "stimuli": [{"kind": "flash", "name": p}]},
                     {**tuning, "stimuli": [{"kind": "image", "files": [p]}]},
                     {**optimisation, "experiment": "plugin:" + p},
                     {**optimisation, "io": {"hints": {p: p}}}]
        # Whether there is a shell at all does not depend on the words: each setting gets two kinds of them.
        texts += [job for i, job in enumerate(settings) if (i + k) % len(PAYLOADS) < 2]
    os.mkdir("jobs")
    for k, job in enumerate(texts):
        pathlib.Path(f"jobs/{k:03}.yaml").write_text(json.dumps(job))
    # Names that are good: what is written under them, and the file of the job itself.
    for k, p in enumerate(PAYLOADS[:7]):
        job = {**optimisation, "output": f"out/{p}.h5"}
        pathlib.Path(f"jobs/good {p}.yaml").write_text(json.dumps(job))
    # Tags that other readers of YAML take as calls, and aliases that double eight times ten.
    pathlib.Path("jobs/tag.yaml").write_text("experiment: !!python/object/apply:os.system ['touch mark']\n")
    bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"{b}: &{b} [{', '.join(['*' + a] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi")]
    pathlib.Path("jobs/bomb.yaml").write_text("\n".join(bomb) + "\n")
    pathlib.Path("jobs/include.yaml").write_text("<<: !include /etc/passwd\nexperiment: response\n")


def results(name):
    import h5py
    import numpy as np
    with h5py.File(name, "r+") as f:
        for key in ("experiment", "model", "title", "job", "model_sha256", "stages"):
            if key in f.attrs:
                text = "plugin:./evil.module" if key == "experiment" else "".join(PAYLOADS[:8])
                f.attrs[key] = np.bytes_(text.encode())  # of fixed length, as insilico writes it


def checkpoint(source):
    given = zipfile.ZipFile(f"{source}/tests/golden/trained/model.ckpt")
    # Names of the same length: lengths stand before them.
    names = {b"2_dorsal1_20200306": b"\x1b[2J$(touch mark)\n", b"1_ventral1_20200226": b"\x1b]0;`touch mark`\x07\xc2\x9b"}
    with zipfile.ZipFile("names.ckpt", "w") as made:
        for member in given.infolist():
            data = given.read(member)
            if member.filename.endswith("data.pkl"):
                for old, new in names.items():
                    assert len(old) == len(new) and old in data
                    data = data.replace(old, new)
            made.writestr(member.filename, data)


def arrays(filters):
    import h5py
    import numpy as np
    x = np.zeros((1, 2, 50, 36, 32), "f4")
    with h5py.File("whole.h5", "w") as f:
        f["x"] = x
    with h5py.File("link.h5", "w") as f:
        f["x"] = h5py.ExternalLink("whole.h5", "/x")
    with h5py.File("raw.h5", "w") as f:
        f.create_dataset("x", shape=x.shape, dtype="f4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])
    layout = h5py.VirtualLayout(shape=x.shape, dtype="f4")
    layout[...] = h5py.VirtualSource("whole.h5", "x", shape=x.shape)
    with h5py.File("virtual.h5", "w") as f:
        f.create_virtual_dataset("x", layout)
    with h5py.File("filter.h5", "w") as f:
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk(x.shape)
        create.set_filter(int(filters), h5py.h5z.FLAG_OPTIONAL, (1,))
        data = h5py.h5d.create(f.id, b"x", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(x.shape), create)
        # As if the filter had been there when it was written.
        data.write_direct_chunk((0,) * 5, x.tobytes(), 0)


globals()[sys.argv[1]](*sys.argv[2:])
