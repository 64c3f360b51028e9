# SPDX-License-Identifier: Apache-2.0
"""The registers of the kernel's control port: the one table that hardware, runtime and page read.

::

    0x000  control      CTRL, GIE, IER, ISR as Vitis' ap_ctrl_hs has them
    0x010  arguments    a pointer for each memory port, then scalars; 8 bytes each
    0x800  status       what the kernel is and how its last program went
    0x840  counters     the core's
    0xA00  counters     16 bytes for each lane

XRT writes the arguments as one block from 0x010 on, zeros in its gaps, so nothing in between may do
anything by being written. Offsets without a register read as zero, and what is written there is
ignored; either is answered with OKAY. Registers of 64 bits are two words, the lower one first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.core.counters import COUNTER_BITS, GLOBAL, LANE

__all__ = ["ADDRESS_BITS", "ARGUMENTS", "PAGE_BYTES", "PRESETS", "PROGRAM_BYTES", "READBACK",
           "STRIDE", "VERSION", "WORD_BITS", "Bits", "Kind", "Register", "RegisterMap"]

ADDRESS_BITS = 12
"""Width of the control port's byte addresses."""

WORD_BITS = 32
"""Width of its data."""

ARGUMENTS, STRIDE = 0x010, 8
"""Offset of the first argument, and from each to the next."""

READBACK = 0x800
"""Offset above which there is nothing to be kept, only to be read."""

COUNTERS, LANE_COUNTERS = 0x840, 0xA00

PAGE_BYTES = 4096
"""What windows are measured in."""

PROGRAM_BYTES = 64
"""What a program's place in the host window is measured in: an instruction."""

PRESETS = 16
"""Registers of the program that are arguments: r1 and on."""

VERSION = 0x464C_0001
"""``FL``, and the version of this map."""


class Kind(Enum):
    """What a register is for."""

    CONTROL = auto()
    POINTER = auto()
    SCALAR = auto()
    STATUS = auto()
    COUNTER = auto()


@dataclass(frozen=True)
class Bits:
    """A part of a register.

    Parameters
    ----------
    name : str
        What it is called.
    at : int
        Its lowest bit.
    text : str
        What it means.
    bits : int
        Its width.
    """

    name: str
    at: int
    text: str
    bits: int = 1

    def of(self, value: int) -> int:
        """What a register's ``value`` has here."""
        return value >> self.at & (1 << self.bits) - 1


@dataclass(frozen=True, kw_only=True)
class Register:
    """A register.

    Parameters
    ----------
    name : str
        What it is called.
    offset : int
        Byte address of its lower word.
    kind : Kind
        What it is for.
    access : str
        ``RW`` or ``RO``.
    text : str
        What it means.
    bits : int
        Its width: 32 or 64.
    parts : tuple of Bits
        What it is made of, if it is no number.
    port : str or None
        The memory port that a pointer belongs to.
    """

    name: str
    offset: int
    kind: Kind
    access: str
    text: str
    bits: int = WORD_BITS
    parts: tuple[Bits, ...] = ()
    port: str | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bits // 8

    @property
    def words(self) -> range:
        """The offsets of its words."""
        return range(self.offset, self.offset + self.size, WORD_BITS // 8)

    def __getitem__(self, name: str) -> Bits:
        """A part by its name."""
        return next(part for part in self.parts if part.name == name)


class RegisterMap:
    """Every register of an accelerator's kernel.

    Parameters
    ----------
    config : AcceleratorConfig
        The accelerator.

    Attributes
    ----------
    registers : tuple of Register
        All of them, by offset.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.registers = (*_CONTROL, *_arguments(config.lanes), *_status(), *_counters(),
                          *_lane_counters(config.lanes))
        self._by_name = {register.name: register for register in self.registers}

    def __getitem__(self, name: str) -> Register:
        """A register by its name."""
        return self._by_name[name]

    def __iter__(self) -> Iterator[Register]:
        return iter(self.registers)

    def offset(self, name: str) -> int:
        """The offset of a register."""
        return self[name].offset

    @property
    def pointers(self) -> tuple[Register, ...]:
        """The arguments that are pointers: the host memory's, then the lanes'."""
        return tuple(r for r in self if r.kind is Kind.POINTER)

    @property
    def scalars(self) -> tuple[Register, ...]:
        """The arguments that are numbers."""
        return tuple(r for r in self if r.kind is Kind.SCALAR)

    @property
    def arguments(self) -> tuple[Register, ...]:
        """The kernel's arguments, in the order of their indices."""
        return (*self.pointers, *self.scalars)

    @property
    def constants(self) -> dict[str, int]:
        """The values of the registers that never change."""
        return {"VERSION": VERSION, "DIGEST": self.config.digest(), "LANES": self.config.lanes}


_CONTROL = (
    Register(name="CTRL", offset=0x000, kind=Kind.CONTROL, access="RW",
             text="Start and state, Vitis' `ap_ctrl_hs`. There is no auto_restart: bit 7 reads 0.",
             parts=(
                 Bits("ap_start", 0, "Write 1: start. 1 until the kernel is done; 1 written"
                                     " meanwhile has no effect."),
                 Bits("ap_done", 1, "The kernel has become done. Reading clears it."),
                 Bits("ap_idle", 2, "Nothing has been started that is not done."),
                 Bits("ap_ready", 3, "The kernel can be started again; comes and goes with"
                                     " ap_done."))),
    Register(name="GIE", offset=0x004, kind=Kind.CONTROL, access="RW",
             text="Interrupts on or off.",
             parts=(Bits("enable", 0, "1: `interrupt` follows ISR."),)),
    Register(name="IER", offset=0x008, kind=Kind.CONTROL, access="RW",
             text="What sets a bit of ISR and lets it through to `interrupt`.",
             parts=(Bits("done", 0, "ap_done."), Bits("ready", 1, "ap_ready."))),
    Register(name="ISR", offset=0x00C, kind=Kind.CONTROL, access="RW",
             text="What has happened. A bit that is written as 1 is turned over.",
             parts=(Bits("done", 0, "The kernel has become done."),
                    Bits("ready", 1, "The kernel has become ready."))),
)


def _arguments(lanes: int) -> Iterator[Register]:
    """Pointers, then scalars: everything that XRT writes."""
    pointers = (("host", "m_axi_host", "Host memory: programs, LD and ST."),
                *((f"lane_{n}", f"m_axi_{n}", f"The memory of lane {n}: tapes, keys and values.")
                  for n in range(lanes)))
    scalars = (("host_pages", f"Size of the host memory's window in units of {PAGE_BYTES} bytes."),
               ("lane_pages", f"Size of every lane's window in units of {PAGE_BYTES} bytes."),
               ("program", "Where the program begins in the host window, in units of"
                           f" {PROGRAM_BYTES} bytes."),
               ("watchdog", "Cycles without progress that end a program; 0: none do."),
               *((f"r{n}", f"Register {n} of the program.") for n in range(1, PRESETS + 1)))
    for n, (name, port, text) in enumerate(pointers):
        yield Register(name=name, offset=ARGUMENTS + STRIDE * n, kind=Kind.POINTER, access="RW",
                       text=text, bits=2 * WORD_BITS, port=port)
    for n, (name, text) in enumerate(scalars, len(pointers)):
        yield Register(name=name, offset=ARGUMENTS + STRIDE * n, kind=Kind.SCALAR, access="RW",
                       text=text)


def _status() -> Iterator[Register]:
    """What the kernel is, and how its last program went."""
    offset = READBACK
    for name, bits, access, text, parts in (
            ("VERSION", 32, "RO", f"0x{VERSION:08X}: `FL`, and the version of this map.", ()),
            ("DIGEST", 32, "RO", "The configuration's digest, which programs must have too.", ()),
            ("LANES", 32, "RO", "How many lanes there are.", ()),
            ("STATUS", 32, "RO", "How the last program went: 0 is well.", (
                Bits("error", 0, "Why it was stopped, `flightllm_hw.control.errors.Error`.", 5),
                Bits("detail", 8, "A unit's own code, `flightllm_hw.memory.faults.Fault`.", 8),
                Bits("stuck", 16, "It was given up: only a reset of the kernel and its memory ports"
                                  " helps. Until then a start is done at once, with nothing run."),
                Bits("busy", 17, "A program runs; the other bits, ERROR_PC and ERROR_ADDRESS have"
                                 " no meaning yet."))),
            ("ERROR_PC", 32, "RO", "The instruction at which it was stopped.", ()),
            ("PC", 32, "RO", "The instruction that the program is at.", ()),
            ("ERROR_ADDRESS", 64, "RO", "The memory address at fault, if there is one.", ()),
            ("CANCEL", 32, "RW", "Stops a program softly: what is under way is finished.", (
                Bits("cancel", 0, "Write 1 while a program runs: it ends as soon as it can, with an"
                                  " error. 1 until it has; otherwise 0."),))):
        yield Register(name=name, offset=offset, kind=Kind.STATUS, access=access, text=text,
                       bits=bits, parts=parts)
        offset += bits // 8


def _counters() -> Iterator[Register]:
    """The core's counters."""
    for n, (name, text) in enumerate(GLOBAL):
        yield Register(name=name, offset=COUNTERS + COUNTER_BITS // 8 * n, kind=Kind.COUNTER,
                       access="RO", text=text)


def _lane_counters(lanes: int) -> Iterator[Register]:
    """The lanes' counters."""
    for lane in range(lanes):
        for n, (name, text) in enumerate(LANE):
            offset = LANE_COUNTERS + COUNTER_BITS // 8 * (len(LANE) * lane + n)
            yield Register(name=f"lane_{lane}_{name}", offset=offset, kind=Kind.COUNTER,
                           access="RO", text=text)
