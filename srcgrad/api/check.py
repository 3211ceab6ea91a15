"""check: whether an emitted module is still what `emit` would write."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from srcgrad.api.emit import MODES, OPERATORS, Naming, module_text, wanted
from srcgrad.api.examples import examples
from srcgrad.api.gradient import GradientFunction
from srcgrad.api.header import Header, read_header, source_hash, text_hash
from srcgrad.api.target import target_of
from srcgrad.errors import ArgumentError, SrcgradError
from srcgrad.frontend.source import function_of

FRESH, STALE, EDITED, UNKNOWN = "up to date", "stale", "edited by hand", "cannot tell"


class _Signature(ArgumentError):
    """The primal has other parameters now, so it cannot be emitted as it was."""


@dataclass
class Verdict:
    """What is the matter with an emitted module.

    state: FRESH, STALE (the primal changed), EDITED (the text is not what emit gave) or UNKNOWN; reasons: why, one
    per line; text: what emit gives now, "" where that cannot be found out.
    """

    state: str
    reasons: list[str] = field(default_factory=list)
    text: str = ""


def check_text(text: str, find: Callable[[str, str], Any] | None = None, moved: bool = False) -> Verdict:
    """Hold the text of an emitted module against its primal.

    find: takes the primal's module and dotted name and gives the function; raises LookupError with the reason where
    there is none. Without it the module is imported. moved: what emit gives now is to name the primal by where it was
    found, rather than by where it was.
    """
    text = text.replace("\r\n", "\n")
    header = read_header(text)
    if header is None or header.mode not in (*MODES, *OPERATORS):
        return Verdict(UNKNOWN, ["it has no header of srcgrad's"])
    edited = [] if text_hash(text) == header.text else ["its text is not the one that emit wrote"]
    module, _, name = header.primal.partition(":")
    try:
        primal = (find or find_primal)(module, name)
        while isinstance(primal, GradientFunction):
            primal = primal.primal
        function = target_of(primal).function
    except (LookupError, SrcgradError) as error:
        reason = error.args[0] if error.args else type(error).__name__
        return Verdict(EDITED if edited else UNKNOWN, [*edited, f"its primal cannot be found: {reason}"])
    naming = Naming({function.__module__: module} if function.__module__ != module and not moved else {})
    return _judge(text, header, function, naming, edited)


def _judge(text: str, header: Header, function: Any, naming: Naming, edited: list[str]) -> Verdict:
    try:
        now = _emitted(header, function, naming)
    except SrcgradError as error:
        changed = _changed_sources(header, function, naming)
        if isinstance(error, _Signature):
            return Verdict(STALE, [*(changed or [error.reason]), *edited])
        if changed:
            return Verdict(STALE, [*changed, f"and it cannot be differentiated any more: {error.reason}", *edited])
        state = EDITED if edited else UNKNOWN
        return Verdict(state, [*edited, f"what emit gives now cannot be found out: {error.reason}"])
    if now == "":
        return _by_sources(header, function, naming, edited)
    if now == text:
        return Verdict(FRESH, [], now)
    found = read_header(now)
    assert found is not None
    changed = _differences(header.sources, found.sources, "the source of {}")
    changed += _differences(header.captured, found.captured, "the captured value {}")
    changed += _other_lines(header, found)
    if changed:
        return Verdict(STALE, [*changed, *edited], now)
    if edited:
        return Verdict(EDITED, edited, now)
    return Verdict(STALE, ["this version of srcgrad generates other code"], now)


def _emitted(header: Header, function: Any, naming: Naming) -> str:
    """What emit gives now, "" where the arguments cannot be made again."""
    if not header.complete:
        return ""
    outputs = (header.outputs if header.several else header.outputs[0]) if header.outputs else None
    if header.mode in OPERATORS:
        names = target_of(function).names
        if header.argnums[0] not in names:
            raise _Signature(f"its parameters are {', '.join(names)}, without {header.argnums[0]}")
        made = wanted(function, names.index(str(header.argnums[0])), header.mode, None)
    else:
        inner, value = MODES[header.mode]
        made = GradientFunction(function, header.argnums, header.aux, inner, value, outputs=outputs)
    values = examples(header.arguments, {recorded: module for module, recorded in naming.home.items()})
    names = made._target.names
    if set(names) != set(values):
        raise _Signature(f"its parameters are {', '.join(names)}, and were {', '.join(values)}")
    return module_text(made, tuple(values[name] for name in names), naming)


def _by_sources(header: Header, function: Any, naming: Naming, edited: list[str]) -> Verdict:
    """The verdict where the arguments were of kinds that no text can make again: from the sources alone."""
    changed = _changed_sources(header, function, naming)
    if changed:
        return Verdict(STALE, [*changed, *edited])
    if edited:
        return Verdict(EDITED, edited)
    missing = [name for name, _ in header.sources if _source(name, function, naming) is None]
    if missing:
        return Verdict(UNKNOWN, [f"the function {name} cannot be found" for name in missing])
    return Verdict(FRESH)


def _changed_sources(header: Header, function: Any, naming: Naming) -> list[str]:
    """What is known to have changed, without emitting anything."""
    now = []
    for name, digest in header.sources:
        found = _source(name, function, naming)
        now.append((name, digest if found is None else found))
    return _differences(header.sources, now, "the source of {}")


def _source(name: str, function: Any, naming: Naming) -> str | None:
    """The hash of a function's source as it is now, None where it is not found."""
    if naming.of(function) == name:
        return source_hash(function)
    module, _, path = name.partition(":")
    back = {recorded: own for own, recorded in naming.home.items()}
    try:
        found = find_primal(back.get(module, module), path)
        while isinstance(found, GradientFunction):
            found = found.primal
        return source_hash(function_of(found))
    except (LookupError, SrcgradError):
        return None


def _differences(before: list[tuple[str, str]], now: list[tuple[str, str]], what: str) -> list[str]:
    """What changed, went or came."""
    old, new = dict(before), dict(now)
    out = [f"{what.format(name)} changed" for name in old if name in new and sorted(
        d for n, d in before if n == name) != sorted(d for n, d in now if n == name)]
    out += [f"{what.format(name)} is no longer used" for name in old if name not in new]
    return out + [f"{what.format(name)} is used now" for name in new if name not in old]


def _other_lines(before: Header, now: Header) -> list[str]:
    """Other lines of the header that are not what they were."""
    pairs = (
        ("primal", before.primal, now.primal), ("argnums", before.argnums, now.argnums),
        ("outputs", before.outputs, now.outputs), ("arguments", before.arguments, now.arguments),
    )  # fmt: skip
    return [f"{what}: was {_shown(old)}, is {_shown(new)}" for what, old, new in pairs if old != new]


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def find_primal(module: str, name: str) -> Any:
    """A function by its module and dotted name. LookupError with the reason where there is none."""
    if "<" in name:
        raise LookupError(f"{name} has no name that it could be imported by")
    try:
        value: Any = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise LookupError(f"there is no module {error.name or module}") from error
    except Exception as error:  # a module may fail in any way while it is imported
        raise LookupError(f"the module {module} cannot be imported: {type(error).__name__}: {error}") from error
    return member(value, name)


def member(value: Any, name: str, owner: str = "") -> Any:
    """The function of a dotted name in a module. owner: how a LookupError calls the module."""
    owner = owner or value.__name__
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise LookupError(f"{owner} has no function {name}") from None
    if not callable(value):
        raise LookupError(f"{name} in {owner} is not a function, but of type {type(value).__name__}")
    return value
