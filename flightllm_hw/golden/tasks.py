# SPDX-License-Identifier: Apache-2.0
"""Instructions as units take them: registers added, and checked against the configuration."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.golden.tape import whole
from flightllm_hw.isa.fields import from_bits
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.isa.table import Kind, Target, Unit
from flightllm_hw.isa.vector import Arrange, Output, VectorPass

__all__ = ["Task"]

_BITS = (2, 3, 4, 5, 6, 8)
_GROUP_TILES = (2, 4, 8, 16)
_OF_PASS = tuple(VectorPass.__dataclass_fields__)
_OF_SHAPE = tuple(MatrixShape.__dataclass_fields__)


@dataclass(frozen=True)
class Task:
    """An instruction without patches, and what is often asked of it.

    Parameters
    ----------
    kind : Kind
    fields : dict
        Values by name.
    wait, release : tuple of Unit
        Units that it takes tokens from, and gives them to.
    config : AcceleratorConfig
    """

    kind: Kind
    fields: dict[str, Any]
    wait: tuple[Unit, ...]
    release: tuple[Unit, ...]
    config: AcceleratorConfig

    @classmethod
    def of(cls, instruction: Instruction, registers: Sequence[int],
           config: AcceleratorConfig) -> "Task":
        """What an instruction is, as :func:`~flightllm_hw.isa.patches.apply_patches` has it."""
        fields = dict(instruction.fields)
        places = {f.name: n for n, f in enumerate(instruction.kind.fields)}
        added: dict[str, int] = {}
        for register, name in instruction.patches:
            added[name] = added.get(name, 0) + (int(registers[register]) if register else 0)
        for name, value in added.items():
            f = instruction.kind.fields[places[name]]
            stored = instruction.stored[places[name]] + value
            fields[name] = from_bits(f, stored % (1 << f.bits))
        return cls(instruction.kind, fields, tuple(instruction.wait), tuple(instruction.release),
                   config)

    @cached_property
    def name(self) -> str:
        """The kind's."""
        return self.kind.name

    @cached_property
    def unit(self) -> Unit:
        """Whose it is."""
        return self.kind.unit

    @cached_property
    def shape(self) -> MatrixShape:
        """Of an MV or MM."""
        return MatrixShape(**{name: self.fields[name] for name in _OF_SHAPE})

    @cached_property
    def vector_pass(self) -> VectorPass:
        """Of a MISC.PASS. What comes out as FP32 is for stores alone: of a program's, nothing."""
        values = {name: self.fields[name] for name in _OF_PASS if name != "wait"}
        values |= {"wait": self.fields["order"],
                   **{name: float(values[name]) for name in ("k1", "k2")}}
        if values["output"] is Output.OUT:
            values["output"] = Output.NONE
        return VectorPass(**values)

    @cached_property
    def legal(self) -> bool:
        """Whether its unit can carry it out."""
        f, sfu, lane = self.fields, self.config.sfu, self.config.lane
        match self.name:
            case "LD.VECTOR" | "ST.VECTOR":
                return bool(f["rows"] <= sfu.rows)
            case "LD.STEPS" | "MISC.TABLE":
                return bool(f["pairs"] <= sfu.rotary_pairs)
            case "MV" | "MM":
                return bool(
                    f["pattern"] in lane.patterns and f["bits"] in _BITS
                    and f["group_tiles"] in _GROUP_TILES and f["row_blocks"] and f["groups"]
                    and 1 <= f["last_tiles"] <= f["group_tiles"] and whole(self.shape, lane)
                    and 1 <= f["tokens"] <= (lane.tokens if self.name == "MM" else 1))
            case "MISC.PASS":
                halves = f["arrange"] is Arrange.HALVES
                appends = (f["output"] is Output.CODES
                           and f["target"] is not Target.ACTIVATIONS)
                return bool(f["rows"] <= sfu.rows and not (halves and f["rows"] % 2)
                            and not (appends and (not f["spread"] or f["group"]
                                                  or f["limit_step"])))
        return True
