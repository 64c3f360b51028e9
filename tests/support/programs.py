# SPDX-License-Identifier: Apache-2.0
"""Random programs that are legal from the first instruction to the last, with their memories.

Tokens order all that depends on one another, so that whatever runs a program leaves the same
memories behind: the golden machine in any order, and the hardware.
"""

from dataclasses import dataclass, field

import numpy as np

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.golden.machine import Machine
from flightllm_hw.isa.assembly import disassemble
from flightllm_hw.isa.encoding import from_bytes, to_bytes
from flightllm_hw.isa.table import BITS, LOOPS
from support.programs_append import ProgramDrawer
from support.programs_draw import SPAN, VARYING

SIZE = BITS // 8


@dataclass
class Program:
    """A program and the memories that it begins with.

    Parameters
    ----------
    config : AcceleratorConfig
    words : list of bytes
        Instructions, 64 bytes each.
    registers : list of int
        From register 1 on.
    origin : int
        Byte address of the program in the host's memory.
    host : ndarray of uint8
        The host's window, the program in it.
    lanes : list of ndarray of uint8
        Every lane's window.
    failing : list of (int or None, int, int, Detail)
        Bytes that answer with an error: lane (None: host), the first, how many, response.
    """

    config: AcceleratorConfig
    words: list[bytes]
    registers: list[int]
    origin: int
    host: np.ndarray
    lanes: list[np.ndarray]
    failing: list = field(default_factory=list)

    def machine(self, order=None, **options):
        """A golden machine of this size."""
        return Machine(self.config, host_bytes=len(self.host), lane_bytes=len(self.lanes[0]),
                       order=order, **options)

    def load(self, machine):
        """Fill the memories of a machine, and start it; all else of it stays."""
        for image, contents in zip([machine.host, *(lane.memory for lane in machine.lanes)],
                                   [self.host, *self.lanes], strict=True):
            image.write(0, contents)
            image.failing.clear()
        for lane, first, count, response in self.failing:
            image = machine.host if lane is None else machine.lanes[lane].memory
            image.fail(range(first, first + count), response)
        machine.start(self.origin, self.registers)

    def run(self, order=None, **options):
        """What a golden machine comes to: why it has stopped, and the machine."""
        machine = self.machine(order, **options)
        self.load(machine)
        return machine.run(100_000), machine

    @property
    def text(self):
        """The program as text, if all of it are instructions."""
        return disassemble([from_bytes(word) for word in self.words])


def random_program(rng, config, actions=12):
    """A program of so many actions, of one to about ten instructions each."""
    d = ProgramDrawer(rng, config)
    if d.chance(0.9):
        d.prime()
    body(d, actions)
    finish(d)
    return assembled(d)


def body(d, actions):
    """Draw actions."""
    kinds = {d.load_vector: 2, d.store_vector: 1, d.store_scalars: 1, d.load_steps: 0.5,
             d.table: 0.7, d.vector_pass: 3, d.codes: 1, d.multiply: 2, d.append: 1.5,
             d.arithmetic: 1.5, d.wait_for_all: 0.5, loop: 0.7}
    weights = np.array([*kinds.values()])
    for n in d.rng.choice(len(kinds), actions, p=weights / weights.sum()):
        action = [*kinds][n]
        if action is loop:
            loop(d)
        else:
            action()


def loop(d):
    """A loop, between barriers; its body begins and ends with one, too."""
    if d.depth == LOOPS:
        return
    count = int(d.rng.choice([0, 1, 2, 3], p=[0.15, 0.25, 0.4, 0.2]))
    lanes = range(d.config.lanes)
    register = VARYING.stop + d.depth
    for changing in (*VARYING, register):
        d.registers[changing] = None
    counts = d.chance(0.7)
    if counts:
        d.order.emit("SYS.ADD", d=register, x=0, y=0)
    d.catch_up(lanes)
    d.order.barrier()
    start = d.order.emit("SYS.LOOP", count=count, length=0)
    d.patch(start)
    # Its length is not known yet.
    start.patches = [patch for patch in start.patches if patch[1] != "length"]
    start.values.pop("length", None)
    at = len(d.order.drafts)
    d.order.block += 1
    d.depth += 1
    body(d, d.some(1, 3))
    if counts:
        if d.chance(0.6):
            d.store_of_scalars_with_register(register, count)
        if d.chance(0.4):
            d.rows_with_register(register)
        step = d.order.emit("SYS.ADD", d=register, x=0, y=d.beat // 4)
        step.patches.append((register, "x"))
    d.catch_up(lanes)
    d.order.control()
    d.depth -= 1
    start.fields["length"] = len(d.order.drafts) - at
    d.order.settled = len(d.order.drafts)
    d.order.last_pass = -1
    d.order.block += 1


def finish(d):
    """Store all that a program may have left in the unit, and end."""
    for first in range(0, SPAN, 32):
        d.store_vector(32, (d.first_row + first) % d.config.sfu.rows)
    for first in range(0, d.config.sfu.scalars, 32):
        d.store_scalars(min(32, d.config.sfu.scalars), first, 1)
    d.order.emit("SYS.END")
    d.order.extra_tokens(d.some(0, 6))


def assembled(d, words=None):
    """The program that was drawn; it lies at its window's end, or somewhere before that."""
    built = [draft.build() for draft in d.order.drafts]
    words = [to_bytes(instruction) for instruction in built] if words is None else words
    raw = b"".join(words)
    origin = d.room(d.host, len(raw)) * d.beat
    d.host[origin:origin + len(raw)] = raw
    if d.chance(0.5):
        d.room(d.host, 8 * SIZE)
    return Program(d.config, words, d.presets, origin, np.frombuffer(bytes(d.host), np.uint8),
                   [np.frombuffer(bytes(lane), np.uint8) for lane in d.lanes])
