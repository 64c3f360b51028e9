# SPDX-License-Identifier: Apache-2.0
"""The kernel around a core that does what its registers say, and a host for the simulator."""

from dataclasses import replace

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.control.errors import Error, report
from flightllm_hw.control.layouts import PC_BITS
from flightllm_hw.core.bank import counters
from flightllm_hw.core.core import trace_event
from flightllm_hw.core.counters import GLOBAL, LANE
from flightllm_hw.interfaces.axi import Axi4Signature
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.kernel.registers import Kind, RegisterMap
from flightllm_hw.presets import TINY, U280

__all__ = ["FULL", "MASK", "SMALLEST", "Host", "ToyCore", "ToyKernel", "draw_arguments", "seen"]

SMALLEST = KernelConfig(accelerator=TINY)
FULL = KernelConfig(accelerator=replace(U280, card=None))
MASK = (1 << 32) - 1
FACTOR = 0x9E37_79B1


class ToyCore(wiring.Component):
    """A stand-in with a core's ports.

    It is busy for r1 cycles and then shows: error and detail as in the bits of r2, bit 16 of which
    makes it stuck; ERROR_PC = r3; ERROR_ADDRESS = r5, r4; PC = r6. Its counters tell what it is
    given (:func:`seen`). ``changes`` counts cycles in which its inputs did not stay while it ran;
    it is added to the program counter. When it is done, its ``events`` tell r3.
    """

    def __init__(self, config):
        self.config = config
        lanes = config.lanes
        windows = data.ArrayLayout(64, lanes)
        axi = Out(Axi4Signature(data_bits=config.accelerator.lane.beat_bits, id_bits=1))
        super().__init__({
            "start": In(1), "origin": In(64), "host_base": In(64), "host_limit": In(64),
            "lane_base": In(windows), "lane_limit": In(windows), "watchdog": In(32),
            "cancel": In(1), "preset_en": In(1), "preset_at": In(5), "preset_data": In(32),
            "busy": Out(1), "done": Out(1), "stuck": Out(1), "error": Out(report()),
            "pc": Out(PC_BITS), "counters": Out(counters(GLOBAL)),
            "lane_counters": Out(data.ArrayLayout(counters(LANE), lanes)),
            "events_valid": Out(1), "events": Out(trace_event()),
            "m_axi_host": axi, **{f"m_axi_{n}": axi for n in range(lanes)}})

    def elaborate(self, platform):
        m = Module()
        r = [Signal(32, name=f"r{n}") for n in range(17)]
        digest = Signal(32)
        with m.If(self.preset_en & ~self.busy):
            with m.Switch(self.preset_at):
                for n in range(1, 17):
                    with m.Case(n):
                        m.d.sync += r[n].eq(self.preset_data)
            m.d.sync += digest.eq((digest ^ self.preset_data) * FACTOR + self.preset_at)
        left, cancelled, changes = Signal(32), Signal(), Signal(32)
        given = Cat(self.origin, self.host_base, self.host_limit, self.lane_base.as_value(),
                    self.lane_limit.as_value(), self.watchdog)
        before = Signal(given.shape())
        m.d.sync += before.eq(given)
        m.d.comb += self.done.eq(self.busy & ((left == 0) | cancelled))
        with m.If(self.start & ~self.busy):
            m.d.sync += [self.busy.eq(1), left.eq(r[1]), cancelled.eq(0), self.stuck.eq(0)]
        with m.If(self.busy):
            m.d.sync += [left.eq(left - 1), cancelled.eq(self.cancel)]
            with m.If((before != given) | self.preset_en):
                m.d.sync += changes.eq(changes + 1)
        with m.If(self.done):
            m.d.sync += [
                self.busy.eq(0), digest.eq(0), self.pc.eq(r[6] + changes),
                self.stuck.eq(r[2][16]), self.counters.control_waits.eq(digest),
                self.error.error.eq(Mux(cancelled, Error.CANCELLED, r[2][:5])),
                self.error.detail.eq(r[2][8:16]), self.error.pc.eq(r[3]),
                self.error.address.eq(Cat(r[4], r[5]))]
        m.d.comb += [self.events_valid.eq(self.done), self.events.lanes.pc.eq(r[3])]
        words = Cat(self.origin, self.host_base, self.host_limit, self.watchdog)
        m.d.comb += self.counters.as_value()[:len(words)].eq(words)
        for lane, told in enumerate(self.lane_counters):
            m.d.comb += told.eq(Cat(self.lane_base[lane], self.lane_limit[lane]))
        return m


class ToyKernel(Kernel):
    """The kernel with that core."""

    def core(self):
        return ToyCore(self.config)


def seen(arguments, lanes):
    """What the toy's counters read after a run, by register, if the core got its ``arguments``."""
    def split(name, value):
        return {f"{name}_{n}": value >> 32 * n & MASK for n in range(2)}

    wrap = (1 << 64) - 1
    host, pages = arguments["host"], arguments["lane_pages"] * 4096
    digest = 0
    for n in range(1, 17):
        digest = ((digest ^ arguments[f"r{n}"]) * FACTOR + n) & MASK
    words = {**split("origin", host + arguments["program"] * 64 & wrap), **split("base", host),
             **split("limit", host + arguments["host_pages"] * 4096 & wrap),
             "watchdog": arguments["watchdog"], "digest": digest}
    lane_words = []
    for n in range(lanes):
        base = arguments[f"lane_{n}"]
        lane_words += [*split("base", base).values(), *split("limit", base + pages & wrap).values()]
    return [*words.values(), *lane_words]


class Host:
    """Reads and writes a compiled kernel's registers, a cycle at a time.

    ``waits(channel)`` tells for how many cycles that channel keeps the kernel waiting.
    """

    def __init__(self, sim, config, waits=lambda channel: 0):
        self.sim, self.map, self.waits = sim, RegisterMap(config.accelerator), waits
        self.set(awvalid=0, wvalid=0, bready=0, arvalid=0, rready=0)

    def set(self, **values):
        for name, value in values.items():
            self.sim.poke(f"s_axi_control_{name}", value)

    def get(self, name):
        return self.sim.peek(f"s_axi_control_{name}")

    def step(self, cycles=1):
        self.sim.run({}, cycles, record=())

    def until(self, condition, most=20):
        for _ in range(most):
            if condition():
                return
            self.step()
        raise AssertionError(f"not in {most} cycles")

    def write_word(self, offset, value, mask=15):
        """Write; returns the response."""
        address, word = self.waits("aw"), self.waits("w")
        todo = {"aw", "w"}
        while todo:
            assert max(address, word) > -20
            if address == 0 and "aw" in todo:
                self.set(awvalid=1, awaddr=offset)
            if word == 0 and "w" in todo:
                self.set(wvalid=1, wdata=value, wstrb=mask)
            taken = [c for c, left in (("aw", address), ("w", word))
                     if c in todo and left <= 0 and self.get(f"{c}ready")]
            self.step()
            for channel in taken:
                self.set(**{f"{channel}valid": 0})
                todo.discard(channel)
            address, word = address - 1, word - 1
        return self._answer("b")

    def read_word(self, offset):
        """Read; returns data and response."""
        self.step(self.waits("ar"))
        self.set(arvalid=1, araddr=offset)
        self.until(lambda: self.get("arready"))
        self.step()
        self.set(arvalid=0)
        return self._answer("r")

    def _answer(self, channel):
        self.step(self.waits(channel))
        self.until(lambda: self.get(f"{channel}valid"))
        held = [self.get(f"{channel}{name}") for name in ("data", "resp")[channel == "b":]]
        self.step(self.waits(channel))
        assert held == [self.get(f"{channel}{name}") for name in ("data", "resp")[channel == "b":]]
        self.set(**{f"{channel}ready": 1})
        assert self.get(f"{channel}valid")
        self.step()
        self.set(**{f"{channel}ready": 0})
        assert not self.get(f"{channel}valid")
        return held[0] if channel == "b" else tuple(held)

    # Whole registers.

    def write(self, name, value):
        for n, offset in enumerate(self.map[name].words):
            assert self.write_word(offset, value >> 32 * n & MASK) == 0

    def read(self, name):
        value = 0
        for n, offset in enumerate(self.map[name].words):
            word, response = self.read_word(offset)
            assert response == 0
            value |= word << 32 * n
        return value

    def arguments(self, values):
        """Write the argument window as XRT does: a block of words, zeros in its gaps."""
        last = self.map.arguments[-1]
        words = {word: values[r.name] >> 32 * n & MASK
                 for r in self.map.arguments for n, word in enumerate(r.words)}
        for offset in range(self.map.arguments[0].offset, last.offset + last.size, 4):
            assert self.write_word(offset, words.get(offset, 0)) == 0

    def poll(self, most=400):
        """Read CTRL until ap_done is on."""
        for _ in range(most):
            control = self.read("CTRL")
            if control & 2:
                return control
        raise AssertionError("never done")

    def results(self):
        """All counters, in the order of their offsets."""
        return [self.read(r.name) for r in self.map if r.kind is Kind.COUNTER]


def draw_arguments(rng, config, **fixed):
    """A value for every argument."""
    values = {}
    for r in RegisterMap(config.accelerator).arguments:
        values[r.name] = int.from_bytes(rng.bytes(r.size), "little")
        if rng.random() < 0.1:
            values[r.name] = int(rng.choice([0, 1 << r.bits - 1])) or (1 << r.bits) - 1
    values |= {"r1": int(rng.integers(100)), "r2": values["r2"] & ~(1 << 16)}
    return values | fixed
