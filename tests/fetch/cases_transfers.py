# SPDX-License-Identifier: MIT
"""Downloads that are cut, resumed and changed; the wrong file; answers of servers."""
import signal

from harness import BODY, CKPT, Box, case, check, put_on_hub, sha256, until
from server import File, content


# --- cut, resumed, changed -----------------------------------------------------------------------

@case
def a_cut_download_goes_on_where_it_was_cut(box):
    file = put_on_hub(box.remote, CKPT + "sridhar_2025.ckpt", BODY)
    file.troubles = [{"cut": 70_000}, {"cut": 50_000}]
    done = box.fetch("sridhar_2025").ended(0, "broke off", "trying again")
    check(done.path.read_bytes() == BODY)
    check([r["range"] for r in file.requests] == [None, "bytes=70000-", "bytes=120000-"], file.requests)
    check(file.requests[1]["if_range"] == '"v1"' and file.bytes_sent == len(BODY), file.requests)
    check(len(box.left()) == 2, box.left())


@case
def a_server_without_ranges_sends_all_of_it_again(box):
    file = box.remote.put("/f", BODY, ranges=False, troubles=[{"cut": 70_000}])
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
    check(file.requests[1]["range"] and file.requests[1]["sent"] == len(BODY), file.requests)


@case
def a_file_that_changed_meanwhile_is_fetched_anew(box):
    new = File(content("new"), etag='"v2"')
    file = box.remote.put("/f", BODY, troubles=[{"cut": 70_000}, {"change": new}])
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == new.body)
    check(file.requests[1]["if_range"] == '"v1"', file.requests)


@case
def a_server_that_continues_another_file_is_noticed(box):
    new = File(content("new"), etag='"v2"', if_range=False)
    file = box.remote.put("/f", BODY, troubles=[{"cut": 70_000}, {"change": new}])
    check(box.fetch(box.url("/f")).ended(0, "changed on the server").path.read_bytes() == new.body)
    check([r["range"] for r in file.requests] == [None, "bytes=70000-", None], file.requests)


@case
def without_a_tag_a_cut_download_starts_over(box):
    file = box.remote.put("/f", BODY, etag='W/"v1"', troubles=[{"cut": 70_000}])
    check(box.fetch(box.url("/f"), INSILICO_FETCH_TRIES="1").ended(3, "gave up").status == 3)
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
    check(file.requests[1]["range"] is None, file.requests)


def size_of(path):
    return path.stat().st_size if path.exists() else 0


@case
def a_killed_process_leaves_what_the_next_goes_on_from(box):
    file = box.remote.put("/f", BODY, pace=(4096, 0.03))
    process = box.start(box.url("/f"))
    until(lambda: size_of(box.where("/f.part")) > 50_000, "50 kB received")
    process.send_signal(signal.SIGKILL)
    box.wait(process)
    kept = box.where("/f.part").stat().st_size
    check(0 < kept < len(BODY) and not box.where("/f").exists(), kept)
    file.pace = None
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
    check(file.requests[1]["range"] == f"bytes={kept}-", file.requests)
    check(len(box.left()) == 2, box.left())


@case
def an_interrupted_process_says_how_to_go_on(box):
    file = box.remote.put("/f", BODY, pace=(4096, 0.03))
    process = box.start(box.url("/f"))
    until(lambda: size_of(box.where("/f.part")) > 50_000, "50 kB received")
    process.send_signal(signal.SIGINT)
    box.wait(process).ended(75, "run the same command to go on")
    check(set(box.left()) == {f"127.0.0.1:{box.remote.port}/f.part{e}" for e in ("", ".source")}, box.left())
    file.pace = None
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
    check(file.requests[1]["range"], file.requests)


@case
def a_part_that_was_whole_needs_no_request(box):
    file = box.remote.put("/f", BODY, troubles=[{"cut": 70_000}])
    box.fetch(box.url("/f"), INSILICO_FETCH_TRIES="1").ended(3)
    box.where("/f.part").write_bytes(BODY)
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY and len(file.requests) == 1)


@case
def a_part_longer_than_the_file_is_thrown_away(box):
    file = box.remote.put("/f", BODY, length=False, troubles=[{"cut": 70_000}])
    box.fetch(box.url("/f"), INSILICO_FETCH_TRIES="1").ended(3)
    box.where("/f.part").write_bytes(BODY + b"more")
    check(box.fetch(box.url("/f")).ended(0, "shorter than").path.read_bytes() == BODY)
    check([r["range"] for r in file.requests] == [None, "bytes=200004-", None], file.requests)


# --- the wrong file ------------------------------------------------------------------------------

@case
def another_hash_than_promised_is_refused(box):
    put_on_hub(box.remote, CKPT + "sridhar_2025.ckpt", BODY, promised="ab" * 32)
    box.fetch("sridhar_2025").ended(3, "ab" * 32, sha256(BODY))
    box.nothing_left()


@case
def another_hash_than_asked_for_is_refused(box):
    box.remote.put("/f", BODY)
    box.fetch(box.url("/f"), "--sha256", "cd" * 32).ended(3, "you asked for " + "cd" * 32)
    box.nothing_left()
    done = box.fetch(box.url("/f"), "--sha256", sha256(BODY).upper()).ended(0)
    box.fetch(box.url("/f"), "--sha256", "cd" * 32).ended(3, "in the cache", "remove it")
    check(done.path.read_bytes() == BODY, "a file in the cache was touched")


@case
def a_hash_asked_for_and_not_promised_is_refused_before_the_download(box):
    file = put_on_hub(box.remote, CKPT + "sridhar_2025.ckpt", BODY)
    box.fetch("sridhar_2025", "--sha256", "cd" * 32).ended(3, "nothing was fetched")
    check(file.bytes_sent < len(BODY) or len(file.requests) == 1)
    box.nothing_left()


@case
def a_damaged_file_in_the_cache_is_noticed(box):
    box.remote.put("/f", BODY)
    path = box.fetch(box.url("/f")).ended(0).path
    path.write_bytes(BODY[:-1] + b"x")
    box.fetch(box.url("/f")).ended(3, "it was fetched with", "remove it")
    path.unlink()
    box.remote.files["/f"].body = content("another")
    box.fetch(box.url("/f")).ended(3, "it was before", "may have changed")
    check(not path.exists())


@case
def another_size_than_promised_is_refused(box):
    box.remote.put("/hub", b"", redirect="/f", headers={"X-Linked-Size": "1000"})
    for length in (True, False):
        box.remote.put("/f", BODY, length=length)
        box.fetch(box.url("/hub")).ended(3, "1000" if length else "promised")
        box.nothing_left()


@case
def a_server_that_never_sends_all_is_given_up(box):
    box.remote.put("/f", BODY, troubles=[{"cut": 70_000}] + [{"cut": 0}] * 9)
    box.fetch(box.url("/f"), INSILICO_FETCH_TRIES="2").ended(3, "gave up after 2 tries")
    check(not box.where("/f").exists() and box.where("/f.part").stat().st_size == 70_000, box.left())


@case
def a_web_page_or_a_pointer_is_no_file(box):
    box.remote.put("/typed", b"<p>log in", headers={"Content-Type": "text/html; charset=utf-8"})
    box.remote.put("/page", b"\n <!DOCTYPE HTML><html>log in</html>")
    box.remote.put("/lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    box.remote.put("/annex", b"/annex/objects/SHA256E-s12--00.ckpt\n")
    box.remote.put("/empty", b"")
    box.fetch(box.url("/typed")).ended(3, "web page")
    box.fetch(box.url("/page")).ended(3, "web page")
    box.fetch(box.url("/lfs")).ended(3, "only a pointer")
    box.fetch(box.url("/annex")).ended(3, "only a pointer")
    box.fetch(box.url("/empty")).ended(3, "empty")
    box.nothing_left()


@case
def a_web_page_costs_nothing_of_what_was_there(box):
    file = box.remote.put("/f", BODY, troubles=[{"cut": 70_000}])
    box.fetch(box.url("/f"), INSILICO_FETCH_TRIES="1").ended(3)
    box.remote.put("/f", b"<p>log in", ranges=False, headers={"Content-Type": "text/html"})
    box.fetch(box.url("/f")).ended(3, "web page")
    box.remote.files["/f"] = file
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
    check(file.requests[1]["range"] == "bytes=70000-", file.requests)


# --- answers -------------------------------------------------------------------------------------

@case
def errors_of_the_server_are_waited_out(box):
    file = box.remote.put("/f", BODY, troubles=[{"status": 500}, {"status": 503}])
    done = box.fetch(box.url("/f")).ended(0, "status 500", "trying again in 0.5 s", "in 1.0 s")
    check(done.path.read_bytes() == BODY and len(file.requests) == 3 and done.seconds > 1.4, done.seconds)


@case
def the_server_says_how_long_to_wait(box):
    busy = {"status": 429, "headers": {"Retry-After": "2"}}
    file = box.remote.put("/f", BODY, troubles=[busy])
    box.fetch(box.url("/f")).ended(0, "too many requests", "in 2.0 s")
    check(file.requests[1]["time"] - file.requests[0]["time"] > 1.9, file.requests)
    file = box.remote.put("/g", BODY, troubles=[{"status": 503, "headers": {"Retry-After": "4000"}}])
    check(box.fetch(box.url("/g")).ended(3, "come back in 1 h 7 min").seconds < 5)


@case
def what_is_not_there_is_asked_for_once(box):
    for status, code, text in ((404, 2, "no such file"), (410, 2, "no such file"),
                               (401, 3, "not give it to everybody"), (403, 3, "not give it to everybody"),
                               (400, 3, "status 400")):
        file = box.remote.put("/f", BODY, status=status)
        box.fetch(box.url("/f")).ended(code, text)
        check(len(file.requests) == 1, status)
    box.nothing_left()


@case
def a_slow_server_is_waited_for_and_a_standing_one_left(box):
    slow = box.remote.put("/slow", BODY[:20_000], pace=(1000, 0.12))
    box.fetch(box.url("/slow"), INSILICO_FETCH_TIMEOUT="1").ended(0)
    check(len(slow.requests) == 1, slow.requests)
    file = box.remote.put("/f", BODY, troubles=[{"stall": 70_000}])
    done = box.fetch(box.url("/f"), INSILICO_FETCH_TIMEOUT="1").ended(0, "broke off")
    check(done.path.read_bytes() == BODY and file.requests[1]["range"] == "bytes=70000-", file.requests)


@case
def redirects_are_counted(box):
    box.remote.put("/a", b"", redirect="/b")
    box.remote.put("/b", b"", redirect="/a")
    box.fetch(box.url("/a")).ended(3, "more than 10 redirects")
    check(len(box.remote.files["/a"].requests) == 6)
    box.remote.put("/c", b"", redirect="http://models.invalid/f")
    box.fetch(box.url("/c")).ended(3, "plain http")
    box.remote.put("/d", b"", redirect="file:///etc/passwd")
    box.fetch(box.url("/d")).ended(3, "neither an https")
    box.nothing_left()


@case
def only_who_was_asked_may_vouch_for_a_file(box):
    other = Box(box.folder)
    other.remote.put("/f", BODY, headers={"X-Linked-ETag": f'"{"ab" * 32}"'})
    box.remote.put("/f", b"", redirect=other.url("/f"))
    check(box.fetch(box.url("/f")).ended(0).path.read_bytes() == BODY)
