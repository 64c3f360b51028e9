# SPDX-License-Identifier: Apache-2.0
"""A compiled design that is loaded, and the state it is in.

Cycles are driven in batches by C++ (``harness.cpp``); Python passes arrays of 32-bit words, packed
by :mod:`flightllm_hw.sim.words`. As in :mod:`flightllm_hw.sim.pysim`, ports are sampled just before
the clock's edge, inputs change just after it, and traffic of equal seed takes the same cycles.
"""

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flightllm_hw.sim import words
from flightllm_hw.sim.ports import Port
from flightllm_hw.sim.rules import DeadlineError, StreamRuleError
from flightllm_hw.sim.streams import StreamCall, Transfers
from flightllm_hw.sim.traffic import STEADY, Traffic

__all__ = ["Simulator"]

_WORDS = ctypes.POINTER(ctypes.c_uint32)
_DONE, _DEADLINE, _VALID_TAKEN_BACK, _PAYLOAD_CHANGED, _FAILED = 0, 1, 2, 3, -1


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
        ins = {name: self._port(name, is_input=True).rows(rows, cycles)
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
            Words of the items for each input, (items, words). Parts of a name are joined by ``_``
            or a dot.
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
        call = StreamCall(self.ports, inputs, outputs, traffic, seed)
        where, before = ctypes.c_int32(-1), self.cycle
        code = self.library.bench_stream(self.handle, ctypes.c_uint64(deadline), len(call.table),
                                         call.table, ctypes.byref(where))
        if code == _DEADLINE:
            raise DeadlineError(f"A stream still waits after {deadline} cycles: {call.moved()}")
        if code in (_VALID_TAKEN_BACK, _PAYLOAD_CHANGED):
            what = "took back valid" if code == _VALID_TAKEN_BACK else "changed the payload"
            raise StreamRuleError(f"Stream {call.names[where.value]} broke a rule in cycle"
                                  f" {self.cycle - before}: the component {what} before ready")
        self._check(code)
        return call.transfers(before, self.cycle - before)

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
