# SPDX-License-Identifier: Apache-2.0
"""The stand-in for XRT's library has XRT's traps."""

import numpy as np
import pytest

from flightllm_hw.presets import TINY
from support.pyxrt import pyxrt
from support.xrt_card import Card, write_xclbin

LANE = 1


@pytest.fixture(params=[True, False], ids=["clones", "refuses"])
def opened(request, tmp_path):
    """The module, a card, its kernel."""
    card = Card()
    xrt = pyxrt(card, clones=request.param)
    device = xrt.device(0)
    loaded = device.load_xclbin(xrt.xclbin(str(write_xclbin(tmp_path / "x.xclbin", TINY))))
    return xrt, device, xrt.kernel(device, loaded, "flightllm_tiny", xrt.kernel.exclusive), card


def buffer(opened, argument=LANE, size=8192):
    xrt, device, kernel, _ = opened
    return xrt.bo(device, size, xrt.bo.normal, kernel.group_id(argument))


def test_what_is_not_synced_is_not_there(opened, rng):
    xrt, _, _, card = opened
    bo, data = buffer(opened), rng.integers(0, 256, 4096).astype(np.uint8)
    before = card.memory.read(bo.address(), 8192)
    bo.write(data, 4096)
    np.testing.assert_array_equal(card.memory.read(bo.address(), 8192), before)
    bo.sync(xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE, 1024, 4096)
    got = card.memory.read(bo.address(), 8192)
    np.testing.assert_array_equal(got[4096:5120], data[:1024])
    np.testing.assert_array_equal(got[5120:], before[5120:])
    card.memory.write(bo.address(), data)
    assert (bo.read(4096, 0).view(np.uint8) != data).any()
    bo.sync(xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE, 4096, 0)
    np.testing.assert_array_equal(bo.read(4096, 0).view(np.uint8), data)
    assert bo.read(4096, 0).dtype == np.int8


@pytest.mark.parametrize("call, message", [
    (lambda bo: bo.write(np.zeros(2, np.uint8), 8191), "past buffer size"),
    (lambda bo: bo.read(8193, 0), "past buffer size")])
def test_buffers_have_ends(opened, call, message):
    with pytest.raises(RuntimeError, match=message):
        call(buffer(opened))


def test_buffers_are_in_pages_of_their_bank(opened):
    card = opened[-1]
    kept = [buffer(opened, n, 5000) for n in (0, 1, 2, 1)]
    banks = [card.banks[n] for n in (2, 0, 1, 0)]
    for bo, bank in zip(kept, banks, strict=True):
        assert bo.address() % 4096 == 0 and 0 < bo.address() - bank.base < bank.size - 5000
    assert abs(kept[1].address() - kept[3].address()) >= 8192


def test_memory_is_given_back(opened):
    for _ in range(4):
        buffer(opened, size=40 << 20)
    kept = buffer(opened, size=40 << 20)
    with pytest.raises(MemoryError):
        buffer(opened, size=40 << 20)
    assert kept.size() == 40 << 20


@pytest.mark.parametrize("value", [1 << 31, -(1 << 31) - 1, 1.0, "1", None])
def test_numbers_are_cs_int(opened, value):
    xrt, _, kernel, _ = opened
    with pytest.raises(TypeError, match="incompatible function arguments"):
        xrt.run(kernel).set_arg(5, value)


def test_numbers_are_signed(opened):
    xrt, _, kernel, card = opened
    run = xrt.run(kernel)
    run.set_arg(5, -2)
    assert run.words[card.arguments[5].offset // 4] == 0xFFFF_FFFE
    with pytest.raises(IndexError):
        run.set_arg(len(card.arguments), 0)


def test_a_scalar_has_no_group(opened):
    with pytest.raises(AssertionError):
        opened[2].group_id(3)


def test_a_buffer_of_another_bank(opened, request):
    xrt, _, kernel, card = opened
    run, bo = xrt.run(kernel), buffer(opened, 1)
    if "refuses" in request.node.callspec.id:
        with pytest.raises(RuntimeError, match="no compute units with connectivity"):
            run.set_arg(2, bo)
        return
    bo.sync(xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE)
    run.set_arg(2, bo)
    at = run.words[card.arguments[2].offset // 4]
    assert card.banks[1].base < at < card.banks[1].base + card.banks[1].size
    np.testing.assert_array_equal(card.memory.read(at, 8192), card.memory.read(bo.address(), 8192))


def test_there_is_no_abort(opened):
    xrt, _, kernel, _ = opened
    assert not hasattr(xrt.run(kernel), "abort")
    assert not hasattr(kernel, "read_register")
