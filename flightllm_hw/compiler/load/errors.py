# SPDX-License-Identifier: Apache-2.0
"""What a file that cannot be loaded raises: one sentence that a user can act on."""

__all__ = ["LoadError"]


class LoadError(ValueError):
    """A model that cannot be loaded: which file, what is wrong there, what would be right.

    Parameters
    ----------
    where : object
        The file or folder, as the user named it.
    what : str
        The rest of the sentence. It may quote the file: what cannot be printed is escaped, and
        what is long is cut.
    """

    def __init__(self, where: object, what: str) -> None:
        sentence = f"{where}: {what}"
        shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in sentence)
        super().__init__(shown if len(shown) <= 600 else shown[:600] + "...")
