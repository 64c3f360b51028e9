# SPDX-License-Identifier: Apache-2.0
"""Random instructions for memory and control, one behind the other, that all are legal."""

import numpy as np

from flightllm_hw.isa.table import PATCHES, REGISTERS, Unit, kind
from support.programs_order import Order
from support.sfu import anything, ordinary

SPAN = 96
"""Rows of the vector buffer that programs use; they may begin anywhere, and wrap."""

SCALARS, WORDS = 20, 16
"""Scalars that they use, and words of activations at which tokens begin."""

INPUT, LANE_INPUT = 8192, 2048
"""Bytes of random data at the beginning of the host's memory, and of a lane's."""

VARYING = range(16, 24)
"""Registers that loops' bodies calculate with; those behind them count."""

MASK = (1 << 32) - 1


def one(rng, enum):
    """Any member."""
    return enum(int(rng.choice([int(k) for k in enum])))


def floats(rng, count):
    """Numbers, ordinary and hostile, as bytes."""
    x = np.where(rng.random(count) < 0.85, ordinary(rng, count), anything(rng, count))
    tiny = rng.integers(1 << 23, size=count, dtype=np.uint32).view(np.float32)
    x = np.where(rng.random(count) < 0.02, tiny, x)
    return np.frombuffer(x.astype("<f4").tobytes(), np.uint8)


class Drawer:
    """Draws instructions, and keeps the memories' contents.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : AcceleratorConfig
    """

    def __init__(self, rng, config):
        self.rng, self.config = rng, config
        self.order = Order(rng)
        self.beat = config.lane.beat_bits // 8
        self.host = bytearray(floats(rng, INPUT // 4).tobytes())
        self.lanes = [bytearray(rng.integers(256, size=LANE_INPUT, dtype=np.uint8).tobytes())
                      for _ in range(config.lanes)]
        self.first_row = int(rng.integers(config.sfu.rows))
        self.first_scalar = int(rng.integers(config.sfu.scalars))
        self.first_word = int(rng.integers(config.lane.window_words))
        self.registers = [0] + [int(v) for v in rng.integers(1 << 32, size=8)]
        self.registers += [0] * (REGISTERS - len(self.registers))
        self.presets = self.registers[1:9]
        self.depth = 0

    # Small things.

    def some(self, low, high):
        """An integer, both ends included."""
        return int(self.rng.integers(low, high + 1))

    def chance(self, p):
        return bool(self.rng.random() < p)

    def rows(self, count):
        """The first of ``count`` rows."""
        return (self.first_row + self.some(0, SPAN - count)) % self.config.sfu.rows

    def scalar(self):
        """A scalar."""
        return (self.first_scalar + self.some(0, SCALARS - 1)) % self.config.sfu.scalars

    def word(self):
        """A word of activations."""
        return (self.first_word + self.some(0, WORDS - 1)) % self.config.lane.window_words

    def row_cells(self, first, count):
        return {("row", (first + n) % self.config.sfu.rows) for n in range(count)}

    def scalar_cells(self, first, count, step=1):
        return {("scalar", (first + n * step) % self.config.sfu.scalars) for n in range(count)}

    def room(self, image, size):
        """Room at the end of a memory, whole beats; its first beat."""
        image += self.rng.integers(256, size=-len(image) % self.beat, dtype=np.uint8).tobytes()
        first = len(image) // self.beat
        image += self.rng.integers(256, size=size + -size % self.beat, dtype=np.uint8).tobytes()
        return first

    def patch(self, draft):
        """Let registers make up some fields, now and then."""
        if not self.chance(0.3):
            return draft
        names = [f.name for f in kind(draft.name).fields if not f.enum]
        known = [r for r, value in enumerate(self.registers) if value is not None]
        for _ in range(self.some(1, PATCHES - len(draft.patches)) if names else 0):
            register, name = int(self.rng.choice(known)), str(self.rng.choice(names))
            draft.patches.append((register, name))
            draft.values[name] = draft.values.get(name, 0) + self.registers[register]
        return draft

    # Memory.

    def load_vector(self, rows=None, address=None, first=None):
        rows = self.some(1, 8) if rows is None else rows
        size = 4 * self.config.sfu.width * rows
        limit = (len(self.host) - size) // self.beat
        address = self.some(0, limit) if address is None else address
        first = self.rows(rows) if first is None else first
        return self.patch(self.order.emit("LD.VECTOR", set(), self.row_cells(first, rows),
                                          address=address, o=first, rows=rows))

    def store_vector(self, rows=None, first=None):
        rows = self.some(1, 8) if rows is None else rows
        first = self.rows(rows) if first is None else first
        size = 4 * self.config.sfu.width * rows
        address = self.room(self.host, size)
        if self.chance(0.1) and address * self.beat >= INPUT + size:
            # Over what was stored before.
            address -= self.some(0, min(16, address - INPUT // self.beat))
        return self.patch(self.order.emit("ST.VECTOR", self.row_cells(first, rows), set(),
                                          address=address, a=first, rows=rows))

    def store_scalars(self, count=None, first=None, step=None):
        count = self.some(1, 8) if count is None else count
        first = self.scalar() if first is None else first
        step = self.some(0, 5) if step is None else step
        address = self.room(self.host, 4 * ((count - 1) * step + 1)) * self.beat // 4
        return self.patch(self.order.emit(
            "ST.SCALARS", self.scalar_cells(first, count), set(), address=address, step=step,
            d=first, count=count))

    def load_steps(self):
        pairs = self.some(1, self.config.sfu.rotary_pairs)
        address = self.some(0, (INPUT - 8 * pairs) // self.beat)
        return self.patch(self.order.emit("LD.STEPS", set(), {("steps",)},
                                          address=address, pairs=pairs))

    # Control.

    def arithmetic(self):
        """A register becomes something else."""
        name = str(self.rng.choice(["ADD", "SUB", "MUL", "AND", "SHL", "SHR", "MIN", "MAX"]))
        operands, patches = {}, []
        for operand in "xy":
            low = 31 if operand == "y" and name in ("SHL", "SHR") else MASK
            own = self.some(0, low)
            operands[operand] = own
            register = self.some(0, REGISTERS - 1)
            if self.chance(0.5) and self.registers[register] is not None:
                patches.append((register, operand))
                own = own + self.registers[register] & MASK
            operands[f"{operand}_value"] = own
        # Registers that loops count with are theirs; others that change in a loop are not known.
        d = self.some(0, VARYING.stop - 1) if not self.depth else int(self.rng.choice(VARYING))
        x, y = operands.pop("x_value"), operands.pop("y_value")
        draft = self.order.emit(f"SYS.{name}", d=d, **operands)
        draft.patches = patches
        self.patch(draft)
        value = {"ADD": x + y, "SUB": x - y, "MUL": x * y, "AND": x & y, "SHL": x << (y & 31),
                 "SHR": x >> (y & 31), "MIN": min(x, y), "MAX": max(x, y)}[name] & MASK
        if d:
            self.registers[d] = value if not self.depth else None
        return draft

    def wait_for_all(self):
        """An instruction of control's that waits for some units."""
        units = [unit for unit in (Unit.MEMORY, Unit.LANES, Unit.VECTOR) if self.chance(0.6)]
        draft = self.order.control(units)
        if self.chance(0.3):
            draft.name, draft.fields = "SYS.LOOP", {"count": self.some(0, 1) * self.some(0, MASK),
                                                    "length": 0}
        return draft
