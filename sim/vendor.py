# SPDX-License-Identifier: Apache-2.0
"""Verilog for the vendor's cells, made of our own models, so that vendor Verilog simulates.

The cells' attributes are read from the Verilog that places them. One that the models leave out
(:mod:`flightllm_hw.primitives.dsp48e2`) is refused: what simulates is what was meant.
"""

import re
from dataclasses import fields

from flightllm_hw.export.platform import BehaviouralPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config

__all__ = ["vendor_cells"]

# Ports of the cell that the model has, with their widths.
_MODEL = {"A": 30, "B": 18, "C": 48, "D": 27, "INMODE": 5, "OPMODE": 9, "ALUMODE": 4, "PCIN": 48}

# Ports that must be tied off, with what they are tied to where it is always the same.
_TIED = {"ACIN": 30, "BCIN": 18, "CARRYCASCIN": 1, "CARRYIN": 1, "CARRYINSEL": 3, "MULTSIGNIN": 1}

# Attributes that no configuration decides.
_FIXED = {
    "A_INPUT": '"DIRECT"', "B_INPUT": '"DIRECT"', "BMULTSEL": '"B"', "PREADDINSEL": '"A"',
    "PREG": "32'd1", "USE_PATTERN_DETECT": '"NO_PATDET"',
    "USE_WIDEXOR": '"FALSE"', "AUTORESET_PATDET": '"NO_RESET"',
}

# Attributes without effect on what the model has.
_IDLE = {"AUTORESET_PRIORITY", "CARRYINREG", "CARRYINSELREG", "MASK", "PATTERN", "RND", "SEL_MASK",
         "SEL_PATTERN", "XORSIMD"}

_CELL = re.compile(r"\bDSP48E2 #\((.*?)\n\s*\)\s+\S+\s+\((.*?)\n\s*\);", re.S)
_PAIR = re.compile(r"\.(\w+)\((.*?)\)[,\n]?")

_SLICE_MUX = """\
module {name}(input I0, input I1, input S, output O);
  assign O = S ? I1 : I0;
endmodule
"""


def vendor_cells(text: str) -> str:
    """The modules ``DSP48E2``, ``MUXF7``, ``MUXF8`` and ``MUXF9``, as far as ``text`` places them.

    Parameters
    ----------
    text : str
        Verilog of the vendor flavour.

    Raises
    ------
    ValueError
        If a DSP48E2 has an attribute or a tied-off port that the model does not know.
    """
    modules = [_SLICE_MUX.format(name=name) for name in ("MUXF7", "MUXF8", "MUXF9")
               if re.search(rf"^\s*{name} ", text, re.M)]
    # By the order in which they are met: the same text for the same text.
    kinds = dict.fromkeys(
        (tuple(_PAIR.findall(attributes)),
         tuple((port, value) for port, value in _PAIR.findall(ports)
               if port in _TIED or port.startswith(("CE", "RST"))))
        for attributes, ports in _CELL.findall(text))
    if kinds:
        modules.append(_dsp48e2([(dict(attributes), dict(ports)) for attributes, ports in kinds]))
    return "\n".join(modules)


def _dsp48e2(kinds: list[tuple[dict[str, str], dict[str, str]]]) -> str:
    """A module that is the model of the attributes that it is placed with."""
    first, ports = kinds[0]
    inputs = [f"input [{width - 1}:0] {name}" for name, width in (_MODEL | _TIED).items()]
    inputs += [f"input {name}" for name in ports if name not in _TIED]
    parameters = ", ".join(f"parameter {name} = {value}" for name, value in first.items())
    wires = ", ".join(f".{name.lower()}({name})" for name in _MODEL)
    # Without control registers or pre-adder some inputs are wires alone; the clock always is there.
    place = f"model(.clk(CLK), .rst(1'b0), {wires}, .p(P), .pcout(PCOUT));"
    models, places = [], []
    for n, (attributes, tied) in enumerate(kinds):
        config = _config(attributes)
        _check_ports(config, tied)
        if attributes.keys() != first.keys() or tied.keys() != ports.keys():
            raise ValueError("DSP48E2 must be placed with the same attributes and ports everywhere")
        name = f"dsp48e2_model_{n}" if n else "dsp48e2_model"
        models.append(convert(Dsp48e2(config), name=name, platform=BehaviouralPlatform()))
        places.append(f"  {name} {place}\n")
    if len(kinds) > 1:
        differ = [name for name in first if len({kind[name] for kind, _ in kinds}) > 1]
        tests = [" && ".join(f"{name} == {kind[name]}" for name in differ) for kind, _ in kinds]
        cases = " else ".join(f"if ({test}) begin : kind_{n}\n  {text}  end"
                              for n, (test, text) in enumerate(zip(tests, places, strict=True)))
        places = [f"  generate {cases} endgenerate\n"]
    return ("\n".join(models)
            + f"\nmodule DSP48E2 #({parameters}) (input CLK, {', '.join(inputs)},"
              f" output [47:0] P, output [47:0] PCOUT);\n" + "".join(places) + "endmodule\n")


def _config(attributes: dict[str, str]) -> Dsp48e2Config:
    left = {name: value for name, value in attributes.items() if name not in _IDLE}
    for name, value in _FIXED.items():
        if left.pop(name, value) != value:
            raise ValueError(f"DSP48E2 {name} must be {value} for the model, not"
                             f" {attributes[name]}")
    values: dict[str, int | str] = {}
    for field in fields(Dsp48e2Config):
        if field.name.endswith("modes"):
            continue  # the cell has them all
        value = left.pop(field.name.upper())
        values[field.name] = value.strip('"') if value.startswith('"') else int(value[4:])
    config = Dsp48e2Config(**values)
    cascades = {"ACASCREG": config.areg, "BCASCREG": config.breg}
    for name, registers in cascades.items():
        if left.pop(name) != f"32'd{registers}":
            raise ValueError(f"DSP48E2 {name} must be {registers} here, not {attributes[name]}")
    if left:
        raise ValueError(f"DSP48E2 has attributes that the model does not know: {', '.join(left)}")
    return config


def _check_ports(config: Dsp48e2Config, ports: dict[str, str]) -> None:
    """The model's registers move in every cycle, and what it leaves out is tied to zero."""
    enables = {
        "CEA1": config.areg == 2, "CEA2": config.areg > 0, "CEB1": config.breg == 2,
        "CEB2": config.breg > 0, "CEC": config.creg, "CED": config.dreg, "CEAD": config.adreg,
        "CEM": config.mreg, "CEP": 1, "CEINMODE": config.inmodereg, "CECTRL": config.opmodereg,
        "CEALUMODE": config.alumodereg,
    }
    for name, value in ports.items():
        tied = int(value.split("'")[1][1:], 16)
        if name in enables and tied != int(enables[name]):
            raise ValueError(f"DSP48E2 {name} must be {int(enables[name])} here, not {tied}")
        if (name in _TIED or name.startswith("RST")) and tied:
            raise ValueError(f"DSP48E2 {name} must be tied to 0 for the model, not {tied}")
