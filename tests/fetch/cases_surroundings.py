# SPDX-License-Identifier: MIT
"""TLS, proxies, no network, no disk, several processes, and what is shown."""
import json
import os
import pty
import resource
import signal
import subprocess

from harness import BODY, PROGRAM, Skip, case, check, until
from server import closed_port


# --- TLS and proxies -----------------------------------------------------------------------------

def needs_certificate(box):
    if not box.certificate:
        raise Skip("no openssl to make a certificate")


@case
def a_server_must_prove_who_it_is(box):
    needs_certificate(box)
    box.remote.put("/f", BODY)
    box.fetch(box.remote.secure + "/f").ended(3, "cannot prove", "CURL_CA_BUNDLE")
    box.nothing_left()
    for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        done = box.fetch(box.remote.secure + "/f", "--cache", box.folder / name, **{name: box.certificate})
        check(done.ended(0).path.read_bytes() == BODY, name)


@case
def https_is_never_left_for_http(box):
    needs_certificate(box)
    file = box.remote.put("/f", BODY)
    box.remote.put("/r", b"", redirect=box.url("/f"))
    box.fetch(box.remote.secure + "/r", CURL_CA_BUNDLE=box.certificate, INSILICO_ALLOW_HTTP="1").ended(
        3, "from https to plain http")
    check(not file.requests)


@case
def a_proxy_named_in_the_environment_is_used(box):
    file = box.remote.put("/f", BODY)
    url, proxy = "http://models.invalid/f", box.remote.url
    box.fetch(url, http_proxy=proxy, INSILICO_ALLOW_HTTP="1").ended(0)
    check(file.requests[0]["proxied"], file.requests)
    needs_certificate(box)
    url = f"https://models.invalid:{box.remote.secure_port}/f"
    done = box.fetch(url, https_proxy=proxy, CURL_CA_BUNDLE=box.certificate).ended(0)
    check(done.path.read_bytes() == BODY and box.remote.connects == [url[8:-2]], box.remote.connects)
    box.remote.refuses_connect = True
    box.fetch(url, "--cache", box.folder / "b", https_proxy=proxy).ended(3, "the proxy refused", "https_proxy")


# --- no network, no disk -------------------------------------------------------------------------

@case
def offline_only_the_cache_counts(box):
    file = box.remote.put("/f", BODY)
    for words, environment in ((["--offline"], {}), ([], {"INSILICO_OFFLINE": "1"})):
        box.fetch(box.url("/f"), *words, **environment).ended(2, "offline", str(box.where("/f")))
    check(not file.requests and not box.cache.exists())
    box.fetch(box.url("/f")).ended(0)
    check(box.fetch(box.url("/f"), "--offline").ended(0).path == box.where("/f"))


@case
def without_a_network_the_message_says_what_to_do(box):
    place = str(box.cache / "model_checkpoints/2026-03-09/sridhar_2025.ckpt")
    for hub, host in ((f"http://127.0.0.1:{closed_port()}", "127.0.0.1"), ("https://models.invalid", "models.invalid")):
        done = box.fetch("sridhar_2025", INSILICO_HUB_URL=hub)
        done.ended(3, f"{host} cannot be reached", "elsewhere", place)
    box.nothing_left()


@case
def a_cache_that_cannot_be_written_is_named(box):
    box.remote.put("/f", BODY)
    (box.folder / "plain").write_text("precious")
    box.fetch(box.url("/f"), "--cache", box.folder / "plain").ended(3, "plain", "--cache")
    box.fetch(box.url("/f"), "--cache", box.folder / "plain/below").ended(3, "plain/below", "--cache")
    box.where("/f").mkdir(parents=True)
    box.fetch(box.url("/f")).ended(3, "is no file")


@case
def a_full_disk_leaves_no_half_file(box):
    box.cache.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(box.cache)]
    if subprocess.run(mount, capture_output=True).returncode:
        raise Skip("cannot mount a small file system here")
    try:
        box.remote.put("/known", BODY)
        box.remote.put("/unknown", BODY, length=False)
        box.fetch(box.url("/known")).ended(3, "needs 200 kB", "make room")
        box.nothing_left()
        box.fetch(box.url("/unknown")).ended(3, "No space left", "make room")
        check(not box.where("/unknown").exists() and box.where("/unknown.part").exists(), box.left())
    finally:
        subprocess.run(["umount", str(box.cache)], check=True)


@case
def a_disk_error_leaves_no_half_file(box):
    file = box.remote.put("/f", BODY)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    process = subprocess.Popen([PROGRAM, "fetch", box.url("/f")], env=box.environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=limit)
    box.wait(process).ended(3, "File too large")
    check(not box.where("/f").exists() and len(file.requests) == 1, box.left())
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)


# --- two at once, and what is shown --------------------------------------------------------------

@case
def two_processes_fetch_a_file_once(box):
    file = box.remote.put("/f", BODY, pace=(4096, 0.2))
    first = box.start(box.url("/f"))
    until(lambda: file.bytes_sent > 0, "the first download")
    second = box.start(box.url("/f"))
    box.hear(second, "another process is fetching it")
    file.pace = None
    first, second = box.wait(first).ended(0), box.wait(second).ended(0)
    check(first.path == second.path and first.path.read_bytes() == BODY)
    check(len(file.requests) == 1, file.requests)
    check(len(box.left()) == 2, box.left())


@case
def who_waits_for_a_killed_process_goes_on_in_its_place(box):
    file = box.remote.put("/f", BODY, pace=(4096, 0.2))
    first = box.start(box.url("/f"))
    until(lambda: file.bytes_sent > 10_000, "10 kB sent")
    second = box.start(box.url("/f"))
    box.hear(second, "waiting for it")
    first.kill()
    box.wait(first)
    file.pace = None
    check(box.wait(second).ended(0, "going on after").path.read_bytes() == BODY)
    check(file.requests[1]["range"], file.requests)


@case
def waiting_can_be_interrupted(box):
    box.remote.put("/f", BODY, troubles=[{"status": 503, "headers": {"Retry-After": "200"}}])
    process = box.start(box.url("/f"))
    until(lambda: box.remote.files["/f"].requests, "a request")
    box.hear(process, "trying again in")
    process.send_signal(signal.SIGTERM)
    box.wait(process).ended(75)


@case
def a_terminal_shows_a_bar_and_a_log_lines(box):
    box.remote.put("/model.ckpt", BODY, pace=(10_000, 0.04))
    here, there = pty.openpty()
    process = subprocess.Popen([PROGRAM, "fetch", box.url("/model.ckpt")], env=box.environment,
                               stdout=subprocess.PIPE, stderr=there, stdin=subprocess.DEVNULL)
    os.close(there)
    shown = b""
    while True:
        try:
            shown += os.read(here, 4096)
        except OSError:
            break
    process.communicate()
    os.close(here)
    shown = shown.decode()
    for text in ("\r\x1b[Kmodel.ckpt", "█", "100%", "of 200 kB", "/s", "left"):
        check(text in shown, f"'{text}' is not in", repr(shown))
    box.where("/model.ckpt").unlink()
    log = box.fetch(box.url("/model.ckpt")).ended(0, "model.ckpt: fetching 200 kB from 127.0.0.1").log
    check("\r" not in log and "█" not in log, log)


@case
def quiet_is_quiet_and_json_is_json(box):
    box.remote.put("/f", BODY, troubles=[{"status": 500}])
    done = box.fetch(box.url("/f"), "--json").ended(0)
    check(done.log == "" and json.loads(done.out) == {"name": box.url("/f"), "path": str(box.where("/f"))}, done.out)
    box.where("/f").unlink()
    done = box.fetch(box.url("/f"), "--quiet").ended(0)
    check(done.log == "" and done.path == box.where("/f"), done.log)
