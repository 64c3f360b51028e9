# SPDX-License-Identifier: Apache-2.0
"""Work on many arrays at once: numpy lets other threads run while it computes."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["each"]

A = TypeVar("A")
B = TypeVar("B")


def each(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """What a function gives for each item, in their order, a thread for each processor.

    Of several exceptions the one of the first item is raised.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))
