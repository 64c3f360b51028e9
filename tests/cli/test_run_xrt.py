# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw run --device xrt``: a text, and what can go wrong, in a sentence."""

import json
import sys
from dataclasses import replace

import pytest

from flightllm_hw.cli import main
from flightllm_hw.presets import SMALL, TINY
from support.pyxrt import install
from support.xrt_card import Card, banks_of, write_xclbin

RUN = ["run", "--prompt", "Once", "--tokens", "3", "--context", "64", "--json"]
XRT = ["--device", "xrt", "--xclbin", "x.xclbin"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *arguments):
    """The sentence."""
    with pytest.raises(SystemExit) as exit_:
        main([*RUN, *arguments])
    assert exit_.value.code == 2
    output = capsys.readouterr()
    assert output.out == "" and output.err.startswith("flightllm-hw")
    assert output.err.count("\n") == 1
    return output.err


@pytest.mark.rtl
def test_a_text_is_the_golden_machines(here, monkeypatch, capsys):
    install(monkeypatch, Card())
    write_xclbin(here / "x.xclbin", TINY)
    assert main([*RUN, *XRT]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main([*RUN, "--device", "golden"]) == 0
    golden = json.loads(capsys.readouterr().out)
    assert found.pop("device") == "xrt" and golden.pop("device") == "golden"
    assert found == golden and len(found["token_ids"]) == 3


def test_a_card_whose_memory_fails_is_told(here, monkeypatch, capsys):
    install(monkeypatch, Card(broken=range(0x3000, 16 << 20)))
    write_xclbin(here / "x.xclbin", TINY)
    told = refused(capsys, *XRT)
    assert "The program was stopped at instruction" in told and "LANES (SLVERR), address" in told
    assert int(told.split()[-1], 16) == 0x3000


def test_a_card_that_never_ends_is_told(here, monkeypatch, capsys):
    install(monkeypatch, Card(cycles_per_ms=0.01))
    write_xclbin(here / "x.xclbin", TINY)
    assert "not over after 60000 ms" in refused(capsys, *XRT)


def test_a_card_without_room_is_told(here, monkeypatch, capsys):
    install(monkeypatch, Card())
    banks = [replace(bank, size=256 << 10) for bank in banks_of(TINY)]
    write_xclbin(here / "x.xclbin", TINY, banks)
    assert "The bank at m_axi_host has no" in refused(capsys, *XRT)


@pytest.mark.parametrize("arguments, message", [
    (XRT[:2], "needs an .xclbin to load: none is named"),
    ([*XRT[:3], "nowhere"], "needs an .xclbin to load: there is no nowhere"),
    ([*XRT[:3], "text"], "XRT cannot open card 0 with text: Invalid xclbin"),
    ([*XRT[:3], "small"], "small has no kernel flightllm_tiny, but flightllm_small"),
])
def test_an_xclbin_is_needed(arguments, message, here, monkeypatch, capsys):
    install(monkeypatch, Card())
    (here / "text").write_text("no xclbin")
    write_xclbin(here / "small", SMALL)
    assert message in refused(capsys, *arguments)


def test_xrt_is_needed(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    assert "needs pyxrt, which comes with XRT" in refused(capsys, *XRT)
    install(monkeypatch)
    write_xclbin(here / "x.xclbin", TINY)
    assert "Could not open device with index '0'" in refused(capsys, *XRT)
