# SPDX-License-Identifier: Apache-2.0
"""``MISC.PASS``, the instruction, and the pass that it is."""

from collections.abc import Iterable
from typing import Any

from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import Unit, kind
from flightllm_hw.isa.vector import VectorPass

__all__ = ["as_pass", "from_pass"]


def as_pass(instruction: Instruction) -> VectorPass:
    """The pass that a ``MISC.PASS`` is; its ``order`` is the pass's ``wait``.

    Raises
    ------
    ValueError
        If it is none, or has patches, or an odd number of rows in halves.
    """
    if instruction.kind is not _PASS:
        raise ValueError(f"Instruction must be MISC.PASS, not {instruction.kind.name}")
    if instruction.patches:
        raise ValueError("A pass must have its patches applied")
    values = {name: instruction[name] for name in _PASS_FIELDS}
    values |= {"b_still": bool(values["b_still"]), "wait": instruction["order"]}
    values |= {name: float(values[name]) for name in ("k1", "k2")}
    return VectorPass(**values)


def from_pass(p: VectorPass, *, wait: Iterable[Unit] = (), release: Iterable[Unit] = (),
              patches: Iterable[tuple[int, str]] = (), **destination: Any) -> Instruction:
    """The ``MISC.PASS`` that is a pass.

    Parameters
    ----------
    p : VectorPass
    wait, release, patches
        As an instruction's.
    **destination
        The fields that a pass has not: where its codes go.
    """
    fields = {name: getattr(p, name) for name in _PASS_FIELDS} | {"order": p.wait}
    for name in destination:
        if name in fields:
            raise ValueError(f"Pass {name} must be given by the pass alone")
    return Instruction(_PASS, fields | destination, frozenset(wait), frozenset(release),
                       tuple(patches))


_PASS = kind("MISC.PASS")
_PASS_FIELDS = [f.name for f in _PASS.fields if f.name in VectorPass.__dataclass_fields__]
