# SPDX-License-Identifier: Apache-2.0
"""What docstrings refer to, found as Python finds it.

A docstring says ``:class:`~flightllm_hw.config.ChainConfig``` where the class lies in a module of
that package, or ``LaneEngine`` where its file imports it. A name that Python finds and that has no
page stays without a link; one that Python does not find is a warning.
"""

import importlib

__all__ = ["found", "setup"]


def found(target, module=None, name=None):
    """The full name of what ``target`` means in a module or class, and None if it means nothing."""
    for start in (target, f"{module}.{target}", f"{module}.{name}.{target}"):
        words = start.split(".")
        for cut in range(len(words), 0, -1):
            try:
                value = importlib.import_module(".".join(words[:cut]))
            except ImportError:
                continue
            try:
                for attribute in words[cut:]:
                    owner, value = value, getattr(value, attribute)
            except AttributeError:
                break
            home = getattr(value, "__module__", None)
            named = getattr(value, "__qualname__", None)
            if home and named:
                return f"{home}.{named}"
            if hasattr(owner, "__qualname__"):
                return f"{owner.__module__}.{owner.__qualname__}.{words[-1]}"
            return start
    return None


def setup(app):
    """Called by Sphinx."""
    def resolve(app, env, node, contents):
        if node.get("refdomain") != "py":
            return None
        name = found(node["reftarget"], node.get("py:module"), node.get("py:class"))
        if name is None:
            return None
        python = env.get_domain("py")
        matches = python.find_obj(env, None, None, name, None, 0)
        if not matches:
            return contents
        node["reftarget"] = name
        return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], name, node,
                                   contents) or contents

    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
