# SPDX-License-Identifier: Apache-2.0
"""Figures of a lane on simulated HBM: the tables of ``docs/lane.md``.

A full-size lane of the `u280` preset (128 chain DSPs, 512 bits, 225 MHz) on the model of one HBM
pseudo-channel. ``--resources`` adds the lane's resources, estimated by Yosys (some minutes).
"""

import argparse
from dataclasses import replace

import numpy as np

from flightllm_hw.boards import card
from flightllm_hw.compiler.tape import encode
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.lane.lane import Lane
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import LaneBench
from flightllm_hw.sim.lane_measure import drain, draw_matrix, measure, pause
from flightllm_hw.sim.memory import hbm

U280 = preset("u280")

# FlightLLM's totals on the same card (its paper and a re-run by others), a 32nd of each.
FLIGHTLLM = {"dsp": 6345, "lut": 574_000, "ff": 943_000, "bram": 1252, "uram": 792}


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resources", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    bench = LaneBench(U280.lane, hbm(card("u280")), level=3)

    print("| one token | matrix | beats | cycles | share of deliverable beats |")
    print("| --- | --- | ---: | ---: | ---: |")
    for pattern, bits, rows in ((Pattern.DENSE, 4, 4096), (Pattern.DENSE, 2, 2048),
                                (Pattern.DENSE, 3, 2048), (Pattern.DENSE, 5, 2048),
                                (Pattern.DENSE, 6, 2048), (Pattern.DENSE, 8, 2048),
                                (Pattern.S2_4, 4, 2048), (Pattern.S2_4, 2, 2048),
                                (Pattern.S8_16, 4, 2048), (Pattern.S2_16, 4, 4096)):
        f = measure(bench, rng, pattern, bits, rows, 4096, 1)
        print(f"| W{bits} {pattern} G128 | {rows} x 4096 | {f.beats:,} | {f.cycles:,} |"
              f" {f.share:.1%} |")

    print("\n| 16 tokens | matrix | cycles | MAC per chain DSP and cycle |")
    print("| --- | --- | ---: | ---: |")
    for pattern, bits in ((Pattern.DENSE, 4), (Pattern.DENSE, 8), (Pattern.S2_4, 4),
                          (Pattern.S1_4, 4)):
        f = measure(bench, rng, pattern, bits, 512, 4096, 16)
        print(f"| W{bits} {pattern} G128 | 512 x 4096 | {f.cycles:,} | {f.macs:.3f} |")

    print("\n| a full FIFO | cycles a tile | beats a cycle |")
    print("| --- | ---: | ---: |")
    ideal = LaneBench(U280.lane, level=3)
    for pattern, bits in ((Pattern.DENSE, 2), (Pattern.DENSE, 3), (Pattern.DENSE, 4),
                          (Pattern.DENSE, 5), (Pattern.DENSE, 6), (Pattern.DENSE, 8),
                          (Pattern.S2_4, 2), (Pattern.S2_4, 3), (Pattern.S2_4, 4),
                          (Pattern.S2_4, 8), (Pattern.S8_16, 4), (Pattern.S2_16, 4)):
        tiles, rows = 2048 // U280.lane.tile_columns(pattern), U280.lane.tile_rows(pattern)
        one, three = (drain(ideal, rng, pattern, bits, row_blocks=n, k=2048) for n in (1, 3))
        beats = len(encode(*draw_matrix(rng, pattern, bits, rows, 2048), pattern, U280.lane)[1])
        cycles = (three - one) / 2
        print(f"| W{bits} {pattern} G128 | {cycles / tiles:.2f} | {beats / cycles:.2f} |")

    shallow = replace(U280.lane, fifo_beats=4096)
    steady, paused = (pause(LaneBench(shallow, hbm(card("u280")), level=3), wait)[0]
                      for wait in (0, 2000))
    print(f"\n8192 x 256 W4, FIFO of 4096 beats: {steady:,} cycles; {paused:,} with a pause of"
          f" 2,000 cycles at the output.")

    if args.resources:
        report = resource_report(design(Lane(U280.lane), platform=VendorPlatform()))
        print("\n| a lane | DSP | LUT | FF | BRAM | URAM | LUT levels |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        total = report.total
        print(f"| `u280` | {total.dsp} | {total.lut:,} | {total.ff:,} | {total.bram} |"
              f" {total.uram} | {report.logic_levels} |")
        print("| FlightLLM / 32 | " + " | ".join(
            f"{value / 32:,.0f}" for value in FLIGHTLLM.values()) + " | |")


if __name__ == "__main__":
    main()
