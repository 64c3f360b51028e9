# SPDX-License-Identifier: Apache-2.0
# %{kernel} for the %{card}: from RTL to an IP-XACT package. README.md tells what for.
#
#   make ip      the kernel as IP-XACT
#   make clean

KERNEL := %{kernel}
VIVADO ?= vivado

.PHONY: ip clean

ip: build/ip/component.xml

clean:
	rm -rf build .Xil

build/ip/component.xml: rtl/$(KERNEL).v scripts/facts.tcl scripts/package_ip.tcl
	mkdir -p build
	$(VIVADO) -mode batch -nojournal -log build/package.log -source scripts/package_ip.tcl
