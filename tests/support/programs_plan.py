# SPDX-License-Identifier: Apache-2.0
"""Random programs that something is wrong with: how they are made."""

from dataclasses import dataclass

import numpy as np

from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.errors import Detail, Error
from support.programs import SIZE, Program, assembled, body, finish
from support.programs_append import ProgramDrawer


@dataclass
class Broken:
    """A program, and its report: all but the address, which ``pc`` may be None for, too."""

    program: Program
    error: Error
    detail: Detail = Detail.NONE
    pc: int | None = None


class Plan:
    """A program that something will be planted into.

    Parameters
    ----------
    rng : numpy.random.Generator
    config : AcceleratorConfig
    """

    def __init__(self, rng, config):
        self.rng = rng
        self.d = ProgramDrawer(rng, config)
        if self.d.chance(0.5):
            self.d.prime()
        body(self.d, self.d.some(0, 4))
        self.failing = []

    @property
    def pc(self):
        """Of the next instruction."""
        return len(self.d.order.drafts)

    def emit(self, name, **fields):
        """Plant an instruction that depends on nothing; its place."""
        self.d.order.emit(name, **fields)
        return self.pc - 1

    def fail(self, lane, first, count):
        """Let some of these bytes answer with an error; which."""
        response = [Detail.SLVERR, Detail.DECERR][self.d.some(0, 1)]
        at = first + self.d.some(0, count - 1)
        self.failing.append((lane, at, self.d.some(1, 4 * self.d.beat), response))
        return response

    def end(self, error, detail=Detail.NONE, pc=None, words=()):
        """The program, some of its words replaced."""
        for _ in range(self.d.some(0, 2)):
            self.d.load_vector()
        finish(self.d)
        built = [to_bytes(draft.build()) for draft in self.d.order.drafts]
        for at, word in words:
            built[at] = word
        program = assembled(self.d, built)
        program.failing = self.failing
        return Broken(program, error, detail, pc)


def rewrite(program, pc, word):
    """Replace an instruction."""
    program.words[pc] = word
    host = program.host.copy()
    at = program.origin + SIZE * pc
    host[at:at + SIZE] = np.frombuffer(word, np.uint8)
    program.host = host
