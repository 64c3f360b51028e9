# SPDX-License-Identifier: Apache-2.0
"""What the documents say that the kernel takes is what its report says."""

import json

import pytest
import resource_tables as script
from amaranth.hdl import Fragment

from flightllm_hw.core.core import Core, CoreConfig
from flightllm_hw.export.platform import snake_case
from flightllm_hw.presets import preset

REPORT = json.loads(script.KEPT.read_text())
OTHER = REPORT | {"lut": REPORT["lut"] + 1, "modules": {
    name: one | {"lut": one["lut"] + 1000} for name, one in REPORT["modules"].items()}}


@pytest.mark.parametrize("path", script.TABLES, ids=lambda path: path.name)
def test_tables_are_those_of_the_report(path):
    page = path.read_text(encoding="utf-8")
    assert script.filled(path, REPORT) == page, f"{path.name}: docs/examples/resource_tables.py"
    for made in script.TABLES[path].values():
        assert list(made(OTHER)) != list(made(REPORT))


@pytest.mark.parametrize("name", script.PARTS)
def test_a_number_of_a_part_that_is_not_the_reports_is_seen(name):
    for kind in ("lut", "count"):
        other = REPORT["modules"] | {name: REPORT["modules"][name] | {kind: 7}}
        assert list(script.parts(REPORT | {"modules": other})) != list(script.parts(REPORT))


def holders(fragment, above, found):
    """By module: those that hold it, somewhere."""
    own = {snake_case(type(origin).__name__) for origin in fragment.origins or ()}
    for name in own:
        found.setdefault(name, set()).update(above)
    for part, _, _ in fragment.subfragments:
        holders(part, above | own, found)
    return found


def test_no_part_holds_another_or_has_a_namesake():
    core = Core(CoreConfig(accelerator=preset("tiny")))
    found = holders(Fragment.get(core, None), set(), {})
    assert "chain_array" in found["sparse_mux"]
    for name in script.PARTS:
        assert not found[name] & set(script.PARTS), name
        # One of another configuration would have a number behind its name.
        assert f"{name}_1" not in REPORT["modules"]
