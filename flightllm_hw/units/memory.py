# SPDX-License-Identifier: Apache-2.0
"""The memory unit: between the host's memory and the special function unit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.control.layouts import kinds, task
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.isa.table import Unit, kind
from flightllm_hw.memory.faults import Fault

from .loads import Loads
from .stores import Stores
from .transfers import MemoryUnitConfig

__all__ = ["MemoryUnit"]


class MemoryUnit(wiring.Component):
    """Carries out LD.VECTOR, LD.STEPS, ST.VECTOR and ST.SCALARS, one after the other.

    ::

        i ─► legal? ─┬─► Loads  ─► o_row, step          (m_axi, reading half)
                     └─► Stores ─► o_pass ... i_out     (m_axi, writing half)

    A load is done when its rows are in the vector buffer, a store when its writes are answered. The
    next instruction begins then: whatever one of this unit's leaves, the next one finds.

    Numerics: ST.VECTOR's rows are those of a pass that changes nothing: subnormals are zeros, every
    NaN is 0x7FC00000. All else is bits.

    Errors: the first one is held until ``clear``; what is taken meanwhile is just done.

    - OPERATION, address 0: more rows than the vector buffer has, more steps than the table.
    - OUTSIDE: rows or steps that are not wholly in the window, with the address of the first; a
      scalar that is not, with its own. Of rows and steps nothing is moved then; scalars before that
      one are written.
    - SLVERR, DECERR: the memory's answer, with the address of the beat that was read, or of the
      burst that was written.

    Parameters
    ----------
    config : MemoryUnitConfig

    Members
    -------
    i : In, stream
        Tasks, :func:`~flightllm_hw.control.layouts.task`.
    done : Out
        A task is done; for a cycle.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault`, and where; no later than ``done``.
    clear : In
        Forgets the error. Held until it is NONE, while not ``busy``.
    base, limit : In
        The window in bytes, ``limit`` not in it; a multiple of the beat each. Held while ``busy``.
    busy : Out
        A task is not done.
    o_row : Out, stream
        Rows for the vector buffer, :func:`~flightllm_hw.sfu.layouts.external_row`.
    step_en, step_at, step : Out
        Of the :class:`~flightllm_hw.sfu.rotation.RotationTable`.
    o_pass : Out, stream
        Passes with the output OUT, :func:`~flightllm_hw.sfu.layouts.vector_pass`.
    i_out_valid, i_out, i_out_z : In
        All that the special function unit puts out; no other pass may have that output.
    m_axi : Out
        The port.

    Throughput: a row or a beat a cycle, whatever is less; at least four cycles a
    scalar.
    Reset: forgets everything; only while not ``busy``, or with the memory and the other unit.
    """

    def __init__(self, config: MemoryUnitConfig):
        self.config = config
        self._loads, self._stores = Loads(config), Stores(config)
        loads, stores = self._loads.signature.members, self._stores.signature.members
        port = config.read_port
        super().__init__({
            "i": In(stream.Signature(task(Unit.MEMORY))),
            "done": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "clear": In(1),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "busy": Out(1),
            **{name: loads[name] for name in ("o_row", "step_en", "step_at", "step")},
            **{name: stores[name] for name in ("o_pass", "i_out_valid", "i_out", "i_out_z")},
            "m_axi": Out(Axi4Signature(data_bits=port.data_bits, id_bits=port.id_bits,
                                       access=Access.BOTH)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        loads = place(m, platform, "loads", self._loads)
        stores = place(m, platform, "stores", self._stores)
        wiring.connect(m, loads.o_row, wiring.flipped(self.o_row))
        wiring.connect(m, stores.o_pass, wiring.flipped(self.o_pass))
        wiring.connect(m, loads.m_axi, wiring.flipped(self.m_axi.half(Access.READ)))
        wiring.connect(m, stores.m_axi, wiring.flipped(self.m_axi.half(Access.WRITE)))
        m.d.comb += [
            *(getattr(self, name).eq(getattr(loads, name))
              for name in ("step_en", "step_at", "step")),
            *(getattr(stores, name).eq(getattr(self, name))
              for name in ("i_out_valid", "i_out", "i_out_z")),
            *(getattr(part, name).eq(getattr(self, name))
              for part in (loads, stores) for name in ("base", "limit", "clear")),
        ]

        # What each kind asks for.
        now = Signal(task(Unit.MEMORY), reset_less=True)
        of_steps, of_stores, of_scalars, too_many = (
            Signal(name=name) for name in ("of_steps", "of_stores", "of_scalars", "too_many"))
        load, store, fields = loads.i.payload, stores.i.payload, now.fields
        m.d.comb += [
            load.steps.eq(of_steps), store.scalars.eq(of_scalars),
            store.step.eq(fields.st_scalars.step),
        ]
        with m.Switch(now.kind):
            with m.Case(_number("LD.VECTOR")):
                rows = fields.ld_vector.rows
                m.d.comb += [
                    load.beat.eq(fields.ld_vector.address), load.row.eq(fields.ld_vector.o),
                    load.last.eq(rows), too_many.eq(rows[c.sfu.row_bits:].any()),
                ]
            with m.Case(_number("LD.STEPS")):
                pairs = fields.ld_steps.pairs
                m.d.comb += [
                    of_steps.eq(1), load.beat.eq(fields.ld_steps.address), load.last.eq(pairs),
                    too_many.eq(pairs[(c.sfu.rotary_pairs - 1).bit_length():].any()),
                ]
            with m.Case(_number("ST.VECTOR")):
                rows = fields.st_vector.rows
                m.d.comb += [
                    of_stores.eq(1), store.first.eq(fields.st_vector.a), store.last.eq(rows),
                    store.word.eq(Cat(Const(0, c.beat_shift - 2), fields.st_vector.address)),
                    too_many.eq(rows[c.sfu.row_bits:].any()),
                ]
            with m.Case(_number("ST.SCALARS")):
                m.d.comb += [
                    of_stores.eq(1), of_scalars.eq(1), store.first.eq(fields.st_scalars.d),
                    store.last.eq(fields.st_scalars.count),
                    store.word.eq(fields.st_scalars.address),
                ]

        # The first error; there is never more than one.
        refused = Signal()
        failed = Signal()
        failed_loads = Signal()
        m.d.comb += [
            failed_loads.eq(loads.error != Fault.NONE),
            failed.eq(self.error != Fault.NONE),
        ]
        m.d.sync += [
            self.error.eq(Mux(refused, Fault.OPERATION,
                              Mux(failed_loads, loads.error, stores.error))),
            self.error_address.eq(Mux(refused, 0, Mux(failed_loads, loads.error_address,
                                                      stores.error_address))),
        ]
        with m.If(self.clear):
            m.d.sync += refused.eq(0)

        with m.FSM() as state:
            m.d.comb += self.busy.eq(~state.ongoing("IDLE"))
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(1)
                m.d.sync += now.eq(self.i.payload)
                with m.If(self.i.valid):
                    m.next = "CHECK"
            with m.State("CHECK"):
                with m.If(failed):
                    m.next = "DONE"
                with m.Elif(too_many):
                    m.d.sync += refused.eq(1)
                    m.next = "REFUSE"
                with m.Else():
                    m.next = "GO"
            with m.State("GO"):
                # Nothing is under way: it is taken at once.
                m.d.comb += [loads.i.valid.eq(~of_stores), stores.i.valid.eq(of_stores)]
                m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(loads.done | stores.done):
                    m.next = "DONE"
            with m.State("REFUSE"):
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m


def _number(name: str) -> int:
    """The number of a kind in a task."""
    return kinds(Unit.MEMORY).index(kind(name))
