# SPDX-License-Identifier: Apache-2.0
"""A new card: its facts, and a configuration that is checked against them.

    python docs/examples/extend_card.py

In the repository the card is a file, ``boards/half_u280.py``, and its name stands in ``CARDS`` of
``boards/card.py``; here both are done by hand, so that the example changes nothing.
"""

import sys
from dataclasses import replace
from types import ModuleType

from flightllm_hw.boards import card
from flightllm_hw.boards.card import Card, MemoryChannels
from flightllm_hw.presets import preset

# What boards/half_u280.py would hold: a card that does not exist, half of a U280.
CARD = Card(
    name="half_u280", part="none", slr=2,
    # Zero where no document was read that states it: such a limit is not checked.
    lut=0, ff=0, bram=1008, uram=480, dsp=4512,
    memory=MemoryChannels(kind="HBM", count=16, bytes_each=256 << 20, peak_gb_s=14.4),
)


def install(new):
    """Do what the file and the entry in ``CARDS`` would."""
    module = ModuleType(f"flightllm_hw.boards.{new.name}")
    module.CARD = new
    sys.modules[module.__name__] = module
    boards = sys.modules[Card.__module__]
    if new.name not in boards.CARDS:
        boards.CARDS = (*boards.CARDS, new.name)


def main():
    """Ask for too much, then for what fits."""
    install(CARD)
    assert card("half_u280") is CARD
    whole = replace(preset("u280"), name="whole", card=None)
    for lanes, rows in ((32, 32768), (16, 32768), (16, 16384)):
        try:
            config = replace(whole, name="mine", lanes=lanes, card="half_u280",
                             sfu=replace(whole.sfu, rows=rows))
        except ValueError as error:
            print(f"{lanes} lanes, {rows} rows: {error}")
        else:
            print(f"{lanes} lanes, {rows} rows: fits, {config.macs:,} multiply-accumulates a cycle")
    return config


if __name__ == "__main__":
    main()
