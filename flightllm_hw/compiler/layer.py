# SPDX-License-Identifier: Apache-2.0
"""The loop over a run's layers: its body, and the registers that go on from layer to layer.

Two tiles of tokens take turns, so that one is with the SFU while lanes multiply the other::

    lanes   kv, q A  kv, q B  attention, o A  scores B  up A  attention, o B  up B  down A  down B
    SFU              A turned                 B turned  B softmax     A gated      B gated  A +=

Matrices are read for each of them.
"""

from collections.abc import Sequence

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece, reg
from flightllm_hw.compiler.layer_tile import LayerTile
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.registers import Register
from flightllm_hw.compiler.runs import Run

__all__ = ["Layer"]

R = Register


class Layer:
    """Writes a layer: any of a run.

    Parameters
    ----------
    plan : Plan
    buffer : Buffer
        The plan's for one token, or for several.
    run : Run
    behind : int
        Beats of the tape that follows the run: the next one's first matrix, or the head.
    """

    def __init__(self, plan: Plan, buffer: Buffer, run: Run, behind: int) -> None:
        self.plan, self.buffer, self.run, self.behind = plan, buffer, run, behind
        self.lane, self.host = plan.lane, plan.host
        self.all_lanes = (1 << plan.config.lanes) - 1

    def ops(self) -> list[Op]:
        """All of it."""
        code = Code()
        tiles = [LayerTile(code, self.plan, buffer, self.run).products()
                 for buffer in self.buffer.each]
        for n in self._order():
            next(tiles[n])
        for tile in tiles:
            # What is behind the last product.
            assert next(tile, self) is self, "every product has its turn"
        code.ahead(Piece(reg(R.TAPE) + self.run.beats, reg(R.NEXT), self.all_lanes))
        ops = code.scheduled(waiting=1)
        return [*self._follow(), *ops, *self._advance()]

    def _order(self) -> Sequence[int]:
        """Whose product is next."""
        attention = 2 * self.plan.split.homes
        if self.buffer.tiles == 1:
            return [0] * (attention + 5)
        return [0, 0, 1, 1, *[0] * (attention + 1), 1, 0, *[1] * attention, 1, 0, 1]

    def _follow(self) -> list[Op]:
        """NEXT: beats of the next layer's first matrix, or of what is behind the run's last.

        The head is behind the last run, if logits are wanted.
        """
        code, first, behind = Code(), self.run.first.beats, self.behind
        # LEFT counts layers of later runs, too.
        later = self.plan.model.layers - self.run.layers.stop
        code.emit("SYS.MIN", d=R.NEXT, x=reg(R.LEFT) + -later % (1 << 32), y=1)
        if later:
            code.emit("SYS.MUL", d=R.NEXT, x=reg(R.NEXT), y=(first - behind) % (1 << 32))
            code.emit("SYS.ADD", d=R.NEXT, x=reg(R.NEXT), y=behind)
        else:
            code.emit("SYS.MUL", d=R.SCRATCH, x=reg(R.LOGITS), y=behind)
            code.emit("SYS.SUB", d=R.OTHER, x=first, y=reg(R.SCRATCH))
            code.emit("SYS.MUL", d=R.NEXT, x=reg(R.NEXT), y=reg(R.OTHER))
            code.emit("SYS.ADD", d=R.NEXT, x=reg(R.NEXT), y=reg(R.SCRATCH))
        return code.ops

    def _advance(self) -> list[Op]:
        """Registers of the next layer."""
        lane, host = self.lane, self.host
        homes = lane.layer_home_beats
        steps = ((R.TAPE, self.run.beats), (R.HOMES, homes),
                 (R.KEY_SCALE, homes * self.plan.config.lane.chains),
                 (R.NORMS, host.offsets["next"] // host.beat),
                 (R.VALUE_SCALE, host.layer_scales // 4),
                 (R.VALUE_SCALES, host.layer_scales // host.beat),
                 (R.LEFT, (1 << 32) - 1))
        return [Op("SYS.ADD", {"d": d, "x": reg(d), "y": step}) for d, step in steps]
