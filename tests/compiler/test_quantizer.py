# SPDX-License-Identifier: Apache-2.0
"""Matrices that are compressed part by part, on all processors."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.compiler import quantizer
from flightllm_hw.compiler.compress.compressed import compress
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.load.errors import LoadError
from flightllm_hw.compiler.load.safetensors_file import read_safetensors
from flightllm_hw.compiler.parallel import each
from flightllm_hw.formats import Pattern
from support.checkpoints import write_safetensors


def stored(path, w):
    """A matrix in a file of its own."""
    return read_safetensors(write_safetensors(
        path / "w.safetensors", {"w": {"dtype": "F32", "shape": w.shape,
                                       "data_offsets": [0, w.nbytes]}}, w.tobytes()))["w"]


@pytest.mark.parametrize("setting", [
    Setting(), Setting(bits=4, group=16, zero_point=True), Setting(bits=3, pattern=Pattern.S2_4)],
    ids=str)
def test_parts_make_the_whole(setting, tmp_path, monkeypatch, rng):
    monkeypatch.setattr(quantizer, "_ELEMENTS", 3 * 70)
    w = rng.standard_normal((50, 70)).astype(np.float32)
    got = quantizer.compressed("w", stored(tmp_path, w), setting)
    want = compress("w", w, setting)
    for name in ("codes", "zero", "row_scale", "group_scale"):
        assert_array_equal(getattr(got.weights, name), getattr(want.weights, name))
    assert_array_equal(got.mask, want.mask)


def test_complaints_count_from_the_first_row(tmp_path, monkeypatch, rng):
    monkeypatch.setattr(quantizer, "_ELEMENTS", 3 * 70)
    w = rng.standard_normal((50, 70)).astype(np.float32)
    w[41, 7] = w[44, 0] = np.nan
    with pytest.raises(LoadError, match=r"its element at \[41, 7\] is nan"):
        quantizer.compressed("w", stored(tmp_path, w), Setting())


def test_a_file_that_was_read_takes_no_memory(tmp_path):
    # What is mapped counts until it is given back.
    w = np.zeros((1 << 12, 1 << 12), np.float32)
    tensor = stored(tmp_path, w)
    for start in range(0, 1 << 12, 64):
        assert not tensor.rows(start, start + 64).any()
        assert _mapped(tmp_path) >= 1 << 20
        tensor.file.release()
        assert not _mapped(tmp_path)


def _mapped(folder):
    """Bytes of the folder's files that are in memory."""
    size, ours = 0, False
    with open("/proc/self/smaps") as lines:
        for line in lines:
            fields = line.split()
            if not fields[0].endswith(":"):
                ours = line.rstrip().startswith(str(folder), line.find("/"))
            elif ours and fields[0] == "Rss:":
                size += int(fields[1]) << 10
    return size


def test_each_keeps_the_order():
    assert each(lambda n: n * n, range(50)) == [n * n for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        each(lambda n: 1 // n, [1, 0, 2])
