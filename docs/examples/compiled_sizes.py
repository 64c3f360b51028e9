# SPDX-License-Identifier: Apache-2.0
"""How much memory and how long a program models need: writes the tables of ``docs/compiler.md``.

Nothing is compiled: both are decided before a weight is read. And what the estimate says of two
tiles.
"""

from dataclasses import replace
from pathlib import Path

from marks import between, paragraph

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.estimate.estimate import spent
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import preset

PAGE = Path(__file__).parent.parent / "compiler.md"

W4, W8 = (Setting(bits=bits, group=group) for bits, group in ((4, 128), (8, 32)))
PLANS = (("LLaMA2-7B", "u280", W4, 512), ("LLaMA2-7B", "u280", W4, 4096),
         ("LLaMA2-7B", "u280", W8, 4096), ("Llama3-8B", "u280", W4, 2048),
         ("OPT-6.7B", "u280", W4, 2048), ("stories260K", "tiny", W8, 512),
         ("stories260K", "small", W8, 512))


def plans():
    """Of each: the plan."""
    for name, place, setting, context in PLANS:
        yield name, place, setting, context, Plan.of(
            SHAPES[name.lower()], preset(place), context, Recipe.uniform(setting))


def sizes():
    """What lanes' memories and the host's hold."""
    yield "| model | preset | weights | context | a layer | head | keys, values | lane | host |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for name, place, setting, context, plan in plans():
        lane = plan.lane
        parts = (plan.split.runs[0].beats * lane.beat, (lane.beats - lane.homes) * lane.beat)
        head = (lane.homes - lane.head_address) * lane.beat
        size = (parts[0], head, parts[1], lane.size, plan.host.size)
        yield (f"| {name} | `{place}` | W{setting.bits} G{setting.group} | {context} | "
               + " | ".join(f"{one / 1e6:.2f}" for one in size) + " |")


def programs():
    """How long programs are."""
    yield "| model | preset | context | a token | several | a run more |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for name, place, setting, context, plan in plans():
        if (name, setting) == ("LLaMA2-7B", W8):
            continue  # Programs do not depend on bits.
        one, *more = place_programs(plan)
        several = "".join(f"{p.tokens} tokens: {len(p.program)}, {p.size}" for p in more)
        two_runs = Recipe(default=setting, overrides={"layers.0.o": replace(setting, bits=3)})
        longer = place_programs(replace(plan, recipe=two_runs))
        grown = (str(len(b.program) - len(a.program)) for a, b in zip([one, *more], longer,
                                                                    strict=True))
        yield (f"| {name} | `{place}` | {context} | {len(one.program)} instructions,"
               f" {one.size} bytes | {several} | {' and '.join(grown)} |")


def idle():
    """Cycles of a layer, 8 tokens from position 64 on, in which chains have no tile: estimated."""
    said = []
    for pattern in (Pattern.DENSE, Pattern.S2_4):
        recipe = Recipe.uniform(replace(W4, pattern=pattern))
        two, three = (spent(Work(
            mode="prefill", name="llama2-7b", model=SHAPES["llama2-7b"], config=preset("u280"),
            recipe=recipe, context=128, tokens=72, layers=layers))[8] for layers in (2, 3))
        cycles, engine = three.cycles - two.cycles, three.engine - two.engine
        said.append(f"{cycles - engine:,.0f} of {cycles:,.0f}")
    yield from paragraph(
        "Cycles in which the chains of `u280` have no tile, a layer of LLaMA2-7B at W4 G128, 8"
        f" tokens from position 64 on, estimated: {said[0]} dense; {said[1]} at 2:4, where products"
        " take half as long, and the special functions cannot quite keep up with A's attention.")


def filled(page):
    """The page with all of it between its marks."""
    for name, made in (("sizes", sizes), ("programs", programs), ("idle", idle)):
        page = between(page, name, made())
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
