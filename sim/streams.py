# SPDX-License-Identifier: Apache-2.0
"""Transfers on streams of a compiled design: what C++ is told, what it tells."""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from flightllm_hw.sim.ports import Port
from flightllm_hw.sim.traffic import STEADY, Gate, Traffic

__all__ = ["StreamCall", "Transfers"]


class Transfers(dict[str, np.ndarray]):
    """What streams moved: the words of each output, by name.

    Attributes
    ----------
    cycles : dict of str to numpy.ndarray
        The cycle of each transfer, of inputs and outputs, counted from the call's first.
    total : int
        Cycles that passed.
    """

    cycles: dict[str, np.ndarray]
    total: int


class _Stream(ctypes.Structure):
    """``Stream`` of harness.cpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("payload", "valid", "ready", "is_input")),
        *((name, ctypes.c_uint32) for name in ("state", "start", "stop", "unused")),
        *((name, ctypes.c_uint64) for name in ("count", "moved")),
        ("items", ctypes.c_void_p), ("cycles", ctypes.c_void_p)]


class StreamCall:
    """The streams of one call of ``bench_stream``; it keeps the arrays that C++ works on.

    Parameters
    ----------
    ports : dict of str to Port
        Of the design, in the order of the library's table.
    inputs, outputs, traffic, seed
        As ``Simulator.stream`` takes them.

    Attributes
    ----------
    names : list of str
    table : ctypes array
        An entry a stream, inputs first.

    Raises
    ------
    ValueError
        If there is no such stream, or it does not take such items or such traffic.
    """

    def __init__(self, ports: Mapping[str, Port], inputs: Mapping[str, np.ndarray],
                 outputs: Mapping[str, int], traffic: Traffic | Mapping[str, Traffic],
                 seed: int) -> None:
        self._ports, self._numbers = ports, {name: n for n, name in enumerate(ports)}
        self._labels, self._first_output = (*inputs, *outputs), len(inputs)
        self.names = [label.replace(".", "_") for label in self._labels]
        self.table = (_Stream * len(self.names))()
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        for n, what in enumerate((*inputs.values(), *outputs.values())):
            pattern = (traffic if isinstance(traffic, Traffic)
                       else traffic.get(self._labels[n], STEADY))
            self._kept.append(self._fill(self.table[n], self.names[n], what, pattern, seed,
                                         is_input=n < self._first_output))

    def _fill(self, s: _Stream, name: str, what: Any, traffic: Traffic, seed: int, *,
              is_input: bool) -> tuple[np.ndarray, np.ndarray]:
        found = {part: self._ports.get(f"{name}_{part}") for part in ("payload", "valid", "ready")}
        if not any(found.values()):
            raise ValueError(f"There is no stream {name!r} among the ports"
                             f" {', '.join(self._ports)}")
        for part, port in found.items():
            setattr(s, part, -1 if port is None else self._numbers[port.name])
            wanted = is_input if part != "ready" else not is_input
            if port is not None and port.is_input is not wanted:
                raise ValueError(f"Stream {name!r} is an {'output' if is_input else 'input'}")
        if found["valid" if is_input else "ready"] is None and not traffic.steady:
            raise ValueError(f"Stream {name!r} is always {'valid' if is_input else 'ready'}: it"
                             f" takes no {traffic} traffic")
        payload = found["payload"] or Port(f"{name}_payload", 0, is_input)
        items = payload.rows(what) if is_input else np.zeros((what, payload.words), "<u4")
        when = np.zeros(len(items), np.uint64)
        gate = Gate(traffic, seed, name)
        s.is_input, s.count = is_input, len(items)
        s.state, s.start, s.stop = gate.state, traffic.start, traffic.stop
        s.items, s.cycles = items.ctypes.data, when.ctypes.data
        return items, when

    def moved(self) -> str:
        """How far each stream has come."""
        return ", ".join(f"{name} moved {s.moved} of {s.count}"
                         for name, s in zip(self.names, self.table, strict=True))

    def transfers(self, first: int, total: int) -> Transfers:
        """What was moved in ``total`` cycles from cycle ``first`` on."""
        outputs = range(self._first_output, len(self._labels))
        result = Transfers({self._labels[n]: self._kept[n][0] for n in outputs})
        result.cycles = {label: when - np.uint64(first)
                         for label, (_, when) in zip(self._labels, self._kept, strict=True)}
        result.total = total
        return result
