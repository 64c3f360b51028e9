# SPDX-License-Identifier: Apache-2.0
"""A compiled special function unit: vectors and passes in, what they give out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out, connect, flipped

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import Output, Reduce, VectorPass, encode
from flightllm_hw.sfu.unit import SpecialFunctionUnit
from flightllm_hw.sim import verilator
from flightllm_hw.sim.traffic import STEADY, Traffic

__all__ = ["Given", "SfuBench"]

OUTPUTS = ("o_codes", "o", "o_scalar")


@dataclass(frozen=True)
class Given:
    """What passes gave.

    Parameters
    ----------
    codes : ndarray of int8, (rows, width)
    rows : ndarray of float32, (rows, width)
    scalars : ndarray of uint32, (n, 2)
        Numbers and bits.
    cycles : dict of str to ndarray
        When: of passes accepted (``i``), codes, rows and scalars, from the first call's cycle on.
    """

    codes: npt.NDArray[np.int8]
    rows: npt.NDArray[np.float32]
    scalars: npt.NDArray[np.uint32]
    cycles: dict[str, npt.NDArray[Any]]


class _Streams(wiring.Component):
    """The unit with streams for outputs, whose consumer is always ready."""

    def __init__(self, config: SfuConfig):
        self._unit = SpecialFunctionUnit(config)
        members = dict(self._unit.signature.members)
        del members["o_z"]
        for name in OUTPUTS:
            del members[f"{name}_valid"]
            members[name] = Out(stream.Signature(members[name].shape))
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        for name in ("i", "i_row", "i_scalar", "i_rotation"):
            connect(m, flipped(getattr(self, name)), getattr(unit, name))
        m.d.comb += [getattr(unit, name).eq(getattr(self, name))
                     for name in ("hold", "step_en", "step_at", "step")]
        m.d.comb += self.busy.eq(unit.busy)
        for name in OUTPUTS:
            port = getattr(self, name)
            m.d.comb += [port.valid.eq(getattr(unit, f"{name}_valid")),
                         port.payload.eq(getattr(unit, name))]
        return m


class SfuBench:
    """A compiled unit.

    Parameters
    ----------
    config : SfuConfig
    level : int
        Of :func:`~flightllm_hw.sim.verilator.compile`.

    Attributes
    ----------
    sim : Simulator
    """

    def __init__(self, config: SfuConfig, level: int = 1) -> None:
        self.config = config
        self.sim = verilator.compile(_Streams(config), level=level)

    def write(self, row: int, x: npt.NDArray[np.float32]) -> None:
        """Write segments, (segments, n), into the vector buffer from ``row`` on."""
        width = self.config.width
        rows = -(-x.shape[1] // width)
        padded = np.pad(x, ((0, 0), (0, rows * width - x.shape[1]))).reshape(-1, width)
        self.sim.stream({"i_row": self.sim.pack("i_row", {
            "row": row + np.arange(len(padded)), "enables": np.full(len(padded), (1 << width) - 1),
            "elements": padded.astype(np.float32).view(np.uint32)})}, {})

    def write_scalars(self, at: int, values: npt.NDArray[Any]) -> None:
        """Write the bits of scalars from number ``at`` on."""
        self.sim.stream({"i_scalar": self.sim.pack("i_scalar", {
            "at": at + np.arange(len(values)), "value": values})}, {})

    def make_table(self, row: int, position: int, steps: npt.NDArray[Any], halves: bool) -> int:
        """Make a table of cosines and sines; returns the cycles that it took."""
        pairs = len(steps)
        self.sim.run({"step_en": np.ones(pairs, np.uint32),
                      "step_at": np.arange(pairs, dtype=np.uint32),
                      "step": self.sim.pack("step", steps)})
        self.sim.poke("step_en", 0)
        start = self.sim.cycle
        self.sim.stream({"i_rotation": self.sim.pack("i_rotation", {
            name: np.array([value], np.uint64) for name, value in (
                ("position", position), ("row", row), ("last_pair", pairs - 1),
                ("halves", int(halves)))})}, {})
        while self.sim.peek("busy"):
            self.sim.run({}, 1)
        return self.sim.cycle - start

    def run(self, passes: Sequence[VectorPass], *, traffic: Traffic = STEADY, seed: int = 0,
            deadline: int = 1_000_000) -> Given:
        """Execute passes; returns when nothing is under way any more."""
        fields = [encode(p, self.config) for p in passes]
        rows = {output: sum(p.rows * p.segments for p in passes if p.output is output)
                for output in Output}
        scalars = sum(p.segments for p in passes if p.reduce is not Reduce.NONE)
        moved = self.sim.stream(
            {"i": self.sim.pack("i", {name: np.array([f[name] for f in fields], np.uint64)
                                      for name in fields[0]})},
            {"o_codes": rows[Output.CODES], "o": rows[Output.OUT], "o_scalar": scalars},
            traffic={"i": traffic}, seed=seed, deadline=deadline)
        while self.sim.peek("busy"):
            idle = self.sim.run({}, 20)
            assert not any(idle[f"{name}_valid"].any() for name in OUTPUTS), "more than expected"
        got = {name: self.sim.unpack(name, moved[name]) for name in OUTPUTS}
        return Given(
            codes=np.asarray(got["o_codes"]["codes"]).astype(np.int8),
            rows=np.asarray(got["o"]["elements"]).astype(np.uint32).view(np.float32),
            scalars=np.stack([got["o_scalar"][name] for name in ("at", "value")],
                             1).astype(np.uint32),
            cycles=moved.cycles)

    def read(self, row: int, count: int) -> npt.NDArray[np.float32]:
        """Rows of the vector buffer."""
        return self.run([VectorPass(a=row, rows=count, limit=count * self.config.width,
                                    output=Output.OUT)]).rows
