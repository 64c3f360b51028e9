# SPDX-License-Identifier: Apache-2.0
"""Simulation: Amaranth's own simulator and compiled ones behind small functions.

Two simulators stand behind the same words. Cycle 0 ends with the first edge of the clock, ports are
sampled just before an edge, and traffic of one seed takes the same cycles in both:

:mod:`~flightllm_hw.sim.pysim`
    Amaranth's simulator, for unit tests. Testbenches are async functions; the stream rules are
    enforced on every port. Some thousand cycles a second for a small component.
:mod:`~flightllm_hw.sim.verilator`
    Verilator, for everything larger. A component is compiled once and kept in a cache; testbenches
    are arrays. Hundreds of thousands of cycles a second.

They share :mod:`~flightllm_hw.sim.traffic` (when items are offered and taken) and
:mod:`~flightllm_hw.sim.rules` (what a stream promises). :mod:`~flightllm_hw.sim.words` turns arrays
of payloads into the words that a compiled simulator takes, and :mod:`~flightllm_hw.sim.memory` puts
HBM, DDR or an ideal memory at the AXI ports of a compiled design.
"""
