# SPDX-License-Identifier: Apache-2.0
"""What long work is at: on a terminal's last line, and nowhere in a pipe."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

__all__ = ["Progress"]


class Progress:
    """A line on stderr that tells what is being done, while the context lasts."""

    def __init__(self) -> None:
        self._status: Status | None = None

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        if console.is_terminal:
            self._status = Status("", console=console)
            self._status.start()
        return self

    def tell(self, what: str) -> None:
        """Show ``what`` is being done now."""
        if self._status is not None:
            self._status.update(what)

    def stop(self) -> None:
        """Take the line away; for good."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()
