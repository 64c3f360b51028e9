# SPDX-License-Identifier: Apache-2.0
"""A compiled design that is loaded, and the state it is in.

Cycles are driven in batches by C++ (``harness.cpp``); Python passes arrays of 32-bit words, packed
by :mod:`flightllm_hw.sim.words`. As in :mod:`flightllm_hw.sim.pysim`, ports are sampled just before
the clock's edge, inputs change just after it, and traffic of equal seed takes the same cycles.
"""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flightllm_hw.sim import words
from flightllm_hw.sim.rules import DeadlineError, StreamRuleError
from flightllm_hw.sim.traffic import STEADY, Gate, Traffic

__all__ = ["Port", "Simulator", "Transfers"]

_WORDS = ctypes.POINTER(ctypes.c_uint32)
_DONE, _DEADLINE, _VALID_TAKEN_BACK, _PAYLOAD_CHANGED, _FAILED = 0, 1, 2, 3, -1


@dataclass(frozen=True)
class Port:
    """A port of a Verilog module."""

    name: str
    width: int
    is_input: bool

    @property
    def words(self) -> int:
        """Words of 32 bits that a value takes."""
        return (self.width + 31) // 32


class Transfers(dict[str, np.ndarray]):
    """What :meth:`Simulator.stream` moved: the words of each output, by name.

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


class Simulator:
    """A compiled design and the state it is in.

    Parameters
    ----------
    path : Path
        The shared library.
    ports : sequence of Port
        Its ports in the order of the library's table.
    wave_format : str
        ``fst``, ``vcd`` or nothing.
    shapes : dict of str to shape
        Of ports and streams.

    Attributes
    ----------
    library : ctypes.CDLL
        The library, for what extra sources export.
    handle : ctypes.c_void_p
        The design, as extra sources take it (``flightllm::Bench*``).
    ports : dict of str to Port
        The ports but the clock.
    """

    def __init__(self, path: Path, ports: Sequence[Port], *, wave_format: str = "",
                 shapes: Mapping[str, Any] | None = None) -> None:
        self.path = path
        self.ports = {port.name: port for port in ports}
        self.wave_format = wave_format
        self.shapes = dict(shapes or {})
        self.library = _load(path)
        self._number = {name: n for n, name in enumerate(self.ports)}
        self.handle: ctypes.c_void_p | None = None
        self.restart()

    def restart(self) -> None:
        """Back to how the design powers up; models and waves are gone."""
        self.close()
        self.handle = ctypes.c_void_p(self.library.bench_new())

    def close(self) -> None:
        """Free the design."""
        if self.handle:
            self.library.bench_free(self.handle)
            self.handle = None

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.close()

    @property
    def cycle(self) -> int:
        """Cycles since the design was powered up."""
        return int(self.library.bench_cycle(self.handle))

    # Words.

    def pack(self, name: str, values: Any) -> np.ndarray:
        """Words of ``values`` for a port or a stream; :func:`flightllm_hw.sim.words.pack`."""
        return words.pack(self._shape(name), values)

    def unpack(self, name: str, rows: np.ndarray) -> Any:
        """Values of a port's or a stream's words; :func:`flightllm_hw.sim.words.unpack`."""
        return words.unpack(self._shape(name), rows)

    def _shape(self, name: str) -> Any:
        name = name.replace(".", "_")
        if name in self.shapes:
            return self.shapes[name]
        return self._port(f"{name}_payload" if name not in self.ports else name).width

    # Single ports.

    def poke(self, name: str, value: int) -> None:
        """Set an input, until it is set again."""
        port = self._port(name, is_input=True)
        row = words.pack(port.width, np.array([value], object))
        self.library.bench_poke(self.handle, self._number[name], row.ctypes.data_as(_WORDS))

    def peek(self, name: str) -> int:
        """What a port holds, after the inputs have had their effect on it."""
        row = np.zeros(self._port(name).words, "<u4")
        self._check(self.library.bench_peek(self.handle, self._number[name],
                                            row.ctypes.data_as(_WORDS)))
        return int.from_bytes(row.tobytes(), "little")

    def reset(self, cycles: int = 1) -> None:
        """Hold ``rst`` for some cycles, where the design has one."""
        if "rst" in self.ports:
            self.poke("rst", 1)
            self.run({}, cycles, record=())
            self.poke("rst", 0)

    # Cycles.

    def run(self, inputs: Mapping[str, np.ndarray], cycles: int | None = None, *,
            record: Sequence[str] | None = None) -> dict[str, np.ndarray]:
        """Play inputs, record outputs.

        Parameters
        ----------
        inputs : dict of str to numpy.ndarray
            Words of each cycle, (cycles, words); a port of one word may go without the last axis.
            Other inputs keep what they have.
        cycles : int, optional
            How many; the length of ``inputs`` by default.
        record : sequence of str, optional
            Ports to record; all outputs by default.

        Returns
        -------
        dict of str to numpy.ndarray
            Words just before the edge that ends each cycle, (cycles, words).
        """
        if cycles is None:
            cycles = min((len(rows) for rows in inputs.values()), default=0)
        ins = {name: self._rows(self._port(name, is_input=True), rows, cycles)
               for name, rows in inputs.items()}
        if record is None:
            record = [port.name for port in self.ports.values() if not port.is_input]
        outs = {name: np.zeros((cycles, self._port(name).words), "<u4") for name in record}
        self._check(self.library.bench_run(
            self.handle, ctypes.c_uint64(cycles), *self._table(ins), *self._table(outs)))
        return outs

    def stream(self, inputs: Mapping[str, np.ndarray], outputs: Mapping[str, int], *,
               traffic: Traffic | Mapping[str, Traffic] = STEADY, seed: int = 0,
               deadline: int = 1_000_000) -> Transfers:
        """Send and receive on several streams at once, until all of it is done.

        Parameters
        ----------
        inputs : dict of str to numpy.ndarray
            Words of the items for each input, (items, words).
        outputs : dict of str to int
            How many items to receive from each output.
        traffic : Traffic or dict of str to Traffic
            Of all streams, or of those named; the rest are steady.
        seed : int
            What traffic is drawn from.
        deadline : int
            Cycles that it may take.

        Raises
        ------
        DeadlineError
            If it takes longer; the message says what moved.
        StreamRuleError
            If an output withdraws or changes what it offers.
        """
        names = [name.replace(".", "_") for name in (*inputs, *outputs)]
        streams = (_Stream * len(names))()
        kept: list[tuple[np.ndarray, np.ndarray]] = []
        todo = [*inputs.values(), *outputs.values()]
        for n, (label, name, what) in enumerate(
                zip((*inputs, *outputs), names, todo, strict=True)):
            pattern = traffic if isinstance(traffic, Traffic) else traffic.get(label, STEADY)
            kept.append(self._stream(streams[n], name, what, pattern, seed, n < len(inputs)))
        where, before = ctypes.c_int32(-1), self.cycle
        code = self.library.bench_stream(self.handle, ctypes.c_uint64(deadline), len(names),
                                         streams, ctypes.byref(where))
        if code == _DEADLINE:
            moved = ", ".join(f"{name} moved {s.moved} of {s.count}"
                              for name, s in zip(names, streams, strict=True))
            raise DeadlineError(f"A stream still waits after {deadline} cycles: {moved}")
        if code in (_VALID_TAKEN_BACK, _PAYLOAD_CHANGED):
            what = "took back valid" if code == _VALID_TAKEN_BACK else "changed the payload"
            raise StreamRuleError(f"Stream {names[where.value]} broke a rule in cycle"
                                  f" {self.cycle - before}: the component {what} before ready")
        self._check(code)
        result = Transfers({name: kept[len(inputs) + n][0] for n, name in enumerate(outputs)})
        result.cycles = {name: when - np.uint64(before)
                         for name, (_, when) in zip((*inputs, *outputs), kept, strict=True)}
        result.total = self.cycle - before
        return result

    def _stream(self, s: _Stream, name: str, what: Any, traffic: Traffic, seed: int,
                is_input: bool) -> tuple[np.ndarray, np.ndarray]:
        found = {part: self.ports.get(f"{name}_{part}") for part in ("payload", "valid", "ready")}
        if not any(found.values()):
            raise ValueError(f"There is no stream {name!r} among the ports {', '.join(self.ports)}")
        for part, port in found.items():
            setattr(s, part, -1 if port is None else self._number[port.name])
            wanted = is_input if part != "ready" else not is_input
            if port is not None and port.is_input is not wanted:
                raise ValueError(f"Stream {name!r} is an {'output' if is_input else 'input'}")
        if found["valid" if is_input else "ready"] is None and not traffic.steady:
            raise ValueError(f"Stream {name!r} is always {'valid' if is_input else 'ready'}: it"
                             f" takes no {traffic} traffic")
        payload = found["payload"] or Port(f"{name}_payload", 0, is_input)
        items = (self._rows(payload, what, None) if is_input
                 else np.zeros((what, payload.words), "<u4"))
        when = np.zeros(len(items), np.uint64)
        gate = Gate(traffic, seed, name)
        s.is_input, s.count = is_input, len(items)
        s.state, s.start, s.stop = gate.state, traffic.start, traffic.stop
        s.items, s.cycles = items.ctypes.data, when.ctypes.data
        return items, when

    # Waves.

    def trace(self, path: Path | str, start: int = 0, cycles: int | None = None) -> Path:
        """Write waves of a window of cycles.

        Parameters
        ----------
        path : path
            The file; its suffix becomes that of ``wave_format``.
        start : int
            First cycle, counted from now.
        cycles : int, optional
            How many; all that follow by default.

        Returns
        -------
        Path
            The file, complete when the window has passed or :meth:`end_trace` was called.
        """
        if not self.wave_format:
            raise ValueError("Waves need a simulator that was compiled with waves=True")
        path = Path(path).with_suffix(f".{self.wave_format}")
        path.parent.mkdir(parents=True, exist_ok=True)
        first = self.cycle + start
        stop = (1 << 63) if cycles is None else first + cycles
        if not self.library.bench_trace(self.handle, str(path).encode(), ctypes.c_uint64(first),
                                        ctypes.c_uint64(stop)):
            raise OSError(f"Waves cannot be written to {path}")
        return path

    def end_trace(self) -> None:
        """Complete the file of waves."""
        self.library.bench_close_trace(self.handle)

    # Checks and tables.

    def _port(self, name: str, *, is_input: bool | None = None) -> Port:
        port = self.ports.get(name)
        if port is None:
            raise ValueError(f"There is no port {name!r}; there are {', '.join(self.ports)}")
        if is_input is not None and port.is_input is not is_input:
            raise ValueError(f"Port {name!r} is an {'input' if port.is_input else 'output'}")
        return port

    @staticmethod
    def _rows(port: Port, rows: Any, cycles: int | None) -> np.ndarray:
        rows = np.asarray(rows)
        if rows.ndim == 1 and port.words == 1:
            rows = rows[:, None]
        if rows.ndim != 2 or rows.shape[1] != port.words or cycles not in (None, len(rows)):
            count = "n" if cycles is None else cycles
            raise ValueError(f"Port {port.name} takes words of shape ({count}, {port.words}), not"
                             f" {rows.shape}")
        if rows.dtype != np.uint32:
            if rows.size and not (0 <= rows.min() and rows.max() < 1 << 32):
                raise ValueError(f"Port {port.name} takes words of 32 bits, unsigned")
        rows = np.ascontiguousarray(rows, "<u4")
        if port.width % 32 and np.any(rows[:, -1] >> port.width % 32):
            raise ValueError(f"Port {port.name} takes {port.width} bits, no more")
        return rows

    def _table(self, arrays: Mapping[str, np.ndarray]) -> tuple[Any, Any, Any]:
        numbers = (ctypes.c_int32 * len(arrays))(*(self._number[name] for name in arrays))
        rows = (_WORDS * len(arrays))(*(a.ctypes.data_as(_WORDS) for a in arrays.values()))
        return len(arrays), numbers, rows

    def _check(self, code: int) -> None:
        if code == _FAILED:
            said = self.library.bench_error(self.handle).decode()
            raise RuntimeError(f"The simulation stopped: {said}")


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    library.bench_new.restype = ctypes.c_void_p
    library.bench_cycle.restype = ctypes.c_uint64
    library.bench_error.restype = ctypes.c_char_p
    for name in ("bench_free", "bench_close_trace", "bench_poke"):
        getattr(library, name).restype = None
    return library
