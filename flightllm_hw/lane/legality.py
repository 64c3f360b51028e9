# SPDX-License-Identifier: Apache-2.0
"""Which operations a lane can carry out."""

from amaranth.hdl import Module, Signal, Value

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern

__all__ = ["legal"]


def legal(m: Module, config: LaneConfig, op) -> Value:
    """Whether a lane can carry out an operation (:func:`~.layouts.operation`); combinational.

    Anything that passes comes to an end, whatever its tape holds, and has what `docs/tape.md` says:
    sparse tiles come in pairs, and so do a header's blocks where codes have an odd number of bits.
    """
    tape = op.tape
    passes, whole = Signal(), Signal()
    pattern, bits, group = (Signal(name=name) for name in (
        "legal_pattern", "legal_bits", "legal_group"))
    with m.Switch(tape.pattern):
        with m.Case(*(p.value for p in config.patterns)):
            m.d.comb += pattern.eq(1)
    with m.Switch(tape.bits):
        with m.Case(2, 3, 4, 5, 6, 8):
            m.d.comb += bits.eq(1)
    with m.Switch(tape.group_tiles):
        with m.Case(2, 4, 8, 16):
            m.d.comb += group.eq(1)
    # A header has one group, of an even number of tiles, or two; the last has fewer.
    with m.Switch(tape.pattern):
        for p in config.patterns:
            even, two = ~tape.last_tiles[0], tape.group_tiles == 2
            with m.Case(p.value):
                if p is Pattern.DENSE:
                    m.d.comb += whole.eq(even | ~tape.bits[0])
                elif config.tile_rows(p) == config.chains:
                    before = two & ~tape.groups[0]
                    m.d.comb += whole.eq(
                        even & ((tape.last_tiles[1] == before) | ~tape.bits[0]))
                else:
                    m.d.comb += whole.eq(
                        even & (~(tape.last_tiles[1] | two) | ~tape.bits[0]))
    m.d.comb += passes.eq(
        pattern & bits & group & whole & (tape.row_blocks != 0) & (tape.groups != 0)
        & (tape.last_tiles != 0) & (tape.last_tiles <= tape.group_tiles)
        & (op.tokens != 0) & (op.tokens <= config.tokens))
    return passes
