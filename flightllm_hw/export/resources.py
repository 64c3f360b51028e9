# SPDX-License-Identifier: Apache-2.0
"""What the primitives of UltraScale+ take of a device."""

import re
from dataclasses import dataclass, fields

__all__ = ["Resources", "cost"]


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Parts of a device.

    Parameters
    ----------
    dsp : int
        ``DSP48E2``.
    lut : int
        Six-input look-up tables, as logic, shift registers or memory.
    ff : int
        Flip-flops.
    bram : float
        Block RAMs of 36 Kb; one of 18 Kb is half of one.
    uram : int
        ``URAM288``.
    """

    dsp: int = 0
    lut: int = 0
    ff: int = 0
    bram: float = 0
    uram: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(**{f.name: getattr(self, f.name) + getattr(other, f.name)
                            for f in fields(self)})

    def __mul__(self, times: int) -> "Resources":
        return Resources(**{f.name: getattr(self, f.name) * times for f in fields(self)})


# A LUT each, whatever the number of its inputs. LUTs used as memory: a read port of 64 words (32
# words of two bits) takes one. What a module takes less: flightllm_hw.export.packing.
_COSTS = {pattern: value for patterns, value in (
    ("DSP48E2",                                                      Resources(dsp=1)),
    ("LUT[1-6] LUT6_2 INV",                                          Resources(lut=1)),
    ("SRLC16E SRLC32E RAM32X1S RAM64X1S",                            Resources(lut=1)),
    ("RAM32X1D RAM64X1D RAM128X1S",                                  Resources(lut=2)),
    ("RAM32M RAM64M RAM128X1D RAM256X1S",                            Resources(lut=4)),
    ("RAM32M16 RAM64M8 RAM256X1D RAM512X1S RAM32X16DR8 RAM64X8SW",   Resources(lut=8)),
    ("FD[RSCP]E(_1)? LD[CP]E",                                       Resources(ff=1)),
    ("RAMB36E2",                                                     Resources(bram=1)),
    ("RAMB18E2",                                                     Resources(bram=0.5)),
    ("URAM288 URAM288_BASE",                                         Resources(uram=1)),
) for pattern in patterns.split()}


def cost(primitive: str, times: int = 1) -> Resources:
    """What one ``primitive`` takes, or ``times`` of them; nothing if it is no part of the fabric.

    Two ``SRL16E`` take a LUT: its two halves of five inputs can be a shift register of 16 bits each
    (AMD's AM005, "Shift Registers", of UltraScale+ as of Versal). They share the clock, its enable
    and the depth, as the bits of a :class:`~flightllm_hw.primitives.delay.Delay` do.
    """
    if primitive == "SRL16E":
        return Resources(lut=-(-times // 2))
    for pattern, value in _COSTS.items():
        if re.fullmatch(pattern, primitive):
            return value * times
    return Resources()
