# SPDX-License-Identifier: Apache-2.0
"""The memory unit with a special function unit and a host port, compiled; and what it should do."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config import AcceleratorConfig, LaneConfig, SfuConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.layouts import kinds, member
from flightllm_hw.formats.arithmetic import one_nan
from flightllm_hw.formats.fp32 import flush
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.isa.table import Unit
from flightllm_hw.isa.vector import Output, VectorPass, encode
from flightllm_hw.memory.bursts import descriptor_layout
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader, read_layout
from flightllm_hw.presets import preset
from flightllm_hw.sfu.layouts import external_row
from flightllm_hw.sfu.unit import SpecialFunctionUnit
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory
from flightllm_hw.units.host import HostPort, HostPortConfig
from flightllm_hw.units.memory import MemoryUnit
from flightllm_hw.units.transfers import MemoryUnitConfig

NAMES = [kind.name for kind in kinds(Unit.MEMORY)]
BASE, SIZE = 0x3_0000_0000, 1 << 20


def config(chains, width, **sfu):
    """An accelerator with beats of 32 bits for each chain, and rows of 32 for each of width."""
    return AcceleratorConfig(name="one", lanes=1, lane=LaneConfig(chains=chains),
                             sfu=SfuConfig(width=width, **sfu))


# Rows of four, two, one, half a beat and a sixteenth of one; the narrowest and the widest beats.
CONFIGS = {
    "tiny": preset("tiny"), "small": preset("small"),
    "wide": config(16, 16, rows=2048),
    "halves": config(16, 8, rows=256, scalars=32),
    "words": config(1, 16, rows=256, rotary_pairs=32),
    "parts": config(32, 2, rows=256, scalars=8, rotary_pairs=4),
}


def unit_config(c):
    """The memory unit of an accelerator."""
    return MemoryUnitConfig(beat_bits=c.lane.beat_bits, sfu=c.sfu)


class WithNeighbours(wiring.Component):
    """The unit, the SFU it serves, and a reader that shares its port as instructions do."""

    def __init__(self, c):
        self.unit = MemoryUnit(unit_config(c))
        self.sfu = SpecialFunctionUnit(c.sfu)
        self.port = PortConfig(data_bits=c.lane.beat_bits, outstanding=8, fifo_depth=32)
        self.reader = AxiReader(self.port)
        self.host = HostPort(HostPortConfig(data_bits=c.lane.beat_bits))
        unit, sfu = self.unit.signature.members, self.sfu.signature.members
        super().__init__({
            **{name: unit[name] for name in ("i", "done", "error", "error_address", "clear",
                                             "base", "limit", "busy", "m_axi")},
            **{name: sfu[name] for name in ("i_scalar", "i_rotation", "hold")},
            "i_pass": sfu["i"], "sfu_busy": Out(1),
            "i_fetch": In(stream.Signature(descriptor_layout(self.port))),
            "o_fetch": Out(stream.Signature(read_layout(self.port), always_ready=True)),
            "o": Out(external_row(c.sfu)), "o_valid": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit, m.submodules.sfu = unit, sfu = self.unit, self.sfu
        m.submodules.reader, m.submodules.host = reader, host = self.reader, self.host
        connect(m, flipped(self.i), unit.i)
        connect(m, flipped(self.i_fetch), reader.i)
        connect(m, reader.o, flipped(self.o_fetch))
        connect(m, reader.m_axi, host.fetch)
        connect(m, unit.m_axi, host.unit)
        connect(m, host.m_axi, flipped(self.m_axi))
        connect(m, unit.o_row, sfu.i_row)
        connect(m, flipped(self.i_scalar), sfu.i_scalar)
        connect(m, flipped(self.i_rotation), sfu.i_rotation)
        m.d.comb += [
            *(getattr(self, name).eq(getattr(unit, name))
              for name in ("done", "error", "error_address", "busy")),
            *(getattr(unit, name).eq(getattr(self, name)) for name in ("clear", "base", "limit")),
            *(getattr(sfu, name).eq(getattr(unit, name)) for name in ("step_en", "step_at",
                                                                      "step")),
            reader.base.eq(self.base), reader.limit.eq(self.limit),
            reader.space.eq(reader.o.valid),
            sfu.hold.eq(self.hold), self.sfu_busy.eq(sfu.busy),
            # What the bench itself has put out is not the unit's.
            unit.i_out_valid.eq(sfu.o_valid & unit.busy),
            unit.i_out.eq(sfu.o), unit.i_out_z.eq(sfu.o_z),
            self.o_valid.eq(sfu.o_valid), self.o.eq(sfu.o),
        ]
        # The unit's passes go first; the others' offer stays.
        own, other = unit.o_pass, self.i_pass
        with m.If(own.valid):
            m.d.comb += [sfu.i.payload.eq(own.payload), sfu.i.valid.eq(1),
                         own.ready.eq(sfu.i.ready)]
        with m.Else():
            m.d.comb += [sfu.i.payload.eq(other.payload), sfu.i.valid.eq(other.valid),
                         other.ready.eq(sfu.i.ready)]
        return m


@cache
def compiled(c):
    return verilator.compile(WithNeighbours(c), extra_sources=[AXI_MEMORY_SOURCE])


@dataclass
class Task:
    """A task, fields as a program has them."""

    name: str
    fields: dict

    def stored(self):
        """Fields as they are stored."""
        less = [key for key in ("rows", "pairs", "count") if key in self.fields]
        return self.fields | {key: self.fields[key] - 1 for key in less}


class Bench:
    """The compiled design, and numpy of what it holds: memory, vector machine, steps."""

    def __init__(self, c, rng, *, timing=IDEAL, base=BASE, size=SIZE, **options):
        self.config, self.rng = c, rng
        self.base, self.size = base, size
        self.beat = c.lane.beat_bits // 8
        self.row = 4 * c.sfu.width
        self.sim = compiled(c)
        self.sim.restart()
        self.memory = AxiMemory(self.sim, "m_axi", timing, clock_mhz=225.0, **options)
        self.machine = VectorMachine(c.sfu)
        self.steps = np.zeros(c.sfu.rotary_pairs, np.uint64)
        self.image = rng.integers(256, size=size, dtype=np.uint8)
        self.memory.write(base, self.image)
        self.sim.poke("base", base)
        self.sim.poke("limit", base + size)

    # What there should be.

    def expect(self, task):
        """Carry a task out on the numpy machines."""
        f, sfu = task.fields, self.config.sfu
        at = f["address"] * (4 if task.name == "ST.SCALARS" else self.beat)
        if task.name == "LD.VECTOR":
            raw = self.image[at:at + self.row * f["rows"]]
            self.machine.buffer[(f["o"] + np.arange(f["rows"])) % sfu.rows] = (
                raw.view("<f4").reshape(-1, sfu.width))
        elif task.name == "LD.STEPS":
            raw = self.image[at:at + 8 * f["pairs"]].view("<u8")
            self.steps[:f["pairs"]] = raw & np.uint64((1 << 48) - 1)
        elif task.name == "ST.VECTOR":
            self.machine.out.clear()
            self.machine.run(VectorPass(a=f["a"], rows=f["rows"], output=Output.OUT,
                                        limit=f["rows"] * sfu.width))
            raw = np.concatenate(self.machine.out).view(np.uint8).ravel()
            self.image[at:at + len(raw)] = raw
        else:
            for n in range(f["count"]):
                at = 4 * ((f["address"] + n * f["step"]) % (1 << 34))
                scalar = self.machine.scalars[(f["d"] + n) % sfu.scalars]
                self.image[at:at + 4] = np.atleast_1d(scalar).view(np.uint8)

    # What there is.

    def pack(self, tasks):
        rows = [self.sim.pack("i", {
            "kind": np.array([NAMES.index(t.name)]), "pc": np.array([n]),
            "fields": {member(kinds(Unit.MEMORY)[NAMES.index(t.name)]): {
                k: np.array([v], np.uint64) for k, v in t.stored().items()}}})
            for n, t in enumerate(tasks)]
        return np.concatenate(rows)

    def run(self, *tasks, others=None, outputs=None, traffic=None, deadline=200_000):
        """Hand tasks over, wait until all are done; cycles from the first's transfer to done."""
        moved = self.sim.stream({"i": self.pack(tasks), **(others or {})}, outputs or {},
                                traffic=traffic or {}, deadline=deadline)
        start = self.sim.cycle - moved.total + int(moved.cycles["i"][-1])
        self.wait(deadline)
        return moved, self.sim.cycle - start

    def wait(self, deadline=200_000):
        """Until nothing is under way."""
        first = self.sim.cycle
        while self.sim.peek("busy"):
            self.sim.run({}, 1, record=())
            assert self.sim.cycle - first < deadline, "hangs"

    def write_scalars(self, values):
        self.machine.scalars[:] = values
        self.sim.stream({"i_scalar": self.sim.pack("i_scalar", {
            "at": np.arange(len(values)), "value": values})}, {})

    def passes(self, *passes):
        """Passes of others, as items of the stream ``i_pass``."""
        fields = [encode(p, self.config.sfu) for p in passes]
        return self.sim.pack("i_pass", {name: np.array([f[name] for f in fields], np.uint64)
                                        for name in fields[0]})

    def buffer(self):
        """The vector buffer's rows, as a pass gives them; the unit sees those too."""
        sfu = self.config.sfu
        moved = self.sim.stream({"i_pass": self.passes(VectorPass(
            rows=sfu.rows, limit=sfu.rows * sfu.width, output=Output.OUT))}, {})
        came = self.sim.run({}, sfu.rows + 200 + moved.total, record=("o_valid", "o"))
        rows = came["o"][came["o_valid"][:, 0] == 1]
        return np.asarray(self.sim.unpack("o", rows)["elements"]).astype(np.uint32)

    def error(self):
        return Fault(self.sim.peek("error")), self.sim.peek("error_address")

    def clear(self):
        self.sim.poke("clear", 1)
        while self.sim.peek("error"):
            self.sim.run({}, 1, record=())
        self.sim.poke("clear", 0)

    def check(self):
        """Memory is as it should be, and so is the port."""
        np.testing.assert_array_equal(self.memory.read(self.base, self.size), self.image)
        self.memory.check(finished=True)


def draw(bench, name=None, most=60):
    """A task that nothing is wrong with."""
    rng, c = bench.rng, bench.config
    beats = bench.size // bench.beat
    name = name or str(rng.choice(["LD.VECTOR", "ST.VECTOR", "LD.STEPS", "ST.SCALARS"]))
    rows = int(rng.integers(1, min(most, c.sfu.rows) + 1))
    at = int(rng.integers(beats - rows * max(1, bench.row // bench.beat)))
    row = int(rng.integers(c.sfu.rows))
    if name == "LD.VECTOR":
        return Task(name, {"address": at, "o": row, "rows": rows})
    if name == "ST.VECTOR":
        return Task(name, {"address": at, "a": row, "rows": rows})
    if name == "LD.STEPS":
        pairs = int(rng.integers(1, c.sfu.rotary_pairs + 1))
        return Task(name, {"address": int(rng.integers(beats // 2)), "pairs": pairs})
    count = int(rng.integers(1, 80))
    step = int(rng.choice([0, 1, 2, 7, 16, int(rng.integers(1000))]))
    last = bench.size // 4 - step * (count - 1)
    return Task(name, {"address": int(rng.integers(last)), "step": step,
                       "d": int(rng.integers(c.sfu.scalars)), "count": count})


def same_buffer(bench):
    """The vector buffer holds what it should."""
    want = one_nan(flush(bench.machine.buffer)).view(np.uint32)
    np.testing.assert_array_equal(bench.buffer(), want)
