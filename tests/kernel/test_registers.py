# SPDX-License-Identifier: Apache-2.0
"""The table of the registers, and its page."""

from dataclasses import replace
from pathlib import Path

import pytest

import flightllm_hw
from flightllm_hw.core.counters import GLOBAL, LANE
from flightllm_hw.kernel.document import markdown
from flightllm_hw.kernel.registers import ADDRESS_BITS, PRESETS, READBACK, Kind, RegisterMap
from flightllm_hw.presets import PRESETS as ACCELERATORS
from flightllm_hw.presets import TINY, U280

PAGE = Path(flightllm_hw.__file__).parent.parent / "docs" / "registers.md"

SIZES = [*ACCELERATORS.values(), *(replace(TINY, lanes=n) for n in (1, 64))]


@pytest.mark.parametrize("config", SIZES, ids=lambda c: f"{c.name}-{c.lanes}")
def test_registers_have_places_of_their_own(config):
    table = RegisterMap(config)
    words = [word for register in table for word in register.words]
    assert words == sorted(set(words)) and words[-1] < 1 << ADDRESS_BITS
    assert all(word % 4 == 0 for word in words)
    assert all(register.offset % register.size == 0 for register in table)
    assert len({register.name for register in table}) == len(table.registers)
    for register in table:
        covered = [at for part in register.parts for at in range(part.at, part.at + part.bits)]
        assert len(covered) == len(set(covered)) and all(at < register.bits for at in covered)
        assert table[register.name] is register
        assert (register.offset >= READBACK) == (register.kind in (Kind.STATUS, Kind.COUNTER))


@pytest.mark.parametrize("lanes", [1, 2, 32, 64])
def test_arguments_are_in_the_order_of_their_indices(lanes):
    table = RegisterMap(replace(TINY, lanes=lanes))
    names = ["host", *(f"lane_{n}" for n in range(lanes)), "host_pages", "lane_pages", "program",
             "watchdog", *(f"r{n}" for n in range(1, PRESETS + 1))]
    assert [r.name for r in table.arguments] == names
    assert [r.offset for r in table.arguments] == [0x10 + 8 * n for n in range(len(names))]
    assert [r.port for r in table.pointers] == [
        "m_axi_host", *(f"m_axi_{n}" for n in range(lanes))]
    assert all(r.size == 8 for r in table.pointers)
    assert all(r.size == 4 and r.port is None for r in table.scalars)


def test_places_that_never_move():
    """Programs that know one kernel read what the next one is."""
    table = RegisterMap(U280)
    assert {name: table.offset(name) for name in ("CTRL", "GIE", "IER", "ISR", "host")} == {
        "CTRL": 0, "GIE": 4, "IER": 8, "ISR": 12, "host": 16}
    assert [table.offset(name) for name in ("VERSION", "DIGEST", "LANES", "STATUS")] == [
        0x800, 0x804, 0x808, 0x80C]
    assert table.offset(GLOBAL[0][0]) == 0x840
    assert table.offset(f"lane_31_{LANE[0][0]}") == 0xA00 + 16 * 31
    assert table.constants == {"VERSION": 0x464C_0001, "DIGEST": U280.digest(), "LANES": 32}


def test_parts_of_a_value():
    status = RegisterMap(TINY)["STATUS"]
    value = 1 << 17 | 6 << 8 | 25
    assert {part.name: part.of(value) for part in status.parts} == {
        "error": 25, "detail": 6, "stuck": 0, "busy": 1}
    assert status["detail"].of(value) == 6


def test_the_page_is_that_of_the_table():
    assert PAGE.read_text() == markdown(U280), (
        "docs/registers.md is not made from the table as it is; write what"
        " flightllm_hw.kernel.document.markdown(U280) returns into it")


def test_the_page_tells_every_register():
    page = markdown(U280)
    for register in RegisterMap(U280):
        lane = register.name.startswith("lane_") and register.name[5].isdigit()
        if not lane:
            assert (f"| 0x{register.offset:03X} | `{register.name}` | {register.bits} |"
                    f" {register.access} | {register.text} |") in page
        for part in register.parts:
            assert f"| {part.name} | {part.text} |" in page
    assert "| 0x018 + 8 n | `lane_n` | 64 | RW |" in page
    for n, (name, text) in enumerate(LANE):
        assert f"| 0x{0xA00 + 4 * n:03X} + 16 n | `lane_n_{name}` | 32 | RO | {text} |" in page
