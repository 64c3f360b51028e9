# SPDX-License-Identifier: Apache-2.0
"""The folders depend on one another in one direction, and heavy packages stay where they belong."""

import ast
from pathlib import Path

import pytest

import flightllm_hw

ROOT = Path(flightllm_hw.__file__).parent.parent
SOURCES = [*(ROOT / "flightllm_hw").rglob("*.py"), *(ROOT / "sim").rglob("*.py"),
           *(ROOT / "boards").rglob("*.py")]

GROUND = {"boards", "config", "formats", "isa", "presets"}
BLOCKS = {"compute", "dequant", "sfu", "memory"}
LEAVES = {"interfaces", "primitives", "arith", "hierarchy"}

# What each part of the package may import of the others.
MAY = {
    "boards": set(),
    "formats": set(),
    "isa": {"config", "formats"},
    "config": {"boards", "formats"},
    "presets": {"config"},
    "hierarchy": set(),
    "cache": set(),
    "interfaces": GROUND | {"hierarchy"},
    "primitives": GROUND | {"hierarchy"},
    "arith": GROUND | LEAVES,
    "compute": GROUND | LEAVES,
    "dequant": GROUND | LEAVES | {"compute"},
    "sfu": GROUND | LEAVES,
    "memory": GROUND | LEAVES,
    "lane": GROUND | LEAVES | BLOCKS,
    "exchange": GROUND | LEAVES | BLOCKS | {"lane"},
    "control": GROUND | LEAVES | BLOCKS | {"lane", "exchange"},
    "units": GROUND | LEAVES | BLOCKS | {"lane", "exchange", "control"},
    "core": GROUND | LEAVES | BLOCKS | {"lane", "exchange", "control", "units"},
    "kernel": GROUND | LEAVES | BLOCKS | {"control", "core"},
    "export": GROUND | LEAVES | BLOCKS | {"cache", "control", "core", "kernel"},
    "package": GROUND | {"export", "kernel"},
    "golden": GROUND,
    "compiler": GROUND,
    "sim": GROUND | {"cache", "compiler", "control", "core", "exchange", "export", "kernel", "lane",
                     "memory", "primitives", "sfu"},
    "runtime": GROUND | {"cache", "golden", "compiler", "core", "kernel", "export", "sim"},
    "bench": GROUND | {"compiler", "golden", "runtime", "sim"},
    "estimate": GROUND | {"bench", "compiler", "sim"},
    "report": GROUND | {"bench", "compiler", "estimate", "package"},
    "cli": GROUND | {"bench", "estimate", "export", "compiler", "report", "runtime", "kernel",
            "package"},
}

# Packages that only some parts may import, and those parts.
ONLY = {
    "torch": {"golden", "compiler/load"},
    "pyxrt": {"runtime/xrt.py"},
    "amaranth": {"hierarchy", "interfaces", "primitives", "arith", "export", "sim", "boards",
                 "lane", "exchange", "control", "core", "kernel", "units"} | BLOCKS,
}


def place(path):
    """A file's path inside the package, as ``compute/chain.py``."""
    relative = path.relative_to(ROOT)
    inside = relative.parts[0] == "flightllm_hw"
    return "/".join(relative.parts[1:] if inside else relative.parts)


def imports(path):
    """Absolute names of everything that a file imports, wherever in it."""
    package = "flightllm_hw." + place(path).replace("/", ".")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.removesuffix(".py").split(".")[:-node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=place)
def test_imports_follow_the_arrows(path):
    part = place(path).split("/")[0].removesuffix(".py")
    if part == "__init__":
        return
    assert part in MAY, f"{place(path)} belongs to no part that the layering knows"
    for name in imports(path):
        package, *rest = name.split(".")
        if package == "flightllm_hw" and rest and rest[0] != "__version__":
            assert rest[0] == part or rest[0] in MAY[part], f"{place(path)} imports {name}"
        for heavy, homes in ONLY.items():
            if package == heavy:
                assert any(place(path).startswith(home) for home in homes), (
                    f"{place(path)} imports {name}")


def test_vendor_instances_are_in_primitives_alone():
    """And in a card's clock inputs, which are pins."""
    homes = ("primitives/", "export/", "boards/platforms/clock.py")
    for path in SOURCES:
        text = path.read_text()
        if "Instance(" in text and not place(path).startswith(homes):
            raise AssertionError(f"{place(path)} places an Instance")
