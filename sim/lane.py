# SPDX-License-Identifier: Apache-2.0
"""A compiled lane on a memory model: tapes and activations in, results out."""

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
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.streams import Transfers
from flightllm_hw.sim.traffic import STEADY, Traffic

__all__ = ["Job", "LaneBench", "as_float32", "as_fp32", "load_activations", "load_scales",
           "pack_operations", "read_results"]

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


def as_fp32(values: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.uint32]]:
    """Fields of :class:`~flightllm_hw.arith.layouts.Fp32`."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return {"fraction": bits & 0x7F_FFFF, "exponent": bits >> 23 & 0xFF, "sign": bits >> 31}


def as_float32(fields: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
    """Values of fields of :class:`~flightllm_hw.arith.layouts.Fp32`."""
    bits = fields["sign"] << 31 | fields["exponent"] << 23 | fields["fraction"]
    values: npt.NDArray[np.float32] = bits.astype(np.uint32).view(np.float32)
    return values


def load_activations(sim: Simulator, config: LaneConfig, x: npt.NDArray[np.int8],
                     first: int = 0) -> int:
    """Write tokens, (tokens, K), into the buffer, from word ``first`` on.

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
    word = (first + token // 2 * stride + np.tile(np.arange(stride), tokens)) % config.window_words
    sim.run({"write_en": (1 << token % 2)[:, None].astype(np.uint32),
             "write_word": word[:, None].astype(np.uint32), "write_data": raw})
    sim.poke("write_en", 0)
    return stride


def load_scales(sim: Simulator, config: LaneConfig, scales: npt.NDArray[np.float32],
                bank: int = 0) -> None:
    """Write token scales, (tokens,), into a bank."""
    at = bank * config.tokens + np.arange(len(scales))
    sim.run({"scale_en": np.ones((len(scales), 1), np.uint32),
             "scale_at": at[:, None].astype(np.uint32),
             "scale_data": np.asarray(scales, np.float32).view(np.uint32)[:, None]})
    sim.poke("scale_en", 0)


def pack_operations(sim: Simulator, shapes: Sequence[TapeShape], tokens: int, stride: int,
                    word: int = 0, scale_bank: int = 0) -> npt.NDArray[np.uint32]:
    """Payloads of ``i``: each matrix times the same tokens."""
    words: npt.NDArray[np.uint32] = sim.pack("i", {
        "tape": {name: np.array([getattr(s, name) if name != "pattern" else s.pattern.value
                                 for s in shapes])
                 for name in TapeShape.__dataclass_fields__},
        **{name: np.full(len(shapes), value) for name, value in (
            ("tokens", tokens), ("stride", stride), ("word", word), ("scale_bank", scale_bank))}})
    return words


def read_results(config: LaneConfig, shapes: Sequence[TapeShape], tokens: int,
                 got: dict[str, Any], values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """Sort a stream of results by token and row.

    Parameters
    ----------
    got : dict
        ``row`` and ``token`` of each result.
    values : ndarray
        The value of each.

    Returns
    -------
    list of ndarray, (tokens, rows)
        Of each matrix, rows of padding included.

    Raises
    ------
    ValueError
        If a row of a token has come twice, and so another has not.
    """
    found = []
    at = 0
    for shape in shapes:
        rows = config.tile_rows(shape.pattern)
        count = shape.row_blocks * rows * tokens
        part = slice(at, at + count)
        at += count
        row = np.arange(count) // (rows * tokens) * rows + got["row"][part]
        place = np.asarray(got["token"][part]) * (shape.row_blocks * rows) + row
        if not np.array_equal(np.sort(place), np.arange(count)):
            raise ValueError(f"{len(np.unique(place))} rows and tokens have come, not {count}")
        sorted_ = np.empty(count, values.dtype)
        sorted_[place] = values[part]
        found.append(sorted_.reshape(tokens, -1))
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

    def run(self, jobs: Sequence[Job], x: npt.NDArray[np.int8],
            scales: npt.NDArray[np.float32] | None = None, *, word: int = 0, scale_bank: int = 0,
            address: int = 0, pieces: int = 1, traffic: Traffic = STEADY, seed: int = 0,
            expect: int | None = None, deadline: int = 10_000_000,
            ) -> tuple[list[dict[str, npt.NDArray[np.float32]]], Transfers]:
        """Multiply matrices, one after the other, by tokens ``x``, (tokens, K).

        Parameters
        ----------
        jobs : sequence of Job
            Their tapes are written to memory from ``address`` on, in ``pieces`` descriptors each.
        scales : ndarray of float32, (tokens,), optional
            Scales of the tokens; ones, where there are none.
        word, scale_bank : int
            Where activations and scales are written to.
        expect : int, optional
            How many results to wait for, where that is not all.

        Returns
        -------
        results, transfers
            A dict for each matrix: ``values``, float32, (tokens, rows), rows of padding included;
            cycles of every transfer.
        """
        stride = load_activations(self.sim, self.config, x, word)
        load_scales(self.sim, self.config,
                    np.ones(len(x), np.float32) if scales is None else scales, scale_bank)
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
            {"i": pack_operations(self.sim, shapes, len(x), stride, word, scale_bank),
             "i_descriptor": self.sim.pack("i_descriptor", {
                 "address": np.array(addresses, np.uint64), "beats": np.array(counts)})},
            {"o": total if expect is None else expect}, traffic={"o": traffic}, seed=seed,
            deadline=deadline)
        if expect is not None:
            return [], got
        self.memory.check()
        results = self.sim.unpack("o", got["o"])
        values = read_results(self.config, shapes, len(x), results, as_float32(results["value"]))
        return [{"values": v} for v in values], got
