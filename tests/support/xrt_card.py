# SPDX-License-Identifier: Apache-2.0
"""A card for :mod:`support.pyxrt`: a Verilated kernel, its memory banks, and what the driver does.

::

    kernel.xml ─► arguments' offsets      bank 0 ◄── m_axi_0         one storage, ranges of
    connectivity ─► a bank an argument    bank 1 ◄── m_axi_1         addresses; what nobody has
    launch: 0x10.. as one block, CTRL     ...                        written is noise

It knows the kernel by its ``kernel.xml`` alone, and takes every access through the kernel's ports.
"""

import json
from collections import deque
from dataclasses import asdict, dataclass
from xml.etree import ElementTree

from flightllm_hw.boards import card
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.registers import ADDRESS_BITS
from flightllm_hw.package.kernel_xml import kernel_xml
from flightllm_hw.package.memory import banks as banks_of_ports
from flightllm_hw.sim.kernel import ControlBus, _compiled
from flightllm_hw.sim.memory import AxiMemory

__all__ = ["Argument", "Bank", "Card", "banks_of", "read_xclbin", "write_xclbin"]

MAGIC = b"xclbin2\0"
CARD = "u280"
PAGE = 4096
CHUNK = 256
FOR_EVER = 50_000_000


@dataclass(frozen=True)
class Argument:
    """What ``kernel.xml`` says of an argument."""

    name: str
    offset: int
    size: int
    port: str | None


@dataclass(frozen=True)
class Bank:
    """A memory bank: HBM[0], DDR[1]."""

    tag: str
    base: int
    size: int


# The file that a card is loaded with.


def banks_of(config, size=64 << 20):
    """A bank a lane, as HBM is; the host's DIMM far behind them."""
    return [*(Bank(f"HBM[{n}]", n * (256 << 20), size) for n in range(config.lanes)),
            Bank("DDR[0]", 0x40_0000_0000, size)]


def write_xclbin(path, config, banks=None, name=None):
    """From what a package has: ``kernel.xml``, and each port's bank.

    What stands for the bitstream is the configuration.
    """
    xml = kernel_xml(config)
    if name is not None:
        xml = xml.replace(f"flightllm_{config.name}", name)
    banks = banks or banks_of(config)
    names = [bank.tag for bank in banks]
    connected = [names.index(bank) for bank in banks_of_ports(config, card(CARD)).values()]
    path.write_bytes(MAGIC + json.dumps({
        "kernel": xml, "banks": [asdict(bank) for bank in banks], "connected": connected,
        "bitstream": config.to_json()}).encode())
    return path


def read_xclbin(path):
    """The object in the file."""
    raw = path.read_bytes()
    if not raw.startswith(MAGIC):
        raise ValueError("not an xclbin")
    return json.loads(raw.removeprefix(MAGIC))


# The card.


class Card:
    """A card that can be loaded.

    ``cycles_per_ms`` is how fast its clock is for who waits. Accesses in ``broken``, addresses,
    are answered with an error.
    """

    def __init__(self, cycles_per_ms=1000, broken=None):
        self.cycles_per_ms, self.broken = cycles_per_ms, broken
        self.uuid = None
        self.owner = None
        self.launches = []

    def load(self, found, uuid):
        """Configure the card; what was in its memories is lost."""
        if self.uuid == uuid:
            return
        self.uuid = uuid
        config = AcceleratorConfig.from_json(found["bitstream"])
        kernel = ElementTree.fromstring(found["kernel"]).find("kernel")
        self.kernel = kernel.get("name")
        self.arguments = [
            Argument(arg.get("name"), int(arg.get("offset"), 16), int(arg.get("size"), 16),
                     arg.get("port") if arg.get("addressQualifier") == "1" else None)
            for arg in kernel.find("args")]
        self.banks = [Bank(**bank) for bank in found["banks"]]
        self.connected = found["connected"]
        self._taken = [{} for _ in self.banks]
        self._queue = deque()

        self.sim = _compiled(config, False, False)
        self.sim.restart()
        pointers = [a.port for a in self.arguments if a.port]
        reached = [self.banks[n] for n in self.connected]
        self.memory = AxiMemory(self.sim, pointers, clock_mhz=config.clock_mhz,
                                base=[bank.base for bank in reached],
                                size=[bank.size for bank in reached])
        for n, bank in enumerate(self.banks):
            self.memory.generate(range(bank.base, bank.base + bank.size), 77 + n)
        if self.broken is not None:
            self.memory.fail(self.broken)
        self.bus = ControlBus(self.sim)
        self.sim.reset()
        # The driver looks at it once.
        self.bus.read(0)

    # Memory.

    def allocate(self, bank, size):
        """An address in a bank, or None."""
        there, taken = self.banks[bank], self._taken[bank]
        size = -(-size // PAGE) * PAGE
        # Never at the bank's beginning: something of the driver's is there.
        at = there.base + (3 + bank) * PAGE
        for start, length in sorted(taken.items()):
            if at + size <= start:
                break
            at = start + length
        if at + size > there.base + there.size:
            return None
        taken[at] = size
        return at

    def free(self, bank, address):
        """Give it back."""
        self._taken[bank].pop(address, None)

    # Runs, one at a time.

    def submit(self, run):
        """Start a run when those before are over."""
        self._queue.append(run)
        if len(self._queue) == 1:
            self._launch()

    def _launch(self):
        words = self._queue[0].words
        self.launches.append(words)
        for offset in range(0x10, 4 * len(words), 4):
            self.bus.write(offset, words[offset // 4])
        self.bus.write(0, 1)

    def wait(self, run, milliseconds):
        """Whether it is over by then; 0: however long it takes."""
        first = self.sim.cycle
        most = milliseconds * self.cycles_per_ms or FOR_EVER
        while run in self._queue:
            if self.sim.cycle - first >= most:
                assert milliseconds, "the caller waits for ever"
                return False
            self.sim.run({}, CHUNK, record=())
            self.poll()
        return True

    def poll(self):
        """Look at CTRL, as the driver does while a run is under way; whether it is over now."""
        if not self._queue or not self.bus.read(0) & 2:
            return False
        self._queue.popleft()
        self.memory.check()
        if self._queue:
            self._launch()
        return True

    def register(self, offset):
        """A word of the kernel's registers."""
        assert 0 <= offset < 1 << ADDRESS_BITS
        return self.bus.read(offset)
