# SPDX-License-Identifier: Apache-2.0
"""Pages of packages and their modules, made from the packages that there are.

Nothing has to be entered anywhere: a new module has a page in the next build. The pages lie in
``docs/api``, which is made anew and is not committed. Modules are orphans: 200 of them in every
page's table of contents would be no help, and most of the build's time.
"""

import ast
import importlib
import pkgutil
import shutil
from pathlib import Path

import flightllm_hw

__all__ = ["setup", "write"]


def heading(name):
    """A page's beginning."""
    return f"{name}\n{'=' * len(name)}\n\n"


def first_sentence(module):
    """The first paragraph of a module's docstring, in a line."""
    text = ast.get_docstring(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))) or ""
    # Of what ends in a picture only the words.
    return " ".join(text.split("\n\n")[0].split()).removesuffix("::").replace("|", r"\|")


def module_page(module):
    """The page of one module: its docstring, and all of ``__all__`` that is its own."""
    name = module.__name__
    others = [one for one in getattr(module, "__all__", ())
              if getattr(getattr(module, one), "__module__", name) not in (name, "builtins")]
    hidden = f"   :exclude-members: {', '.join(['elaborate', 'signature', *others])}\n"
    return f":orphan:\n\n{heading(name)}.. automodule:: {name}\n{hidden}"


def package_page(package, modules, packages):
    """The page of a package: its docstring and a line for each of its modules."""
    text = f"{heading(package.__name__)}.. automodule:: {package.__name__}\n   :no-members:\n\n"
    for module in modules:
        short = module.__name__.split(".")[-1]
        text += f":doc:`{short} <{module.__name__}>`\n   {first_sentence(module)}\n\n"
    if packages:
        text += ".. toctree::\n   :maxdepth: 1\n\n"
        text += "".join(f"   {one.__name__}\n" for one in packages)
    return text


def pages(package):
    """Every page of a package and of what is in it, as (name, text)."""
    modules, packages = [], []
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        if found.name == "__main__":
            continue
        one = importlib.import_module(f"{package.__name__}.{found.name}")
        if found.ispkg:
            packages.append(one)
            yield from pages(one)
        else:
            modules.append(one)
            yield one.__name__, module_page(one)
    yield package.__name__, package_page(package, modules, packages)


def write(folder):
    """Writes all pages into ``folder``; those that are as they were stay untouched."""
    made = {folder / f"{name}.rst": text for name, text in pages(flightllm_hw)}
    folder.mkdir(exist_ok=True)
    for path in set(folder.iterdir()) - set(made):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "api"))
    return {"parallel_read_safe": True}
