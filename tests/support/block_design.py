# SPDX-License-Identifier: Apache-2.0
"""Block designs from what scripts recorded: replayed strictly, asked whether they are whole."""

import re
from collections import defaultdict

from support.vendor_ips import IPS

__all__ = ["BlockDesign"]


class BlockDesign:
    """Replays the calls of a script that makes a block design.

    Everything must be there when it is spoken of: cells, their settings, the pins that come of
    these. A net has one driver, an interface one partner.
    """

    def __init__(self, calls, kernel, kernel_vlnv):
        self.kernel, self.kernel_vlnv = kernel, kernel_vlnv
        self.cells, self.settings = {}, defaultdict(dict)
        self.ports, self.interface_ports = {}, {}
        self.links, self.drivers = {}, {}
        self.addresses, self.excluded = [], set()
        self.order = [call.name for call in calls]
        for call in calls:
            step = getattr(self, f"_{call.name}", None)
            if step is not None:
                step(call)

    # What scripts do.

    def _create_bd_cell(self, call):
        name, vlnv = call.args[0], call.options["-vlnv"]
        assert name not in self.cells and call.options["-type"] == "ip"
        if vlnv == self.kernel_vlnv:
            self.cells[name] = "kernel"
            return
        vendor, library, ip = vlnv.split(":")
        assert (vendor, library) == ("xilinx.com", "ip") and ip in IPS
        self.cells[name] = ip

    def _create_bd_port(self, call):
        assert call.args[0] not in self.ports and call.options["-dir"] in "IO"
        self.ports[call.args[0]] = call.options["-dir"]

    def _create_bd_intf_port(self, call):
        vlnv = re.fullmatch(r"xilinx\.com:interface:(\w+)_rtl:1\.0", call.options["-vlnv"])
        assert call.args[0] not in self.interface_ports
        self.interface_ports[call.args[0]] = (call.options["-mode"].lower(), vlnv[1])

    def _set_property(self, call):
        name, value, what = call.args
        kind, _, which = what.partition(":")
        if kind == "bd_cell":
            ip = self.cells[which]
            known = re.fullmatch(rf"CONFIG\.({IPS[ip][1]})", name)
            assert known, f"{ip} has no setting {name}"
            self.settings[which][known[1]] = value
        elif kind in ("bd_port", "bd_intf_port"):
            assert which in (self.ports | self.interface_ports)
            assert name in ("CONFIG.POLARITY", "CONFIG.FREQ_HZ")

    def _connect_bd_net(self, call):
        source, sink = (self._end(argument) for argument in call.args)
        if source[0] == "sink":
            source, sink = sink, source
        assert (source[0], sink[0]) == ("driver", "sink"), call
        assert sink[1] not in self.drivers, f"{sink[1]} is driven twice"
        self.drivers[sink[1]] = source[1]

    def _connect_bd_intf_net(self, call):
        ends = dict(self._interface_end(argument) for argument in call.args)
        assert set(ends) == {"master", "slave"}, call
        (master, kind), (slave, other) = ends["master"], ends["slave"]
        assert kind == other, f"{master} and {slave}"
        assert master not in self.links and slave not in self.links.values()
        self.links[master] = slave

    def _assign_bd_address(self, call):
        space = call.options["-target_address_space"].partition(":")[2]
        segment = call.args[0].partition(":")[2]
        self.addresses.append((space, int(call.options["-offset"], 0),
                               int(call.options["-range"], 0), segment))

    def _exclude_bd_addr_seg(self, call):
        space = call.options["-target_address_space"].partition(":")[2]
        self.excluded.add((space, call.args[0].partition(":")[2]))

    # What is there.

    def ip(self, cell):
        """The pins of a cell as it is set."""
        assert cell in self.cells, f"There is no cell {cell}"
        kind = self.cells[cell]
        return self.kernel if kind == "kernel" else IPS[kind][0](self.settings[cell])

    def _end(self, argument):
        kind, _, name = argument.partition(":")
        if kind == "bd_port":
            return ("driver" if self.ports[name] == "I" else "sink"), f"/{name}"
        assert kind == "bd_pin", argument
        cell, pin = name.split("/")
        ip = self.ip(cell)
        if pin in ip.outputs:
            return "driver", name
        assert pin in ip.inputs | ip.may, f"{cell} has no pin {pin}"
        return "sink", name

    def _interface_end(self, argument):
        kind, _, name = argument.partition(":")
        if kind == "bd_intf_port":
            mode, what = self.interface_ports[name]
            # Seen from inside, a master of the design's is where a cell's master ends.
            return ("slave" if mode == "master" else "master"), (f"/{name}", what)
        assert kind == "bd_intf_pin", argument
        cell, pin = name.split("/")
        interfaces = self.ip(cell).interfaces
        assert pin in interfaces, f"{cell} has no interface {pin}"
        mode, what = interfaces[pin]
        return mode, (name, what)

    # Whether it is whole.

    def loose(self):
        """Inputs that nothing drives, and interfaces that are tied to nothing."""
        found = []
        for cell in self.cells:
            ip = self.ip(cell)
            found += [f"{cell}/{pin}" for pin in ip.inputs if f"{cell}/{pin}" not in self.drivers]
            tied = {*self.links, *self.links.values()}
            found += [f"{cell}/{pin}" for pin in ip.interfaces
                      if pin not in ip.optional and f"{cell}/{pin}" not in tied]
        return found

    def _source(self, name):
        """The pin that drives a pin, which may be an output itself."""
        return self.drivers.get(name, name)

    def clocks(self, interface):
        """The nets that an AXI interface may be synchronous to."""
        cell, pin = interface.split("/")
        return {self._source(f"{cell}/{clock}") for clock in self.ip(cell).clocks[pin]}

    def reached(self, space):
        """Every memory or register interface that a master's accesses can get to."""
        found, todo = set(), [space]
        while todo:
            slave = self.links[todo.pop()]
            cell, _ = slave.split("/")
            if self.cells[cell] == "smartconnect":
                todo += [f"{cell}/{pin}" for pin, (mode, _) in self.ip(cell).interfaces.items()
                         if mode == "master"]
            else:
                found.add(slave)
        return found
