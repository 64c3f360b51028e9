# SPDX-License-Identifier: Apache-2.0
"""A configuration of one's own for another card: checked against its limits, estimated, exported.

    python docs/examples/own_preset.py DIR

A U50 with half of the lanes that its preset has; the file works with every command's ``--config``.
"""

import sys
from dataclasses import replace
from pathlib import Path

from flightllm_hw.cli.main import main as flightllm_hw
from flightllm_hw.presets import preset

HALF = replace(preset("u50"), name="half_u50", lanes=12, clock_mhz=300)


def refused():
    """What is said of a configuration that the card has no room for."""
    try:
        replace(preset("u50"), name="whole_u50", lanes=32)
    except ValueError as error:
        return str(error)
    raise AssertionError("A U50 has no room for 32 lanes")


def main(folder):
    """Write the configuration and, of a lane or two of it, the Verilog; estimate a model."""
    file = folder / "half_u50.json"
    file.write_text(HALF.to_json(), encoding="utf-8")
    print(refused())
    print(f"{HALF.name}: {HALF.dsp} DSPs in chains, {HALF.macs} multiply-accumulates a cycle")
    flightllm_hw(["estimate", "decode", "--shape", "stories110m", "--config", str(file),
                  "--bits", "4", "--group", "128", "--context", "128"])
    small = replace(preset("tiny"), name="tiny_u50", card="u50")
    (folder / "tiny_u50.json").write_text(small.to_json(), encoding="utf-8")
    flightllm_hw(["verilog", "--config", str(folder / "tiny_u50.json"), "--no-report",
                  "-o", str(folder)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
