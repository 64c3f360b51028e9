# SPDX-License-Identifier: Apache-2.0
"""Beats to write: all of their bytes, or eight that stand for all of them.

Keys and values are eight codes at a time, in eight bytes one after the other or in every eighth
one. Rows of eight bytes, a beat is a square (of a beat of 64 bytes; others have fewer rows, or more
of them), and the codes are one of its rows or one of its columns. Either has one byte of every
diagonal. So a diagonal is one byte everywhere: the beat has eight, whatever is written, and what
chooses is strobes, by row and column::

    row 0   0 1 2 3 4 5 6 7        row 2: bytes 2 3 4 5 6 7 0 1
    row 1   1 2 3 4 5 6 7 0        column 5: bytes 5 6 7 0 1 2 3 4
    row 2   2 3 4 5 6 7 0 1
    ...                            (who has the codes turns them by the row or column)

Nothing is multiplexed where the beat is, and what waits for its burst is 80 bits, not 576.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data

from flightllm_hw.config.memory import PortConfig

__all__ = ["SIDE", "StrobedBeat", "diagonal", "write_layout"]

SIDE = 8
"""Bytes of a row, and bytes that are different."""


def write_layout(config: PortConfig) -> data.StructLayout:
    """A beat to write.

    Its ``data``, and a ``strobe`` for each byte that is to be written. Of a port whose beats are
    ``diagonal``: :data:`SIDE` ``bytes``, and ``rows`` and ``columns`` that are to be written where
    they meet.
    """
    size = config.beat_bytes
    if not config.diagonal:
        return data.StructLayout({"data": config.data_bits, "strobe": size})
    columns = min(SIDE, size)
    return data.StructLayout({"bytes": 8 * SIDE, "rows": size // columns, "columns": columns})


def diagonal(byte: int) -> int:
    """Which of the different bytes a byte of a row of beats is."""
    return (byte // SIDE + byte % SIDE) % SIDE


class StrobedBeat:
    """The registers of a beat that the port shows: a write channel's data and strobes.

    Parameters
    ----------
    config : PortConfig
    """

    def __init__(self, config: PortConfig):
        self.config = config
        self._diagonal = config.diagonal
        self._data = Signal(8 * SIDE if config.diagonal else config.data_bits, name="data",
                            reset_less=True)
        self._strobe = Signal(config.beat_bytes, name="strobe", reset_less=True)

    def follow(self, m: Module, moves: Value, beat: data.View) -> None:
        """Take ``beat`` (:func:`write_layout`) where ``moves``."""
        if not self._diagonal:
            with m.If(moves):
                m.d.sync += [self._data.eq(beat.data), self._strobe.eq(beat.strobe)]
            return
        with m.If(moves):
            m.d.sync += self._data.eq(beat.bytes)
        # A column that is not written is its registers' reset: no LUT a byte.
        columns = len(beat.columns)
        for b in range(self.config.beat_bytes):
            with m.If(moves):
                m.d.sync += self._strobe[b].eq(
                    Mux(beat.columns[b % columns], beat.rows[b // columns], 0))

    @property
    def data(self) -> Value:
        """``wdata``."""
        if not self._diagonal:
            return self._data
        return Cat(self._data.word_select(diagonal(b), 8) for b in range(self.config.beat_bytes))

    @property
    def strobe(self) -> Value:
        """``wstrb``."""
        return self._strobe
