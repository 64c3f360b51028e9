# SPDX-License-Identifier: Apache-2.0
"""A text that grows: pieces as they come, and in the end what it took."""

from collections.abc import Iterator, Sequence

from .sampling import Sampler
from .session import Run, Session

__all__ = ["Story"]


class Story:
    """Iterates over pieces of text, the prompt's first; whole characters each.

    Parameters
    ----------
    session : Session
        At its beginning.
    prompt : sequence of int
        At least one token, fewer than there is room for.
    sampler : Sampler
    limit : int
        New tokens at most.

    Attributes
    ----------
    prompt, tokens : list of int
        The prompt, and the new tokens so far; one that ends the text is among them.
    ended : str
        Why the text ended, in words.
    """

    def __init__(self, session: Session, prompt: Sequence[int], sampler: Sampler,
                 limit: int) -> None:
        tokenizer = session.model.tokenizer
        if tokenizer is None:
            raise ValueError("A story needs a model with a tokenizer")
        self.prompt, self.tokens = list(prompt), list[int]()
        self.ended = ""
        self._session, self._sampler, self._limit = session, sampler, limit
        self._tokenizer = tokenizer

    def __iter__(self) -> Iterator[str]:
        yield self._tokenizer.decode(self.prompt)
        text = self._tokenizer.stream(self.prompt)
        stop = frozenset(self._session.model.model.eos)
        for token in self._session.generate(self.prompt, self._sampler, self._limit, stop):
            self.tokens.append(token)
            yield text.push(token)
        yield text.finish()
        if self.tokens[-1] in stop:
            self.ended = "the text is at its end"
        elif len(self.tokens) == self._limit:
            self.ended = "as many as were asked for"
        else:
            self.ended = f"the context of {self._session.model.context} tokens is full"

    @property
    def text(self) -> str:
        """All of it."""
        return self._tokenizer.decode([*self.prompt, *self.tokens])

    # What it took. The prompt's runs give the first new token, each later run another one.

    @property
    def _runs(self) -> tuple[list[Run], list[Run]]:
        """Runs that took the prompt, and those that took new tokens."""
        runs = self._session.runs
        before = [run for run in runs if run.position < len(self.prompt)]
        return before, runs[len(before):]

    @property
    def prefill_cycles(self) -> int | None:
        """Cycles from the prompt's first token to the first new one; None without a clock."""
        cycles = [run.report.cycles for run in self._runs[0]]
        return None if None in cycles else sum(c for c in cycles if c is not None)

    @property
    def cycles_per_token(self) -> list[int | None]:
        """Cycles from each new token to the next."""
        return [run.report.cycles for run in self._runs[1]]

    @property
    def shares(self) -> dict[str, float]:
        """Parts of the new tokens' cycles in which something worked, or waited."""
        runs = [run.report for run in self._runs[1] if run.report.cycles]
        total = sum(report.cycles or 0 for report in runs)
        if not total:
            return {}
        counted = {"memory read": "beats", "chains": "multiplying", "tapes starved": "starved"}
        shares = {name: sum(lane[counter] for report in runs for lane in report.lanes)
                  / sum((report.cycles or 0) * len(report.lanes) for report in runs)
                  for name, counter in counted.items()}
        shares["special functions"] = sum(r.counters["vector_busy"] for r in runs) / total
        return shares

    @property
    def bandwidth_share(self) -> float | None:
        """Beats that were read of those that the ports could have delivered; None without a clock.

        The simulated memories deliver a beat in every cycle.
        """
        return self.shares.get("memory read")

