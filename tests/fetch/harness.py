# SPDX-License-Identifier: MIT
"""What the cases share: the program with a cache of its own, and checks."""
import concurrent.futures
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback

import server

PROGRAM = os.environ["INSILICO"]
CASES = []

CKPT = "/datasets/open-retina/open-retina/resolve/main/model_checkpoints/2026-03-09/"
GIN = "/eulerlab/rgc-natstim/raw/master/models/nonlinear/9d574ab9fcb85e8251639080c8d402b7/"
BODY = server.content("a file")


class Skip(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def check(truth, *what):
    if not truth:
        raise AssertionError(" ".join(str(w) for w in what))


def sha256(body):
    return hashlib.sha256(body).hexdigest()


def put_on_hub(remote, path, body, promised=None):
    """As the hub has large files: a redirect that vouches for what is elsewhere."""
    headers = {"X-Linked-ETag": f'"{promised or sha256(body)}"', "X-Linked-Size": str(len(body))}
    remote.put(path, b"", redirect="/cdn" + path, headers=headers)
    return remote.put("/cdn" + path, body)


class Done:
    def __init__(self, status, out, log, seconds):
        self.status, self.out, self.log, self.seconds = status, out, log, seconds

    def ended(self, status, *texts):
        """With this status, and one error line that has these texts (none for success)."""
        check(self.status == status, f"status {self.status} instead of {status}:", self.out, self.log)
        errors = [line for line in self.log.splitlines() if "error:" in line]
        check(len(errors) == (status not in (0, 75)), "not exactly one error line:", self.log)
        for text in texts:
            check(text in self.log, f"'{text}' is not in:", self.log)
        return self

    @property
    def path(self):
        return pathlib.Path(self.out.strip())


class Box:
    """A remote, an empty cache, and the program in an environment that knows only these."""

    def __init__(self, folder, certificate=None):
        self.folder = pathlib.Path(folder)
        self.cache = self.folder / "cache"
        self.remote = server.Remote(certificate)
        self.certificate = certificate
        kept = {k: v for k, v in os.environ.items() if k.startswith(("ASAN", "LSAN", "UBSAN"))}
        self.environment = {**kept, "PATH": os.environ["PATH"], "HOME": str(self.folder),
                            "OPENRETINA_CACHE_DIRECTORY": str(self.cache),
                            "INSILICO_HUB_URL": self.remote.url, "INSILICO_GIN_URL": self.remote.url}

    def url(self, path):
        return self.remote.url + path

    def start(self, *words, **environment):
        return subprocess.Popen([PROGRAM, "fetch", *map(str, words)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                env={**self.environment, **environment})

    def wait(self, process, began=None):
        out, log = process.communicate(timeout=60)
        return Done(process.returncode, out, log, time.monotonic() - (began or time.monotonic()))

    @staticmethod
    def hear(process, text):
        """Waits until the process has said so; what it said before is lost to the log."""
        for line in process.stderr:
            if text in line:
                return
        check(False, f"'{text}' was never said")

    def fetch(self, *words, **environment):
        return self.wait(self.start(*words, **environment), time.monotonic())

    def left(self):
        """All files in the cache, by their paths below it."""
        return sorted(str(p.relative_to(self.cache)) for p in self.cache.rglob("*") if not p.is_dir())

    def where(self, path):
        """A file of the remote in the cache."""
        return self.cache / f"127.0.0.1:{self.remote.port}{path}"

    def nothing_left(self):
        check(self.left() == [], "left in the cache:", self.left())


def until(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, "never happened:", what)
        time.sleep(0.01)


def run_case(function, folder, certificate):
    place = os.path.join(folder, function.__name__)
    os.mkdir(place)
    began = time.monotonic()
    try:
        function(Box(place, certificate))
        word = "passed"
    except Skip as reason:
        word = f"skipped ({reason})"
    except Exception:
        traceback.print_exc()
        word = "FAILED"
    print(f"{word}: {function.__name__.replace('_', ' ')} ({time.monotonic() - began:.1f} s)", flush=True)
    return word != "FAILED"


def main():
    wanted = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        certificate = server.make_certificate(folder)
        cases = [c for c in CASES if not wanted or c.__name__ in wanted]
        # Most of the time is waiting.
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda c: run_case(c, folder, certificate), cases))
    print(f"{sum(results)} of {len(results)} cases passed")
    sys.exit(not all(results))
