# SPDX-License-Identifier: Apache-2.0
"""Amaranth's own simulator: for unit tests, a few thousand cycles of a small component.

:func:`simulate` runs testbenches against a component and owns what every test needs: the clock, a
deadline instead of a hang, waves, a printed seed, and the stream rules on every stream port.
:func:`run_streams` is the common case, where all that a test does is send and receive::

    got = run_streams(Adder(config), inputs={"i": items}, outputs={"o": len(items)},
                      traffic=BURSTY)["o"]

Cycle 0 ends with the first edge of the clock. What a testbench sets before an edge is seen by it;
what ``sample`` gives is what stood just before it.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.sim import Simulator

from flightllm_hw.sim.rules import DeadlineError, StreamPort, StreamRules, stream_ports
from flightllm_hw.sim.traffic import STEADY, Gate, Traffic

__all__ = ["DeadlineError", "receive", "run_streams", "send", "simulate", "wave_files"]

PERIOD = 10e-9

# Where waves go that no test asked for by name: `pytest --waves DIR` sets it.
wave_files: ContextVar[Iterator[Path] | None] = ContextVar("wave_files", default=None)


@dataclass
class _Run:
    """What :func:`send` and :func:`receive` know of the simulation they run in."""

    seed: int
    cycle: Signal = field(default_factory=lambda: Signal(32, name="cycle", reset_less=True))
    cycles: int = 0
    started: list[Any] = field(default_factory=list)

    def close(self) -> None:
        """End testbenches that still wait, before the collector of garbage complains of them."""
        for coroutine in self.started:
            with suppress(RuntimeError):
                coroutine.close()


_run: ContextVar[_Run] = ContextVar("run")

Testbench = Callable[[Any], Awaitable[None]]


def simulate(dut: Elaboratable, *testbenches: Testbench, waves: str | Path | None = None,
             seed: int = 0, deadline: int = 10_000, background: Iterable[Testbench] = (),
             reset: Signal | None = None, rules: bool = True) -> int:
    """Run ``testbenches`` against ``dut`` until all of them have returned.

    Parameters
    ----------
    dut : Elaboratable
        What is tested; it may have no clock. Its stream ports are watched if it has a signature.
    testbenches : async functions of a simulator context
        ``ctx.tick()`` waits for the clock, also where ``dut`` has none.
    waves : path, optional
        A VCD file to write.
    seed : int
        What traffic is drawn from. Printed, so that a failed test shows it.
    deadline : int
        Cycles that the testbenches may take.
    background : iterable of async functions
        Testbenches that nobody waits for.
    reset : Signal, optional
        What resets ``dut``; an offer made before a reset need not be kept.
    rules : bool
        Whether the stream rules are enforced; transfers are counted in any case.

    Returns
    -------
    int
        Cycles that passed.

    Raises
    ------
    DeadlineError
        If a testbench has not returned by the deadline.
    StreamRuleError
        If either side of a stream port breaks a rule.
    """
    run, wave_path = _Run(seed), _wave_path(waves)
    print(f"simulate: seed {seed}")
    bench = Module()
    bench.domains.sync = clock = ClockDomain("sync")
    bench.submodules.dut = dut
    bench.d.comb += clock.rst.eq(0 if reset is None else reset)
    bench.d.sync += run.cycle.eq(run.cycle + 1)

    watched = StreamRules(stream_ports(dut))
    sim = Simulator(bench)
    sim.add_clock(PERIOD, domain=clock)
    for testbench in testbenches:
        sim.add_testbench(_followed(testbench, run))
    for testbench in background:
        sim.add_testbench(_followed(testbench, run), background=True)
    if watched.ports:
        sim.add_testbench(_watch(watched, run, enforce=rules), background=True)
    sim.add_testbench(_deadline(deadline, watched), background=True)

    token = _run.set(run)
    try:
        with _writer(sim, wave_path):
            sim.run()
    finally:
        _run.reset(token)
        run.close()
    return run.cycles


def _followed(testbench: Testbench, run: _Run) -> Testbench:
    async def follow(ctx: Any) -> None:
        # All have started before one can fail: Python warns of those that never did.
        await ctx.delay(0)
        coroutine = testbench(ctx)
        run.started.append(coroutine)
        await coroutine
        run.cycles = ctx.get(run.cycle)
    return follow


def _watch(rules: StreamRules, run: _Run, *, enforce: bool) -> Testbench:
    async def watch(ctx: Any) -> None:
        while True:
            _, reset, cycle, *samples = await ctx.tick().sample(run.cycle, *rules.samples)
            if not enforce:
                rules.forget()
            rules.check(cycle, samples)
            if reset:
                rules.forget()
    return watch


def _deadline(cycles: int, rules: StreamRules) -> Testbench:
    async def watchdog(ctx: Any) -> None:
        # Time rather than ticks: a loop over ticks leaves noise behind when it is torn down.
        await ctx.delay(cycles * PERIOD)
        raise DeadlineError(f"A testbench still waits after {cycles} cycles: {rules}")
    return watchdog


def _wave_path(waves: str | Path | None) -> Path | None:
    files = wave_files.get()
    if waves is None:
        return None if files is None else next(files)
    path = Path(waves)
    if path.suffix != ".vcd":
        raise ValueError(f"Amaranth's simulator writes VCD: waves must end in .vcd, not"
                         f" {path.name}")
    return path


@contextmanager
def _writer(sim: Simulator, path: Path | None) -> Iterator[None]:
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file, sim.write_vcd(file):
        yield


def _gate(stream: Any, traffic: Traffic, rng: np.random.Generator | int | None, fixed: bool,
          name: str | None) -> Gate:
    if fixed and not traffic.steady:
        raise ValueError(f"A stream that is always valid or ready takes no {traffic} traffic")
    if name is None:
        signal = Value.cast(stream.payload)
        name = getattr(signal, "name", "").removesuffix("__payload").replace("__", "_")
    return Gate(traffic, _run.get().seed if rng is None else rng, name)


async def send(ctx: Any, stream: Any, items: Iterable[Any], traffic: Traffic = STEADY, *,
               rng: np.random.Generator | int | None = None, name: str | None = None,
               cycles: list[int] | None = None) -> None:
    """Send ``items`` into an input stream, then leave it not valid.

    Parameters
    ----------
    ctx : simulator context
        Of the testbench.
    stream : stream.Interface
        The port, seen from the component.
    items : iterable
        Whatever ``ctx.set`` takes as a payload.
    traffic : Traffic
        When an item is first offered; from then on it is held.
    rng : numpy.random.Generator or int, optional
        What traffic is drawn from instead of the simulation's seed.
    name : str, optional
        Tells apart streams drawn from one seed; the port's name by default.
    cycles : list of int, optional
        Takes the number of the cycle of each transfer.
    """
    fixed = stream.signature.always_valid
    gate = _gate(stream, traffic, rng, fixed, name)
    number = _run.get().cycle
    for item in items:
        while not gate.draw():
            await ctx.tick()
        ctx.set(stream.payload, item)
        if not fixed:
            ctx.set(stream.valid, 1)
        ready = 0
        while not ready:
            _, _, cycle, ready = await ctx.tick().sample(number, stream.ready)
        if cycles is not None:
            cycles.append(cycle)
        if not fixed:
            ctx.set(stream.valid, 0)


async def receive(ctx: Any, stream: Any, count: int, traffic: Traffic = STEADY, *,
                  rng: np.random.Generator | int | None = None, name: str | None = None,
                  cycles: list[int] | None = None) -> list[Any]:
    """Receive ``count`` items from an output stream, then leave it not ready.

    Parameters are those of :func:`send`; ``traffic`` says in which cycles the testbench is ready.

    Returns
    -------
    list
        Payloads, as ``ctx.get`` would give them.
    """
    fixed = stream.signature.always_ready
    gate = _gate(stream, traffic, rng, fixed, name)
    number = _run.get().cycle
    got: list[Any] = []
    while len(got) < count:
        ready = gate.draw()
        if not fixed:
            ctx.set(stream.ready, ready)
        _, _, cycle, valid, payload = await ctx.tick().sample(
            number, stream.valid, stream.payload)
        if ready and valid:
            got.append(payload)
            if cycles is not None:
                cycles.append(cycle)
    if not fixed:
        ctx.set(stream.ready, 0)
    return got


def run_streams(dut: Elaboratable, inputs: Mapping[str, Iterable[Any]], outputs: Mapping[str, int],
                *, traffic: Traffic | Mapping[str, Traffic] = STEADY,
                cycles: dict[str, list[int]] | None = None, **options: Any) -> dict[str, list[Any]]:
    """Send and receive on several stream ports of ``dut`` at once.

    Parameters
    ----------
    dut : wiring.Component
        The component.
    inputs : dict of str to iterable
        Items for each input, by name; parts of a name are joined by ``_`` (or a dot).
    outputs : dict of str to int
        How many items to receive from each output.
    traffic : Traffic or dict of str to Traffic
        Of all ports, or of those named; the rest are steady.
    cycles : dict, optional
        Takes the cycle of each transfer, a list a port.
    options
        Passed to :func:`simulate`.

    Returns
    -------
    dict of str to list
        What each output gave.
    """
    ports = stream_ports(dut)
    got: dict[str, list[Any]] = {}
    when: dict[str, list[int]] = {name: [] for name in (*inputs, *outputs)}

    def pattern(name: str) -> Traffic:
        return traffic if isinstance(traffic, Traffic) else traffic.get(name, STEADY)

    def sender(name: str, items: Iterable[Any]) -> Testbench:
        port = _port(ports, name, is_input=True)

        async def testbench(ctx: Any) -> None:
            await send(ctx, port.stream, items, pattern(name), name=port.name, cycles=when[name])
        return testbench

    def receiver(name: str, count: int) -> Testbench:
        port = _port(ports, name, is_input=False)

        async def testbench(ctx: Any) -> None:
            got[name] = await receive(ctx, port.stream, count, pattern(name), name=port.name,
                                      cycles=when[name])
        return testbench

    simulate(dut, *(sender(name, items) for name, items in inputs.items()),
             *(receiver(name, count) for name, count in outputs.items()), **options)
    if cycles is not None:
        cycles.update(when)
    return {name: got[name] for name in outputs}


def _port(ports: dict[str, StreamPort], name: str, *, is_input: bool) -> StreamPort:
    port = ports.get(name.replace(".", "_"))
    if port is None:
        raise ValueError(f"There is no stream port {name!r}; there are {', '.join(ports)}")
    if port.is_input is not is_input:
        raise ValueError(f"Stream {name!r} is an {'input' if port.is_input else 'output'}")
    return port
