# SPDX-License-Identifier: Apache-2.0
"""What compression did to each matrix, as a table and as JSON."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from flightllm_hw.compiler.compress.compressed import Compressed
from flightllm_hw.compiler.compress.gram import Gram, relative_error

__all__ = ["Line", "Report"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A compressed matrix.

    Parameters
    ----------
    name : str
    rows, columns : int
    bits, group : int
    zero_point : bool
    pattern : str
        ``"dense"`` or ``"N:M"``.
    kept : float
        Share of the codes that are kept.
    weight_error : float
        |W - W'| / |W|, Frobenius.
    output_error : float or None
        |W x - W' x| / |W x| over calibration inputs; None without.
    """

    name: str
    rows: int
    columns: int
    bits: int
    group: int
    zero_point: bool
    pattern: str
    kept: float
    weight_error: float
    output_error: float | None

    @classmethod
    def of(cls, name: str, w: npt.NDArray[Any], got: Compressed, gram: Gram | None) -> "Line":
        """What became of ``w``."""
        back, weights = got.dequantize(), got.weights
        return cls(name=name, rows=weights.rows, columns=weights.columns, bits=weights.bits,
                   group=weights.group, zero_point=not weights.signed, pattern=str(got.pattern),
                   kept=got.kept, weight_error=relative_error(w, back, None),
                   output_error=None if gram is None else relative_error(w, back, gram))


@dataclass(frozen=True)
class Report:
    """Every compressed matrix of a model.

    Parameters
    ----------
    lines : tuple of Line
    """

    lines: tuple[Line, ...]

    def __init__(self, lines: Iterable[Line]) -> None:
        object.__setattr__(self, "lines", tuple(lines))

    @property
    def average_bits(self) -> float:
        """Bits of the kept codes over their number; 0 where there are none."""
        kept = [line.kept * line.rows * line.columns for line in self.lines]
        bits = sum(n * line.bits for n, line in zip(kept, self.lines, strict=True))
        return bits / sum(kept) if sum(kept) else 0.0

    def table(self) -> str:
        """A line a matrix, and one for all."""
        width = max((len(line.name) for line in self.lines), default=6)
        head = (f"{'matrix':{width}} {'rows':>6} {'K':>6} {'bits':>4} {'group':>5} {'zero':>4}"
                f" {'pattern':>7} {'kept':>6} {'weights':>8} {'outputs':>8}")
        return "\n".join([head, *(_row(line, width) for line in self.lines),
                          f"{len(self.lines)} matrices, {self.average_bits:.2f} bits a code"])

    def to_json(self) -> str:
        """An object with ``average_bits`` and ``matrices``."""
        return json.dumps({"average_bits": self.average_bits,
                           "matrices": [vars(line) for line in self.lines]}, indent=2)


def _row(line: Line, width: int) -> str:
    outputs = "-" if line.output_error is None else f"{line.output_error:.2%}"
    return (f"{line.name:{width}} {line.rows:6} {line.columns:6} {line.bits:4} {line.group:5}"
            f" {'yes' if line.zero_point else 'no':>4} {line.pattern:>7} {line.kept:6.1%}"
            f" {line.weight_error:8.2%} {outputs:>8}")
