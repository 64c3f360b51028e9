# SPDX-License-Identifier: Apache-2.0
"""Everything that a report estimates: a token, a prompt, contexts and bits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.formats import CODE_BITS, Pattern
from flightllm_hw.report.subject import Subject, said

__all__ = ["Estimates", "Sweep", "contexts_of", "estimate_all", "sweep_bits", "sweep_contexts"]

Found = dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Estimates of one setting over contexts, or of one pattern over bits.

    Parameters
    ----------
    label : str
    pattern : Pattern
    found : tuple of dict
        What does not fit is left out.
    """

    label: str
    pattern: Pattern
    found: tuple[Found, ...]


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """All of them."""

    decode: Found
    prefill: Found
    contexts: tuple[Sweep, ...]
    bits: tuple[Sweep, ...]
    prompts: tuple[Found, ...]


def estimate_all(subject: Subject) -> Estimates:
    """Estimate.

    Raises
    ------
    BenchError, CompileError
        If the model itself does not fit.
    """
    return Estimates(
        decode=estimate(subject.work("decode")), prefill=estimate(subject.work("prefill")),
        contexts=tuple(sweep_contexts(subject)), bits=tuple(sweep_bits(subject)),
        prompts=tuple(_fitting(subject.work("prefill", setting=setting)
                               for setting in _each_bits(subject.recipe.default))))


def contexts_of(subject: Subject) -> list[int]:
    """Powers of two from 64 on, the model's own, and the report's."""
    most, context = subject.model.context, 64
    found = {most, subject.context}
    while context < most:
        found.add(context)
        context *= 2
    return sorted(found)


def sweep_contexts(subject: Subject) -> Iterator[Sweep]:
    """Of the model as it is; where one setting is all, of the other pattern, too."""
    contexts = contexts_of(subject)
    yield Sweep(subject.compression, subject.recipe.default.pattern, tuple(_fitting(
        subject.work("decode", context=context) for context in contexts)))
    if subject.uniform:
        other = replace(subject.recipe.default, pattern=_other(subject))
        yield from _some(Sweep(said(other), other.pattern, tuple(_fitting(
            subject.work("decode", context=context, setting=other) for context in contexts))))


def sweep_bits(subject: Subject) -> Iterator[Sweep]:
    """Of one setting for all matrices, both patterns."""
    own = subject.recipe.default
    for pattern in (own.pattern, _other(subject)):
        yield from _some(Sweep(str(pattern), pattern, tuple(_fitting(
            subject.work("decode", setting=setting)
            for setting in _each_bits(replace(own, pattern=pattern))))))


def _other(subject: Subject) -> Pattern:
    """What a model is compared with: 2:4, or dense."""
    dense = subject.recipe.default.pattern is Pattern.DENSE
    return Pattern.S2_4 if dense else Pattern.DENSE


def _each_bits(setting: Setting) -> Iterator[Setting]:
    for bits in CODE_BITS:
        yield replace(setting, bits=bits)


def _fitting(works: Iterator[Work]) -> Iterator[Found]:
    for work in works:
        try:
            yield estimate(work)
        except (BenchError, CompileError):
            continue


def _some(sweep: Sweep) -> Iterator[Sweep]:
    if sweep.found:
        yield sweep
