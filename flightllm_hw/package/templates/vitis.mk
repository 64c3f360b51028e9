# SPDX-License-Identifier: Apache-2.0
# %{kernel} for the %{card}: from RTL to a card's .xclbin. README.md tells what is needed.
#
#   make xo                 the kernel as Vitis links it
#   make xclbin             with the platform, for a card; hours
#   make run MODEL=FILE     text from the card
#   make hw_emu MODEL=FILE  text from the vendor's simulator; a test of the package, very slow
#   make clean

KERNEL := %{kernel}
PLATFORM ?= %{platform}
VIVADO ?= vivado
VPP ?= v++
FLIGHTLLM ?= flightllm-hw
MODEL ?=
PROMPT ?= Once upon a time
TOKENS ?= 50

XO := build/$(KERNEL).xo
LINK := $(VPP) --link --platform $(PLATFORM) --save-temps \
    --config connectivity.cfg --config link.cfg
PLACE := --vivado.prop run.impl_1.STEPS.PLACE_DESIGN.TCL.PRE=$(CURDIR)/scripts/place_lanes.tcl
RUN := $(FLIGHTLLM) run $(if $(MODEL),"$(MODEL)") --config configuration.json --device xrt \
    --prompt "$(PROMPT)"

.PHONY: xo xclbin run hw_emu clean

xo: $(XO)

xclbin: build/$(KERNEL).hw.xclbin

run: build/$(KERNEL).hw.xclbin
	$(RUN) --tokens $(TOKENS) --xclbin $<

hw_emu: build/$(KERNEL).hw_emu.xclbin build/emconfig.json
	EMCONFIG_PATH=$(CURDIR)/build XCL_EMULATION_MODE=hw_emu $(RUN) --tokens 1 --xclbin $<

clean:
	rm -rf build .Xil .ipcache

$(XO): rtl/$(KERNEL).v kernel.xml scripts/facts.tcl scripts/package_ip.tcl scripts/package_xo.tcl
	mkdir -p build
	$(VIVADO) -mode batch -nojournal -log build/package.log -source scripts/package_xo.tcl

build/$(KERNEL).hw.xclbin: $(XO) connectivity.cfg link.cfg scripts/place_lanes.tcl
	$(LINK) --target hw $(PLACE) --temp_dir build/hw --output $@ $(XO)

build/$(KERNEL).hw_emu.xclbin: $(XO) connectivity.cfg link.cfg
	$(LINK) --target hw_emu --temp_dir build/hw_emu --output $@ $(XO)

build/emconfig.json:
	mkdir -p build
	emconfigutil --platform $(PLATFORM) --od build
