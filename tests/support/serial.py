# SPDX-License-Identifier: Apache-2.0
"""The receiving half of a UART, on a line that was written down cycle by cycle."""

__all__ = ["received"]


def received(line, divisor):
    """All bytes of a line that idles high, 8N1, and the cycles in which they began."""
    got, begun, at = [], [], 0
    while at < len(line):
        if line[at]:
            at += 1
            continue
        # In the middle of each bit.
        bits = [line[at + divisor * n + divisor // 2] for n in range(10)]
        assert (bits[0], bits[9]) == (0, 1), f"no byte at cycle {at}"
        got.append(sum(bit << n for n, bit in enumerate(bits[1:9])))
        begun.append(at)
        at += 10 * divisor
    return bytes(got), begun
