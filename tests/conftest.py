# SPDX-License-Identifier: Apache-2.0
"""Options and fixtures of all tests: waves and seeds."""

import itertools
import os
import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from flightllm_hw.sim.pysim import wave_files


def pytest_addoption(parser):
    parser.addoption("--waves", metavar="DIR", type=Path,
                     help="write a wave file into DIR for each simulation of a test")
    parser.addoption("--seed", type=int, default=int(os.environ.get("FLIGHTLLM_SEED", "0")),
                     help="mixed into every test's random inputs (default: $FLIGHTLLM_SEED or 0)")
    parser.addoption("--programs", type=int, default=1, metavar="N",
                     help="run N times as many random programs")


def pytest_configure(config):
    # Tests of a component's properties build it and elaborate nothing.
    config.addinivalue_line("filterwarnings", "ignore::amaranth.hdl.UnusedElaboratable")


@pytest.fixture
def rng(request):
    """Random numbers that depend on the test's name and on --seed alone."""
    seed = request.config.getoption("--seed")
    print(f"rng: --seed {seed}")
    return np.random.default_rng([seed, zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture(autouse=True)
def _waves(request):
    directory = request.config.getoption("--waves")
    if directory is None:
        yield
        return
    module = request.node.path.stem
    stem = re.sub(r"[^\w.-]+", "_", f"{module}.{request.node.name}").strip("_")
    names = itertools.chain([f"{stem}.vcd"], (f"{stem}-{n}.vcd" for n in itertools.count(2)))
    token = wave_files.set(directory / name for name in names)
    yield
    wave_files.reset(token)
