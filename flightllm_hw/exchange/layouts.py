# SPDX-License-Identifier: Apache-2.0
"""What the exchange is told, and what moves through it."""

from dataclasses import dataclass

from amaranth.lib import data

from flightllm_hw.config import AcceleratorConfig, LaneConfig
from flightllm_hw.isa.vector import widths

__all__ = ["ELEMENT_BITS", "LANE_ROW_BITS", "ROW_BLOCK_BITS", "ExchangeConfig", "grant", "placed",
           "results"]

ROW_BLOCK_BITS = 16
"""Width of a count of row blocks, as instructions have it."""

LANE_ROW_BITS = 16
"""Width of a count of a lane's rows, as instructions have it."""

ELEMENT_BITS = 20
"""Width of a count of results that count for maxima, as instructions have it."""


@dataclass(frozen=True, kw_only=True)
class ExchangeConfig:
    """What lies between the lanes and the special function unit.

    Parameters
    ----------
    accelerator : AcceleratorConfig
    """

    accelerator: AcceleratorConfig

    @property
    def crossings(self) -> int:
        """Registers between a lane and the special function unit, each way."""
        return self.accelerator.crossings

    @property
    def lanes(self) -> int:
        """Lanes."""
        return self.accelerator.lanes

    @property
    def lane(self) -> LaneConfig:
        """Each of them."""
        return self.accelerator.lane

    @property
    def width(self) -> int:
        """Elements of a row of the vector buffer, W."""
        return self.accelerator.sfu.width

    @property
    def width_bits(self) -> int:
        """Width of an element's place in its row."""
        return self.width.bit_length() - 1

    @property
    def row_bits(self) -> int:
        """Width of a row's number."""
        return self.accelerator.sfu.row_bits

    @property
    def scalar_bits(self) -> int:
        """Width of a scalar's number."""
        return widths(self.accelerator.sfu)["d"]

    # Gather.

    @property
    def block(self) -> int:
        """Results that a slot holds: those of a token and of the largest row block."""
        return 2 * self.lane.chains

    @property
    def slots(self) -> int:
        """Slots of a lane: as many as LUTs, which hold 64 deep, have room for; at least two."""
        return max(2, min(16, 64 // self.block))

    @property
    def ports(self) -> int:
        """Rows that are put together at once: a row begins in every cycle, and takes W of them."""
        return max(4, self.width)

    @property
    def shared(self) -> int:
        """Lanes that share a port."""
        return -(-self.lanes // self.ports)

    @property
    def rows_under_way(self) -> int:
        """Depth of the queue of rows: more than are under way from their grant on."""
        return 16 if self.width <= 4 else 32


def results(config: ExchangeConfig):
    """Where an operation's results go: result (lane, token, row) is element lane * lane_rows + row.

    Element e of token t lies in row o + t * o_step + e // W of the vector buffer. Rows from
    ``lane_rows`` on are dropped. With ``maxima``, the greatest of every lane's and token's rows
    that are kept and below limit + t * limit_step becomes scalar d + lane * tokens + t.
    """
    return data.StructLayout({
        "pattern": 3,
        "row_blocks": ROW_BLOCK_BITS,
        "tokens": range(config.lane.tokens + 1),
        "o": config.row_bits,
        "o_step": config.row_bits,
        "lane_rows": LANE_ROW_BITS,
        "limit": ELEMENT_BITS,
        "limit_step": 1,
        "maxima": 1,
        "d": config.scalar_bits,
    })


def placed(config: LaneConfig):
    """A result on its way: ``row`` of its row block; the ``last`` of its row block and token."""
    return data.StructLayout({"value": 32, "row": range(2 * config.chains), "last": 1})


def grant(config: ExchangeConfig):
    """A row of the vector buffer that a lane's results give, or a part of one.

    ``enables``: its elements; ``counts``: those that count for the maximum of ``lane`` and
    ``token``, of which it is the ``first`` row, or the ``last``, and which is scalar ``d``.
    """
    return data.StructLayout({
        "row": config.row_bits,
        "enables": config.width,
        "counts": config.width,
        "lane": range(max(2, config.lanes)),
        "token": range(config.lane.tokens),
        "first": 1,
        "last": 1,
        "d": config.scalar_bits,
    })
