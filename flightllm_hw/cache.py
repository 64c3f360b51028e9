# SPDX-License-Identifier: Apache-2.0
"""What was built once and need not be again: directories that are named by what went into them."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_directory", "cached", "digest", "known"]


def cache_directory() -> Path:
    """Where built things are kept: ``$FLIGHTLLM_CACHE``, or a place among the user's caches."""
    if "FLIGHTLLM_CACHE" in os.environ:
        return Path(os.environ["FLIGHTLLM_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "flightllm-hw"


def digest(*parts: str | bytes) -> str:
    """A name for ``parts``, their order and their bounds."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "little") + raw)
    return total.hexdigest()[:32]


def known(kind: str, key: str) -> bool:
    """Whether ``kind``/``key`` is in the cache."""
    return (cache_directory() / kind / key).is_dir()


def cached(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The directory ``kind``/``key`` of the cache, after ``build`` has filled it if there is none.

    ``build`` writes into a private directory that takes its name when it is complete: an abort
    leaves nothing behind that could be taken for a result. Of two processes that want the same at
    once, the second waits for the first.
    """
    place = cache_directory() / kind / key
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with _locked(place.with_suffix(".lock")):
        if not place.is_dir():
            _forget_aborted(place.parent)
            private = Path(tempfile.mkdtemp(prefix="tmp-", dir=place.parent))
            try:
                build(private)
                private.rename(place)
            finally:
                shutil.rmtree(private, ignore_errors=True)
    return place


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The lock ends with the process at the latest; the empty file stays, for others may hold it.
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _forget_aborted(directory: Path, age: float = 86_400) -> None:
    for left in directory.glob("tmp-*"):
        try:
            if left.stat().st_mtime < time.time() - age:
                shutil.rmtree(left, ignore_errors=True)
        except FileNotFoundError:
            pass
