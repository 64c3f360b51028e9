# SPDX-License-Identifier: Apache-2.0
"""One of each component, as it is in the preset ``tiny``, or nearly: nothing is elaborated.

A component is made of what its ``__init__`` says it takes. Parts of the accelerator's configuration
are those of ``tiny``; a configuration of which one field or another is neither of these nor has a
default stands in ``CONFIGURATIONS``.
"""

import dataclasses
import inspect

from amaranth.lib import wiring

from flightllm_hw.arith.compare import Fp32MaxConfig
from flightllm_hw.arith.convert import IntToFp32Config
from flightllm_hw.arith.quadratic import polynomial
from flightllm_hw.compute.group import DspGroupConfig, Entry
from flightllm_hw.compute.reduce import ReductionNodeConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.dispatch import DispatcherConfig
from flightllm_hw.core.bank import CounterBankConfig
from flightllm_hw.core.core import CoreConfig
from flightllm_hw.dequant.intake import IntakeConfig
from flightllm_hw.exchange.crossing import CrossingConfig
from flightllm_hw.formats.functions.exp2 import exp2_table
from flightllm_hw.interfaces.stream import MergeConfig, QueueConfig
from flightllm_hw.isa.table import Unit
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.lane.rescale import ResultScalerConfig
from flightllm_hw.memory.fifo import FifoBankConfig, PrefetchFifoConfig
from flightllm_hw.presets import preset
from flightllm_hw.primitives.delay import DelayConfig
from flightllm_hw.primitives.mux import SliceMuxConfig, WideMuxConfig
from flightllm_hw.primitives.ram import RamConfig
from flightllm_hw.primitives.rom import RomConfig
from flightllm_hw.units.faults import FirstFaultConfig
from flightllm_hw.units.host import HostPortConfig
from flightllm_hw.units.transfers import MemoryUnitConfig

__all__ = ["components", "instance", "said"]

TINY = preset("tiny")
"""Small enough for pictures."""

BEAT = TINY.lane.beat_bits
CONTROL = CoreConfig(accelerator=TINY).control
PARTS = {type(part): part for part in (TINY, TINY.lane, TINY.lane.chain, TINY.sfu, CONTROL,
                                       CONTROL.fetch)}

CONFIGURATIONS = {type(config): config for config in (
    CounterBankConfig(count=8),
    CrossingConfig(flags=4, payload=BEAT, stages=TINY.crossings),
    DelayConfig(width=32, cycles=4),
    DispatcherConfig(unit=Unit.VECTOR),
    DspGroupConfig(chain=TINY.lane.chain, entry=Entry.CASCADE, cut=True),
    FifoBankConfig(width=BEAT, depth=TINY.lane.fifo_beats // 2),
    FirstFaultConfig(count=TINY.lanes),
    Fp32MaxConfig(magnitude=False),
    HostPortConfig(data_bits=BEAT),
    IntToFp32Config(width=48),
    IntakeConfig(sinks=4),
    MemoryUnitConfig(beat_bits=BEAT, sfu=TINY.sfu),
    MergeConfig(width=32),
    PortConfig(data_bits=BEAT),
    PrefetchFifoConfig(width=BEAT, beats=TINY.lane.fifo_beats),
    QueueConfig(width=32, depth=2),
    RamConfig(width=BEAT, depth=1024),
    ReductionNodeConfig(chain=TINY.lane.chain, adjusted=True, both=True),
    ResultScalerConfig(tag_bits=8),
    RomConfig(width=32, words=tuple(range(64))),
    SliceMuxConfig(width=8, level=7),
    WideMuxConfig(width=8, inputs=16),
    polynomial(exp2_table()),
)}


def configuration(kind):
    """A configuration of this class."""
    if kind in PARTS:
        return PARTS[kind]
    if kind in CONFIGURATIONS:
        return CONFIGURATIONS[kind]
    wanted = [field for field in dataclasses.fields(kind)
              if field.default is field.default_factory is dataclasses.MISSING]
    missing = [field.name for field in wanted if field.type not in PARTS]
    if missing:
        raise LookupError(f"docs/site/instances.py needs a {kind.__name__}: its fields"
                          f" {', '.join(missing)} have no defaults")
    return kind(**{field.name: PARTS[field.type] for field in wanted})


def instance(kind):
    """A component of this class."""
    if "__init__" not in vars(kind):
        return kind()
    taken = list(inspect.signature(kind.__init__).parameters.values())[1:]
    if not taken:
        return kind()
    if taken[0].annotation is Kernel:
        return kind(Kernel(configuration(KernelConfig)))
    return kind(configuration(taken[0].annotation))


def said(component):
    """What it was made of: the preset, or the numbers that it was given, or nothing of its own."""
    config = getattr(component, "config", None)
    if config is None:
        return ""
    given = [(field.name, getattr(config, field.name)) for field in dataclasses.fields(config)
             if field.default is field.default_factory is dataclasses.MISSING]
    if type(config) in PARTS or any(type(value) in PARTS for _, value in given):
        return "preset tiny"
    return ", ".join(f"{name} {value:,}" for name, value in given if type(value) is int)


def components(module):
    """The public components of a module, in its order."""
    named = (getattr(module, name) for name in getattr(module, "__all__", ()))
    return [one for one in named if inspect.isclass(one) and one.__module__ == module.__name__
            and issubclass(one, wiring.Component)]
