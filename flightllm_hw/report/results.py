# SPDX-License-Identifier: Apache-2.0
"""Sections on the model: what a token and a prompt take, why, and what they would elsewhere."""

from collections.abc import Sequence

from flightllm_hw.report.estimates import Estimates, Sweep
from flightllm_hw.report.markup import Markup, joined, tag
from flightllm_hw.report.pieces import command, figure, kind, section, table
from flightllm_hw.report.roofline import intensity, rate, ridge, roofline
from flightllm_hw.report.runs import Run, command_of
from flightllm_hw.report.shares import causes, shares
from flightllm_hw.report.subject import Mode, Subject, said
from flightllm_hw.report.sweeps import against_bits, against_context

__all__ = ["by_cause", "chosen", "measured", "over", "roof", "tiles"]

MODES: tuple[Mode, Mode] = "decode", "prefill"


def chosen(runs: Sequence[Run], mode: Mode) -> Run | None:
    """The run that stands for a mode: the first one of the report's model."""
    return next((run for run in runs if run.own and run.found["mode"] == mode), None)


def tiles(estimates: Estimates, runs: Sequence[Run]) -> Markup:
    """The figures that are looked for first."""
    told = list[Markup]()
    for mode, found in zip(MODES, (estimates.decode, estimates.prefill), strict=True):
        run = chosen(runs, mode)
        shown = found if run is None else run.found
        which = "estimated" if run is None else "simulated"
        what = (f"at position {shown['context'] - 1:,}" if mode == "decode"
                else f"a prompt of {shown['tokens']:,}")
        told += [
            _tile(f"{mode}, {what}", f"{shown['tokens_per_second']:,.1f}", " tokens/s", which,
                  "" if run is None else f"{run.estimated['tokens_per_second']:,.1f} estimated"),
            _tile(f"{mode}, a token", f"{shown['cycles_per_token']:,.0f}", " cycles", which,
                  f"{shown['bandwidth_share']:.1%} of what memories deliver")]
    return tag("dl", Markup("\n"), joined(*told), Markup("\n"), class_="tiles")


def _tile(what: str, value: str, unit: str, which: str, other: str) -> Markup:
    return tag("div", tag("dt", what), tag("dd", value, tag("small", unit), class_="value"),
               tag("dd", kind(which), class_="from"), tag("dd", other, class_="other"),
               class_="tile")


def measured(subject: Subject, runs: Sequence[Run]) -> Markup:
    """All runs, beside estimates of the same."""
    if not runs:
        return Markup("")
    rows = [[run.file, f"{run.found['mode']}, {said(run.work.recipe.default)}",
             f"{run.found['context']:,}", f"{run.found['tokens']:,}",
             f"{run.found['layers_simulated']} of {run.found['layers']}",
             f"{run.found['cycles_per_token']:,.0f}", f"{run.estimated['cycles_per_token']:,.0f}",
             f"{run.estimated['cycles'] / run.found['cycles'] - 1:+.2%}"] for run in runs]
    return section(
        "Runs",
        tag("p", kind("simulated"), " Cycles of the RTL behind memories with the card's timing;"
            " where not all layers were simulated, the others are extrapolated. No card was"
            " measured."),
        table(("run", "what", "context", "tokens", "layers", "cycles a token", "estimated",
               "error"), rows, words=2),
        *(command(command_of(run, subject)) for run in runs))


def by_cause(subject: Subject, estimates: Estimates, runs: Sequence[Run]) -> Markup:
    """Cycles by cause, decode and prefill side by side."""
    figures = list[Markup]()
    for mode, found in zip(MODES, (estimates.decode, estimates.prefill), strict=True):
        run = chosen(runs, mode)
        estimated = found if run is None else run.estimated
        all_causes = causes(subject.config, None if run is None else run.found, estimated)
        what = (f"A token at position {estimated['context'] - 1:,}" if mode == "decode"
                else f"A prompt of {estimated['tokens']:,} tokens")
        figures.append(tag("div", tag("h3", what), figure(
            shares(f"Cycles by cause, {mode}", all_causes),
            "" if run is None else f"Simulated: {run.file}.",
            command(subject.command(mode, context=estimated["context"],
                                    tokens=estimated["tokens"])))))
    return section(
        "Cycles by cause",
        tag("p", "Parts of all cycles in which each has work, or waits. They overlap: a token takes"
                 " as long as whichever has most, and what nothing else could be done beside."
                 " Special functions are with their loads and stores."),
        tag("div", *figures, class_="pair"))


def roof(subject: Subject, estimates: Estimates, runs: Sequence[Run]) -> Markup:
    """The roofline, and what it shows in numbers."""
    config, own = subject.config, subject.recipe.default.pattern
    decode = next((sweep.found for sweep in estimates.bits if sweep.pattern is own),
                  (estimates.decode,))
    prompts = estimates.prompts or (estimates.prefill,)
    rows = [[f"{found['mode']} W{found['bits']}", f"{intensity(config, found):.2f}",
             f"{rate(config, found):,.0f}", f"{rate(config, found) / config.macs:.1%}"]
            for found in (*decode, *prompts)]
    return section(
        "Roofline",
        tag("p", "What the model asks for, without padding or what a pattern left out. Left of"
                 f" {ridge(config, estimates.decode):.2f} multiply-accumulates for each byte the"
                 " memories' deliverable bandwidth is the limit, right of it the chains."),
        tag("div", figure(
            roofline(config, decode, prompts, [run.found for run in runs]),
            command(subject.command("decode", bits="N")),
            command(subject.command("prefill", bits="N"))),
            table(("", "for each byte", "a cycle", "of the peak"), rows), class_="pair"))


def over(subject: Subject, estimates: Estimates, runs: Sequence[Run]) -> Markup:
    """Cycles against the context, and against bits."""
    decode = [run for run in runs if run.found["mode"] == "decode"]
    contexts = [run.found for run in decode if run.own
                or subject.uniform and _alike(run, subject, "bits", "group", "zero_point")]
    bits = [run.found for run in decode if (subject.uniform or not run.own)
            and run.found["context"] == subject.context
            and _alike(run, subject, "group", "zero_point")]
    return section(
        "Context and bits",
        tag("p", kind("estimated"), " Cycles of a decoded token at the end of other contexts, and"
                 f" with other bits at a context of {subject.context:,}; what does not fit is left"
                 " out.", " Filled points are simulated." if contexts or bits else ""),
        tag("div",
            _sweep(against_context(estimates.contexts, contexts), estimates.contexts, "context",
                   subject.command("decode", context="N")),
            _sweep(against_bits(estimates.bits, bits), estimates.bits, "bits",
                   subject.command("decode", bits="N")) if estimates.bits else "",
            class_="pair"))


def _alike(run: Run, subject: Subject, *names: str) -> bool:
    return all(run.found[name] == getattr(subject.recipe.default, name) for name in names)


def _sweep(picture: Markup, sweeps: Sequence[Sweep], key: str, made: str) -> Markup:
    """A chart, and its numbers for who asks for them."""
    values = sorted({found[key] for sweep in sweeps for found in sweep.found})
    cycles = [{found[key]: f"{found['cycles_per_token']:,.0f}" for found in sweep.found}
              for sweep in sweeps]
    rows = [[f"{value:,}", *(column.get(value, "") for column in cycles)] for value in values]
    return tag("div", figure(picture, command(made)), tag(
        "details", tag("summary", "In numbers, estimated"),
        table((key, *(sweep.label for sweep in sweeps)), rows, words=0)))
