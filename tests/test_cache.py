# SPDX-License-Identifier: Apache-2.0
"""Directories that are built once."""

import inspect
import subprocess
import sys
import time

import pytest

from flightllm_hw.cache import cache_directory, cached, digest


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("FLIGHTLLM_CACHE", str(tmp_path))
    return tmp_path


def slowly(place):
    (place / "first").write_text("1")
    time.sleep(0.3)
    (place / "second").write_text("2")
    with (cache_directory() / "builds").open("a") as log:
        log.write("x")


def test_two_processes_build_once(directory):
    script = "\n".join(["import time", "from flightllm_hw.cache import cache_directory, cached",
                        inspect.getsource(slowly),
                        "names = [path.name for path in cached('kind', 'key', slowly).iterdir()]",
                        "assert sorted(names) == ['first', 'second']"])
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert (directory / "builds").read_text() == "x"


def test_an_abort_leaves_nothing(directory):
    def abort(place):
        (place / "half").write_text("1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached("kind", "key", abort)
    assert [path.suffix for path in (directory / "kind").iterdir()] == [".lock"]
    assert cached("kind", "key", slowly).is_dir()


def test_the_directory_follows_the_environment(directory, monkeypatch):
    assert cache_directory() == directory
    monkeypatch.delenv("FLIGHTLLM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(cache_directory()) == "/x/flightllm-hw"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert str(cache_directory()).endswith("/.cache/flightllm-hw")


def test_names_tell_bounds_and_order_apart():
    assert len({digest("ab", "c"), digest("a", "bc"), digest("c", "ab"), digest("abc")}) == 4
