# SPDX-License-Identifier: Apache-2.0
"""The shape of a quantized matrix on a tape: its tiles, blocks, groups and headers."""

from dataclasses import dataclass

from flightllm_hw.config import LaneConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.weight import QuantizedWeights
from flightllm_hw.isa.matrix import MatrixShape

__all__ = ["TapeShape", "block_tiles", "header_groups"]


@dataclass(frozen=True, kw_only=True)
class TapeShape(MatrixShape):
    """The shape of a matrix that was quantized; fields are those of any."""

    @classmethod
    def of(cls, weights: QuantizedWeights, pattern: Pattern, config: LaneConfig,
           masked: bool = False) -> "TapeShape":
        """The shape of ``weights`` on a lane.

        Raises
        ------
        ValueError
            If the lane does not take the pattern, or the group is shorter than two tiles.
        """
        if pattern not in config.patterns:
            raise ValueError(f"A lane of this configuration takes {_names(config.patterns)},"
                             f" not {pattern}")
        columns = config.tile_columns(pattern)
        if weights.group < 2 * columns:
            raise ValueError(f"Group of {pattern} weights must be at least {2 * columns} columns,"
                             f" not {weights.group}")
        tiles = -(-weights.columns // columns)
        per_group = weights.group // columns
        groups = -(-tiles // per_group)
        last = tiles - (groups - 1) * per_group
        # Sparse tiles come in pairs, and so do a header's blocks where codes have odd bits.
        in_block = block_tiles(pattern)
        last += -last % in_block
        if weights.bits % 2:
            together = 2 * in_block
            if header_groups(pattern, config) * per_group % together:
                raise ValueError(f"Group of {pattern} weights of {weights.bits} bits must be at"
                                 f" least {together * columns} columns, not {weights.group}")
            before = (groups - 1) % header_groups(pattern, config) * per_group
            last += -(before + last) % together
            if last > per_group:
                # What fills the header up is a group of its own.
                groups, last = groups + 1, last - per_group
        return cls(pattern=pattern, bits=weights.bits, zero_point=weights.zero is not None,
                   masked=masked,
                   row_blocks=-(-weights.rows // config.tile_rows(pattern)),
                   group_tiles=per_group, groups=groups, last_tiles=last)


def _names(patterns: tuple[Pattern, ...]) -> str:
    return ", ".join(map(str, patterns))


def block_tiles(pattern: Pattern) -> int:
    """Tiles of a block."""
    return 1 if pattern is Pattern.DENSE else 2


def header_groups(pattern: Pattern, config: LaneConfig) -> int:
    """Groups that a header counts for."""
    return 2 * config.chains // config.tile_rows(pattern)
