# SPDX-License-Identifier: Apache-2.0
"""A lane as numpy: tape, activations, dot products and appended keys and values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats.append import append_key, append_value, value_groups
from flightllm_hw.formats.arithmetic import multiply
from flightllm_hw.golden.memory import Image
from flightllm_hw.golden.pieces import Pieces
from flightllm_hw.golden.tape import most_beats, read_matrix
from flightllm_hw.isa.matrix import MatrixShape

__all__ = ["Known", "LaneMachine"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Known:
    """A matrix that was read before, and what it was read from.

    Parameters
    ----------
    shape : MatrixShape
    pieces : tuple of (int, int, int)
        Address, beats and the memory's version of each piece.
    weights : ndarray of float64, (rows, K)
        Codes times their groups' scales: integers below 2^23.
    row_scale : ndarray of float32, (rows,)
    beats : int
    """

    shape: MatrixShape
    pieces: tuple[tuple[int, int, int], ...]
    weights: npt.NDArray[np.float64]
    row_scale: Floats
    beats: int


class LaneMachine:
    """One lane.

    Parameters
    ----------
    config : AcceleratorConfig
    size : int
        Bytes of its memory.
    number : int
        Which lane it is.
    activations : ndarray of int8, (2, words, window)
        Banks: even tokens, odd tokens.
    scales : ndarray of uint32, (2, tokens)
        Bits of token scales of both banks.
    keep : bool
        Whether matrices are kept for when they are read again: eight bytes a weight.

    Attributes
    ----------
    memory : Image
    tape : Pieces
    """

    def __init__(self, config: AcceleratorConfig, size: int, number: int,
                 activations: Codes, scales: npt.NDArray[np.uint32], keep: bool = True) -> None:
        lane = config.lane
        self.config = lane
        self.beat = lane.beat_bits // 8
        self.memory = Image(size, self.beat, number)
        self.tape = Pieces(self.memory)
        self.activations = activations
        self.scales = scales
        self._keep = keep
        self._known: dict[int, Known] = {}

    # Matrices.

    def matrix(self, shape: MatrixShape) -> Known:
        """The matrix at the beginning of the tape.

        Raises
        ------
        NotYetError
            If the tape cannot be read to the matrix's end yet.
        UnitError
            If it never can.
        """
        pieces = self.tape.pieces
        known = self._known.get(pieces[0].address) if pieces else None
        if known is not None and known.shape == shape and self._current(known):
            return known
        beats, why = self.tape.read(most_beats(shape, self.config))
        try:
            matrix = read_matrix(beats, shape, self.config)
        except ValueError:
            raise why from None
        # One exact product: |code * u| < 2^23, and sums stay below 2^53.
        scale = np.repeat(matrix.group_scale, shape.group_tiles
                          * self.config.tile_columns(shape.pattern), axis=1)
        weights = np.multiply(matrix.codes, scale, dtype=np.float64)
        left, read = matrix.beats, []
        for piece in pieces:
            used = min(left, piece.beats)
            left -= used
            if used:
                read.append((piece.address, used, self._version(piece.address, used)))
        known = Known(shape, tuple(read), weights, matrix.row_scale, matrix.beats)
        if self._keep and not any(piece.held is not None for piece in pieces):
            self._known[pieces[0].address] = known
        return known

    def _version(self, address: int, beats: int) -> int:
        return self.memory.version(address * self.beat, beats * self.beat)

    def _current(self, known: Known) -> bool:
        """Whether the tape is the one that was read, and its memory as it was."""
        tape = self.tape
        if len(tape.pieces) < len(known.pieces) or self.memory.failing:
            return False
        last = len(known.pieces) - 1
        for n, (at, used, version) in enumerate(known.pieces):
            piece = tape.pieces[n]
            whole = piece.beats >= used if n == last else piece.beats == used
            if (piece.address != at or not whole or piece.appends > tape.appends
                    or piece.outside is not None or piece.held is not None
                    or self._version(at, used) != version):
                return False
        return True

    def multiply(self, fields: dict[str, Any], matrix: Known, kept: int) -> Floats:
        """The first rows' results of an MV or MM, (tokens, rows), padding included."""
        tokens = fields["tokens"]
        weights, row_scale = matrix.weights[:kept], matrix.row_scale[:kept]
        x = np.empty((tokens, weights.shape[1]))
        for token in range(tokens):
            x[token] = self._token(fields, token, weights.shape[1])
        # There is no negative zero among integers.
        sums = (x @ weights.T + 0.0).astype(np.float32)
        # Rows of padding may have anything for a scale.
        own = self.scales[fields["bank"], :tokens, None].view(np.float32)
        return multiply(sums, multiply(own, row_scale))

    def _token(self, fields: dict[str, Any], token: int, count: int) -> Codes:
        window = self.config.chain.window
        first = (fields["word"] + token // 2 * fields["stride"]) % self.config.window_words
        bank: Codes = self.activations[token % 2]
        words = -(-count // window)
        if first + words <= self.config.window_words:
            codes: Codes = bank[first:first + words].ravel()
        else:
            codes = bank[(first + np.arange(words)) % self.config.window_words].ravel()
        return codes[:count]

    # Keys and values.

    def append(self, fields: dict[str, Any], keys: bool, codes: Codes, scale: np.uint32) -> None:
        """Write a key's or a value's codes and a key's scale.

        Raises
        ------
        UnitError
            Of the first unit of up to eight codes that cannot be written.
        """
        units = self._units(fields, keys, len(codes))
        first, last = int(units[:, 0].min(initial=1 << 62)), int(units.sum(axis=1).max(initial=0))
        if self.memory.failing or last > len(self.memory.data) // self.beat:
            for at, beats in units.tolist():
                self.memory.window(at * self.beat, beats * self.beat)
                self.memory.check_bursts(at * self.beat, beats * self.beat)
        places = {name: fields[name] for name in ("address", "high", "low", "place")}
        if keys:
            append_key(self.memory.data, codes, scale.view(np.float32), beat_bytes=self.beat,
                       scale_address=fields["scale_address"], **places)
        else:
            append_value(self.memory.data, codes, beat_bytes=self.beat, **places)
        if len(units):
            self.memory.touch(first * self.beat, (last - first) * self.beat)
        self.tape.appends += 1

    def _units(self, fields: dict[str, Any], keys: bool, count: int) -> npt.NDArray[np.int64]:
        """Descriptors that an append comes to, (units, (beat, beats))."""
        size, together = (8, 4) if keys else value_groups(self.beat)
        i = np.arange(-(-count // size), dtype=np.int64)
        at = (fields["address"] + i // together * fields["high"]
              + i % together * fields["low"]) % (1 << 32)
        if keys:
            at += 8 * fields["place"] // self.beat
        beats = np.full(len(at), max(1, (8 if keys else 8 * size) // self.beat))
        units = np.stack([at, beats], 1)
        if keys:
            units = np.append(units, [[4 * fields["scale_address"] // self.beat, 1]], axis=0)
        return units
