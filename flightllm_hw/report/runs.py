# SPDX-License-Identifier: Apache-2.0
"""What ``flightllm-hw bench --json`` printed, read back and held against what it should be of."""

import json
import shlex
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from flightllm_hw.bench.errors import BenchError
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.formats import Pattern
from flightllm_hw.report.errors import ReportError
from flightllm_hw.report.subject import Subject, setting_words

__all__ = ["Run", "command_of", "parsed", "read_run", "run_of", "setting_of"]

_TEXTS = ("mode", "shape", "preset", "sparsity", "memory")
_COUNTS = ("bits", "group", "context", "tokens", "cycles", "clock_mhz", "bytes", "layers",
           "layers_simulated", "cycles_simulated", "cycles_per_token", "tokens_per_second",
           "bandwidth_share", "port_share", "mac_per_dsp_per_cycle", "deliverable_gb_s")
_GLOBAL = ("memory_busy", "vector_busy")
_LANE = ("beats", "starved", "full", "multiplying")


@dataclass(frozen=True, kw_only=True)
class Run:
    """A measurement.

    Parameters
    ----------
    file : str
        Its name.
    found : dict
        What was measured.
    work : Work
        What of.
    estimated : dict
        What an estimate says to the same.
    own : bool
        Whether the model is compressed as the report's.
    """

    file: str
    found: dict[str, Any]
    work: Work
    estimated: dict[str, Any]
    own: bool


def parsed(path: Path, what: str) -> dict[str, Any]:
    """A file's JSON object.

    Raises
    ------
    ReportError
        If it holds none.
    OSError
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: {what} must be JSON ({error})") from None
    if not isinstance(found, dict):
        raise ReportError(f"{path}: {what} must be an object, not {type(found).__name__}")
    return found


def read_run(path: Path) -> dict[str, Any]:
    """A measurement's figures: all there, and of the right kind.

    Raises
    ------
    ReportError
        If it is none.
    OSError
    """
    found = parsed(path, "a run")
    if found.get("estimated"):
        raise ReportError(f"{path}: an estimate is no run: flightllm-hw bench --json prints one")
    missing = [name for name in (*_TEXTS, *_COUNTS, "zero_point", "counters") if name not in found]
    if missing:
        raise ReportError(f"{path}: a run of flightllm-hw bench --json has {missing[0]!r}")
    for name in _TEXTS:
        if not isinstance(found[name], str):
            raise ReportError(f"{path}: a run's {name} must be a text, not {found[name]!r}")
    if found["mode"] not in ("decode", "prefill"):
        raise ReportError(f"{path}: a run's mode must be decode or prefill, not {found['mode']!r}")
    for name in _COUNTS:
        if not _number(found[name]) or found[name] <= 0:
            raise ReportError(f"{path}: a run's {name} must be a number greater than 0, not"
                              f" {found[name]!r}")
    for name in ("context", "tokens", "layers", "layers_simulated", "bits", "group"):
        if not isinstance(found[name], int):
            raise ReportError(f"{path}: a run's {name} must be an integer, not {found[name]!r}")
    if not _counted(found["counters"]):
        raise ReportError(f"{path}: a run's counters must be those of the core and of each lane")
    return found


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _counted(counters: Any) -> bool:
    try:
        numbers = [counters["global"][name] for name in _GLOBAL]
        numbers += [lane[name] for lane in counters["lanes"] for name in _LANE]
    except (KeyError, TypeError, IndexError):
        return False
    return all(_number(value) and value >= 0 for value in numbers)


def setting_of(path: Path, found: dict[str, Any]) -> Setting:
    """The setting that a run names.

    Raises
    ------
    ReportError
        If there is no such setting.
    """
    try:
        return Setting(bits=found["bits"], group=found["group"], zero_point=found["zero_point"],
                       pattern=Pattern.parse(found["sparsity"]))
    except ValueError as error:
        raise ReportError(f"{path}: {error}") from None


def run_of(path: Path, found: dict[str, Any], subject: Subject) -> Run:
    """A run of the report's model on its accelerator; compressed alike or otherwise.

    Raises
    ------
    ReportError
        If it is of anything else.
    """
    _same(path, found, subject.config)
    if not subject.compiled and found["shape"] != subject.name:
        raise ReportError(f"{path} is a run of {found['shape']}, not of {subject.name}")
    setting, read = setting_of(path, found), list[int]()
    for own in (True, False):
        if own and setting != subject.recipe.default:
            continue
        try:
            work = subject.work(found["mode"], context=found["context"], tokens=found["tokens"],
                                setting=None if own else setting)
            estimated = estimate(work)
        except (BenchError, CompileError) as error:
            raise ReportError(f"{path}: {error}") from None
        # Exact in both.
        if (estimated["bytes"], estimated["layers"]) == (found["bytes"], found["layers"]):
            return Run(file=path.name, found=found, work=work, estimated=estimated, own=own)
        read.append(estimated["bytes"])
    raise ReportError(f"{path}: lanes read {found['bytes']:,} bytes, but of {subject.name} they"
                      f" would read {' or '.join(f'{n:,}' for n in read)}: the model, or how it"
                      " is compressed, is another")


def _same(path: Path, found: dict[str, Any], config: AcceleratorConfig) -> None:
    """Whether it is of this accelerator."""
    lanes = len(found["counters"]["lanes"])
    own = config.name, config.clock_mhz, config.lanes
    if (found["preset"], found["clock_mhz"], lanes) != own:
        raise ReportError(
            f"{path} is a run of {found['preset']}, {lanes} lanes at {found['clock_mhz']:g} MHz,"
            f" not of {config.name}, {config.lanes} lanes at {config.clock_mhz} MHz")


def command_of(run: Run, subject: Subject) -> str:
    """What printed it."""
    found = run.found
    words = ["flightllm-hw", "bench", found["mode"], "--shape", found["shape"], *subject.source]
    if run.own and subject.recipe_file:
        words += ["--recipe", subject.recipe_file]
    else:
        words += setting_words(run.work.recipe.default)
    words += ["--context", str(found["context"])]
    if found["mode"] == "prefill":
        words += ["--tokens", str(found["tokens"])]
    if found["layers_simulated"] != found["layers"]:
        words += ["--layers", str(found["layers_simulated"])]
    return shlex.join([*words, "--json"])
