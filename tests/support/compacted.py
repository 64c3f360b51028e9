# SPDX-License-Identifier: Apache-2.0
"""Attention to chosen positions, by the program for one token: it finds nothing but them."""

from dataclasses import replace

import numpy as np

from flightllm_hw.formats.append import value_groups
from flightllm_hw.isa.encoding import from_bytes, to_bytes
from support.compiled import Golden

SIZE = 64


class Places:
    """Where a plan has what is appended of a position, in all layers and homes: byte by byte."""

    def __init__(self, plan):
        self.plan, self.lane, self.host = plan, plan.lane, plan.host
        layers, homes = np.arange(plan.model.layers), np.arange(plan.split.homes)
        self.homes = (self.lane.homes + layers[:, None] * self.lane.layer_home_beats
                      + homes * self.lane.home_beats).ravel()
        lanes = np.arange(plan.config.lanes)
        self.scales = (self.host.value_scale_address
                       + layers[:, None, None] * self.host.layer_scales
                       + homes[:, None] * self.host.home_scales
                       + lanes * self.host.head_scales).ravel()

    def of_lane(self, position):
        """Bytes of a lane's memory: keys, their scales, values, (homes, bytes)."""
        beat, head = self.lane.beat, self.plan.model.head_dim
        keys, values = self.lane.keys, self.lane.values
        key, value = keys.place(position), values.place(position)
        i = np.arange(-(-head // 8))
        at = (key.address + i // 4 * key.high + i % 4 * key.low) * beat + 8 * key.place
        scale = 4 * keys.scale_word(position) + np.arange(4)
        length, together = value_groups(beat)
        j = np.arange(-(-head // length))
        column = ((keys.beats + value.address + j // together * value.high
                   + j % together * value.low) * beat + value.place)
        own = np.concatenate([(at[:, None] + np.arange(8)).ravel(), scale,
                              (column[:, None] + 8 * np.arange(length)).ravel()])
        return self.homes[:, None] * beat + own

    def of_host(self, position):
        """Bytes of the host's memory: scales of values."""
        return (self.scales[:, None] + 4 * position + np.arange(4)).ravel()

    def read(self, machine, position):
        """What is there: the host's part, the lanes'."""
        own = self.of_lane(position)
        return (machine.host.data[self.of_host(position)],
                [lane.memory.data[own] for lane in machine.lanes])

    def write(self, machine, position, kept):
        """Put it there."""
        host, lanes = kept
        _put(machine.host, self.of_host(position), host)
        own = self.of_lane(position)
        for lane, values in zip(machine.lanes, lanes, strict=True):
            _put(lane.memory, own, values)


def _put(memory, at, values):
    data = memory.data.copy()
    data[at] = values
    memory.write(0, data)


class Compacted:
    """A model without a mask, whose cache has the positions that a token may see, and no others.

    A token's position is then the number of these; but it turns, or is learned, as at its own.

    Attributes
    ----------
    kept : list
        What every position so far has appended.
    """

    def __init__(self, model, plan):
        self.golden, self.places = Golden(model), Places(plan)
        self.model, self.plan = model, plan
        self.kept, self._there = [], []

    def step(self, token, seen):
        """Logits of the next token, which sees these positions and itself."""
        machine, position, at = self.golden.machine, len(self.kept), len(seen)
        for place, own in enumerate(seen):
            if self._there[place:place + 1] != [own]:
                self.places.write(machine, place, self.kept[own])
        self._stand(position, at)
        logits = self.golden.step(token, at)
        self._there = [*seen, position]
        self.kept.append(self.places.read(machine, at))
        return logits

    def _stand(self, position, at):
        """The token at ``at`` is one of another position."""
        memory, host = self.golden.machine.host, self.plan.host
        if not self.plan.split.turns:
            first = host.positions + position * host.vector
            memory.write(host.positions + at * host.vector, self.model.host[
                first:first + host.vector])
            return
        for pc in range(self.model.decode, self.model.host.size, SIZE):
            found = from_bytes(memory.data[pc:pc + SIZE].tobytes())
            if found.kind.name == "MISC.TABLE":
                moved = replace(found, fields={**found.fields, "position": position - at})
                memory.write(pc, np.frombuffer(to_bytes(moved), np.uint8))
                return
