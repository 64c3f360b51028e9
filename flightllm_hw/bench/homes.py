# SPDX-License-Identifier: Apache-2.0
"""Keys and values of positions that nobody computed: random ones, where appends would put them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.kv import Place
from flightllm_hw.compiler.memory import LaneMap
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.formats.append import value_groups

__all__ = ["fill_homes"]

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

SCALES = 0.01, 0.03
"""Of keys and values: codes up to 127 come to numbers of about 1."""


def fill_homes(plan: Plan, host: Bytes, lanes: Sequence[Bytes], positions: int,
               seed: int = 0) -> None:
    """Give a text a past: codes and scales of its first positions, in every layer and head.

    Parameters
    ----------
    plan : Plan
        Of the model whose memories these are.
    host : ndarray of uint8
        Of the host's memory, all of it; value scales are written.
    lanes : sequence of ndarray of uint8
        Of lanes' memories; keys, their scales and values are written.
    positions : int
    seed : int
    """
    lane, split = plan.lane, plan.split
    if not positions:
        return
    rng = np.random.default_rng([seed, positions])
    keys, values = key_offsets(lane, positions), value_offsets(lane, positions)
    scales = np.array([4 * lane.keys.scale_word(p) for p in range(positions)])[:, None]
    scales = scales + np.arange(4)
    for layer in range(plan.model.layers):
        for home in range(split.homes):
            at = (lane.homes + layer * lane.layer_home_beats + home * lane.home_beats) * lane.beat
            for number in range(split.heads_of(home)):
                own = lanes[number][at:at + lane.home_beats * lane.beat]
                own[keys] = _codes(rng, keys)
                own[scales] = _scales(rng, positions).view(np.uint8).reshape(-1, 4)
                own[lane.keys.beats * lane.beat:][values] = _codes(rng, values)
                first = (plan.host.value_scale_address + layer * plan.host.layer_scales
                         + home * plan.host.home_scales + number * plan.host.head_scales)
                host[first:first + 4 * positions] = _scales(rng, positions).view(np.uint8)


def key_offsets(lane: LaneMap, positions: int) -> Offsets:
    """Bytes of a home of keys that positions' codes go to, (positions, head)."""
    head = np.arange(lane.split.model.head_dim)
    return np.stack([
        _first(place, head // 8, 4) * lane.beat + 8 * place.place + head % 8
        for place in map(lane.keys.place, range(positions))])


def value_offsets(lane: LaneMap, positions: int) -> Offsets:
    """Bytes of a home of values that positions' codes go to, (positions, head)."""
    head = np.arange(lane.split.model.head_dim)
    length, together = value_groups(lane.beat)
    return np.stack([
        _first(place, head // length, together) * lane.beat + place.place + 8 * (head % length)
        for place in map(lane.values.place, range(positions))])


def _first(place: Place, group: Offsets, together: int) -> Offsets:
    """First beats of groups of codes."""
    return place.address + group // together * place.high + group % together * place.low


def _codes(rng: np.random.Generator, like: Offsets) -> Bytes:
    """Codes from -127 to 127 as they are stored, with their top bit inverted."""
    return rng.integers(1, 256, like.shape, np.uint8)


def _scales(rng: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    return rng.uniform(*SCALES, count).astype("<f4")
