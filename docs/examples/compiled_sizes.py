# SPDX-License-Identifier: Apache-2.0
"""How much memory and how long a program models need: the tables of ``docs/compiler.md``.

Nothing is compiled: both are decided before a weight is read.
"""

from dataclasses import replace

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.plan import Plan
from flightllm_hw.presets import preset

W4, W8 = (Setting(bits=bits, group=group) for bits, group in ((4, 128), (8, 32)))
PLANS = (("LLaMA2-7B", "u280", W4, 512), ("LLaMA2-7B", "u280", W4, 4096),
         ("LLaMA2-7B", "u280", W8, 4096), ("Llama3-8B", "u280", W4, 2048),
         ("OPT-6.7B", "u280", W4, 2048), ("stories260K", "tiny", W8, 512),
         ("stories260K", "small", W8, 512))


def main():
    plans = [(name, place, setting, context, Plan.of(SHAPES[name.lower()], preset(place), context,
                                                     Recipe.uniform(setting)))
             for name, place, setting, context in PLANS]
    print("| model | preset | weights | context | a layer | head | keys, values | lane | host |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, place, setting, context, plan in plans:
        lane = plan.lane
        parts = (plan.split.runs[0].beats * lane.beat, (lane.beats - lane.homes) * lane.beat)
        head = (lane.homes - lane.head_address) * lane.beat
        sizes = (parts[0], head, parts[1], lane.size, plan.host.size)
        print(f"| {name} | `{place}` | W{setting.bits} G{setting.group} | {context} | "
              + " | ".join(f"{size / 1e6:.2f}" for size in sizes) + " |")
    print("\n| model | preset | context | a token | several | a run more |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for name, place, setting, context, plan in plans:
        if (name, setting) == ("LLaMA2-7B", W8):
            continue  # Programs do not depend on bits.
        one, *more = place_programs(plan)
        several = "".join(f"{p.tokens} tokens: {len(p.program)}, {p.size}" for p in more)
        two_runs = Recipe(default=setting, overrides={"layers.0.o": replace(setting, bits=3)})
        longer = place_programs(replace(plan, recipe=two_runs))
        grown = (str(len(b.program) - len(a.program)) for a, b in zip([one, *more], longer,
                                                                    strict=True))
        print(f"| {name} | `{place}` | {context} | {len(one.program)} instructions,"
              f" {one.size} bytes | {several} | {' and '.join(grown)} |")


if __name__ == "__main__":
    main()
