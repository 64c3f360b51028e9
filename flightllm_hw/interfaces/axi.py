# SPDX-License-Identifier: Apache-2.0
"""AXI4 and AXI4-Lite (ARM IHI 0022) as signatures.

Members are flat and named as the standard names them, in lower case: what is a member ``m_axi`` of
a kernel comes out as ``m_axi_awvalid``, ``m_axi_awaddr``, and so on, the names by which Vivado
infers the bus.

Beside addresses, data and handshakes, an AXI4 master here drives

- ``size`` and ``burst``, whose defaults Vivado knows but models of memories ask for;
- ``prot``, which the standard demands of masters;
- ``cache``, which would mean non-modifiable (0b0000) if it were left out: a width converter on the
  way to the memory could then not repack bursts. Modifiable and bufferable, :data:`CACHE`, is it.

``lock``, ``qos``, ``region`` and ``user`` are left out: left out they mean what they should, a
normal access without priority, and neither Vivado nor Vitis asks a kernel for them.
"""

from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ADDRESS_BITS", "CACHE", "Access", "Axi4Interface", "Axi4LiteInterface",
           "Axi4LiteSignature", "Axi4Signature", "Burst", "Response"]

# Vitis wants masters of 64 bits, whatever the card has.
ADDRESS_BITS = 64

# Normal memory, modifiable and bufferable, no allocation.
CACHE = 0b0011


class Response(enum.Enum, shape=2):
    """How an access went (RRESP, BRESP)."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class Burst(enum.Enum, shape=2):
    """How addresses go on in a burst (AxBURST)."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Access(enum.Flag):
    """The halves of an AXI4 port, which share nothing."""

    READ = 1
    WRITE = 2
    BOTH = 3


def _data_bits(bus: str, bits: int, widths: tuple[int, ...]) -> int:
    if bits not in widths:
        raise ValueError(f"{bus} data width must be one of {', '.join(map(str, widths))}, not"
                         f" {bits!r}")
    return bits


class Axi4Signature(wiring.Signature):
    """AXI4, seen from the master.

    Parameters
    ----------
    data_bits : int
        Width of ``rdata`` and ``wdata``: a power of two in 32..1024.
    id_bits : int
        Width of the transaction IDs, up to 16; 0 leaves out ``arid``, ``rid``, ``awid``, ``bid``.
    access : Access
        Which half of the port there is: ``ar*`` and ``r*``, ``aw*``, ``w*`` and ``b*``, or both.

    Raises
    ------
    ValueError
        If a width is none of these.
    """

    def __init__(self, *, data_bits: int, id_bits: int = 1, access: Access = Access.BOTH):
        self._data_bits = _data_bits("AXI4", data_bits, (32, 64, 128, 256, 512, 1024))
        if not isinstance(id_bits, int) or not 0 <= id_bits <= 16:
            raise ValueError(f"AXI4 ID width must be in 0..16, not {id_bits!r}")
        if not isinstance(access, Access) or not access:
            raise ValueError(f"AXI4 access must be Access.READ, Access.WRITE or Access.BOTH, not"
                             f" {access!r}")
        self._id_bits = id_bits
        self._access = access

        def address(channel):
            return {
                f"{channel}valid": Out(1),
                f"{channel}ready": In(1),
                **({f"{channel}id": Out(id_bits)} if id_bits else {}),
                f"{channel}addr": Out(ADDRESS_BITS),
                f"{channel}len": Out(8),
                f"{channel}size": Out(3),
                f"{channel}burst": Out(Burst),
                f"{channel}cache": Out(4),
                f"{channel}prot": Out(3),
            }

        members = {}
        if Access.WRITE in access:
            members |= address("aw") | {
                "wvalid": Out(1),
                "wready": In(1),
                "wdata": Out(data_bits),
                "wstrb": Out(data_bits // 8),
                "wlast": Out(1),
                "bvalid": In(1),
                "bready": Out(1),
                **({"bid": In(id_bits)} if id_bits else {}),
                "bresp": In(Response),
            }
        if Access.READ in access:
            members |= address("ar") | {
                "rvalid": In(1),
                "rready": Out(1),
                **({"rid": In(id_bits)} if id_bits else {}),
                "rdata": In(data_bits),
                "rresp": In(Response),
                "rlast": In(1),
            }
        super().__init__(members)

    @property
    def data_bits(self) -> int:
        """Width of the data."""
        return self._data_bits

    @property
    def id_bits(self) -> int:
        """Width of the transaction IDs."""
        return self._id_bits

    @property
    def access(self) -> Access:
        """Which half of the port there is."""
        return self._access

    def create(self, *, path=None, src_loc_at=0):
        return Axi4Interface(self, path=path, src_loc_at=1 + src_loc_at)

    def __eq__(self, other):
        return (isinstance(other, Axi4Signature) and self.data_bits == other.data_bits
                and self.id_bits == other.id_bits and self.access == other.access)

    def __repr__(self):
        return (f"Axi4Signature(data_bits={self.data_bits}, id_bits={self.id_bits},"
                f" access={self.access})")


class Axi4Interface(wiring.PureInterface):
    """The signals of an :class:`Axi4Signature`."""

    @property
    def data_bits(self) -> int:
        """Width of the data."""
        return self.signature.data_bits

    @property
    def id_bits(self) -> int:
        """Width of the transaction IDs."""
        return self.signature.id_bits

    @property
    def access(self) -> Access:
        """Which half of the port there is."""
        return self.signature.access

    def half(self, access: Access) -> "Axi4Interface":
        """The same signals, as a port of that half: a reader and a writer can share a port.

        ::

            connect(m, flipped(self.m_axi.half(Access.READ)), reader.m_axi)
            connect(m, flipped(self.m_axi.half(Access.WRITE)), writer.m_axi)
        """
        if access not in self.access:
            raise ValueError(f"An AXI4 port of {self.access} has no {access}")
        signature = Axi4Signature(data_bits=self.data_bits, id_bits=self.id_bits, access=access)
        part = signature.create(path=("axi",))
        for name in signature.members:
            setattr(part, name, getattr(self, name))
        return wiring.flipped(part) if isinstance(self, wiring.FlippedInterface) else part


class Axi4LiteSignature(wiring.Signature):
    """AXI4-Lite, seen from the master: one beat of whole words, no IDs.

    Parameters
    ----------
    address_bits : int
        Width of the byte addresses, 1..64. Vitis' control ports have 12.
    data_bits : int
        Width of a word: 32 or 64.

    Raises
    ------
    ValueError
        If a width is none of these.
    """

    def __init__(self, *, address_bits: int, data_bits: int = 32):
        if not isinstance(address_bits, int) or not 1 <= address_bits <= 64:
            raise ValueError(f"AXI4-Lite address width must be in 1..64, not {address_bits!r}")
        self._address_bits = address_bits
        self._data_bits = _data_bits("AXI4-Lite", data_bits, (32, 64))
        super().__init__({
            "awvalid": Out(1),
            "awready": In(1),
            "awaddr": Out(address_bits),
            "awprot": Out(3),
            "wvalid": Out(1),
            "wready": In(1),
            "wdata": Out(data_bits),
            "wstrb": Out(data_bits // 8),
            "bvalid": In(1),
            "bready": Out(1),
            "bresp": In(Response),
            "arvalid": Out(1),
            "arready": In(1),
            "araddr": Out(address_bits),
            "arprot": Out(3),
            "rvalid": In(1),
            "rready": Out(1),
            "rdata": In(data_bits),
            "rresp": In(Response),
        })

    @property
    def address_bits(self) -> int:
        """Width of the addresses."""
        return self._address_bits

    @property
    def data_bits(self) -> int:
        """Width of the data."""
        return self._data_bits

    def create(self, *, path=None, src_loc_at=0):
        return Axi4LiteInterface(self, path=path, src_loc_at=1 + src_loc_at)

    def __eq__(self, other):
        return (isinstance(other, Axi4LiteSignature) and self.data_bits == other.data_bits
                and self.address_bits == other.address_bits)

    def __repr__(self):
        return f"Axi4LiteSignature(address_bits={self.address_bits}, data_bits={self.data_bits})"


class Axi4LiteInterface(wiring.PureInterface):
    """The signals of an :class:`Axi4LiteSignature`."""

    @property
    def address_bits(self) -> int:
        """Width of the addresses."""
        return self.signature.address_bits

    @property
    def data_bits(self) -> int:
        """Width of the data."""
        return self.signature.data_bits
