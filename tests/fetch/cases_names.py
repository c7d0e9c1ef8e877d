# SPDX-License-Identifier: MIT
"""Names, URLs, and where their files lie in the cache."""
from harness import BODY, CKPT, GIN, case, check, put_on_hub, sha256
from server import content


@case
def a_file_is_fetched_once_and_then_found(box):
    file = box.remote.put("/lab/model.ckpt", BODY)
    done = box.fetch(box.url("/lab/model.ckpt")).ended(0, "200 kB")
    check(done.path == box.where("/lab/model.ckpt"), done.path)
    check(done.path.read_bytes() == BODY)
    beside = done.path.with_name("model.ckpt.sha256")
    check(beside.read_text() == f"{sha256(BODY)}  model.ckpt\n", beside.read_text())
    check(len(box.left()) == 2, box.left())
    check(box.fetch(box.url("/lab/model.ckpt")).ended(0).path == done.path)
    check(len(file.requests) == 1, "asked again")


@case
def a_known_name_leads_through_the_hub_to_openretinas_place(box):
    file = put_on_hub(box.remote, CKPT + "sridhar_2025.ckpt", BODY)
    done = box.fetch("sridhar_2025").ended(0)
    check(done.path == box.cache / "model_checkpoints/2026-03-09/sridhar_2025.ckpt", done.path)
    check(done.path.read_bytes() == BODY and len(file.requests) == 1)
    for same in ("https://huggingface.co" + CKPT.replace("resolve", "tree") + "sridhar_2025.ckpt",
                 box.url(CKPT.replace("resolve", "blob") + "sridhar_2025.ckpt?download=true"),
                 "hf://datasets/open-retina/open-retina/model_checkpoints/2026-03-09/sridhar_2025.ckpt@main"):
        check(box.fetch(same).ended(0).path == done.path, same)
    check(len(file.requests) == 1, "asked again")


@case
def a_mirror_may_be_named_as_for_other_programs(box):
    put_on_hub(box.remote, CKPT + "goldin_2022_mouse.ckpt", BODY)
    box.environment.pop("INSILICO_HUB_URL")
    box.fetch("goldin_2022_mouse", HF_ENDPOINT=box.remote.url + "/").ended(0)


@case
def other_repositories_of_the_hub_do_not_mix_with_openretinas(box):
    put_on_hub(box.remote, "/lab/retina/resolve/v2/model.ckpt", BODY)
    done = box.fetch("hf://lab/retina/model.ckpt@v2").ended(0)
    check(done.path == box.cache / "huggingface.co/lab/retina/resolve/v2/model.ckpt", done.path)


@case
def an_ensemble_is_a_folder_of_its_files(box):
    names = [n % s for s in range(0, 5000, 1000)
             for n in ("config_%05d.yaml", "data_info_%05d.pkl", "state_dict_%05d.pth.tar")]
    for name in names:
        box.remote.put(GIN + name, content(name, 3000))
    done = box.fetch("hoefling_2024_ensemble").ended(0)
    check(done.path == box.cache / "9d574ab9fcb85e8251639080c8d402b7", done.path)
    check(all((done.path / n).read_bytes() == content(n, 3000) for n in names))
    box.fetch("hoefling_2024_ensemble", "--sha256", "0" * 64).ended(2, "several files")


@case
def a_file_that_openretina_fetched_is_used(box):
    place = box.cache / "model_checkpoints/2026-03-09/sridhar_2025.ckpt"
    place.parent.mkdir(parents=True)
    place.write_bytes(BODY)
    check(box.fetch("sridhar_2025").ended(0).path == place)
    check(box.left() == ["model_checkpoints/2026-03-09/sridhar_2025.ckpt"], box.left())


@case
def the_cache_is_in_the_home_directory_unless_said_otherwise(box):
    box.remote.put("/x/y", BODY)
    box.environment.pop("OPENRETINA_CACHE_DIRECTORY")
    check(str(box.fetch(box.url("/x/y")).ended(0).path).startswith(f"{box.folder}/openretina_cache/"))
    other = box.folder / "other"
    check(str(box.fetch(box.url("/x/y"), "--cache", other).ended(0).path).startswith(f"{other}/"))


@case
def names_cannot_leave_the_cache(box):
    for path in ("/a/../../../etc/x", "/%2e%2e/%2E%2e/x", "/a/b%00c", "/a/./b", "/a\\..\\b"):
        box.fetch(box.url(path)).ended(2)
    box.fetch("hf://datasets/open-retina/open-retina/../../x").ended(2, "..")
    box.fetch("hf://datasets/open-retina/open-retina/a%2f..%2fx").ended(2, "has no such file")
    box.nothing_left()


@case
def links_do_not_lead_out_of_the_cache(box):
    file, outside = box.remote.put("/lab/model.ckpt", BODY), box.folder / "outside"
    outside.mkdir()
    box.where("").mkdir(parents=True)
    box.where("/lab").symlink_to(outside)
    box.fetch(box.url("/lab/model.ckpt")).ended(3, "is a link")
    check(not file.requests and not list(outside.iterdir()))
    box.where("/lab").unlink()
    box.where("/lab").mkdir()
    (outside / "victim").write_text("precious")
    for ending in ("part", "part.source", "lock", "sha256"):
        link = box.where(f"/lab/model.ckpt.{ending}")
        link.symlink_to(outside / "victim")
        box.fetch(box.url("/lab/model.ckpt"))
        check((outside / "victim").read_text() == "precious", ending)
        link.unlink(missing_ok=True)
        box.where("/lab/model.ckpt").unlink(missing_ok=True)


@case
def what_cannot_be_fetched_is_refused_by_its_form(box):
    box.fetch("sridhar_2052").ended(2, "did you mean 'sridhar_2025'")
    box.fetch("ftp://lab.org/model.ckpt").ended(2, "only https:// and hf://")
    box.fetch("https://user:secret@lab.org/model.ckpt").ended(2, "passwords do not belong")
    box.fetch("https://lab.org/models/").ended(2, "a folder")
    box.fetch("hf://datasets/lab").ended(2, "hf://datasets/OWNER/REPO/PATH")
    box.fetch(box.url("/x"), "--sha256", "123").ended(2, "64 hexadecimal digits")
    box.fetch(box.url("/x"), INSILICO_FETCH_TRIES="many").ended(2, "INSILICO_FETCH_TRIES")
    box.nothing_left()


@case
def plain_http_is_for_this_machine_only(box):
    for url in ("http://models.invalid/x", "http://127.0.0.1.models.invalid/x", "http://127.models.invalid/x"):
        box.fetch(url).ended(2, "plain http")
    box.fetch("sridhar_2025", INSILICO_HUB_URL="http://models.invalid").ended(2, "plain http", "HF_ENDPOINT")
