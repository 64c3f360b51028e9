# SPDX-License-Identifier: Apache-2.0
"""Models that must be refused, with a sentence."""

import pytest

from flightllm_hw.compiler.load import LoadError, load

__all__ = ["patched", "pieces", "read_all", "refuses"]


def read_all(checkpoint):
    for tensor in checkpoint.tensors.values():
        tensor.rows()
        tensor.codes()
    checkpoint.notes()


def refuses(path, match, **options):
    """The complaint about a file, which must be a sentence about it."""
    with pytest.raises(LoadError, match=match) as caught:
        read_all(load(path, **options))
    sentence = str(caught.value)
    assert sentence.isprintable() and 20 < len(sentence) <= 603 and str(path.parent) in sentence
    assert not sentence.endswith(".")
    return sentence


def patched(path, offset, data):
    whole = bytearray(path.read_bytes())
    whole[offset:offset + len(data)] = data
    path.write_bytes(whole)
    return path


def pieces(config):
    return [b"t%d" % n for n in range(config.vocab)]
