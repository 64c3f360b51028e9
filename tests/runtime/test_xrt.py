# SPDX-License-Identifier: Apache-2.0
"""A card by way of XRT: the same text as the simulated device's, and what users are told."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import encode
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import SMALL, TINY
from flightllm_hw.runtime import xrt_registers
from flightllm_hw.runtime.device import HOST, DeviceError
from flightllm_hw.runtime.golden import GoldenDevice
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.simulated import SimulatedDevice
from flightllm_hw.runtime.xrt import XrtDevice
from support.pyxrt import install
from support.xrt_card import Bank, Card, banks_of, write_xclbin

WELL = "SYS.END"
WAITS = "SYS.SYNC wait(MEMORY)\nSYS.END"


@pytest.fixture
def xclbin(tmp_path):
    return write_xclbin(tmp_path / "tiny.xclbin", TINY)


def installed(monkeypatch, card=None, **options):
    """XRT, with a card."""
    card = card or Card()
    install(monkeypatch, card, **options)
    return card


def opened(monkeypatch, xclbin, card=None, **options):
    installed(monkeypatch, card, **options)
    return XrtDevice(TINY, xclbin, watchdog=2000)


def program(device, text):
    """A small program at the host memory's first byte."""
    device.reserve(8192, 4096)
    words = b"".join(encode(i).to_bytes(64, "little") for i in assemble(text))
    device.write(HOST, 0, np.frombuffer(words, np.uint8))


def memories(model, device):
    return [device.read(HOST, 0, model.host_bytes),
            *(device.read(n, 0, model.lane_bytes) for n in range(model.config.lanes))]


def story(model, device, prompt, count):
    session = Session(model, device)
    tokens = list(session.generate(prompt, Sampler(), count))
    return tokens, memories(model, device)


# Text.


@pytest.mark.rtl
def test_a_text_is_the_simulated_devices(default_model, monkeypatch, xclbin):
    prompt = default_model.tokenizer.encode("Once upon a time")
    simulated, images = story(default_model, SimulatedDevice(TINY), prompt, 8)
    device = opened(monkeypatch, xclbin)
    tokens, others = story(default_model, device, prompt, 8)
    assert tokens == simulated
    for one, other in zip(images, others, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("options", [
    {"contexts": False}, {"several": True}, {"clones": False}],
    ids=["older", "several", "refuses"])
def test_every_xrt_gives_the_same(small_model, options, monkeypatch, xclbin):
    golden, images = story(small_model, GoldenDevice(TINY), [3, 1, 4], 3)
    tokens, others = story(small_model, opened(monkeypatch, xclbin, **options), [3, 1, 4], 3)
    assert tokens == golden
    for one, other in zip(images, others, strict=True):
        assert_array_equal(one, other)


# What reaches the kernel.


def test_arguments_are_a_block_of_signed_words(monkeypatch, xclbin):
    card = installed(monkeypatch)
    device = XrtDevice(TINY, xclbin, watchdog=3000)
    program(device, WELL)
    registers = [0, 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, *range(100, 111)]
    device.run(0, registers)
    words, = card.launches
    scalars = [2, 1, 0, 3000, *registers]
    first = 0x10 + 8 * 3
    assert len(words) == (first + 8 * len(scalars) - 4) // 4
    assert [words[(first + 8 * n) // 4] for n in range(len(scalars))] == scalars
    # Gaps are zeros, and so is what the driver has for CTRL, GIE, IER and ISR.
    assert not any(words[(first + 8 * n) // 4 - 1] for n in range(1, len(scalars)))
    assert words[:4] == [0] * 4
    pointers = [words[4 + 2 * n] | words[5 + 2 * n] << 32 for n in range(3)]
    for pointer, bank in zip(pointers, (card.banks[-1], *card.banks), strict=False):
        assert pointer % 4096 == 0 and bank.base < pointer < bank.base + bank.size


def test_memories_begin_as_zeros(monkeypatch, xclbin):
    card = installed(monkeypatch)
    device = XrtDevice(TINY, xclbin)
    device.reserve(5 << 20, 8192)
    assert not device.read(HOST, 0, 5 << 20).any()
    bank = card.banks[0]
    assert card.memory.read(bank.base + bank.size // 2, 4096).any()


def test_a_second_session_gets_the_memories_of_the_first(monkeypatch, tmp_path):
    """There is room for one of them alone."""
    banks = [replace(bank, size=1 << 20) for bank in banks_of(TINY)]
    device = opened(monkeypatch, write_xclbin(tmp_path / "x.xclbin", TINY, banks))
    for _ in range(3):
        device.reserve(600 << 10, 600 << 10)


# What users are told.


def test_a_damaged_program_is_told(small_model, monkeypatch, xclbin):
    host = np.array(small_model.host)
    host[small_model.decode + 3 * 64:small_model.decode + 4 * 64] = 0xFF
    device = opened(monkeypatch, xclbin)
    session = Session(replace(small_model, host=host), device)
    with pytest.raises(DeviceError, match="stopped at instruction 3: KIND"):
        session.feed([1, 2, 3])
    with pytest.raises(DeviceError, match="given back after an error: open it again"):
        session.feed([1])
    assert XrtDevice(TINY, xclbin).map.config == TINY


def test_an_address_at_fault_is_told(monkeypatch, xclbin):
    card = installed(monkeypatch)
    device = XrtDevice(TINY, xclbin)
    program(device, "SYS.ADD d=1 x=r1 y=1\nLD.VECTOR address=4096 rows=1\nSYS.END")
    with pytest.raises(DeviceError) as told:
        device.run(0, [], answer=4096)
    host = card.launches[0][4] | card.launches[0][5] << 32
    address = host + 4096 * TINY.lane.beat_bits // 8
    assert f"instruction 1: MEMORY (OUTSIDE), address {address:#x}" in str(told.value)


def test_a_program_that_waits_for_ever_is_told(monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    program(device, WAITS)
    with pytest.raises(DeviceError, match="instruction 0: WATCHDOG"):
        device.run(0, [], answer=4096)


def test_without_the_registers_the_error_is_told(monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    program(device, WAITS)

    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(xrt_registers.ctypes, "CDLL", missing)
    with pytest.raises(DeviceError, match="stopped by an error before .* cannot be read:"
                                          r" libxrt_coreutil.so.2: .* On the device simulated"):
        device.run(0, [], answer=4096)


def test_an_answer_that_is_never_written_is_told(monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    program(device, WELL)
    with pytest.raises(DeviceError, match="the kernel knows of none: do model and .xclbin"):
        device.run(0, [], answer=4096)


def test_a_program_that_takes_too_long_is_told(monkeypatch, xclbin):
    card = installed(monkeypatch)
    device = XrtDevice(TINY, xclbin, timeout_ms=3, watchdog=20_000)
    program(device, WAITS)
    device.start(0, [])
    with pytest.raises(DeviceError, match="not over after 3 ms.* xrt-smi reset"):
        device.wait()
    # A run that was given up goes on, and the next one waits for its end.
    device.write(HOST, 0, np.frombuffer(
        encode(assemble(WELL)[0]).to_bytes(64, "little"), np.uint8))
    device.start(0, [])
    while not card.poll():
        card.sim.run({}, 1000, record=())
    assert device.wait().error is Error.NONE


def test_a_program_cannot_be_cancelled(monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    with pytest.raises(DeviceError, match="XRT cannot cancel a program: its watchdog ends it 2000"):
        device.cancel()


@pytest.mark.parametrize("start, registers, message", [
    (32, [], "must begin at a multiple of 64 bytes, not at 32"),
    (0, [0] * 17, "at most 16 registers, not 17"),
    (0, [0, 1 << 32], "Register r2 has 32 bits, too few for 4294967296"),
    (0, [-1], "Register r1 has 32 bits, too few for -1")])
def test_starts_are_checked(start, registers, message, monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    program(device, WELL)
    with pytest.raises(DeviceError, match=message):
        device.start(start, registers)


def test_a_bank_without_room_is_told(monkeypatch, tmp_path):
    banks = banks_of(TINY)
    banks[1] = Bank("HBM[1]", banks[1].base, 1 << 20)
    device = opened(monkeypatch, write_xclbin(tmp_path / "x.xclbin", TINY, banks))
    with pytest.raises(DeviceError, match="bank at m_axi_1 has no 2,097,152 bytes for the memory"
                                          " lane_1: std::bad_alloc"):
        device.reserve(4096, 2 << 20)


def test_pyxrt_must_be_there(monkeypatch, xclbin):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    with pytest.raises(DeviceError, match="needs pyxrt, which comes with XRT.*setup.sh"):
        XrtDevice(TINY, xclbin)


@pytest.mark.parametrize("make, message", [
    (lambda path: None, "there is no"),
    (lambda path: path.write_bytes(b"text"), "XRT cannot open card 0 with .*Invalid xclbin"),
    (lambda path: write_xclbin(path, SMALL), "has no kernel flightllm_tiny, but flightllm_small"),
    (lambda path: write_xclbin(path, TINY, name="vadd"), "has no kernel flightllm_tiny, but vadd")],
    ids=["missing", "text", "small", "vadd"])
def test_another_xclbin_is_told(make, message, monkeypatch, tmp_path):
    installed(monkeypatch)
    make(tmp_path / "x.xclbin")
    with pytest.raises(DeviceError, match=message):
        XrtDevice(TINY, tmp_path / "x.xclbin")


def test_an_xclbin_must_be_named(monkeypatch):
    installed(monkeypatch)
    with pytest.raises(DeviceError, match=r"needs an .xclbin to load: none is named"):
        XrtDevice(TINY, None)


def test_a_card_that_is_not_there_is_told(monkeypatch, xclbin):
    installed(monkeypatch)
    with pytest.raises(DeviceError, match="XRT cannot open card 3 .*Could not open device"):
        XrtDevice(TINY, xclbin, index=3)


def test_a_card_that_somebody_has_is_told(monkeypatch, xclbin):
    device = opened(monkeypatch, xclbin)
    with pytest.raises(DeviceError, match="XRT cannot open card 0 .*resource busy"):
        XrtDevice(TINY, xclbin)
    device.close()
    XrtDevice(TINY, xclbin)


@pytest.mark.parametrize("contexts", [False, True], ids=["older", "newer"])
def test_a_platform_that_takes_it_neither_way_is_told(contexts, monkeypatch, xclbin):
    def refuse(*_):
        raise RuntimeError("No hardware context")

    installed(monkeypatch, several=True, contexts=contexts)
    if contexts:
        monkeypatch.setattr(sys.modules["pyxrt"], "hw_context", refuse)
    with pytest.raises(DeviceError, match="XRT cannot open card 0 .*not supported"):
        XrtDevice(TINY, xclbin)
