# SPDX-License-Identifier: Apache-2.0
"""The heads of a home, a lane's each: measured, turned, as codes; keys and values to memory.

::

    k ─► turned ─► codes ─► keys of the home      their scales: row scales of the tape
    v ───────────► codes ─► values of the home    their scales: the host's memory
"""

from collections.abc import Callable
from typing import Any

from flightllm_hw.compiler.emit import Op, reg
from flightllm_hw.compiler.passes import SCALE, Passes
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.visible import Visible
from flightllm_hw.isa.table import Target
from flightllm_hw.isa.vector import Arrange, Output, Wait

__all__ = ["Heads"]

R = Register


class Heads:
    """Writes passes over the heads of a home.

    Parameters
    ----------
    passes : Passes
    plan : Plan
    visible : Visible
        Where positions are.
    """

    def __init__(self, passes: Passes, plan: Plan, visible: Visible) -> None:
        self.code, self.passes, self.buffer = passes.code, passes, passes.buffer
        self.plan, self.split, self.lane, self.host = plan, plan.split, plan.lane, plan.host
        self.visible = visible

    def own(self, heads: int) -> dict[str, Any]:
        """Passes over a home's heads, which give scales."""
        return {"segments": heads, "rows": self.buffer.head, "limit": self.plan.model.head_dim,
                "d_step": 1, **SCALE}

    def turned(self, heads: int, t: int) -> dict[str, Any]:
        """Passes that turn them, too."""
        turn = self.own(heads) | {"output": Output.BUFFER}
        if self.split.turns:
            turn |= {"b": self.buffer.table + t * self.buffer.head, "arrange": Arrange.PAIRS}
        return turn

    def first(self, t: int) -> Wait:
        """What a token's first pass waits for: biases that are added for all of them."""
        return Wait.NONE if t else Wait.DRAIN

    def codes(self, heads: int) -> dict[str, Any]:
        """Passes that give codes of them."""
        return {"output": Output.CODES, "z_step": 1, "spread": 1, "segments": heads,
                "rows": self.buffer.head, "limit": self.plan.model.head_dim}

    def append(self, home: int, heads: int, keys: list[Op], values: list[Op],
               between: Callable[[], Op] | None) -> None:
        """Keys and values of all tokens to memory, scales of values to the host's.

        Keys go while lanes multiply what gives values. An append waits until all before it is done,
        so what comes next is turned or measured while memory answers. What ``between`` writes
        comes before the last append::

            turn 0 │ keys 0, turn 1 │ keys 1, .. │ measure 0 │ values 0, measure 1 │ values 1, ..
        """
        tile = self.buffer.tile
        self._turned_key(home, heads, 0, keys)
        for t in range(tile):
            self._append_key(home, heads, t)
            if t + 1 < tile:
                self._turned_key(home, heads, t + 1, [])
        self._measured_value(home, heads, 0, values)
        for t in range(tile):
            if between and t == tile - 1:
                between()
            appended = self._append_value(home, heads, t)
            self.code.emit(
                "ST.SCALARS", after=[appended], d=self._value_scales(heads, t), count=heads,
                address=reg(R.VALUE_SCALE) + home * self.host.home_scales // 4
                + self.buffer.token + t, step=self.host.head_scales // 4)
            if t + 1 < tile:
                self._measured_value(home, heads, t + 1, [])

    def _value_scales(self, heads: int, t: int) -> int:
        """Scales of a token's values, later units of its weights."""
        return self.buffer.values + t * heads

    def _key(self, home: int, t: int) -> int:
        """First row of a token's keys."""
        b = self.buffer
        return b.k + t * b.kv_step + home * self.plan.config.lanes * b.head

    def _value(self, home: int, t: int) -> int:
        """First row of a token's values."""
        return self._key(home, t) + self.buffer.keys_step

    def _turned_key(self, home: int, heads: int, t: int, source: list[Op]) -> None:
        b = self.buffer
        self.passes.emit(after=source, a=self._key(home, t), a_step=b.head, o=b.keys,
                         o_step=b.head, d=b.key_scales, order=self.first(t),
                         **self.turned(heads, t))

    def _measured_value(self, home: int, heads: int, t: int, source: list[Op]) -> None:
        self.passes.emit(after=source, a=self._value(home, t), a_step=self.buffer.head,
                         d=self._value_scales(heads, t), order=Wait.CHAIN, **self.own(heads))

    def _append_key(self, home: int, heads: int, t: int) -> None:
        b, at, chains = self.buffer, home * self.lane.home_beats, self.plan.config.lane.chains
        token, place = b.token + t, self.lane.keys.place(0)
        # A tile begins with an even row; scales of even rows come first.
        scale = at * chains + token % 2 * chains + token // 2
        self.passes.emit(
            a=b.keys, a_step=b.head, z=b.key_scales, target=Target.KEYS,
            address=reg(R.HOMES, R.KEY) + at + place.address, high=place.high, low=place.low,
            place=reg(R.ROW) + token, scale_address=reg(R.KEY_SCALE) + scale,
            **self.codes(heads))

    def _append_value(self, home: int, heads: int, t: int) -> Op:
        b, place = self.buffer, self.lane.values.place(0)
        at = home * self.lane.home_beats + self.lane.keys.beats
        return self.passes.emit(
            a=self._value(home, t), a_step=b.head, z=self._value_scales(heads, t),
            target=Target.VALUES, address=reg(R.HOMES) + self.visible.value + at + place.address,
            high=place.high, low=place.low, place=reg(R.POSITION) + b.token + t,
            order=Wait.CHAIN, **self.codes(heads))
