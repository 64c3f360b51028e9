# SPDX-License-Identifier: Apache-2.0
"""The page: one file that needs no other."""

import shlex
from collections.abc import Sequence
from typing import Any

from flightllm_hw import __version__
from flightllm_hw.report.estimates import Estimates
from flightllm_hw.report.markup import Markup, joined, tag
from flightllm_hw.report.pieces import command
from flightllm_hw.report.results import by_cause, measured, over, roof, tiles
from flightllm_hw.report.runs import Run
from flightllm_hw.report.sections import accelerator, lanes_on_dies, taken
from flightllm_hw.report.style import COLOURS, PAGE, PICTURES
from flightllm_hw.report.subject import Subject

__all__ = ["page"]


def page(subject: Subject, estimates: Estimates, runs: Sequence[Run],
         exported: dict[str, Any] | None, made: str) -> str:
    """The whole document.

    Parameters
    ----------
    subject : Subject
    estimates : Estimates
        Of the subject.
    runs : sequence of Run
        Measurements.
    exported : dict, optional
        An export's ``report.json``.
    made : str
        The command that makes the page.
    """
    config, source = subject.config, shlex.join(subject.source)
    title = f"{subject.name} on {config.name}"
    kinds = "simulated or estimated" if runs else "estimated"
    head = tag("head", Markup("\n"), joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup("\n" + COLOURS + PICTURES + PAGE))), Markup("\n"))
    body = tag("main", Markup("\n"), joined(
        tag("header", tag("h1", title), tag(
            "p", f"{subject.compression}, a context of {subject.context:,}. Everything here is"
            f" {kinds}; no card was measured.", class_="lead")),
        tiles(estimates, runs),
        measured(subject, runs),
        by_cause(subject, estimates, runs),
        roof(subject, estimates, runs),
        over(subject, estimates, runs),
        accelerator(config, estimates.decode, source),
        taken(config, exported, source),
        lanes_on_dies(config, source),
        tag("footer", f"flightllm-hw {__version__}", command(made))), Markup("\n"))
    return ("<!doctype html>\n" + tag("html", Markup("\n"), head, Markup("\n"),
                                      tag("body", Markup("\n"), body, Markup("\n")),
                                      Markup("\n"), lang="en") + "\n")
