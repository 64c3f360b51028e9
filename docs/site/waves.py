# SPDX-License-Identifier: Apache-2.0
"""Draws ``docs/pictures/waves/*.json`` beside them, without a network; git ignores the pictures."""

from pathlib import Path

import wavedrom

__all__ = ["drawn", "setup"]


def drawn(text):
    """WaveDrom's picture of a text, on white, so that it can be read on a dark page, too."""
    picture = wavedrom.render(text).tostring()
    end = picture.index(">") + 1
    return f'{picture[:end]}<rect width="100%" height="100%" fill="#fff"/>{picture[end:]}\n'


def draw(app):
    """Draw all that are not there or are older than their source."""
    for source in sorted((Path(app.srcdir) / "pictures" / "waves").glob("*.json")):
        picture = source.with_suffix(".svg")
        if not picture.exists() or picture.stat().st_mtime < source.stat().st_mtime:
            picture.write_text(drawn(source.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", draw)
    return {"parallel_read_safe": True}
