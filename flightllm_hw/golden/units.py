# SPDX-License-Identifier: Apache-2.0
"""What instructions do: memories, lanes, vector unit, one instruction at a time."""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats.arithmetic import add, bits, one_nan
from flightllm_hw.formats.fp32 import flush_bits
from flightllm_hw.formats.functions import rotary_phase, sine_cosine
from flightllm_hw.golden.lanes import Known, LaneMachine
from flightllm_hw.golden.memory import Image, UnitError
from flightllm_hw.golden.pieces import NotYetError
from flightllm_hw.golden.tasks import Task
from flightllm_hw.golden.vector import Codes, VectorMachine
from flightllm_hw.isa.errors import Detail
from flightllm_hw.isa.table import Bank, Target
from flightllm_hw.isa.vector import Reduce

__all__ = ["Units"]

_WORDS = 1 << 34
_STEP_MASK = np.uint64((1 << 48) - 1)


class Units:
    """Memories, lanes and vector unit.

    Parameters
    ----------
    config : AcceleratorConfig
    host_bytes, lane_bytes : int
        Sizes of the host's memory and of each lane's: their windows.
    keep : bool
        Whether lanes keep the matrices that they have read.

    Attributes
    ----------
    host : Image
    lanes : list of LaneMachine
    vector : VectorMachine
    steps : ndarray of uint64, (rotary_pairs,)
    """

    def __init__(self, config: AcceleratorConfig, host_bytes: int, lane_bytes: int,
                 keep: bool = True) -> None:
        self.config = config
        lane = config.lane
        self.beat = lane.beat_bits // 8
        self.host = Image(host_bytes, self.beat)
        self.vector = VectorMachine(config.sfu)
        self.steps = np.zeros(config.sfu.rotary_pairs, np.uint64)
        self.activations = np.zeros((config.lanes, 2, lane.window_words, lane.chain.window),
                                    np.int8)
        self.scales = np.zeros((config.lanes, 2, lane.tokens), np.uint32)
        self.lanes = [LaneMachine(config, lane_bytes, n, self.activations[n], self.scales[n],
                                  keep)
                      for n in range(config.lanes)]

    def execute(self, task: Task) -> None:
        """Do what an instruction says.

        Raises
        ------
        UnitError
            If it cannot be done; then some of it may have been.
        NotYetError
            If it must wait for its tape; nothing has been done.
        """
        if not task.legal:
            raise UnitError(Detail.OPERATION, text=f"{task.name} is nothing that its unit can do")
        _DO[task.name](self, task, task.fields)

    # Memory.

    def load_tape(self, f: dict[str, Any]) -> None:
        """The next piece of lanes' tapes."""
        for n, lane in enumerate(self.lanes):
            if f["lanes"] >> n & 1:
                lane.tape.add(f["address"], f["beats"], bool(f["fence"]))

    def _rows(self, first: int, count: int) -> npt.NDArray[np.int64]:
        return (first + np.arange(count)) % self.config.sfu.rows

    def _load_vector(self, task: Task, f: dict[str, Any]) -> None:
        width = self.config.sfu.width
        raw = self.host.load(f["address"] * self.beat, 4 * width * f["rows"])
        self.vector.buffer[self._rows(f["o"], f["rows"])] = raw.view("<f4").reshape(-1, width)

    def _load_steps(self, task: Task, f: dict[str, Any]) -> None:
        raw = self.host.load(f["address"] * self.beat, 8 * f["pairs"])
        self.steps[:f["pairs"]] = raw.view("<u8") & _STEP_MASK

    def _store_vector(self, task: Task, f: dict[str, Any]) -> None:
        # They pass the vector unit's pipeline: flushed, and one NaN.
        rows = self.vector.buffer[self._rows(f["a"], f["rows"])].view(np.uint32)
        values = one_nan(flush_bits(rows).view(np.float32))
        self.host.store(f["address"] * self.beat, np.frombuffer(values.tobytes(), np.uint8))

    def _store_scalars(self, task: Task, f: dict[str, Any]) -> None:
        for n in range(f["count"]):
            word = self.vector.scalars[(f["d"] + n) % self.config.sfu.scalars]
            at = (f["address"] + n * f["step"]) % _WORDS
            self.host.store(4 * at, np.frombuffer(word.tobytes(), np.uint8))

    # Matrices.

    def _multiply(self, task: Task, f: dict[str, Any]) -> None:
        sfu, tokens = self.config.sfu, f["tokens"]
        matrices = self._matrices(task)
        flat = self.vector.buffer.reshape(-1)
        for n, (lane, matrix) in enumerate(zip(self.lanes, matrices, strict=True)):
            results = lane.multiply(f, matrix, f["lane_rows"])
            lane.tape.take(matrix.beats)
            for t, result in enumerate(results):
                first = (f["o"] + t * f["o_step"]) * sfu.width + n * f["lane_rows"]
                flat[(first + np.arange(len(result))) % len(flat)] = result
                if f["maxima"]:
                    seen = result[:f["limit"] + t * f["limit_step"]]
                    at = (f["d"] + n * tokens + t) % sfu.scalars
                    self.vector.scalars[at] = bits(_greatest(seen)).item()

    def _matrices(self, task: Task) -> list[Known]:
        """Every lane's matrix; a lane's error comes before what another one waits for."""
        found, waits = [], None
        for lane in self.lanes:
            try:
                found.append(lane.matrix(task.shape))
            except NotYetError as error:
                waits = error if waits is None or waits.fault is None else waits
        if waits is not None:
            raise waits
        return found

    # Vectors.

    def _pass(self, task: Task, f: dict[str, Any]) -> None:
        given = self.vector.execute(task.vector_pass)
        if given is None:
            return
        if f["target"] is not Target.ACTIVATIONS:
            for n, lane in enumerate(self.lanes[:len(given.codes)]):
                lane.append(f, f["target"] is Target.KEYS, given.codes[n][:f["limit"]],
                            given.z[n])
            return
        self._deliver(task, f, given)

    def _deliver(self, task: Task, f: dict[str, Any], given: Codes) -> None:
        """Codes to activations, and token scales."""
        lane = self.config.lane
        segments, count = given.codes.shape
        words = -(-count // lane.chain.window)
        padded = np.zeros((segments, words * lane.chain.window), np.int8)
        padded[:, :count] = given.codes
        padded = padded.reshape(segments, words, -1)
        scales = {Bank.Z: given.z, Bank.REDUCTION: given.made}.get(f["scales"])
        if f["scales"] is Bank.REDUCTION and task.vector_pass.reduce is Reduce.NONE:
            scales = None
        for segment in range(segments):
            chosen, inner = slice(None), segment
            if f["spread"]:
                owner, inner = segment >> f["group"], segment & (1 << f["group"]) - 1
                chosen = slice(owner, owner + 1)
            token = (f["token"] + inner) % lane.tokens
            first = f["word"] + token // 2 * f["stride"]
            at = (first + np.arange(words)) % lane.window_words
            self.activations[chosen, token % 2, at] = padded[segment]
            if scales is not None:
                self.scales[chosen, f["bank"], token] = scales[segment]

    def _table(self, task: Task, f: dict[str, Any]) -> None:
        width, pairs = self.config.sfu.width, f["pairs"]
        phase = rotary_phase(np.array([f["position"]], np.uint32), self.steps[:pairs])
        sine, cosine = sine_cosine(phase)
        table = (np.concatenate([cosine, sine]) if f["halves"]
                 else np.stack([cosine, sine], 1).ravel())
        element = np.arange(2 * pairs)
        self.vector.buffer[(f["o"] + element // width) % self.config.sfu.rows,
                           element % width] = table

    def read_ahead(self, lane: int) -> None:
        """Let a lane hold a piece of its tape that it could read by now."""
        self.lanes[lane].tape.read_ahead()


_DO = {
    "LD.VECTOR": Units._load_vector, "LD.STEPS": Units._load_steps,
    "ST.VECTOR": Units._store_vector, "ST.SCALARS": Units._store_scalars,
    "MM": Units._multiply, "MV": Units._multiply,
    "MISC.PASS": Units._pass, "MISC.TABLE": Units._table,
}


def _greatest(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The greatest, +0 for any zero, NaN before all; minus infinity of nothing."""
    if not len(x):
        return np.full(1, -np.inf, np.float32)
    greatest = np.nan if np.isnan(x).any() else x.max()
    return add(np.full(1, greatest, np.float32), np.float32(0))
