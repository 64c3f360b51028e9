# SPDX-License-Identifier: Apache-2.0
"""Reader and writer, as Verilog, against the AXI memory of cocotbext-axi in other simulators.

The bench itself is :mod:`support.axi_bench`; it runs in the simulator's process.
"""

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.interfaces.axi import Access, Axi4Signature
from flightllm_hw.memory.beats import write_layout
from flightllm_hw.memory.bursts import descriptor_layout
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader, read_layout
from flightllm_hw.memory.writer import AxiWriter
from support.cocotb_runner import run_bench


class Port(wiring.Component):
    """A reader and a writer that share a port."""

    def __init__(self, config):
        self.config = config
        super().__init__({
            "read_i": In(stream.Signature(descriptor_layout(config))),
            "read_o": Out(stream.Signature(read_layout(config), always_ready=True)),
            "write_i": In(stream.Signature(descriptor_layout(config))),
            "write_i_beat": In(stream.Signature(write_layout(config))),
            "space": In(1), "clear": In(1), "base": In(64), "limit": In(64),
            "read_busy": Out(1), "read_error": Out(Fault), "read_error_address": Out(64),
            "write_busy": Out(1), "write_error": Out(Fault), "write_error_address": Out(64),
            "fifo_depth": Out(16),
            "m_axi": Out(Axi4Signature(data_bits=config.data_bits, id_bits=config.id_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = AxiReader(self.config)
        m.submodules.writer = writer = AxiWriter(self.config)
        connect(m, flipped(self.read_i), reader.i)
        connect(m, flipped(self.read_o), reader.o)
        connect(m, flipped(self.write_i), writer.i)
        connect(m, flipped(self.write_i_beat), writer.i_beat)
        connect(m, flipped(self.m_axi.half(Access.READ)), reader.m_axi)
        connect(m, flipped(self.m_axi.half(Access.WRITE)), writer.m_axi)
        m.d.comb += [reader.space.eq(self.space), self.fifo_depth.eq(self.config.fifo_depth)]
        for part, name in ((reader, "read"), (writer, "write")):
            m.d.comb += [
                part.base.eq(self.base), part.limit.eq(self.limit), part.clear.eq(self.clear),
                getattr(self, f"{name}_busy").eq(part.busy),
                getattr(self, f"{name}_error").eq(part.error),
                getattr(self, f"{name}_error_address").eq(part.error_address),
            ]
        return m


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("config", [
    PortConfig(data_bits=512, fifo_depth=16, outstanding=4),
    PortConfig(data_bits=64, id_bits=3, fifo_depth=32),
], ids=["wide", "narrow"])
def test_against_the_memory_of_cocotbext_axi(config, simulator, tmp_path, monkeypatch):
    text = convert(Port(config), platform=VendorPlatform())
    run_bench(simulator, text, "port", "support.axi_bench", tmp_path, monkeypatch)
