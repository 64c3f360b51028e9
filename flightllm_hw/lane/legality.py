# SPDX-License-Identifier: Apache-2.0
"""Which operations a lane can carry out."""

from amaranth.hdl import Module, Signal, Value

from flightllm_hw.config import LaneConfig

__all__ = ["legal"]


def legal(m: Module, config: LaneConfig, op) -> Value:
    """Whether a lane can carry out an operation (:func:`~.layouts.operation`); combinational.

    Anything that passes comes to an end, whatever its tape holds.
    """
    tape = op.tape
    passes = Signal()
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
    m.d.comb += passes.eq(
        pattern & bits & group & (tape.row_blocks != 0) & (tape.groups != 0)
        & (tape.last_tiles != 0) & (tape.last_tiles <= tape.group_tiles)
        & (op.tokens != 0) & (op.tokens <= config.tokens))
    return passes
