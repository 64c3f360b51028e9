# SPDX-License-Identifier: Apache-2.0
"""Packages on the disk: whole or not at all, and nobody else's files touched."""

import json
from pathlib import Path

import pytest

from flightllm_hw.boards import card
from flightllm_hw.export.verilog import Design
from flightllm_hw.package import files
from flightllm_hw.package.errors import PackageError
from flightllm_hw.package.files import place, write
from flightllm_hw.presets import PRESETS, TINY

ABOUT = {"card": "u280"}


def contents(folder):
    """Every file of a folder, by path."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*")
            if path.is_file()}


def test_a_folder_is_made_with_all_above_it(tmp_path):
    target = tmp_path / "new" / "package"
    paths = place({"a/b.txt": "b", "c": "c"}, ABOUT, target)
    assert paths == [target / "a/b.txt", target / "c", target / "package.json"]
    assert all(path.is_file() for path in paths)
    assert [path.name for path in target.parent.iterdir()] == ["package"]
    assert json.loads((target / "package.json").read_text())["card"] == "u280"


def test_an_empty_folder_is_filled_and_stays_the_same_folder(tmp_path):
    before = tmp_path.stat().st_ino
    place({"a/b.txt": "b"}, ABOUT, tmp_path)
    assert tmp_path.stat().st_ino == before
    assert sorted(contents(tmp_path)) == ["a/b.txt", "package.json"]


def test_the_working_folder_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place({"a": "1"}, ABOUT, Path("."))
    assert Path("a").read_text() == "1"


def test_a_package_is_replaced_and_what_tools_made_of_it_stays(tmp_path):
    place({"a": "1", "b/old": "2"}, ABOUT, tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "kernel.xo").write_text("hours of work")
    (tmp_path / "a").unlink()
    place({"a": "3", "c/new": "4"}, ABOUT, tmp_path)
    found = contents(tmp_path)
    del found["package.json"]
    assert found == {"a": "3", "c/new": "4", "build/kernel.xo": "hours of work"}
    place({"a": "3", "c/new": "4"}, ABOUT, tmp_path)
    assert contents(tmp_path)["a"] == "3"


@pytest.mark.parametrize("name", ["a", "b/c"])
def test_what_somebody_changed_is_not_replaced(name, tmp_path):
    place({"a": "1", "b/c": "2"}, ABOUT, tmp_path)
    (tmp_path / name).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(PackageError, match=f"{name}: it was changed since it was written"):
        place({"a": "3"}, ABOUT, tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("manifest", [
    None, "", "[]", "{}", '{"files": 3}', '{"files": {"../x": "0"}}', '{"files": {"/x": "0"}}',
    "\ud800"])
def test_other_folders_are_left_alone(manifest, tmp_path):
    (tmp_path / "thesis.tex").write_text("the only copy")
    if manifest is not None:
        (tmp_path / "package.json").write_bytes(manifest.encode(errors="surrogatepass"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PackageError, match="there are files in it, and they are no package"):
        place({"a": "1"}, ABOUT, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(PackageError, match="file: there is a file of that name"):
        place({"a": "1"}, ABOUT, tmp_path / "file")
    with pytest.raises(OSError):
        place({"a": "1"}, ABOUT, tmp_path / "file" / "below")


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_a_full_disk_leaves_nothing(exists, when, tmp_path, monkeypatch):
    target = tmp_path / "package"
    if exists:
        target.mkdir()
    real, calls = Path.write_text, []

    def full(self, *args, **kwargs):
        calls.append(self)
        if len(calls) > when:
            raise OSError(28, "No space left on device", str(self))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        place({"a": "1", "b/c": "2"}, ABOUT, target)
    assert list(tmp_path.rglob("*")) == ([target] if exists else [])


def test_nothing_is_exported_for_a_folder_that_cannot_be(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "export", lambda *_: pytest.fail("minutes for nothing"))
    (tmp_path / "mine").write_text("x")
    with pytest.raises(PackageError, match="no package"):
        write(TINY, card("u280"), "vitis", tmp_path)
    with pytest.raises(PackageError, match="for the u280, not for the u50"):
        write(PRESETS["u280"], card("u50"), "vitis", tmp_path / "new")


def test_twice_is_the_same_to_the_byte(tmp_path, monkeypatch):
    made = Design(top="flightllm_tiny", text="module flightllm_tiny;\nendmodule\n", rtlil="",
                  counts={})
    monkeypatch.setattr(files, "export", lambda config, flavour: made)
    for name in ("one", "two", "two"):
        write(TINY, card("u280"), "vivado", tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    manifest = json.loads((tmp_path / "one" / "package.json").read_text())
    assert (manifest["card"], manifest["flow"], manifest["configuration"], manifest["digest"]) == (
        "u280", "vivado", "tiny", f"{TINY.digest():08x}")
