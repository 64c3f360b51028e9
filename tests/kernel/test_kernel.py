# SPDX-License-Identifier: Apache-2.0
"""The kernel around a core that tells what it was given."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.control.errors import Error
from flightllm_hw.kernel.registers import Kind, RegisterMap
from flightllm_hw.sim.verilator import compile
from support.kernel import (
    FULL,
    MASK,
    SMALLEST,
    Host,
    ToyKernel,
    draw_arguments,
    seen,
)

IDLE, DONE = 0b0100, 0b1110


@cache
def compiled(config):
    return compile(ToyKernel(config))


def bench(config, waits=lambda channel: 0):
    sim = compiled(config)
    sim.restart()
    sim.reset()
    return Host(sim, config, waits)


def some_waits(rng):
    return lambda channel: int(rng.integers(6)) if rng.random() < 0.5 else 0


def status(values):
    return {"STATUS": values["r2"] & 0xFF1F, "ERROR_PC": values["r3"], "PC": values["r6"],
            "ERROR_ADDRESS": values["r4"] | values["r5"] << 32}


@pytest.mark.parametrize("config", [SMALLEST, FULL], ids=["2 lanes", "32 lanes"])
def test_a_run_from_arguments_to_results(config, rng):
    host = bench(config, some_waits(rng))
    for name, value in RegisterMap(config.accelerator).constants.items():
        assert host.read(name) == value
    for _ in range(3):
        values = draw_arguments(rng, config)
        host.arguments(values)
        assert host.read("CTRL") & 4
        host.write("CTRL", 1)
        assert host.poll() == DONE
        assert host.read("CTRL") == IDLE
        assert_array_equal(host.results(), seen(values, config.lanes))
        for name, value in status(values).items():
            assert host.read(name) == value
        for name, value in values.items():
            assert host.read(name) == value


@pytest.mark.parametrize("config", [SMALLEST, FULL], ids=["2 lanes", "32 lanes"])
def test_every_offset_keeps_what_it_should(config, rng):
    """Random bytes everywhere; a model of the table says what is read."""
    host = bench(config, some_waits(rng))
    table = RegisterMap(config.accelerator)
    held = dict.fromkeys(range(0, 1 << 12, 4), 0)
    writable = {word: MASK for r in table.arguments for word in r.words}
    writable |= {table.offset("GIE"): 1, table.offset("IER"): 3}
    for name, value in table.constants.items():
        held[table.offset(name)] = value
    held[table.offset("CTRL")] = IDLE
    offsets = [*writable] * 2 + [*held]
    for _ in range(4 * len(offsets) if config is SMALLEST else 2 * len(offsets)):
        offset = int(rng.choice(offsets))
        value, mask = int.from_bytes(rng.bytes(4), "little"), int(rng.integers(16))
        if offset == table.offset("CTRL"):
            value &= ~1
        assert host.write_word(offset | int(rng.integers(4)), value, mask) == 0
        if offset in writable:
            bits = writable[offset] & sum(0xFF << 8 * n for n in range(4) if mask >> n & 1)
            held[offset] = held[offset] & ~bits | value & bits
        elif offset == table.offset("ISR") and mask & 1:
            held[offset] ^= value & 3
        if rng.random() < 0.3:
            offset = int(rng.choice(offsets))
            # Counters tell of the arguments of the last run, of which there was none.
            if not any(r.kind is Kind.COUNTER and offset in r.words for r in table):
                assert host.read_word(offset) == (held[offset], 0)
    for offset, value in held.items():
        if not any(r.kind is Kind.COUNTER and offset in r.words for r in table):
            assert host.read_word(offset) == (value, 0), hex(offset)


def test_arguments_written_meanwhile_are_for_the_next_run(rng):
    host = bench(SMALLEST)
    first, second = (draw_arguments(rng, SMALLEST, r1=900) for _ in range(2))
    host.arguments(first)
    host.write("CTRL", 1)
    host.step(100)
    host.arguments(second)
    host.write("CTRL", 1)
    assert host.poll() == DONE
    assert_array_equal(host.results(), seen(first, SMALLEST.lanes))
    assert host.read("PC") == first["r6"]
    host.write("CTRL", 1)
    assert host.poll() == DONE
    assert_array_equal(host.results(), seen(second, SMALLEST.lanes))


@pytest.mark.parametrize("config", [SMALLEST, FULL], ids=["2 lanes", "32 lanes"])
def test_how_long_a_start_takes(config, rng):
    host = bench(config)
    host.arguments(draw_arguments(rng, config, r1=5))
    host.write("IER", 1)
    host.write("GIE", 1)
    host.step(4)
    before = host.sim.cycle
    host.set(awvalid=1, awaddr=0, wvalid=1, wdata=1, wstrb=15, bready=1)
    host.step()
    host.set(awvalid=0, wvalid=0)
    host.until(lambda: host.sim.peek("irq"), 200)
    # Write, ap_start | core_start | busy for r1 + 1 | ap_done, interrupt.
    assert host.sim.cycle - before == 2 + 2 * config.lanes + 28 + 1 + 6 + 1


@pytest.mark.parametrize("cycles", [0, 1, 7])
def test_runs_back_to_back(cycles, rng):
    """Started as soon as ap_done is seen, by a host that wastes no cycle."""
    host = bench(SMALLEST)
    host.arguments(draw_arguments(rng, SMALLEST, r1=cycles))
    for _ in range(20):
        host.write("CTRL", 1)
        polls = [host.read("CTRL")]
        while not polls[-1] & 2:
            assert polls[-1] == 1
            polls.append(host.read("CTRL"))
        assert polls[-1] == DONE


def test_done_is_never_lost_however_it_is_polled(rng):
    """The reading that clears ap_done comes in every cycle around it."""
    host = bench(SMALLEST)
    host.arguments(draw_arguments(rng, SMALLEST, r1=3))
    for delay in range(60):
        host.write("CTRL", 1)
        host.step(delay)
        assert host.poll() == DONE
        assert host.read("CTRL") == IDLE


def test_a_program_is_cancelled(rng):
    host = bench(SMALLEST)
    assert host.read("CANCEL") == 0
    host.write("CANCEL", 1)
    assert host.read("CANCEL") == 0
    for delay in (0, 1, 5, 20, 40, 300):
        host.arguments(draw_arguments(rng, SMALLEST, r1=1 << 31, r2=0))
        host.write("CTRL", 1)
        host.step(delay)
        busy = host.map["STATUS"]["busy"]
        assert busy.of(host.read("STATUS"))
        host.write("CANCEL", 0)
        assert host.read("CTRL") == 1
        host.write_word(host.map.offset("CANCEL"), 1, mask=0b1110)
        assert host.read("CANCEL") == 0
        host.write("CANCEL", 1)
        assert host.poll() == DONE
        assert host.read("CANCEL") == 0
        assert host.read("STATUS") == Error.CANCELLED.value
        # The next one knows nothing of it.
        host.arguments(draw_arguments(rng, SMALLEST, r2=0))
        host.write("CTRL", 1)
        assert host.poll() == DONE
        assert host.read("STATUS") == 0


def test_cancel_is_seen_while_it_waits(rng):
    host = bench(SMALLEST)
    host.arguments(draw_arguments(rng, SMALLEST, r1=1 << 31))
    host.write("CTRL", 1)
    # Before the core runs it cannot be cancelled: the wish waits.
    host.write("CANCEL", 1)
    assert host.read("CANCEL") == 1
    assert host.poll() == DONE


def test_a_stuck_core_is_not_started(rng):
    host = bench(SMALLEST)
    first = draw_arguments(rng, SMALLEST, r2=0x1_060A)
    host.arguments(first)
    host.write("CTRL", 1)
    assert host.poll() == DONE
    assert host.read("STATUS") == 0x1_060A
    host.arguments(draw_arguments(rng, SMALLEST, r1=1 << 31))
    host.write("CTRL", 1)
    assert host.poll() == DONE
    assert host.read("STATUS") == 0x1_060A
    assert_array_equal(host.results(), seen(first, SMALLEST.lanes))
    # A reset of everything helps; arguments outlive it.
    host.sim.reset()
    host.step(2)
    host.write("r1", 3)
    host.write("r2", 0)
    host.write("CTRL", 1)
    assert host.poll() == DONE
    assert host.read("STATUS") == 0


def test_interrupts(rng):
    host = bench(SMALLEST)
    model = {"GIE": 0, "IER": 0, "ISR": 0}

    def check():
        host.step()
        assert host.sim.peek("irq") == int(model["GIE"] and
                                                 (model["ISR"] & model["IER"]) > 0)
        assert {name: host.read(name) for name in model} == model

    host.arguments(draw_arguments(rng, SMALLEST, r1=2))
    for _ in range(120):
        match rng.integers(4):
            case 0:
                model["GIE"] = int(rng.integers(2))
                host.write("GIE", model["GIE"])
            case 1:
                model["IER"] = int(rng.integers(4))
                host.write("IER", model["IER"])
            case 2:
                turned = int(rng.integers(4))
                model["ISR"] ^= turned
                host.write("ISR", turned)
            case 3:
                host.write("CTRL", 1)
                assert host.poll() == DONE
                model["ISR"] |= model["IER"]
        check()


def test_events_come_out_where_they_are_wanted(rng):
    config = replace(SMALLEST, trace=True)
    host = bench(config)
    host.arguments(draw_arguments(rng, config, r1=9, r3=0x1234_5678))
    host.write("CTRL", 1)
    got = host.sim.run({}, 100, record=("events_valid", "events"))
    when = np.flatnonzero(got["events_valid"][:, 0])
    assert len(when) == 1
    assert host.sim.unpack("events", got["events"])["lanes"]["pc"][when[0]] == 0x1234_5678
    assert not any(name.startswith("events") for name in compiled(SMALLEST).ports)


def test_one_write_and_one_read_at_a_time():
    """A master that does not wait for answers has to."""
    host = bench(SMALLEST)
    host.set(awvalid=1, awaddr=host.map.offset("r1"), wvalid=1, wdata=1, wstrb=15, arvalid=1,
             araddr=host.map.offset("LANES"))
    taken = [f"s_axi_control_{channel}ready" for channel in ("aw", "w", "ar")]
    got = host.sim.run({}, 30, record=taken)
    assert [int(got[name].sum()) for name in taken] == [1, 1, 1]
    assert host.get("bvalid") and host.get("rvalid")


def test_nothing_is_lost_at_the_end_of_reset():
    """A master that is out of reset earlier than the kernel waits for it."""
    sim = compiled(SMALLEST)
    sim.restart()
    host = Host(sim, SMALLEST)
    sim.poke("rst", 1)
    host.set(awvalid=1, awaddr=host.map.offset("r3"), wvalid=1, wdata=77, wstrb=15, arvalid=1,
             araddr=host.map.offset("LANES"))
    for _ in range(4):
        host.step()
        assert not any(host.get(f"{c}ready") for c in ("aw", "w", "ar"))
        assert not any(host.get(f"{c}valid") for c in ("b", "r"))
    sim.poke("rst", 0)
    host.step()
    assert all(host.get(f"{c}ready") for c in ("aw", "w", "ar"))
    host.step()
    host.set(awvalid=0, wvalid=0, arvalid=0)
    host.step(10)
    assert host.get("bvalid") and host.get("rvalid") and host.get("rdata") == SMALLEST.lanes
    host.set(bready=1, rready=1)
    host.step()
    host.set(bready=0, rready=0)
    assert host.read("r3") == 77
