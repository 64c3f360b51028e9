# SPDX-License-Identifier: Apache-2.0
"""Shapes by name and by file, and the memories that configurations are measured with."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.bench.shapes import SHAPES, shape
from flightllm_hw.bench.timing import memory_of
from flightllm_hw.presets import PRESETS


def test_named_shapes_have_the_parameters_that_their_names_say():
    counts = {name: sum(np.prod(s, dtype=np.int64) for s in config.shapes().values()) / 1e9
              for name, config in SHAPES.items()}
    expected = {"llama2-7b": 6.738, "llama2-13b": 13.016, "llama3-8b": 8.030, "opt-6.7b": 6.658,
                "stories110m": 0.1095, "stories260k": 0.000260}
    assert counts == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("name", SHAPES)
def test_a_file_describes_a_shape(name, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(json.dumps(asdict(SHAPES[name])))
    assert shape(str(path)) == shape(name) == SHAPES[name]


FIELDS = asdict(SHAPES["stories260k"])
BROKEN = [
    ("{", "a shape must be JSON"), ("[1]", "a shape must be an object, not"),
    (json.dumps(FIELDS | {"size": 3}), "a shape has no 'size'; it has architecture, dim"),
    (json.dumps({"dim": 3}), "a shape must have architecture, hidden, layers"),
    (json.dumps(FIELDS | {"dim": 0}), "the model's dim must be a positive integer, not 0"),
    (json.dumps(FIELDS | {"eps": "x"}), "the model's eps must be a positive number"),
    (json.dumps(FIELDS | {"tied": 1}), "the model's tied must be true or false, not 1"),
    (json.dumps(FIELDS | {"eos": 2}), "the model's eos must be a list of tokens, not 2"),
    (json.dumps(FIELDS | {"heads": 5}), "5 heads cannot share 4 heads"),
]


@pytest.mark.parametrize("text, message", BROKEN)
def test_a_file_that_describes_none_is_told(text, message, tmp_path):
    path = tmp_path / "own.json"
    path.write_text(text)
    with pytest.raises(BenchError) as error:
        shape(str(path))
    assert message in str(error.value) and str(error.value).startswith(str(path))


def test_other_names_are_told():
    with pytest.raises(BenchError, match="Shape must be one of llama2-7b, .*not 'llama7'"):
        shape("llama7")
    with pytest.raises(BenchError, match="nowhere.json: No such file"):
        shape("nowhere.json")


def test_memories_are_those_of_the_cards():
    names = {name: memory_of(config)[0] for name, config in PRESETS.items()}
    assert names["u280"] == "HBM of the u280" and names["u250"] == "DDR of the u250"
    assert names["small"] == "HBM of the u280, scaled to ports of 128 bits"


def test_a_scaled_memory_gives_the_same_share_of_its_ports_peak():
    def share(config):
        peak = config.lane.beat_bits / 8 * config.clock_mhz / 1000
        return memory_of(config)[1].deliverable_gb_s(config.lane.beat_bits,
                                                     config.clock_mhz) / peak

    reference = share(PRESETS["u280"])
    assert 0.9 < reference < 0.95
    assert share(PRESETS["tiny"]) == pytest.approx(reference)
    assert share(replace(PRESETS["small"], clock_mhz=225)) == pytest.approx(reference)
