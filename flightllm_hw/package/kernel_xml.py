# SPDX-License-Identifier: Apache-2.0
"""``kernel.xml``: the kernel's ports and arguments as Vitis and XRT know them."""

from xml.etree import ElementTree

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.registers import ADDRESS_BITS, RegisterMap

from .facts import LIBRARY, VENDOR, VERSION, kernel_name

__all__ = ["kernel_xml"]

_SCALAR, _POINTER = "0", "1"


def kernel_xml(config: AcceleratorConfig) -> str:
    """The file: XRT takes arguments' offsets, sizes and ports from there alone.

    Attributes are those of UG1702, "RTL Kernel XML File", in the order of the vendor's examples.
    """
    name = kernel_name(config)
    root = ElementTree.Element("root", versionMajor="1", versionMinor="6")
    kernel = ElementTree.SubElement(root, "kernel", {
        "name": name, "language": "ip_c", "vlnv": f"{VENDOR}:{LIBRARY}:{name}:{VERSION}",
        "attributes": "", "preferredWorkGroupSizeMultiple": "0", "workGroupSize": "1",
        "interrupt": "true", "hwControlProtocol": "ap_ctrl_hs"})
    registers = RegisterMap(config)

    ports = ElementTree.SubElement(kernel, "ports")
    control = {"name": "s_axi_control", "mode": "slave", "range": f"0x{1 << ADDRESS_BITS:X}",
               "dataWidth": "32"}
    masters = [{"name": str(r.port), "mode": "master", "range": f"0x{(1 << 64) - 1:X}",
                "dataWidth": str(config.lane.beat_bits)} for r in registers.pointers]
    for port in (control, *masters):
        ElementTree.SubElement(ports, "port", port | {"portType": "addressable", "base": "0x0"})

    args = ElementTree.SubElement(kernel, "args")
    for number, register in enumerate(registers.arguments):
        pointer = register.port is not None
        ElementTree.SubElement(args, "arg", {
            "name": register.name, "addressQualifier": _POINTER if pointer else _SCALAR,
            "id": str(number), "port": register.port or "s_axi_control",
            "size": f"0x{register.size:X}", "offset": f"0x{register.offset:03X}",
            "type": "void*" if pointer else "uint",
            "hostOffset": "0x0", "hostSize": f"0x{register.size:X}"})
    ElementTree.indent(root)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- SPDX-License-Identifier: Apache-2.0 -->\n'
    return head + ElementTree.tostring(root, encoding="unicode") + "\n"
