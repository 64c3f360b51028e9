# SPDX-License-Identifier: Apache-2.0
"""The multiplexers that join LUTs in a slice, at no LUT of their own."""

from dataclasses import dataclass

from amaranth.hdl import Instance, Module, Mux, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import XilinxPlatform

from flightllm_hw.hierarchy import place

__all__ = ["SliceMux", "SliceMuxConfig", "WideMux", "WideMuxConfig"]


@dataclass(frozen=True, kw_only=True)
class SliceMuxConfig:
    """Which of a slice's multiplexers, and how many.

    Parameters
    ----------
    width : int
        Bits, a multiplexer each.
    level : int
        7, 8 or 9: joins two LUT6, two MUXF7 or two MUXF8.
    """

    width: int
    level: int

    def __post_init__(self) -> None:
        if self.level not in (7, 8, 9):
            raise ValueError(f"Slice MUX level must be 7, 8 or 9, not {self.level!r}")


class SliceMux(wiring.Component):
    """o = i1 where ``s``, else i0; combinational.

    A 4:1 multiplexer is a LUT6. Two of them and a MUXF7 are an 8:1, two such and a MUXF8 a 16:1.
    Synthesis finds these by itself if the tree around is left as it was written, which it often is
    not; the instances make sure.

    Parameters
    ----------
    config : SliceMuxConfig
        Width and level.

    Members
    -------
    i0, i1 : In
        What is chosen from. Where ``level`` is 8 (9), each comes from a MUXF7 (MUXF8).
    s : In
        The choice.
    o : Out
        What was chosen.

    Platform overrides: ``width`` instances of MUXF7, MUXF8 or MUXF9.
    """

    def __init__(self, config: SliceMuxConfig):
        self.config = config
        super().__init__({
            "i0": In(config.width),
            "i1": In(config.width),
            "s": In(1),
            "o": Out(config.width),
        })

    def elaborate(self, platform):
        m = Module()
        if isinstance(platform, XilinxPlatform):
            for n in range(self.config.width):
                m.submodules[f"bit_{n}"] = Instance(
                    f"MUXF{self.config.level}",
                    i_I0=self.i0[n], i_I1=self.i1[n], i_S=self.s, o_O=self.o[n])
        else:
            m.d.comb += self.o.eq(Mux(self.s, self.i1, self.i0))
        return m


@dataclass(frozen=True, kw_only=True)
class WideMuxConfig:
    """Size of a multiplexer.

    Parameters
    ----------
    width : int
        Bits of an input.
    inputs : int
        What is chosen from, a power of two.
    """

    width: int
    inputs: int

    def __post_init__(self) -> None:
        if self.inputs < 1 or self.inputs & (self.inputs - 1):
            raise ValueError(f"Wide MUX inputs must be a power of two, not {self.inputs!r}")


class WideMux(wiring.Component):
    """o = i[s]; combinational. A LUT6 a bit for every four inputs, up to 32 inputs.

    Parameters
    ----------
    config : WideMuxConfig
        Width and inputs.

    Members
    -------
    i : In
        What is chosen from.
    s : In
        The choice.
    o : Out
        What was chosen.
    """

    def __init__(self, config: WideMuxConfig):
        self.config = config
        super().__init__({
            "i": In(data.ArrayLayout(config.width, config.inputs)),
            "s": In(range(config.inputs)),
            "o": Out(config.width),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config

        # Fours in LUTs, as far as there are fours.
        values = [Value.cast(self.i[n]) for n in range(c.inputs)]
        bit = 0
        while len(values) > 1 and bit < 2:
            values = [Mux(self.s[bit], values[n + 1], values[n]) for n in range(0, len(values), 2)]
            bit += 1
        # They meet in the slice's own multiplexers, and in LUTs behind those.
        while len(values) > 1:
            level, pairs = bit + 5, []
            for n in range(0, len(values), 2):
                if level > 9:
                    pairs.append(Mux(self.s[bit], values[n + 1], values[n]))
                    continue
                join = place(m, platform, f"mux_f{level}_{n}",
                             SliceMux(SliceMuxConfig(width=c.width, level=level)))
                m.d.comb += [join.i0.eq(values[n]), join.i1.eq(values[n + 1]),
                             join.s.eq(self.s[bit])]
                pairs.append(join.o)
            values, bit = pairs, bit + 1
        m.d.comb += self.o.eq(values[0])
        return m
