# SPDX-License-Identifier: Apache-2.0
"""The DSP slice of UltraScale+ (Xilinx UG579), behavioural and as the vendor's cell.

::

             .------.   AREG 0..2
    a ──────►│ A1 A2├────────┬─────────────────────────────► A:B
             '------'  INMODE[1] gate
    d ─►[D]─ INMODE[2] gate ─►(+/-)─►[AD]─►.     .---.
                                           ├(x)─►│ M ├─► X,Y ─┐
    b ─►[B1 B2]────────────────────────────'     '---'        │   .---.
    c ─►[C]───────────────────────────────────────► W, Y, Z ─(ALU)┤ P ├─► p, pcout
    pcin ─────────────────────────────────────────────────► Z ┘   '---'
"""

from dataclasses import dataclass, fields

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.vendor import XilinxPlatform

__all__ = ["Dsp48e2", "Dsp48e2Config", "inmode", "opmode"]

_W = {"0": 0b00, "P": 0b01, "RND": 0b10, "C": 0b11}
_X = {"0": 0b00, "M": 0b01, "P": 0b10, "A:B": 0b11}
_Y = {"0": 0b00, "M": 0b01, "ONES": 0b10, "C": 0b11}
_Z = {"0": 0b000, "PCIN": 0b001, "P": 0b010, "C": 0b011, "PCIN>>17": 0b101, "P>>17": 0b110}


def opmode(*, w: str = "0", x: str = "0", y: str = "0", z: str = "0") -> int:
    """OPMODE that feeds the ALU with W + X + Y + Z; the product is ``x="M", y="M"``."""
    if (x == "M") != (y == "M"):
        raise ValueError("OPMODE takes the product on X and Y together, not on one of them")
    return _W[w] << 7 | _Z[z] << 4 | _Y[y] << 2 | _X[x]


def inmode(*, a1: bool = False, zero_a: bool = False, use_d: bool = False,
           subtract: bool = False, b1: bool = False) -> int:
    """INMODE: A1 for A2, A held at zero, D let through, D - A for D + A, B1 for B2."""
    return a1 << 0 | zero_a << 1 | use_d << 2 | subtract << 3 | b1 << 4


@dataclass(frozen=True, kw_only=True)
class Dsp48e2Config:
    """Attributes of the cell, spelt as UG579 spells them.

    Parameters
    ----------
    areg, breg : int
        Registers on A and B, 0 to 2.
    creg, dreg, adreg, mreg, inmodereg, opmodereg, alumodereg : int
        Register (1) or none (0). PREG is always 1: without it the ALU would feed back on itself.
    amultsel : str
        ``"A"``, or ``"AD"`` for the pre-adder.
    use_mult : str
        ``"MULTIPLY"`` or ``"NONE"`` (then MREG must be 0, and A:B may feed the ALU).
    use_simd : str
        ``"ONE48"``, or ``"TWO24"`` for an ALU of two halves (without the multiplier).
    opmodes, inmodes, alumodes : tuple of int
        The modes that will ever be asked for, so that the model need not have the others (what
        they do is then undefined). The cell has them all.
    """

    areg: int = 1
    breg: int = 1
    creg: int = 1
    dreg: int = 1
    adreg: int = 1
    mreg: int = 1
    inmodereg: int = 1
    opmodereg: int = 1
    alumodereg: int = 1
    amultsel: str = "A"
    use_mult: str = "MULTIPLY"
    use_simd: str = "ONE48"
    opmodes: tuple[int, ...] = tuple(range(1 << 9))
    inmodes: tuple[int, ...] = tuple(range(1 << 5))
    alumodes: tuple[int, ...] = (0, 1, 2, 3)

    def __post_init__(self) -> None:
        for f in fields(self):
            value, most = getattr(self, f.name), 2 if f.name in ("areg", "breg") else 1
            if f.name.endswith("reg") and value not in range(most + 1):
                raise ValueError(f"DSP48E2 {f.name.upper()} must be in 0..{most}, not {value!r}")
        if self.amultsel not in ("A", "AD"):
            raise ValueError(f"DSP48E2 AMULTSEL must be 'A' or 'AD', not {self.amultsel!r}")
        if self.use_mult not in ("MULTIPLY", "NONE"):
            raise ValueError(f"DSP48E2 USE_MULT must be 'MULTIPLY' or 'NONE',"
                             f" not {self.use_mult!r}")
        if self.use_mult == "NONE" and self.mreg:
            raise ValueError("DSP48E2 MREG must be 0 where USE_MULT is 'NONE'")
        if self.use_simd not in ("ONE48", "TWO24"):
            raise ValueError(f"DSP48E2 USE_SIMD must be 'ONE48' or 'TWO24',"
                             f" not {self.use_simd!r}")
        if self.use_simd != "ONE48" and self.use_mult != "NONE":
            raise ValueError(f"DSP48E2 USE_MULT must be 'NONE' where USE_SIMD is"
                             f" {self.use_simd!r}")


class Dsp48e2(wiring.Component):
    """One DSP48E2: p = z ± (w + x + y), x + y = (d ± a) * b or whatever OPMODE picks.

    No handshake: a pipeline that moves in every cycle; the registers that the configuration names
    are its latency. Registers power up as zero and have no reset.

    Numerics: A 27 bits where it is multiplied, B 18, C and P 48, two's complement, wrapping.
    With ``TWO24`` the ALU's halves of 24 bits wrap each on its own. Left out of the model and tied
    off in the cell: the A, B and carry cascades, CARRYIN, SIMD of four, the wide XOR and the
    pattern detector.

    Parameters
    ----------
    config : Dsp48e2Config
        The cell's attributes.

    Members
    -------
    a, b, c, d : In
        Operands of 30, 18, 48 and 27 bits.
    inmode, opmode, alumode : In
        Control, see :func:`inmode` and :func:`opmode`. ALUMODE 0: Z + W + X + Y;
        3: Z - (W + X + Y); 1: -Z + W + X + Y - 1; 2: -(Z + W + X + Y) - 1.
    pcin : In
        From the ``pcout`` of the slice below, and nowhere else.
    p, pcout : Out
        Result; the same to the slice above.

    Platform overrides: on a Xilinx platform, one DSP48E2 instance.
    """

    def __init__(self, config: Dsp48e2Config):
        self.config = config
        super().__init__({
            "a": In(signed(30)),
            "b": In(signed(18)),
            "c": In(signed(48)),
            "d": In(signed(27)),
            "inmode": In(5),
            "opmode": In(9),
            "alumode": In(4),
            "pcin": In(signed(48)),
            "p": Out(signed(48)),
            "pcout": Out(signed(48)),
        })

    @property
    def latency(self) -> int:
        """Cycles from A and D (through the pre-adder if there is one) to P."""
        c = self.config
        return c.areg + (c.adreg if c.amultsel == "AD" else 0) + c.mreg + 1

    def elaborate(self, platform):
        if isinstance(platform, XilinxPlatform):
            return self._elaborate_vendor()
        m = Module()
        c = self.config

        def delayed(value, stages, name):
            for n in range(stages):
                stage = Signal(value.shape(), name=f"{name}_{n + 1}", reset_less=True)
                m.d.sync += stage.eq(value)
                value = stage
            return value

        # Operand and control registers; A1 and B1 are the first of two.
        a_1 = delayed(self.a, min(c.areg, 1), "a")
        a_2 = delayed(a_1, c.areg - 1, "a_second") if c.areg == 2 else a_1
        b_1 = delayed(self.b, min(c.breg, 1), "b")
        b_2 = delayed(b_1, c.breg - 1, "b_second") if c.breg == 2 else b_1
        c_1 = delayed(self.c, c.creg, "c")
        d_1 = delayed(self.d, c.dreg, "d")
        inmode_1 = delayed(self.inmode, c.inmodereg, "inmode")
        opmode_1 = delayed(self.opmode, c.opmodereg, "opmode")
        alumode_1 = delayed(self.alumode, c.alumodereg, "alumode")

        def chosen(name, select, modes, low, width, table):
            """What bits ``low`` and up of a mode pick from ``table``, or zero."""
            codes = sorted({mode >> low & (1 << width) - 1 for mode in modes})
            if len(codes) == 1:
                return table.get(codes[0], Const(0))
            result = Signal(signed(48), name=name)
            with m.Switch(select[low:low + width]):
                for code in codes:
                    with m.Case(code):
                        m.d.comb += result.eq(table.get(code, 0))
            return result

        # Pre-adder: 27 bits, wrapping.
        a_early = chosen("a_early", inmode_1, c.inmodes, 0, 1, {0: a_2[:27].as_signed(),
                                                                1: a_1[:27].as_signed()})
        a_mult = chosen("a_mult", inmode_1, c.inmodes, 1, 1, {0: a_early})
        b_mult = chosen("b_mult", inmode_1, c.inmodes, 4, 1, {0: b_2, 1: b_1})
        if c.amultsel == "AD":
            d_mult = chosen("d_mult", inmode_1, c.inmodes, 2, 1, {1: d_1})
            ad = Signal(signed(27))
            m.d.comb += ad.eq(chosen("pre_add", inmode_1, c.inmodes, 3, 1,
                                     {0: d_mult + a_mult, 1: d_mult - a_mult}))
            a_mult = delayed(ad, c.adreg, "ad")
        product = Const(0)
        if c.use_mult == "MULTIPLY":
            product = Signal(signed(45))
            m.d.comb += product.eq(a_mult * b_mult)
            product = delayed(product, c.mreg, "m")

        # ALU. A product takes X and Y together, so Y adds nothing to it.
        p = self.p
        total = Signal(signed(48))
        w = chosen("w", opmode_1, c.opmodes, 7, 2, {_W["P"]: p, _W["C"]: c_1})
        x = chosen("x", opmode_1, c.opmodes, 0, 2, {
            _X["M"]: product, _X["P"]: p, _X["A:B"]: Cat(b_2, a_2).as_signed()})
        y = chosen("y", opmode_1, c.opmodes, 2, 2, {_Y["ONES"]: Const(-1), _Y["C"]: c_1})
        z = chosen("z", opmode_1, c.opmodes, 4, 3, {
            _Z["PCIN"]: self.pcin, _Z["P"]: p, _Z["C"]: c_1,
            _Z["PCIN>>17"]: self.pcin[17:].as_signed(), _Z["P>>17"]: p[17:].as_signed()})

        def alu(name, z, w, x, y):
            rest = w + x + y
            return chosen(name, alumode_1, c.alumodes, 0, 2, {
                0b00: z + rest, 0b11: z - rest, 0b01: rest - z - 1, 0b10: -(z + rest) - 1})

        if c.use_simd == "ONE48":
            m.d.comb += total.eq(alu("alu", z, w, x, y))
        else:
            words = [Signal(signed(48), name=f"{name}_word") for name in "zwxy"]
            m.d.comb += [word.eq(value) for word, value in zip(words, (z, w, x, y), strict=True)]
            m.d.comb += total.eq(Cat(
                alu(f"alu_{low}", *(word[low:low + 24] for word in words))[:24]
                for low in (0, 24)))
        m.d.comb += [p.eq(delayed(total, 1, "p")), self.pcout.eq(p)]
        return m

    def _elaborate_vendor(self):
        c = self.config

        def tied(width, value=0):
            return Const(value, unsigned(width))

        m = Module()
        m.submodules.cell = Instance(
            "DSP48E2",
            # Registers.
            p_AREG=c.areg, p_ACASCREG=c.areg, p_BREG=c.breg, p_BCASCREG=c.breg,
            p_CREG=c.creg, p_DREG=c.dreg, p_ADREG=c.adreg, p_MREG=c.mreg, p_PREG=1,
            p_INMODEREG=c.inmodereg, p_OPMODEREG=c.opmodereg, p_ALUMODEREG=c.alumodereg,
            p_CARRYINREG=1, p_CARRYINSELREG=1,
            # Paths.
            p_A_INPUT="DIRECT", p_B_INPUT="DIRECT", p_AMULTSEL=c.amultsel, p_BMULTSEL="B",
            p_PREADDINSEL="A", p_USE_MULT=c.use_mult, p_USE_SIMD=c.use_simd, p_RND=tied(48),
            # What is not used.
            p_USE_PATTERN_DETECT="NO_PATDET", p_AUTORESET_PATDET="NO_RESET",
            p_AUTORESET_PRIORITY="RESET", p_MASK=tied(48, (1 << 46) - 1), p_PATTERN=tied(48),
            p_SEL_MASK="MASK", p_SEL_PATTERN="PATTERN", p_USE_WIDEXOR="FALSE",
            p_XORSIMD="XOR24_48_96",
            i_CLK=ClockSignal(),
            i_A=self.a, i_B=self.b, i_C=self.c, i_D=self.d,
            i_INMODE=self.inmode, i_OPMODE=self.opmode, i_ALUMODE=self.alumode,
            i_PCIN=self.pcin, o_P=self.p, o_PCOUT=self.pcout,
            i_ACIN=tied(30), i_BCIN=tied(18), i_CARRYCASCIN=tied(1), i_MULTSIGNIN=tied(1),
            i_CARRYIN=tied(1), i_CARRYINSEL=tied(3),
            # Every register that exists moves in every cycle; a single one on A or B is the second.
            i_CEA1=tied(1, c.areg == 2), i_CEA2=tied(1, c.areg > 0),
            i_CEB1=tied(1, c.breg == 2), i_CEB2=tied(1, c.breg > 0),
            i_CEC=tied(1, c.creg), i_CED=tied(1, c.dreg), i_CEAD=tied(1, c.adreg),
            i_CEM=tied(1, c.mreg), i_CEP=tied(1, 1), i_CEINMODE=tied(1, c.inmodereg),
            i_CECTRL=tied(1, c.opmodereg), i_CEALUMODE=tied(1, c.alumodereg),
            i_CECARRYIN=tied(1),
            # No resets: what a pipeline holds is told valid or not elsewhere.
            i_RSTA=tied(1), i_RSTB=tied(1), i_RSTC=tied(1), i_RSTD=tied(1), i_RSTM=tied(1),
            i_RSTP=tied(1), i_RSTINMODE=tied(1), i_RSTCTRL=tied(1), i_RSTALUMODE=tied(1),
            i_RSTALLCARRYIN=tied(1),
        )
        return m

