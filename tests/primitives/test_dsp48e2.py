# SPDX-License-Identifier: Apache-2.0
"""The DSP slice against UG579 in plain integers, and against the vendor's model."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flightllm_hw.compute.group import dsp_config
from flightllm_hw.config import ChainConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.lane.sums import SUMS
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, inmode, opmode
from flightllm_hw.sim.pysim import simulate

WIDTHS = {"a": 30, "b": 18, "c": 48, "d": 27, "pcin": 48, "inmode": 5, "opmode": 9, "alumode": 4}

CONFIGS = {
    "packed": Dsp48e2Config(amultsel="AD", breg=2),
    "chain": dsp_config(ChainConfig(length=16)),
    "multiply": Dsp48e2Config(),
    "deep": Dsp48e2Config(areg=2, breg=2),
    "accumulate": Dsp48e2Config(amultsel="AD", breg=2, inmodereg=0, opmodereg=0, alumodereg=0),
    "add": Dsp48e2Config(use_mult="NONE", mreg=0, areg=1, breg=1),
    "two sums": SUMS,
    "two": Dsp48e2Config(use_mult="NONE", use_simd="TWO24", mreg=0),
    "flat": Dsp48e2Config(areg=0, breg=0, creg=0, dreg=0, adreg=0, mreg=0, inmodereg=0,
                          opmodereg=0, alumodereg=0, amultsel="AD"),
}


def wrap(value, bits):
    """Two's complement of ``bits``."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


class Slice:
    """UG579 as shift registers of plain integers, one list a register chain, newest first."""

    def __init__(self, config):
        self.config = config
        self.stages = {"a": config.areg, "b": config.breg, "c": config.creg, "d": config.dreg,
                       "inmode": config.inmodereg, "opmode": config.opmodereg,
                       "alumode": config.alumodereg, "ad": config.adreg, "m": config.mreg}
        self.held = {name: [0] * n for name, n in self.stages.items()}
        self.p = 0

    def at(self, name, now):
        """What comes out of a register chain while ``now`` goes in."""
        return self.held[name][-1] if self.held[name] else now

    def edge(self, x):
        """One clock edge with the inputs ``x``; P after it is ``self.p``."""
        mode = self.at("inmode", x["inmode"])
        a, b = self.at("a", x["a"]), self.at("b", x["b"])
        a_early = self.held["a"][0] if self.config.areg == 2 else a
        b_early = self.held["b"][0] if self.config.breg == 2 else b
        a_in = 0 if mode & 2 else wrap(a_early if mode & 1 else a, 27)
        b_in = b_early if mode & 16 else b
        ad = a_in
        if self.config.amultsel == "AD":
            d = self.at("d", x["d"]) if mode & 4 else 0
            ad = wrap(d - a_in if mode & 8 else d + a_in, 27)
        multiplicand = self.at("ad", ad) if self.config.amultsel == "AD" else ad
        m = multiplicand * b_in

        c, op, pcin = self.at("c", x["c"]), self.at("opmode", x["opmode"]), x["pcin"]
        product = self.at("m", m) if self.config.use_mult == "MULTIPLY" else 0
        joined = wrap((a & (1 << 30) - 1) << 18 | b & (1 << 18) - 1, 48)
        w_in = {0: 0, 1: self.p, 3: c}[op >> 7]
        x_in = {0: 0, 1: product, 2: self.p, 3: joined}[op & 3]
        y_in = {0: 0, 1: 0, 2: -1, 3: c}[op >> 2 & 3]
        z_in = {0: 0, 1: pcin, 2: self.p, 3: c, 5: pcin >> 17, 6: self.p >> 17}[op >> 4 & 7]
        alumode = self.at("alumode", x["alumode"])
        size = 24 if self.config.use_simd == "TWO24" else 48
        p = 0
        for low in range(0, 48, size):
            z, rest = z_in >> low, (w_in >> low) + (x_in >> low) + (y_in >> low)
            total = {0: z + rest, 3: z - rest, 1: rest - z - 1, 2: -(z + rest) - 1}[alumode]
            p |= (total & (1 << size) - 1) << low
        p = wrap(p, 48)

        for name, value in (x | {"ad": ad, "m": m}).items():
            if name in self.held and self.held[name]:
                self.held[name] = [value, *self.held[name][:-1]]
        self.p = p
        return p


def draw(rng, config, count):
    """Inputs of every cycle: random and extreme operands, every mode that the model has."""
    # UG579 reserves some codes, and the product takes X and Y together.
    opmodes = [mode for mode in config.opmodes
               if mode >> 4 & 7 not in (4, 7) and mode >> 7 != 2
               and ((mode & 3) == 1) == ((mode >> 2 & 3) == 1)
               and (mode & 3) != (1 if config.use_mult == "NONE" else 3)]
    cycles = []
    for _ in range(count):
        x = {}
        for name in ("a", "b", "c", "d", "pcin"):
            low, high = -(1 << WIDTHS[name] - 1), (1 << WIDTHS[name] - 1) - 1
            x[name] = int(rng.choice([low, high, 0, -1]) if rng.random() < 0.3
                          else rng.integers(low, high + 1))
        products = [mode for mode in opmodes if mode & 3 == 1]
        x["opmode"] = int(rng.choice(products if products and rng.random() < 0.6 else opmodes))
        x["inmode"] = int(rng.choice(config.inmodes))
        x["alumode"] = int(rng.choice(config.alumodes))
        cycles.append(x)
    return cycles


def run(config, cycles):
    """P of our model after every edge."""
    dut = Dsp48e2(config)
    seen = []

    async def testbench(ctx):
        for x in cycles:
            for name, value in x.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            seen.append(ctx.get(dut.p))
            assert ctx.get(dut.pcout) == seen[-1]

    simulate(dut, testbench)
    return seen


@pytest.mark.parametrize("name", CONFIGS)
def test_every_mode_is_ug579s(name, rng):
    cycles = draw(rng, CONFIGS[name], 400)
    golden = Slice(CONFIGS[name])
    assert run(CONFIGS[name], cycles) == [golden.edge(x) for x in cycles]


def test_packed_operands_arrive_after_the_stated_latency():
    config = dsp_config(ChainConfig())
    x = {"a": 3, "d": 5 << 18, "b": -7, "c": 0, "pcin": 0, "alumode": 0,
         "inmode": inmode(use_d=True), "opmode": opmode(x="M", y="M")}
    idle = x | {"a": 0, "d": 0, "b": 0}
    seen = run(config, [x] + [idle] * 8)
    assert Dsp48e2(config).latency == 4
    assert seen == [0] * 3 + [-21 + (-35 << 18)] + [0] * 5


@pytest.mark.parametrize("change, message", [
    ({"areg": 3}, r"AREG must be in 0\.\.2, not 3"),
    ({"mreg": 2}, r"MREG must be in 0\.\.1, not 2"),
    ({"amultsel": "B"}, "AMULTSEL must be 'A' or 'AD', not 'B'"),
    ({"use_mult": "NONE"}, "MREG must be 0 where USE_MULT is 'NONE'"),
    ({"use_simd": "FOUR12"}, "USE_SIMD must be 'ONE48' or 'TWO24', not 'FOUR12'"),
    ({"use_simd": "TWO24"}, "USE_MULT must be 'NONE' where USE_SIMD is 'TWO24'"),
])
def test_errors_name_the_attribute(change, message):
    with pytest.raises(ValueError, match=message):
        Dsp48e2Config(**change)


def test_half_a_product_is_refused():
    with pytest.raises(ValueError, match="product on X and Y together"):
        opmode(x="M")


# The vendor's own model.

BENCH = """\
`timescale 1ns / 1ps
module tb;
  reg clk = 0;
  reg [{top}:0] vectors [0:{last}];
  reg [{top}:0] now = 0;
  wire [47:0] p;
  integer n;
  top dut(.clk(clk), .p(p), .pcout(), {ports});
  initial begin
    $readmemh("vectors.hex", vectors);
    // The cell holds its registers for the first 100 ns (global set/reset).
    #200;
    for (n = 0; n <= {last}; n = n + 1) begin
      now = vectors[n];
      #5 clk = 1;
      #5 clk = 0;
      $display("%h", p);
    end
    $finish;
  end
endmodule
"""


@pytest.mark.parametrize("name", CONFIGS)
def test_vendor_model_agrees(name, rng, tmp_path):
    folder = os.environ.get("FLIGHTLLM_UNISIM")
    if folder is None:
        pytest.skip("FLIGHTLLM_UNISIM does not name a folder with the vendor's DSP48E2.v")
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    config, offset, ports, packed = CONFIGS[name], 0, [], []
    cycles = draw(rng, config, 400)
    for port, width in WIDTHS.items():
        ports.append(f".{port}(now[{offset + width - 1}:{offset}])")
        packed.append((port, width, offset))
        offset += width
    (tmp_path / "vectors.hex").write_text("".join(
        f"{sum((x[port] & (1 << width) - 1) << at for port, width, at in packed):x}\n"
        for x in cycles))
    (tmp_path / "tb.v").write_text(
        BENCH.format(top=offset - 1, last=len(cycles) - 1, ports=", ".join(ports)))
    (tmp_path / "top.v").write_text(
        convert(Dsp48e2(config), name="top", platform=VendorPlatform()))
    library = Path(folder)
    glbl = next(library.parent.rglob("glbl.v"), None)
    extra = [] if glbl is None else ["-s", "glbl", str(glbl)]
    subprocess.run(["iverilog", "-g2005-sv", "-s", "tb", *extra, "-y", str(library), "-o", "sim",
                    "tb.v", "top.v"], cwd=tmp_path, check=True)
    out = subprocess.run(["vvp", "-n", "sim"], cwd=tmp_path, check=True, capture_output=True,
                         text=True).stdout
    vendor = [wrap(int(line, 16), 48) for line in out.split()]
    golden = Slice(config)
    assert vendor == [golden.edge(x) for x in cycles]
