# SPDX-License-Identifier: Apache-2.0
"""Waveforms of the main handshakes, taken from simulations, for WaveDrom.

    python docs/examples/waveforms.py [-o docs/pictures/waves]

writes NAME.json, which https://wavedrom.com/editor.html shows; `make docs` draws them. A column is
a cycle, and shows what stands just before its end. ``tests/docs`` simulates again and compares.
"""

import argparse
import json
from pathlib import Path

from flightllm_hw.compute.array import ChainArray
from flightllm_hw.compute.layouts import EXCESS_OF_CODE
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.kernel.port import ControlPort
from flightllm_hw.kernel.registers import RegisterMap
from flightllm_hw.memory.fifo import PrefetchFifo, PrefetchFifoConfig
from flightllm_hw.memory.reader import AxiReader
from flightllm_hw.presets import preset
from flightllm_hw.sim.pysim import simulate

PICTURES = Path(__file__).resolve().parents[1] / "pictures" / "waves"
TINY = preset("tiny")


def lane(name, values, shown=None, text="{:X}"):
    """A line of WaveDrom: bits without ``shown``; else a value where ``shown`` is on."""
    wave, data, last = "", [], None
    for n, value in enumerate(values):
        now = value if shown is None else text.format(value) if shown[n] else None
        if now == last and n:
            wave += "."
        elif shown is None:
            wave += str(now)
        else:
            wave += "x" if now is None else "="
            data += [] if now is None else [now]
        last = now
    return {"name": name, "wave": wave} | ({"data": data} if data else {})


def recorded(dut, signals, cycles, drive, **options):
    """What ``signals`` (by name) are in each cycle while ``drive`` is at the inputs."""
    rows = []

    async def watch(ctx):
        while len(rows) < cycles:
            _, _, *values = await ctx.tick().sample(*signals.values())
            rows.append([int(value) for value in values])

    simulate(dut, watch, background=[drive], rules=False, **options)
    return {name: [row[n] for row in rows] for n, name in enumerate(signals)}


def drawn(title, cycles, *lanes):
    """A figure."""
    return {"signal": [{"name": "clk", "wave": "p" + "." * (cycles - 1)}, *lanes],
            "head": {"text": title, "tick": 0}, "config": {"hscale": 1}}


def stream():
    """A queue whose consumer pauses: valid waits for ready, and the payload stays."""
    dut, cycles = Queue(QueueConfig(width=8, depth=2)), 12

    async def drive(ctx):
        sent = 0
        for n in range(cycles):
            ctx.set(dut.i.valid, n > 0 and sent < 5)
            ctx.set(dut.i.payload, 0xA0 + sent)
            ctx.set(dut.o.ready, n not in (2, 3, 4, 5))
            _, _, moves = await ctx.tick().sample(dut.i.valid & dut.i.ready)
            sent += moves

    got = recorded(dut, {
        "i.valid": dut.i.valid, "i.ready": dut.i.ready, "i.payload": dut.i.payload,
        "o.valid": dut.o.valid, "o.ready": dut.o.ready, "o.payload": dut.o.payload}, cycles, drive)
    return drawn("Streams: an item moves where valid and ready are both on", cycles,
                 lane("i.valid", got["i.valid"]), lane("i.ready", got["i.ready"]),
                 lane("i.payload", got["i.payload"], got["i.valid"]), {},
                 lane("o.valid", got["o.valid"]), lane("o.ready", got["o.ready"]),
                 lane("o.payload", got["o.payload"], got["o.valid"]))


def tape_intake():
    """Beats into the prefetch FIFO one a cycle, and out two at a time."""
    dut, cycles = PrefetchFifo(PrefetchFifoConfig(width=8, beats=16)), 18

    async def drive(ctx):
        for n in range(cycles):
            ctx.set(dut.i.valid, n in range(1, 9))
            ctx.set(dut.i.payload, max(0, n - 1))
            # Both of them, once there was a stall.
            ctx.set(dut.first.ready, n >= 11)
            ctx.set(dut.second.ready, n >= 11)
            await ctx.tick()

    got = recorded(dut, {
        "i.valid": dut.i.valid, "i.ready": dut.i.ready, "i.payload": dut.i.payload,
        "first.valid": dut.first.valid, "first.ready": dut.first.ready,
        "first.payload": dut.first.payload, "second.valid": dut.second.valid,
        "second.ready": dut.second.ready, "second.payload": dut.second.payload,
        "occupancy": dut.occupancy, "freed": dut.freed}, cycles, drive)
    every = [1] * cycles
    return drawn("Tape intake: a beat a cycle comes, two leave after a stall", cycles,
                 lane("i.valid", got["i.valid"]), lane("i.ready", got["i.ready"]),
                 lane("i.payload", got["i.payload"], got["i.valid"]), {},
                 lane("first.valid", got["first.valid"]), lane("first.ready", got["first.ready"]),
                 lane("first.payload", got["first.payload"], got["first.valid"]),
                 lane("second.valid", got["second.valid"]),
                 lane("second.ready", got["second.ready"]),
                 lane("second.payload", got["second.payload"], got["second.valid"]), {},
                 lane("occupancy", got["occupancy"], every, "{}"),
                 lane("freed", got["freed"], every, "{}"))


def chain_step():
    """A tile meets two steps, the next tile one; sums come a fixed time behind."""
    dut = ChainArray(TINY.lane)
    chain, latency = TINY.lane.chain, dut.latency
    cycles = 6 + latency
    tiles, steps = [1, 2], [(1, 0), (2, 1), (3, 1)]

    async def drive(ctx):
        tile = step = 0
        for n in range(cycles):
            offered, stepped = n >= 1 and tile < len(tiles), n >= 1 and step < len(steps)
            ctx.set(dut.i_tile.valid, offered)
            ctx.set(dut.i_step.valid, stepped)
            if offered:
                ctx.set(dut.i_tile.payload, {"pattern": Pattern.DENSE.value, "elements": [
                    [{"code": tiles[tile] + EXCESS_OF_CODE,
                      "mate": 10 * tiles[tile] + EXCESS_OF_CODE}] * chain.length
                ] * TINY.lane.chains})
            if stepped:
                x, last = steps[step]
                ctx.set(dut.i_step.payload, {"windows": [[x] * chain.window] * 2, "last": last})
            _, _, took_tile, took_step = await ctx.tick().sample(
                dut.i_tile.valid & dut.i_tile.ready, dut.i_step.valid & dut.i_step.ready)
            tile, step = tile + took_tile, step + took_step

    sums = dut.o.payload[0][chain.nodes - 1]
    got = recorded(dut, {
        "tile.valid": dut.i_tile.valid, "tile.ready": dut.i_tile.ready,
        "code": dut.i_tile.payload.elements[0][0].code - EXCESS_OF_CODE,
        "step.valid": dut.i_step.valid, "step.ready": dut.i_step.ready,
        "x": dut.i_step.payload.windows[0][0],
        "last": dut.i_step.payload.last, "o.valid": dut.o.valid,
        "lo": sums.lo, "hi": sums.hi}, cycles, drive)
    return drawn(f"Chain step: sums come {latency} cycles behind their step", cycles,
                 lane("i_tile.valid", got["tile.valid"]), lane("i_tile.ready", got["tile.ready"]),
                 lane("codes w0 (w1 = 10 w0)", got["code"], got["tile.valid"], "{}"), {},
                 lane("i_step.valid", got["step.valid"]), lane("i_step.ready", got["step.ready"]),
                 lane("activations x", got["x"], got["step.valid"], "{}"),
                 lane("last", got["last"]), {},
                 lane("o.valid", got["o.valid"]),
                 lane("lo = 8 w0 x", got["lo"], got["o.valid"], "{}"),
                 lane("hi = 8 w1 x", got["hi"], got["o.valid"], "{}"))


def start_and_done():
    """1 is written to CTRL; the program runs; CTRL is read."""
    config, cycles = KernelConfig(accelerator=TINY), 24
    dut, at = ControlPort(config), RegisterMap(TINY)["CTRL"].offset
    bus = dut.s_axi_control

    async def drive(ctx):
        ctx.set(bus.bready, 1)
        ctx.set(bus.rready, 1)
        for n in range(cycles):
            if n == 2:
                for name, value in {"awvalid": 1, "awaddr": at, "wvalid": 1, "wdata": 1,
                                    "wstrb": 15}.items():
                    ctx.set(getattr(bus, name), value)
            if n == 12:
                ctx.set(bus.arvalid, 1)
                ctx.set(bus.araddr, at)
            ctx.set(dut.done, n == 10)
            _, _, aw, w, ar = await ctx.tick().sample(bus.awready, bus.wready, bus.arready)
            for name, ready in {"awvalid": aw, "wvalid": w, "arvalid": ar}.items():
                if ready:
                    ctx.set(getattr(bus, name), 0)

    names = ("awvalid", "awready", "awaddr", "wvalid", "wready", "wdata", "bvalid", "arvalid",
             "arready", "araddr", "rvalid", "rdata")
    signals = {name: getattr(bus, name) for name in names}
    got = recorded(dut, signals | {"start": dut.start, "done": dut.done}, cycles, drive)
    return drawn("AXI-Lite: start by writing 1 to CTRL, done by reading it", cycles,
                 lane("awvalid", got["awvalid"]), lane("awready", got["awready"]),
                 lane("awaddr", got["awaddr"], got["awvalid"]),
                 lane("wvalid", got["wvalid"]), lane("wready", got["wready"]),
                 lane("wdata", got["wdata"], got["wvalid"]), lane("bvalid", got["bvalid"]), {},
                 lane("start", got["start"]), lane("done", got["done"]), {},
                 lane("arvalid", got["arvalid"]), lane("arready", got["arready"]),
                 lane("araddr", got["araddr"], got["arvalid"]),
                 lane("rvalid", got["rvalid"]), lane("rdata", got["rdata"], got["rvalid"]))


def read_burst():
    """Six beats from 0x1030 on, bursts of 64 bytes: two, for none crosses a multiple of it."""
    dut = AxiReader(PortConfig(data_bits=64, burst_bytes=64, fifo_depth=16, outstanding=4))
    axi, cycles = dut.m_axi, 26

    async def drive(ctx):
        ctx.set(dut.limit, 1 << 20)
        ctx.set(axi.arready, 1)
        due, beat = [], 0
        for n in range(cycles):
            ctx.set(dut.i.valid, n == 1)
            ctx.set(dut.i.payload, {"address": 0x1030, "beats": 6})
            # The memory: a beat a cycle, five cycles after the address.
            now = due[0] if due and n >= due[0][0] else None
            ctx.set(axi.rvalid, now is not None)
            ctx.set(axi.rdata, 0xD0 + beat if now else 0)
            ctx.set(axi.rlast, now[1] if now else 0)
            if now:
                due.pop(0)
                beat += 1
            _, _, valid, length = await ctx.tick().sample(axi.arvalid, axi.arlen)
            if valid:
                first = max([n + 5] + [at + 1 for at, _ in due[-1:]])
                due += [(first + k, k == length) for k in range(length + 1)]

    got = recorded(dut, {
        "i.valid": dut.i.valid, "i.ready": dut.i.ready, "arvalid": axi.arvalid,
        "arready": axi.arready, "araddr": axi.araddr, "arlen": axi.arlen, "rvalid": axi.rvalid,
        "rready": axi.rready, "rdata": axi.rdata, "rlast": axi.rlast, "o.valid": dut.o.valid,
        "o.data": dut.o.payload.data, "o.last": dut.o.payload.last, "busy": dut.busy},
        cycles, drive)
    return drawn("Memory read: a descriptor, bursts, one stream of beats", cycles,
                 lane("i.valid", got["i.valid"]), lane("i.ready", got["i.ready"]), {},
                 lane("arvalid", got["arvalid"]), lane("arready", got["arready"]),
                 lane("araddr", got["araddr"], got["arvalid"]),
                 lane("arlen", got["arlen"], got["arvalid"], "{}"), {},
                 lane("rvalid", got["rvalid"]), lane("rready", got["rready"]),
                 lane("rdata", got["rdata"], got["rvalid"]), lane("rlast", got["rlast"]), {},
                 lane("o.valid", got["o.valid"]), lane("o.data", got["o.data"], got["o.valid"]),
                 lane("o.last", got["o.last"]), lane("busy", got["busy"]))


FIGURES = {"stream": stream, "tape_intake": tape_intake, "chain_step": chain_step,
           "start_and_done": start_and_done, "read_burst": read_burst}


def figures():
    """Every figure as WaveDrom's object, by its name."""
    return {name: figure() for name, figure in FIGURES.items()}


def text(figure):
    """The .json file."""
    lines = ",\n  ".join(json.dumps(line) for line in figure["signal"])
    return (f'{{"signal": [\n  {lines}],\n "head": {json.dumps(figure["head"])},'
            f' "config": {json.dumps(figure["config"])}}}\n')


def main(arguments=None):
    """Simulate and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=PICTURES, help="where the files go")
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, figure in figures().items():
        (args.output / f"{name}.json").write_text(text(figure), encoding="utf-8")


if __name__ == "__main__":
    main()
