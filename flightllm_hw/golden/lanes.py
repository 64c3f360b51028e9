# SPDX-License-Identifier: Apache-2.0
"""The lanes as numpy: tapes, activations, dot products and appended keys and values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats.append import append_key, append_value
from flightllm_hw.formats.arithmetic import multiply
from flightllm_hw.golden.memory import Image
from flightllm_hw.golden.tape import read_matrix
from flightllm_hw.isa.matrix import MatrixShape

__all__ = ["LaneMachine"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Known:
    """A matrix that was read before, and what it was read from."""

    pieces: tuple[tuple[int, int, int], ...]
    weights: npt.NDArray[np.float64]
    row_scale: Floats
    beats: int


class LaneMachine:
    """One lane: its memory, the pieces of tape that it was told to read, its activations.

    Parameters
    ----------
    config : AcceleratorConfig
    size : int
        Bytes of its memory.

    Attributes
    ----------
    memory : Image
    activations : ndarray of int8, (2, words, window)
        Banks: even tokens, odd tokens.
    scales : ndarray of float32, (2, tokens)
        Token scales of both banks.
    """

    def __init__(self, config: AcceleratorConfig, size: int) -> None:
        lane = config.lane
        self.config = lane
        self.beat = lane.beat_bits // 8
        self.memory = Image(size)
        self.activations = np.zeros((2, lane.window_words, lane.chain.window), np.int8)
        self.scales = np.zeros((2, lane.tokens), np.float32)
        self._pieces: list[tuple[int, int]] = []
        self._known: dict[tuple[Any, ...], _Known] = {}

    # The tape.

    def read(self, address: int, beats: int) -> None:
        """The next piece of the tape, in beats."""
        if beats:
            self._pieces.append((address, beats))

    def _take(self, beats: int) -> None:
        """Beats are used up."""
        while beats:
            address, count = self._pieces[0]
            used = min(beats, count)
            beats -= used
            if used == count:
                self._pieces.pop(0)
            else:
                self._pieces[0] = (address + used, count - used)

    def _matrix(self, shape: MatrixShape) -> _Known:
        address = self._pieces[0] if self._pieces else (0, 0)
        known = self._known.get((address[0], shape))
        if known and self._current(known):
            return known
        raw = [self.memory.read(at * self.beat, count * self.beat)
               for at, count in self._pieces]
        tape = np.concatenate([np.zeros(0, np.uint8), *raw]).reshape(-1, self.beat)
        matrix = read_matrix(tape, shape, self.config)
        # One exact product: |code * u| < 2^23, and sums stay below 2^53.
        columns = np.arange(matrix.codes.shape[1]) // (
            shape.group_tiles * self.config.tile_columns(shape.pattern))
        weights = matrix.codes.astype(np.float64) * matrix.group_scale[:, columns]
        left, pieces = matrix.beats, []
        for at, count in self._pieces:
            used = min(left, count)
            if used:
                pieces.append((at, used, self.memory.version(at * self.beat, used * self.beat)))
            left -= used
        known = _Known(tuple(pieces), weights, matrix.row_scale, matrix.beats)
        self._known[address[0], shape] = known
        return known

    def _current(self, known: _Known) -> bool:
        """Whether the tape is the one that was read, and its memory as it was."""
        pieces = list(self._pieces)
        for n, (at, used, version) in enumerate(known.pieces):
            last = n == len(known.pieces) - 1
            if n >= len(pieces) or pieces[n][0] != at or (
                    pieces[n][1] < used if last else pieces[n][1] != used):
                return False
            if self.memory.version(at * self.beat, used * self.beat) != version:
                return False
        return True

    # Operations.

    def multiply(self, fields: dict[str, Any]) -> Floats:
        """The results of an MV or MM, (tokens, rows), padding included."""
        shape = MatrixShape(
            pattern=fields["pattern"], bits=fields["bits"], zero_point=bool(fields["zero_point"]),
            masked=bool(fields["masked"]), **{name: fields[name] for name in (
                "row_blocks", "group_tiles", "groups", "last_tiles")})
        matrix = self._matrix(shape)
        tokens = fields["tokens"]
        x = np.stack([self._token(fields, t, matrix.weights.shape[1]) for t in range(tokens)])
        sums = (x.astype(np.float64) @ matrix.weights.T).astype(np.int64)
        self._take(matrix.beats)
        # Rows of padding may have anything for a scale.
        scales = multiply(self.scales[fields["bank"], :tokens, None], matrix.row_scale)
        return multiply(sums.astype(np.float32), scales)

    def _token(self, fields: dict[str, Any], token: int, count: int) -> npt.NDArray[np.int8]:
        window = self.config.chain.window
        first = fields["word"] + token // 2 * fields["stride"]
        words = (first + np.arange(-(-count // window))) % self.config.window_words
        codes: npt.NDArray[np.int8] = self.activations[token % 2, words].ravel()[:count]
        return codes

    def write_activations(self, fields: dict[str, Any], token: int, at: int,
                          codes: npt.NDArray[np.int8]) -> None:
        """Codes of a token, whole words of them, from element ``at`` on."""
        window = self.config.chain.window
        padded = np.pad(codes, (0, -len(codes) % window)).reshape(-1, window)
        first = fields["word"] + token // 2 * fields["stride"] + at // window
        words = (first + np.arange(len(padded))) % self.config.window_words
        self.activations[token % 2, words] = padded

    # Keys and values.

    def append(self, fields: dict[str, Any], keys: bool, codes: npt.NDArray[np.int8],
               scale: np.float32) -> None:
        """Write a key's or a value's codes and a key's scale."""
        places = {name: fields[name] for name in ("address", "high", "low", "place")}
        if keys:
            append_key(self.memory.data, codes, scale, beat_bytes=self.beat,
                       scale_address=fields["scale_address"], **places)
        else:
            append_value(self.memory.data, codes, beat_bytes=self.beat, **places)
        last = len(codes) * places["high"] + 4 * places["low"] + 8
        first = places["address"] * self.beat
        self.memory.touch(first, min(last * self.beat, len(self.memory.data) - first))
        self.memory.touch(4 * fields["scale_address"], 4)
