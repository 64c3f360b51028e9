# SPDX-License-Identifier: Apache-2.0
"""A text under way: a compiled model on a device, its position, and what has been run."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compiled import Compiled, taken

from .device import HOST, Device, DeviceError, Report
from .sampling import Sampler

__all__ = ["ContextFull", "Run", "Session"]

Logits = npt.NDArray[np.float32]


class ContextFull(DeviceError):  # noqa: N818 - it is no fault
    """There is no room for another token."""


@dataclass(frozen=True)
class Run:
    """A program that was run.

    Parameters
    ----------
    program : int
        Byte of the host's memory at which it begins.
    position, tokens : int
        Of its first token, and how many it took.
    report : Report
        How it went.
    """

    program: int
    position: int
    tokens: int
    report: Report


class Session:
    """One text.

    Parameters
    ----------
    model : Compiled
    device : Device
        Gets new memories, and the model's images into them.

    Attributes
    ----------
    position : int
        Tokens that the device has taken.
    runs : list of Run
        All programs so far.

    Raises
    ------
    DeviceError
        If the model was compiled for another configuration, or does not fit.
    """

    def __init__(self, model: Compiled, device: Device) -> None:
        if model.config.digest() != device.config.digest():
            raise DeviceError(f"The model was compiled for {model.config.name}"
                              f" ({model.config.digest():08x}), but the device is"
                              f" {device.config.name} ({device.config.digest():08x})")
        self.model, self.device = model, device
        self.position = 0
        self.runs: list[Run] = []
        device.reserve(model.host_bytes, model.lane_bytes)
        for memory, image in enumerate((model.host, *model.lanes), HOST):
            device.write(memory, 0, image)

    @property
    def room(self) -> int:
        """Tokens that can still be taken."""
        return self.model.context - self.position

    def feed(self, tokens: Sequence[int], *, tiles: bool = True) -> Logits:
        """Take tokens; the logits behind the last of them, (vocab,).

        Parameters
        ----------
        tokens : sequence of int
            At least one.
        tiles : bool
            Whether the prefill program takes as many at once as it can.

        Raises
        ------
        ContextFull
            If there is no room for them; none is taken then.
        DeviceError
            If a program ends with an error.
        ValueError
            If there are none, or one is not of the model's vocabulary.
        """
        if not tokens:
            raise ValueError("There must be a token to take")
        if len(tokens) > self.room:
            raise ContextFull(f"There is room for {self.room} more tokens of {self.model.context},"
                              f" not for {len(tokens)}")
        left = list(tokens)
        while left:
            count = taken(self.model.tile, self.position, len(left)) if tiles else 1
            self._run(left[:count], logits=count == len(left))
            del left[:count]
        raw = self.device.read(HOST, self.model.logits, 4 * self.model.model.vocab)
        return np.frombuffer(raw.tobytes(), "<f4")

    def generate(self, prompt: Sequence[int], sampler: Sampler, limit: int,
                 stop: Collection[int] = ()) -> Iterator[int]:
        """New tokens, one after the other; each is yielded before the device takes it.

        Ends behind ``limit`` tokens, with a token of ``stop``, which is yielded as well, or where
        there is no room left.

        Raises
        ------
        as :meth:`feed`
        """
        tokens = list(prompt)
        for n in range(limit):
            if n and not self.room:
                return
            token = sampler.choose(self.feed(tokens))
            yield token
            if token in stop:
                return
            tokens = [token]

    def _run(self, tokens: Sequence[int], *, logits: bool) -> None:
        model = self.model
        # The last thing that a program writes is the last logit.
        answered = logits or self.device.needs_answers
        answer = model.logits + 4 * (model.model.vocab - 1) if answered else None
        program = model.start(len(tokens))
        report = self.device.run(program, model.registers(tokens, self.position, answered), answer)
        self.runs.append(Run(program, self.position, len(tokens), report))
        self.position += len(tokens)
