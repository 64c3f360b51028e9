# SPDX-License-Identifier: Apache-2.0
"""How each matrix of a model is to be compressed, and what attention may leave out.

A matrix has the setting of the longest key that fits its name, or the default one. A key fits the
name itself, and any name that ends in a dot and the key: ``"layers.3.down"`` fits one matrix,
``"down"`` one of every layer.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from flightllm_hw.compiler.compress.attention import LocalGlobal
from flightllm_hw.formats import CODE_BITS, GROUP_SIZES, Pattern

__all__ = ["Recipe", "Setting"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a matrix is compressed.

    Parameters
    ----------
    bits : int
        Of a code, one of ``CODE_BITS``.
    group : int
        Columns that share a scale, one of ``GROUP_SIZES``. Which groups a lane takes for which
        pattern and bits is checked where tapes are made.
    zero_point : bool
        Unsigned codes with a zero point for each group, instead of signed codes.
    pattern : Pattern
        Which codes are kept.

    Raises
    ------
    ValueError
        If anything is not as described.
    """

    bits: int = 8
    group: int = 32
    zero_point: bool = False
    pattern: Pattern = Pattern.DENSE

    def __post_init__(self) -> None:
        for what, value, choices in (("Bits", self.bits, CODE_BITS),
                                     ("Group", self.group, GROUP_SIZES)):
            if type(value) is not int or value not in choices:
                raise ValueError(f"{what} must be one of {', '.join(map(str, choices))},"
                                 f" not {value!r}")
        if type(self.zero_point) is not bool:
            raise ValueError(f"Zero point must be true or false, not {self.zero_point!r}")
        if not isinstance(self.pattern, Pattern):
            raise ValueError(f"Pattern must be one of Pattern, not {self.pattern!r}")

    def __str__(self) -> str:
        zero = " zero point" if self.zero_point else ""
        return f"W{self.bits} G{self.group}{zero} {self.pattern}"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Settings of all matrices of a model.

    Parameters
    ----------
    default : Setting
        Where no key fits.
    overrides : mapping of str to Setting
        By key; the module's docstring says which fit.
    attention : LocalGlobal, optional
        What prefill looks at; all positions without it.

    Raises
    ------
    ValueError
        If a key is empty.
    """

    default: Setting = field(default_factory=Setting)
    overrides: Mapping[str, Setting] = field(default_factory=dict)
    attention: LocalGlobal | None = None

    def __post_init__(self) -> None:
        for key in self.overrides:
            if not isinstance(key, str) or not key:
                raise ValueError(f"A recipe's key must be a matrix's name or its end, not {key!r}")
        object.__setattr__(self, "overrides", MappingProxyType(dict(self.overrides)))

    def __hash__(self) -> int:
        return hash((self.default, frozenset(self.overrides.items()), self.attention))

    @classmethod
    def uniform(cls, setting: Setting) -> "Recipe":
        """One setting for all matrices, but a dense head: pruning it costs most and saves least."""
        dense = replace(setting, pattern=Pattern.DENSE)
        return cls(default=setting, overrides={} if dense == setting else {"head": dense})

    def of(self, name: str) -> Setting:
        """The setting of the matrix ``name``."""
        keys = [key for key in self.overrides if _fits(key, name)]
        return self.overrides[max(keys, key=len)] if keys else self.default

    def require_fit(self, names: Iterable[str]) -> None:
        """Complain of a key that fits none of ``names``.

        Raises
        ------
        ValueError
        """
        known = list(names)
        for key in self.overrides:
            if not any(_fits(key, name) for name in known):
                raise ValueError(f"A recipe's key must fit a matrix of the model, not {key!r}")

    def with_bits(self, bits: Mapping[str, int]) -> "Recipe":
        """The same recipe, but with these bits for the matrices of these names."""
        changed = {name: replace(self.of(name), bits=own) for name, own in bits.items()}
        return replace(self, overrides={**self.overrides, **changed})

    def to_json(self) -> str:
        """As a JSON object; what an override has in common with the default is left out."""
        default = _described(self.default)
        overrides = {key: {name: value for name, value in _described(setting).items()
                           if value != default[name]}
                     for key, setting in self.overrides.items()}
        whole: dict[str, Any] = {"default": default, "overrides": overrides}
        if self.attention is not None:
            whole["attention"] = asdict(self.attention)
        return json.dumps(whole, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """The recipe that :meth:`to_json` wrote, or one by hand.

        Every field may be missing: an override then has the default's, the default that of
        :class:`Setting`.

        Raises
        ------
        ValueError
            One sentence, if the text is no recipe.
        """
        try:
            read = json.loads(text)
        except (ValueError, RecursionError) as e:
            raise ValueError(f"A recipe must be JSON ({e})") from None
        top = _object("A recipe", read, ("default", "overrides", "attention"))
        default = _setting("the default", top.get("default", {}), Setting())
        overrides = top.get("overrides", {})
        if not isinstance(overrides, dict):
            raise ValueError(f"A recipe's overrides must be an object, not {overrides!r}")
        return cls(default=default, attention=_attention(top.get("attention")),
                   overrides={key: _setting(key, value, default)
                              for key, value in overrides.items()})


def _fits(key: str, name: str) -> bool:
    return name == key or name.endswith(f".{key}")


def _described(setting: Setting) -> dict[str, Any]:
    values = {one.name: getattr(setting, one.name) for one in fields(setting)}
    return values | {"pattern": str(setting.pattern)}


def _object(what: str, value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.keys() <= set(names):
        raise ValueError(f"{what} must be an object with {', '.join(names)}, not {value!r}")
    return value


def _attention(value: Any) -> LocalGlobal | None:
    if value is None:
        return None
    given = {"near": 1, "first": 0} | _object("A recipe's attention", value, ("near", "first"))
    return LocalGlobal(**given)


def _setting(key: str, value: Any, base: Setting) -> Setting:
    given = dict(_object(f"The setting of {key}", value, tuple(one.name for one in fields(base))))
    try:
        if "pattern" in given:
            given["pattern"] = Pattern.parse(given["pattern"])
        return replace(base, **given)
    except ValueError as e:
        raise ValueError(f"The setting of {key} is wrong: {e}") from None
