# SPDX-License-Identifier: Apache-2.0
"""What lies in memory before the first token: written piece by piece, a tensor at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.compress.compressed import Compressed
from flightllm_hw.compiler.compress.compressed import compress as compress_floats
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.load.checkpoint import Checkpoint
from flightllm_hw.compiler.load.mapped import release
from flightllm_hw.compiler.parallel import each
from flightllm_hw.compiler.placed import Placed
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.compiler.quantizer import Compress, compressed
from flightllm_hw.compiler.runs import Matrix
from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights, flush
from flightllm_hw.formats.functions import rotary_steps

__all__ = ["write_host", "write_lanes"]

Bytes = npt.NDArray[np.uint8]
Share = list[tuple[str, npt.NDArray[np.int64]]]

_ROWS = 1024
"""Embeddings that are copied at a time."""


def write_host(plan: Plan, checkpoint: Checkpoint,
               programs: Sequence[Placed], image: Bytes) -> None:
    """The host's memory as far as it is filled.

    Parameters
    ----------
    plan : Plan
    checkpoint : Checkpoint
    programs : sequence of Placed
    image : ndarray of uint8
        Zeros, ``plan.host.filled`` of them.
    """
    host, model = plan.host, plan.model
    for placed in programs:
        image[placed.first:placed.first + placed.size] = placed.image
    embedding = checkpoint.tensor("embedding")
    for start in range(0, model.vocab, _ROWS):
        rows = embedding.rows(start, min(start + _ROWS, model.vocab))
        _vectors(image, host.embedding + start * host.vector, host.vector, rows)
        embedding.file.release()
        release(image.base)
    if model.rope_theta is None:
        positions = checkpoint.tensor("positions").rows(0, plan.context)
        _vectors(image, host.positions, host.vector, positions)
    else:
        steps = rotary_steps(model.rope_theta, model.head_dim).astype("<u8").view(np.uint8)
        image[host.steps:host.steps + len(steps)] = steps
    for n in range(model.layers):
        first, prefix = host.norms + n * host.offsets["next"], f"layers.{n}."
        for name in ("attention_norm", "mlp_norm"):
            _norm(plan, checkpoint, image, first + host.offsets[name], prefix + name)
        for name, size in plan.buffer.biases.items():
            bias = _bias(plan, checkpoint, prefix, name)[:size * plan.config.sfu.width]
            _vectors(image, first + host.offsets[name], 4 * len(bias), bias[None])
    _norm(plan, checkpoint, image, host.norms + model.layers * host.offsets["next"], "norm")


def _norm(plan: Plan, checkpoint: Checkpoint, image: Bytes, first: int, name: str) -> None:
    """Weights, and biases of LayerNorm."""
    names = (name, f"{name}.bias") if plan.split.centred else (name,)
    _vectors(image, first, 4 * plan.config.sfu.width * plan.buffer.dim,
             np.stack([checkpoint.read(name) for name in names]))


def _bias(plan: Plan, checkpoint: Checkpoint, prefix: str, name: str) -> npt.NDArray[np.float32]:
    """Biases of a fused matrix where its product has what they are added to."""
    biases = {tensor: checkpoint.read(f"{prefix}{tensor}.bias")
              for tensor in plan.split.tensors(name)}
    if "q" in biases:
        biases["q"] = biases["q"] * _query_scale(plan)
    return np.concatenate([np.where(rows >= 0, biases[tensor][rows], np.float32(0))
                           for lane in range(plan.config.lanes)
                           for tensor, rows in plan.split.rows_of(name, lane)])


def _vectors(image: Bytes, first: int, stride: int, rows: npt.NDArray[np.float32]) -> None:
    raw = flush(rows).astype("<f4").view(np.uint8).reshape(len(rows), -1)
    place = image[first:first + len(rows) * stride].reshape(len(rows), stride)
    place[:, :raw.shape[1]] = raw


def write_lanes(plan: Plan, checkpoint: Checkpoint, images: Sequence[Bytes],
                compress: Compress | None = None,
                progress: Callable[[str], None] | None = None) -> None:
    """The lanes' memories: matrices, and homes that nothing was appended to.

    Parameters
    ----------
    plan : Plan
    checkpoint : Checkpoint
    images : sequence of ndarray of uint8
        ``plan.lane.size`` bytes for each lane.
    compress : function, optional
        Of matrices; :func:`~flightllm_hw.compiler.quantizer.compressed` says what is done without.
    progress : function of str, optional
        Told what is being compressed.

    Raises
    ------
    CompileError
        If a matrix cannot be compressed as the recipe says.
    """
    lane, split = plan.lane, plan.split
    jobs = []
    for run in split.runs:
        for n in run.layers:
            address = lane.layers[n]
            for matrix in run.matrices.values():
                jobs.append((f"layers.{n}.", address, matrix, 0, 1))
                address += matrix.beats
    jobs += [("", lane.head_address + part * lane.head.beats, lane.head, part, lane.parts)
             for part in range(lane.parts)]
    last: tuple[str, ...] = ()
    tensors: dict[str, Compressed] = {}
    for prefix, address, matrix, part, parts in jobs:
        names = tuple(prefix + tensor for tensor in split.tensors(matrix.name))
        if names != last:
            tensors, last = {}, names
            for name, tensor in zip(names, split.tensors(matrix.name), strict=True):
                if progress is not None:
                    progress(name)
                tensors[tensor] = _compressed(plan, checkpoint, name, matrix, compress)
                checkpoint.tensor(name).file.release()
        shares = [split.rows_of(matrix.name, number, part, parts) for number in range(len(images))]
        _write_matrix(plan, matrix, tensors, shares, [image[address * lane.beat:]
                                                      for image in images])
        _release(images)
    _write_homes(plan, images)
    _release(images)


def _write_matrix(plan: Plan, matrix: Matrix, tensors: dict[str, Compressed],
                  shares: Sequence[Share], images: Sequence[Bytes]) -> None:
    """All lanes' shares of a matrix, to the beginning of images."""
    def write(number: int) -> None:
        beats = _encoded(plan, matrix, tensors, shares[number])
        images[number][:beats.size] = beats.ravel()

    each(write, range(len(images)))


def _release(images: Sequence[Bytes]) -> None:
    for image in images:
        release(image.base)


def _compressed(plan: Plan, checkpoint: Checkpoint, name: str, matrix: Matrix,
                compress: Compress | None) -> Compressed:
    setting, tensor = matrix.setting, checkpoint.tensor(name)
    try:
        if tensor.shape[1] != matrix.columns:
            given = (compress or compress_floats)(name, _padded(plan, tensor.rows()), setting)
        else:
            given = compressed(name, tensor, setting, compress)
    except ValueError as e:
        raise CompileError(str(e)) from None
    if name.endswith(".q"):
        given = replace(given, weights=replace(
            given.weights, row_scale=flush(given.weights.row_scale * _query_scale(plan))))
    return given


def _query_scale(plan: Plan) -> np.float32:
    """Scores are scaled by the queries' weights and biases."""
    return np.float32(plan.model.head_dim ** -0.5)


def _padded(plan: Plan, o: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """o with zeros behind the columns of every head: codes in a file have other groups."""
    n = plan.model.head_dim
    heads = o.reshape(len(o), -1, n)
    padding = plan.split.head_elements - n
    return np.pad(heads, ((0, 0), (0, 0), (0, padding))).reshape(len(o), -1)


def _encoded(plan: Plan, matrix: Matrix, tensors: dict[str, Compressed],
             rows: Share) -> Bytes:
    """A lane's share as beats."""
    chosen = [_rows(tensors[name], own) for name, own in rows]
    weights = [w for w, _ in chosen]
    zeros = [w.zero for w in weights if w.zero is not None]
    joined = QuantizedWeights(
        codes=np.concatenate([w.codes for w in weights]),
        zero=np.concatenate(zeros) if zeros else None,
        row_scale=np.concatenate([w.row_scale for w in weights]),
        group_scale=np.concatenate([w.group_scale for w in weights]),
        bits=weights[0].bits, group=weights[0].group)
    mask = np.concatenate([mask for _, mask in chosen])
    first = tensors[rows[0][0]]
    shape, beats = encode(joined, mask, first.pattern, plan.config.lane)
    assert shape == matrix.shape and len(beats) == matrix.beats, (shape, matrix)
    return beats


def _rows(tensor: Compressed, rows: npt.NDArray[np.int64]
          ) -> tuple[QuantizedWeights, npt.NDArray[np.bool_]]:
    """Rows of a tensor; -1 gives one of zeros, which keeps nothing."""
    w, there = tensor.weights, rows >= 0
    codes = w.codes[rows]
    zero = None if w.zero is None else w.zero[rows]
    if not there.all():
        missing = ~there
        codes[missing] = 0
        if zero is not None:
            zero[missing] = 0
    return QuantizedWeights(
        codes=codes, zero=zero, row_scale=np.where(there, w.row_scale[rows], np.float32(0)),
        group_scale=np.where(there[:, None], w.group_scale[rows], np.uint16(0)), bits=w.bits,
        group=w.group), tensor.mask[rows] & there[:, None]


def _write_homes(plan: Plan, images: Sequence[Bytes]) -> None:
    lane = plan.lane
    home = np.concatenate([lane.keys.empty().ravel(), lane.values.empty().ravel()])
    for image in images:
        for n in range(plan.model.layers * plan.split.homes):
            at = (lane.homes + n * lane.home_beats) * lane.beat
            image[at:at + len(home)] = home
