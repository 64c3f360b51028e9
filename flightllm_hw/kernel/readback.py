# SPDX-License-Identifier: Apache-2.0
"""The registers that are only read: one word of some hundred."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.core.counters import GLOBAL, LANE

from .layouts import KernelConfig, status
from .lite import AT_BITS
from .registers import READBACK, WORD_BITS

__all__ = ["READBACK_BITS", "Readback"]

READBACK_BITS = AT_BITS - 1
"""Width of a word's number above READBACK."""

_STAGES = (2, 3, 4)
_WORD_BYTES = WORD_BITS // 8


class Readback(wiring.Component):
    """Status and counters by their offset; what is not there is zero.

    ::

        4 words of a lane ─► one of 4 ═╗
                 ...                   ╠═► one of 8 ═╗
                                       ╝     ...     ╠═► one of 16 ═► o
                                                     ╝

    A register behind each choice. The first is one LUT a bit, beside the lane's counters; an
    arrow that is drawn double may cross the card.

    Parameters
    ----------
    config : KernelConfig
        The kernel.

    Members
    -------
    at : In
        Which word, from offset READBACK on; held from ``en`` until the answer.
    en : In
        Asks.
    busy, cancel : In
        Bits of STATUS and CANCEL.
    status : In
        All that is read but for constants.
    o : Out
        The word, ``latency`` cycles after ``en``, until the next. As it was in the cycle of ``en``.
    """

    latency = len(_STAGES)

    def __init__(self, config: KernelConfig):
        self.config = config
        super().__init__({
            "at": In(READBACK_BITS),
            "en": In(1),
            "busy": In(1),
            "cancel": In(1),
            "status": In(status(config)),
            "o": Out(WORD_BITS),
        })

    def elaborate(self, platform):
        m = Module()
        words = [None] * (1 << READBACK_BITS)
        for offset, word in self._words(m).items():
            words[(offset - READBACK) // _WORD_BYTES] = word
        en = self.en
        low = 0
        for stage, bits in enumerate(_STAGES, 1):
            choice = self.at[low:low + bits]
            words = [self._stage(m, f"word_{stage}_{n}", words[n << bits:(n + 1) << bits], choice,
                                 en) for n in range(len(words) >> bits)]
            delayed = Signal(name=f"en_{stage}")
            m.d.sync += delayed.eq(en)
            en = delayed
            low += bits
        m.d.comb += self.o.eq(words[0])
        return m

    def _words(self, m):
        """What is read at each offset."""
        registers = self.config.map
        now = self.status
        error = now.error
        state = Signal(WORD_BITS)
        for name, value in {"error": error.error, "detail": error.detail, "stuck": now.stuck,
                            "busy": self.busy}.items():
            part = registers["STATUS"][name]
            m.d.comb += state[part.at:part.at + part.bits].eq(value)
        values = {
            **registers.constants, "STATUS": state,
            "ERROR_PC": error.pc, "ERROR_ADDRESS": error.address, "PC": now.pc,
            "CANCEL": self.cancel,
            **{name: now.counters[name] for name, _ in GLOBAL},
            **{f"lane_{lane}_{name}": now.lane_counters[lane][name]
               for lane in range(self.config.lanes) for name, _ in LANE},
        }
        words = {}
        for name, value in values.items():
            register = registers[name]
            bits = Const(value, register.bits) if isinstance(value, int) else Value.cast(value)
            for n, offset in enumerate(register.words):
                words[offset] = bits[n * WORD_BITS:(n + 1) * WORD_BITS]
        return words

    def _stage(self, m, name, words, choice, en):
        """A register with one of ``words``, some of which may not be there; None without any."""
        if all(word is None for word in words):
            return None
        chosen = [Const(0, WORD_BITS) if word is None else word for word in words]
        for bit in choice:
            chosen = [Mux(bit, odd, even)
                      for even, odd in zip(chosen[::2], chosen[1::2], strict=True)]
        register = Signal(WORD_BITS, name=name, reset_less=True)
        with m.If(en):
            m.d.sync += register.eq(chosen[0])
        return register
