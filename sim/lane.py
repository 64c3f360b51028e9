# SPDX-License-Identifier: Apache-2.0
"""A compiled lane on a memory model: tapes and activations in, dot products out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.tape import TapeShape
from flightllm_hw.config import LaneConfig
from flightllm_hw.lane.lane import Lane
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, MemoryTiming
from flightllm_hw.sim.simulator import Simulator, Transfers
from flightllm_hw.sim.traffic import STEADY, Traffic

__all__ = ["Job", "LaneBench", "load_activations", "pack_operations", "read_results"]

LIMIT = 1 << 32


@dataclass(frozen=True)
class Job:
    """A matrix to multiply.

    Parameters
    ----------
    shape : TapeShape
    beats : ndarray of uint8, (beats, beat_bits / 8)
        Its tape.
    """

    shape: TapeShape
    beats: npt.NDArray[np.uint8]


def load_activations(sim: Simulator, config: LaneConfig, x: npt.NDArray[np.int8]) -> int:
    """Write tokens, (tokens, K), into the buffer.

    Returns
    -------
    int
        The stride that operations must name: words from token n to token n + 2.
    """
    tokens, k = x.shape
    window = config.chain.window
    stride = -(-k // window)
    padded = np.pad(x, ((0, 0), (0, stride * window - k)))
    raw = np.ascontiguousarray(padded.reshape(-1, window)).view("<u4")
    token = np.repeat(np.arange(tokens), stride)
    word = token // 2 * stride + np.tile(np.arange(stride), tokens)
    sim.run({"write_en": (1 << token % 2)[:, None].astype(np.uint32),
             "write_word": word[:, None].astype(np.uint32), "write_data": raw})
    sim.poke("write_en", 0)
    return stride


def pack_operations(sim: Simulator, shapes: Sequence[TapeShape], tokens: int,
                    stride: int) -> npt.NDArray[np.uint32]:
    """Payloads of ``i``: each matrix times the same tokens."""
    words: npt.NDArray[np.uint32] = sim.pack("i", {
        "tape": {name: np.array([getattr(s, name) if name != "pattern" else s.pattern.value
                                 for s in shapes])
                 for name in TapeShape.__dataclass_fields__},
        "tokens": np.full(len(shapes), tokens), "stride": np.full(len(shapes), stride)})
    return words


def read_results(config: LaneConfig, shapes: Sequence[TapeShape], tokens: int,
                 values: dict[str, Any]) -> list[dict[str, npt.NDArray[Any]]]:
    """What the stream of results says of each matrix, rows of padding included.

    Returns
    -------
    list of dict
        ``sums``: int64, (tokens, rows); ``row_scales``: float32, (rows,).
    """
    found = []
    at = 0
    for shape in shapes:
        rows = config.tile_rows(shape.pattern)
        count = shape.row_blocks * rows * tokens
        part = {name: value[at:at + count] for name, value in values.items()}
        at += count
        row = np.arange(count) // (rows * tokens) * rows + part["row"]
        sums = np.full((tokens, shape.row_blocks * rows), np.iinfo(np.int64).min)
        scales = np.zeros(shape.row_blocks * rows, np.uint32)
        sums[part["token"], row] = part["sum"]
        scales[row] = part["row_scale"]
        found.append({"sums": sums, "row_scales": scales.view(np.float32)})
    return found


class LaneBench:
    """A lane, compiled, and the memory behind its port.

    Parameters
    ----------
    config : LaneConfig
    timing : MemoryTiming
    clock_mhz : float
    level : int
        Of :func:`~flightllm_hw.sim.verilator.compile`.
    options
        Passed to :class:`~flightllm_hw.sim.memory.AxiMemory`.

    Attributes
    ----------
    sim : Simulator
    memory : AxiMemory
    """

    def __init__(self, config: LaneConfig, timing: MemoryTiming = IDEAL, *, clock_mhz: float = 225,
                 level: int = 1, **options: Any) -> None:
        self.config = config
        self.sim = verilator.compile(Lane(config), level=level, extra_sources=[AXI_MEMORY_SOURCE])
        self.memory = AxiMemory(self.sim, ["m_axi"], timing, clock_mhz=clock_mhz, **options)
        self.sim.poke("base", 0)
        self.sim.poke("limit", LIMIT)

    def run(self, jobs: Sequence[Job], x: npt.NDArray[np.int8], *, address: int = 0,
            pieces: int = 1, traffic: Traffic = STEADY, seed: int = 0, expect: int | None = None,
            deadline: int = 10_000_000) -> tuple[list[dict[str, npt.NDArray[Any]]], Transfers]:
        """Multiply matrices, one after the other, by tokens ``x``, (tokens, K).

        Parameters
        ----------
        jobs : sequence of Job
            Their tapes are written to memory from ``address`` on, in ``pieces`` descriptors each.
        expect : int, optional
            How many results to wait for, where that is not all.

        Returns
        -------
        results, transfers
            See :func:`read_results`; cycles of every transfer.
        """
        stride = load_activations(self.sim, self.config, x)
        addresses, counts = [], []
        for job in jobs:
            self.memory.write(address, job.beats)
            cuts = np.linspace(0, len(job.beats), pieces + 1).astype(int)
            addresses += [address + int(cut) * job.beats.shape[1] for cut in cuts[:-1]]
            counts += list(np.diff(cuts))
            address += job.beats.size
        shapes = [job.shape for job in jobs]
        total = sum(s.row_blocks * self.config.tile_rows(s.pattern) for s in shapes) * len(x)
        got = self.sim.stream(
            {"i": pack_operations(self.sim, shapes, len(x), stride),
             "i_descriptor": self.sim.pack("i_descriptor", {
                 "address": np.array(addresses, np.uint64), "beats": np.array(counts)})},
            {"o": total if expect is None else expect}, traffic={"o": traffic}, seed=seed,
            deadline=deadline)
        if expect is not None:
            return [], got
        self.memory.check()
        return read_results(self.config, shapes, len(x), self.sim.unpack("o", got["o"])), got
