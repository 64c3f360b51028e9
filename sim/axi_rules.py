# SPDX-License-Identifier: Apache-2.0
"""The rules that both sides of an AXI4 port keep, watched in Amaranth's simulator.

::

    rules = AxiRules(dut.m_axi)
    simulate(dut, ..., background=[rules.watch])
    rules.finish()

Both sides: once ``valid``, a sender stays so and holds its payload until ``ready``; no ``valid`` on
the response channels without a request. The master: bursts are INCR, of whole beats, aligned, of at
most 16 beats and 512 bytes, and cross no page of 4 KiB; ``wlast`` is on in the last beat of each
burst and in no other. The memory: ``rlast`` likewise; responses carry the ID of a request, and
those of one ID come in its order. Data before its address is fine.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Value

__all__ = ["AxiRequest", "AxiRuleError", "AxiRules"]

INCR = 1
PAGE = 4096
MOST_BEATS = 16
MOST_BYTES = 512

ADDRESS = ("id", "addr", "len", "size", "burst", "cache", "prot")
CHANNELS = {"aw": ADDRESS, "w": ("data", "strb", "last"), "b": ("id", "resp"),
            "ar": ADDRESS, "r": ("id", "data", "resp", "last")}


class AxiRuleError(AssertionError):
    """A side of an AXI4 port broke a rule."""


@dataclass(frozen=True)
class AxiRequest:
    """A burst that was asked for.

    Parameters
    ----------
    cycle : int
        When.
    id, address, beats : int
        What.
    """

    cycle: int
    id: int
    address: int
    beats: int


class AxiRules:
    """Watches an AXI4 port, or a half of one, and keeps what was asked for.

    Parameters
    ----------
    port : AXI4 interface
        Seen from the master.
    most_beats, most_bytes : int
        The largest burst that is let through.

    Attributes
    ----------
    reads, writes : list of AxiRequest
        Bursts in the order in which they were asked for.
    beats : dict of str to list of int
        The cycles in which each channel moved something.
    """

    def __init__(self, port: Any, *, most_beats: int = MOST_BEATS,
                 most_bytes: int = MOST_BYTES) -> None:
        members = port.signature.members
        self.most_beats, self.most_bytes = most_beats, most_bytes
        self.bytes = port.signature.data_bits // 8
        self.channels = [name for name in CHANNELS if f"{name}valid" in members]
        self._fields = {name: ["valid", "ready", *(f for f in CHANNELS[name]
                                                   if f"{name}{f}" in members)]
                        for name in self.channels}
        self.samples = [Value.cast(getattr(port, f"{name}{field}"))
                        for name in self.channels for field in self._fields[name]]
        self.reads: list[AxiRequest] = []
        self.writes: list[AxiRequest] = []
        self.beats: dict[str, list[int]] = {name: [] for name in self.channels}
        self._held: dict[str, dict[str, int]] = {}
        self._reading: dict[int, deque[int]] = defaultdict(deque)
        self._writing: dict[int, int] = defaultdict(int)
        self._lengths: deque[int] = deque()
        self._sent: deque[int] = deque()
        self._unanswered: deque[int] = deque()
        self._beat = 0

    async def watch(self, ctx: Any) -> None:
        """Judge every cycle: a background testbench."""
        cycle = 0
        while True:
            _, _, *values = await ctx.tick().sample(*self.samples)
            self.check(cycle, values)
            cycle += 1

    def check(self, cycle: int, values: list[int]) -> None:
        """Judge one cycle.

        Parameters
        ----------
        cycle : int
            Its number.
        values : list of int
            ``samples`` just before the clock's edge.

        Raises
        ------
        AxiRuleError
            If either side broke a rule.
        """
        values = list(values)
        moved: dict[str, dict[str, int]] = {}
        for name in self.channels:
            fields = self._fields[name]
            now = dict(zip(fields, map(int, values[:len(fields)]), strict=True))
            del values[:len(fields)]
            self._check_held(cycle, name, now)
            if now["valid"] and now["ready"]:
                self.beats[name].append(cycle)
                moved[name] = now
        # A response belongs to a request of an earlier cycle.
        for name in ("r", "b", "ar", "aw", "w"):
            if name in moved:
                getattr(self, f"_{name}")(cycle, moved[name])

    def finish(self) -> None:
        """Raise AxiRuleError unless every request was answered, and all data was asked for."""
        if any(self._reading.values()):
            raise AxiRuleError("There are bursts of reads without an answer")
        if any(self._writing.values()) or self._lengths or self._sent or self._beat:
            raise AxiRuleError("There are bursts of writes without data or answer")
        if self._held:
            raise AxiRuleError(f"Channel {', '.join(self._held)} still offers something")

    def _check_held(self, cycle: int, name: str, now: dict[str, int]) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            if not now["valid"]:
                raise AxiRuleError(f"{name}valid was taken back in cycle {cycle}")
            for field in self._fields[name][2:]:
                if now[field] != held[field]:
                    raise AxiRuleError(f"{name}{field} changed before ready in cycle {cycle}:"
                                       f" {held[field]:#x} -> {now[field]:#x}")
        if now["valid"] and not now["ready"]:
            self._held[name] = now

    def _request(self, cycle: int, name: str, now: dict[str, int]) -> AxiRequest:
        address, beats = now["addr"], now["len"] + 1
        size = beats * self.bytes

        def require(holds: bool, what: str) -> None:
            if not holds:
                raise AxiRuleError(f"Burst of {beats} beats at {address:#x} ({name}, cycle"
                                   f" {cycle}) {what}")

        require(now.get("burst", INCR) == INCR, "is not INCR")
        require(1 << now.get("size", self.bytes.bit_length() - 1) == self.bytes,
                "is not of whole beats")
        require(address % self.bytes == 0, "is not aligned")
        require(beats <= self.most_beats, f"has more than {self.most_beats} beats")
        require(size <= self.most_bytes, f"has more than {self.most_bytes} bytes")
        require(address // PAGE == (address + size - 1) // PAGE, "crosses a page of 4 KiB")
        return AxiRequest(cycle, now.get("id", 0), address, beats)

    def _ar(self, cycle: int, now: dict[str, int]) -> None:
        request = self._request(cycle, "ar", now)
        self.reads.append(request)
        self._reading[request.id].append(request.beats)

    def _r(self, cycle: int, now: dict[str, int]) -> None:
        waiting = self._reading[now.get("id", 0)]
        if not waiting:
            raise AxiRuleError(f"A beat was read in cycle {cycle} that nobody asked for")
        waiting[0] -= 1
        if bool(now["last"]) is not (waiting[0] == 0):
            raise AxiRuleError(f"rlast is {now['last']} in cycle {cycle}, with {waiting[0]} beats"
                               f" of the burst to come")
        if not waiting[0]:
            waiting.popleft()

    def _aw(self, cycle: int, now: dict[str, int]) -> None:
        request = self._request(cycle, "aw", now)
        self.writes.append(request)
        self._lengths.append(request.beats)
        self._unanswered.append(request.id)
        self._match(cycle)

    def _w(self, cycle: int, now: dict[str, int]) -> None:
        self._beat += 1
        if now["last"]:
            self._sent.append(self._beat)
            self._beat = 0
        self._match(cycle)

    def _match(self, cycle: int) -> None:
        while self._lengths and self._sent:
            asked, sent = self._lengths.popleft(), self._sent.popleft()
            if asked != sent:
                raise AxiRuleError(f"A burst of {asked} beats got wlast with beat {sent}"
                                   f" (cycle {cycle})")
            self._writing[self._unanswered.popleft()] += 1
        if self._lengths and self._beat >= self._lengths[0]:
            raise AxiRuleError(f"A burst of {self._lengths[0]} beats got no wlast (cycle {cycle})")

    def _b(self, cycle: int, now: dict[str, int]) -> None:
        number = now.get("id", 0)
        if not self._writing[number]:
            raise AxiRuleError(f"A write was answered in cycle {cycle} that was not sent to its"
                               f" end")
        self._writing[number] -= 1
