# SPDX-License-Identifier: Apache-2.0
"""Small components that share their parts: an array of rows of multipliers."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.hierarchy import place

__all__ = ["Array", "ArrayConfig", "Increment", "Product", "ProductConfig", "Row", "Wires"]


@dataclass(frozen=True)
class ProductConfig:
    """Width of a factor."""

    width: int = 6


@dataclass(frozen=True)
class ArrayConfig:
    """Size of the array."""

    rows: int = 3
    columns: int = 4
    cell: ProductConfig = ProductConfig()


def factors(config):
    return stream.Signature(data.StructLayout({"a": config.width, "b": config.width}),
                            always_ready=True)


def product(config):
    return stream.Signature(2 * config.width, always_ready=True)


class Increment(wiring.Component):
    """An ordinary submodule, which is not shared."""

    def __init__(self, width):
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.i + 1)
        return m


class Wires(wiring.Component):
    """Has no register, hence no clock."""

    def __init__(self, config):
        self.config = config
        super().__init__({"i": In(config.width), "o": Out(config.width), "nothing": Out(0)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.i[::-1])
        return m


class Product(wiring.Component):
    """A multiplier without a reset; counts how often it is elaborated."""

    elaborated = 0

    def __init__(self, config):
        self.config = config
        super().__init__({"i": In(factors(config)), "o": Out(product(config)), "add": In(1)})

    def elaborate(self, platform):
        Product.elaborated += 1
        m = Module()
        i = self.i.payload
        o = Signal(2 * self.config.width, reset_less=True)
        valid = Signal(reset_less=True)
        m.d.sync += [o.eq(Mux(self.add, i.a + i.b, i.a * i.b)), valid.eq(self.i.valid)]
        m.d.comb += [self.o.payload.eq(o), self.o.valid.eq(valid)]
        return m


class Row(wiring.Component):
    """Cells next to each other, and two ordinary submodules that are the same."""

    def __init__(self, config):
        self.config = config
        super().__init__({f"{way}_{n}": flow(signature(config.cell))
                          for n in range(config.columns)
                          for way, flow, signature in (("i", In, factors), ("o", Out, product))}
                         | {"count": Out(8)})

    def elaborate(self, platform):
        m = Module()
        for n in range(self.config.columns):
            cell = place(m, platform, f"cell_{n}", Product(self.config.cell))
            wires = place(m, platform, f"wires_{n}", Wires(self.config.cell))
            connect(m, flipped(getattr(self, f"o_{n}")), cell.o)
            i = getattr(self, f"i_{n}")
            m.d.comb += [
                wires.i.eq(i.payload.a),
                cell.i.payload.a.eq(wires.o),
                cell.i.payload.b.eq(i.payload.b),
                cell.i.valid.eq(i.valid),
                cell.add.eq(n % 2),
            ]
        m.submodules.first = first = Increment(8)
        m.submodules.second = second = Increment(8)
        m.d.comb += [first.i.eq(second.o), second.i.eq(first.o), self.count.eq(second.o)]
        return m


class Array(wiring.Component):
    """Rows next to each other: cells are nested two deep."""

    def __init__(self, config):
        self.config = config
        self._rows = [Row(config) for _ in range(config.rows)]
        super().__init__({f"row_{n}": Out(row.signature) for n, row in enumerate(self._rows)})

    def elaborate(self, platform):
        m = Module()
        for n, row in enumerate(self._rows):
            connect(m, flipped(getattr(self, f"row_{n}")),
                    place(m, platform, f"row_{n}", row))
        return m
