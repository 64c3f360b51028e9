# SPDX-License-Identifier: Apache-2.0
"""Keys and values written position by position, and what a lane reads of them."""

from dataclasses import asdict

import numpy as np

from flightllm_hw.compiler.kv import KeyHome, ValueHome
from flightllm_hw.formats.append import append_key, append_value


class Cache:
    """Homes of a head: the images of its keys and of its values; ``options`` for these."""

    def __init__(self, config, head, context, **options):
        self.k = KeyHome(config=config, head=head, context=context)
        self.v = ValueHome(config=config, head=head, context=context, **options)
        self.keys, self.values = self.k.empty(), self.v.empty()

    def append(self, position, key, scale, value):
        """Write a position, by bytes alone."""
        width = self.keys.shape[1]
        append_key(self.keys.reshape(-1), key, scale, beat_bytes=width,
                   scale_address=self.k.scale_word(position), **asdict(self.k.place(position)))
        append_value(self.values.reshape(-1), value, beat_bytes=width,
                     **asdict(self.v.place(position)))


def tape_of(image, home, length):
    """The beats of the first positions, as they come to the lane."""
    return np.concatenate([image[p.address:p.address + p.beats] for p in home.pieces(length)])
