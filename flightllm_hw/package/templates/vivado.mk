# SPDX-License-Identifier: Apache-2.0
# %{kernel} for the %{card}: from RTL to a bitstream of its own. README.md tells what is needed.
#
#   make ip           the kernel as IP-XACT
#   make project      the block design around it
#   make bitstream    hours
#   make clean

KERNEL := %{kernel}
VIVADO ?= vivado
JOBS ?= 4
BATCH := $(VIVADO) -mode batch -nojournal
PROJECT := build/project/$(KERNEL).xpr

.PHONY: ip project bitstream clean

ip: build/ip/component.xml

project: $(PROJECT)

bitstream: build/$(KERNEL).bit

clean:
	rm -rf build .Xil

build/ip/component.xml: rtl/$(KERNEL).v scripts/facts.tcl scripts/package_ip.tcl
	mkdir -p build
	$(BATCH) -log build/package.log -source scripts/package_ip.tcl

$(PROJECT): build/ip/component.xml constraints/card.xdc $(wildcard scripts/*.tcl)
	$(BATCH) -log build/project.log -source scripts/project.tcl

build/$(KERNEL).bit: $(PROJECT) scripts/bitstream.tcl
	$(BATCH) -log build/bitstream.log -source scripts/bitstream.tcl -tclargs $(JOBS)
