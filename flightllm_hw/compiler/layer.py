# SPDX-License-Identifier: Apache-2.0
"""The loop over a run's layers: its body, and the registers that go on from layer to layer.

Two tiles of tokens take turns, so that one is with the SFU while lanes multiply the other::

    lanes   k A │ v A │ q A │ k.. B │ scores A │ ..k, v.. B │ mix A │ ..v, q.. B │ o A │ ..q B │
    SFU     B +=  append A, q A                  softmax A                               A +=

    lanes   up.. A │ scores B │ ..up.. A  │ mix B │ ..up.. A │ o B │ ..up A │ up B │ down A │ down B
    SFU     append B, q B       softmax B                            B +=     gate A  gate B   A +=

What lanes do for one of them while the other attends is parted by row blocks, so that some of it
lies under each step of the attention. Matrices are read for each of them.
"""

from collections.abc import Iterator

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
        tiles = [LayerTile(code, self.plan, buffer, self.run, parts).steps()
                 for buffer, parts in zip(self.buffer.each, self._parts(), strict=True)]
        for n, step in self._order():
            assert next(tiles[n]) == step, "every step has its turn"
        for tile in tiles:
            assert not list(tile), "every step has its turn"
        code.ahead(Piece(reg(R.TAPE) + self.run.beats, reg(R.NEXT), self.all_lanes))
        ops = code.scheduled(waiting=1)
        return [*self._follow(), *ops, *self._advance()]

    @property
    def _attention(self) -> list[str]:
        """Steps of a tile that lanes are done with in no time."""
        return ["scores", "mix"] * self.plan.split.homes + ["o"]

    def _parts(self) -> list[dict[str, list[int]]]:
        """Of each tile: parts of what lies under the other's attention.

        Of up a first row block, for which the second tile's passes wait; then what they take: keys
        and values to memory, queries, and each step of its attention. Most of q is left for the
        norm behind o.
        """
        steps = len(self._attention)
        if self.buffer.tiles == 1:
            return [{}]
        half = steps // 2
        return [{"up": [1, 19] + [8] * steps},
                {"k": [2] * half + [1], "v": [1] + [2] * half, "q": [1, 7]}]

    def _order(self) -> Iterator[tuple[int, str]]:
        """Whose step is next."""
        a, b = 0, 1
        if self.buffer.tiles == 1:
            steps = ["begin", "k", "v", "q", "append", *self._attention, "up", "down", "end"]
            yield from ((a, step) for step in steps)
            return
        yield from ((a, step) for step in ("begin", "k", "v", "q", "append"))
        yield b, "begin"
        half = len(self._attention) // 2
        for n, step in enumerate(self._attention):
            if n <= half:
                yield b, "k"
            if n >= half:
                yield b, "v"
            if step == "o":
                yield b, "q"
            yield a, step
        yield from ((b, "q"), (a, "up"), (b, "append"), (a, "up"))
        for step in self._attention:
            yield from ((b, step), (a, "up"))
        yield from ((b, "up"), (a, "down"), (b, "down"), (a, "end"), (b, "end"))

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
