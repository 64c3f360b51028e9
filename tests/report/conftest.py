# SPDX-License-Identifier: Apache-2.0
"""Pages of runs at full size, made once: nothing is simulated."""

import json
from pathlib import Path

import pytest

from flightllm_hw.boards import card
from flightllm_hw.cli import main

MEASUREMENTS = Path(__file__).parents[2] / "docs" / "measurements"


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A report.json as an export writes it; the numbers are made up."""
    def module(count, lut):
        return {"count": count, "dsp": 148, "lut": lut, "ff": 18_765, "bram": 0, "uram": 24,
                "logic_levels": 8}

    top = {"dsp": 4955, "lut": 800_001, "ff": 687_272, "bram": 1060.5, "uram": 768,
           "logic_levels": 8}
    special = {"count": 1, "dsp": 219, "lut": 45_000, "ff": 43_952, "bram": 1059, "uram": 0,
               "logic_levels": 8}
    whole = top | {"modules": {"flightllm_u280": top | {"count": 1},
                               "lane_node": module(32, 23_000),
                               "special_function_unit": special}}
    assert card("u280").lut == 1_303_680
    path = tmp_path_factory.mktemp("export") / "report.json"
    path.write_text(json.dumps(whole))
    return path


@pytest.fixture(scope="session")
def full(tmp_path_factory, exported):
    """LLaMA2-7B on u280: decode, prefill and 2:4 simulated, resources from an export."""
    path = tmp_path_factory.mktemp("page") / "full.html"
    runs = [f"--run={MEASUREMENTS / name}.json"
            for name in ("decode_128", "prefill_16", "decode_2_4")]
    assert main(["report", *runs, "--resources", str(exported), "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """stories260K on tiny: all estimated, no card."""
    path = tmp_path_factory.mktemp("page") / "bare.html"
    assert main(["report", "--preset", "tiny", "--shape", "stories260k", "--bits", "8",
                 "--group", "32", "--context", "64", "--tokens", "8", "-o", str(path)]) == 0
    return path
