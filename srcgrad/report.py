"""What a gradient records, why, and how many bytes it is for given arguments.

The bytes are measured: the gradient is compiled once more, with lists that count what is appended to them in place of
its tapes, and run.
"""

from __future__ import annotations

import ast
import dataclasses
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from srcgrad.backends.homes import home_of
from srcgrad.codegen import compile_text, function_text
from srcgrad.compile import generated_for, namespace_for, parameters_of
from srcgrad.derive import Deriver
from srcgrad.ir.kinds import NONE, ListOf, Opaque
from srcgrad.ir.nodes import Assign, Call, Comment, Const, Effect, Expr, Name, Pack, Pos, Prim, Stmt
from srcgrad.ir.walk import expressions_of, names_in, set_by, statements, with_blocks
from srcgrad.optimize.dead import read_first
from srcgrad.optimize.pipeline import MARK
from srcgrad.transform.gradient import Gradient, Wish
from srcgrad.transform.reasons import Reader, Record

__all__ = ["Entry", "Reader", "Report", "measure"]


@dataclass(frozen=True)
class Entry:
    """One variable or list of the generated code that outlives the forward sweep.

    name: of the list (tape) or variable; variable: whose values it holds; line, source: the primal statement that
    overwrites them, or that sets the variable; function: the function that the line is in; loops: those around it,
    outermost first, each as (function, line); readers: the answers that read it: (function, line, rule). count: how
    many values it holds; bytes: how much memory they take. tape: whether it is a list. kept: it is no copy, but merely
    still there when the reverse sweep begins.
    """

    name: str
    variable: str
    line: int
    source: str
    function: str
    loops: tuple[tuple[str, int], ...]
    readers: tuple[tuple[str, int, str], ...]
    count: int
    bytes: int
    tape: bool
    kept: bool = False


@dataclass(frozen=True)
class Report:
    """What a gradient holds between its sweeps. entries: what is recorded; kept: what is merely still there."""

    title: str
    entries: tuple[Entry, ...] = ()
    kept: tuple[Entry, ...] = ()

    @property
    def bytes(self) -> int:
        """The memory of all that is recorded. An array that two tapes hold counts twice."""
        return sum(entry.bytes for entry in self.entries)

    @property
    def kept_bytes(self) -> int:
        """The memory of the variables that are kept."""
        return sum(entry.bytes for entry in self.kept)

    def __str__(self) -> str:
        head = f"{self.title}: {_size(self.bytes)} recorded, {_size(self.kept_bytes)} kept"
        rows = [_row(entry) for entry in (*self.entries, *self.kept)]
        if not rows:
            return f"{head}; the reverse sweep reads nothing but the arguments"
        columns = ("held in", "values of", "at", "in loops", "values", "bytes", "read by")
        return "\n".join([head, *_table([columns, *rows])])


def _row(entry: Entry) -> tuple[str, ...]:
    seen = dict.fromkeys(f"{rule} ({function}:{line})".strip() for function, line, rule in entry.readers)
    at = f"{entry.function}:{entry.line}" if entry.line else ""
    loops = ", ".join(f"{function}:{line}" for function, line in entry.loops)
    return entry.name, entry.variable, at, loops, str(entry.count), _size(entry.bytes), ", ".join(seen)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    sides = "<<<<>><"
    lines = ["  ".join(f"{cell:{side}{w}}" for cell, side, w in zip(row, sides, widths, strict=True)) for row in rows]
    return [line.rstrip() for line in [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]]


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


# ---- measuring -----------------------------------------------------------------------------------------------


@dataclass
class Meter:
    """Counts what each name holds. counts, bytes: by (generated function, name); tapes: those that are lists."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    bytes: dict[tuple[str, str], int] = field(default_factory=dict)
    tapes: set[tuple[str, str]] = field(default_factory=set)

    def note(self, function: str, name: str, value: Any) -> None:
        """A value is held."""
        key = function, name
        self.counts[key] = self.counts.get(key, 0) + 1
        self.bytes[key] = self.bytes.get(key, 0) + size_of(value)

    def keep(self, function: str, name: str, value: Any) -> None:
        """A variable holds a value from here on."""
        self.counts[function, name], self.bytes[function, name] = 1, size_of(value)

    def tape(self, function: str, name: str) -> list[Any]:
        """A list that counts what is appended to it."""
        self.tapes.add((function, name))
        return Tape(lambda value: self.note(function, name, value))


class Tape(list[Any]):
    """A list that tells what is appended to it."""

    def __init__(self, note: Callable[[Any], None]) -> None:
        super().__init__()
        self.note = note

    def append(self, value: Any) -> None:
        self.note(value)
        super().append(value)


def size_of(value: Any) -> int:
    """The bytes of a value: of arrays their elements, of numbers 8, or what their NumPy type takes."""
    if isinstance(value, np.generic) or home_of(value) is not None:
        return int(value.nbytes)
    if isinstance(value, (list, tuple, set)):
        return sum(map(size_of, value))
    if isinstance(value, dict):
        return sum(map(size_of, value.values()))
    if isinstance(value, bool):
        return 1
    return 8 if isinstance(value, (int, float)) else 16 if isinstance(value, complex) else 0


def measure(
    function: Callable[..., Any], args: dict[str, Any], wish: Wish, given: tuple[Any, ...], title: str
) -> Report:
    """The report of a gradient: of a function, for the arguments `args`. given: what the generated function takes."""
    made, backend = generated_for(function, args, dataclasses.replace(wish, debug_nans=False), Deriver())
    made = backend.printed(made, wish)
    meter = Meter()
    bodies = {made.name: made.body, **{f.name: f.body for f in made.functions}}
    kept = _kept(made)
    texts, names = [], {}
    for name, body in bodies.items():
        records = {r.name: r for r in made.records.get(name, ())}
        present = {n for s in statements(body) for e in expressions_of(s) for n in names_in(e)}
        names[name] = [r for r in records.values() if r.name in present]
        marked = _metered(body, name, set(records), {n.id for n, _ in kept} if name == made.name else set())
        params = next((f.params for f in made.functions if f.name == name), None)
        texts.append(function_text(name, params if params is not None else parameters_of(made, wish), marked))
    namespace, helpers = namespace_for(made)
    namespace |= backend.namespace() | {name: backend.helper(name) for name in helpers}
    namespace |= {"record_tape": meter.tape, "record_value": meter.note, "keep_value": meter.keep}
    label = f"measured gradient of {made.program.definition.name}"
    compile_text("\n\n".join(texts), made.name, namespace, label)(*given)
    entries = [_entry(record, name, meter) for name, found in names.items() for record in found]
    held = [_kept_entry(name.id, pos, made.name, meter) for name, pos in kept]
    order = sorted(entries, key=lambda e: (-e.bytes, e.line, e.name))
    return Report(title, tuple(order), tuple(sorted(held, key=lambda e: (-e.bytes, e.line, e.name))))


def _kept(made: Gradient) -> list[tuple[Name, Pos | None]]:
    """The variables of the forward sweep, records aside, that the reverse sweep reads; and where they are set."""
    at = next((k for k, s in enumerate(made.body) if isinstance(s, Comment) and s.text == MARK.text), None)
    if at is None:
        return []
    read = read_first(tuple(made.body[at:]))
    forward = {n: s for s in statements(made.body[:at]) for n in set_by(s)}
    records = {r.name for r in made.records[made.name]}
    found: dict[str, tuple[Name, Pos | None]] = {}
    for stmt in statements(made.body[:at]):
        if isinstance(stmt, Assign) and isinstance(stmt.target, Name) and stmt.target.id in read & set(forward):
            if stmt.target.id not in records:
                found.setdefault(stmt.target.id, (stmt.target, stmt.pos))
    return list(found.values())


def _metered(body: Sequence[Stmt], function: str, records: set[str], kept: set[str]) -> list[Stmt]:
    """The statements with records that count. kept: the variables whose values at the end of the forward sweep do."""
    at = next((k for k, s in enumerate(body) if isinstance(s, Comment) and s.text == MARK.text), len(body))

    def call(name: str, *args: Expr) -> Call:
        return Call(Prim(print, name), args, kind=NONE)

    def tape(name: str) -> Expr:
        return call("record_tape", Const(function), Const(name))

    def note(name: str, how: str = "record_value") -> Stmt:
        return Effect(call(how, Const(function), Const(name), Name(name, kind=Opaque(object))))

    def block(stmts: Sequence[Stmt]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for stmt in stmts:
            stmt = with_blocks(stmt, block)
            match stmt:
                case Assign(target=Pack(items=targets), value=Pack(items=values) as pack):
                    new = tuple(
                        tape(t.id) if isinstance(t, Name) and t.id in records else v
                        for t, v in zip(targets, values, strict=True)
                    )
                    out.append(dataclasses.replace(stmt, value=dataclasses.replace(pack, items=new)))
                case Assign(target=Name(id=name), value=value) if name in records:
                    empty = isinstance(value, Pack) and isinstance(stmt.target.kind, ListOf) and not value.items
                    out.append(dataclasses.replace(stmt, value=tape(name)) if empty else stmt)
                    if not empty:
                        out.append(note(name))
                case _:
                    out.append(stmt)
                    out += [note(name, "keep_value") for name in sorted(set_by(stmt) & kept)]
        return tuple(out)

    return [*block(body[:at]), *body[at:]]


# ---- places --------------------------------------------------------------------------------------------------


def _entry(record: Record, function: str, meter: Meter) -> Entry:
    key = function, record.name
    pos = record.pos
    readers = tuple((_function_at(r.pos), r.pos.line, r.rule) for r in record.readers if r.pos is not None)
    return Entry(
        record.name, record.variable, pos.line if pos else 0, _source(pos), _function_at(pos),
        tuple((_function_at(p), p.line) for p in record.loops if p is not None), readers, meter.counts.get(key, 0),
        meter.bytes.get(key, 0), tape=key in meter.tapes,
    )  # fmt: skip


def _kept_entry(name: str, pos: Pos | None, function: str, meter: Meter) -> Entry:
    return Entry(
        name, name, pos.line if pos else 0, _source(pos), _function_at(pos), (), (),
        meter.counts.get((function, name), 0), meter.bytes.get((function, name), 0), tape=False, kept=True,
    )  # fmt: skip


def _source(pos: Pos | None) -> str:
    return linecache.getline(pos.file, pos.line).strip() if pos is not None else ""


def _function_at(pos: Pos | None) -> str:
    """The name of the innermost function around a place."""
    if pos is None:
        return ""
    spans = _functions("".join(linecache.getlines(pos.file)))
    around = [(first, name) for first, last, name in spans if first <= pos.line <= last]
    return max(around)[1] if around else ""


@lru_cache(maxsize=8)
def _functions(text: str) -> tuple[tuple[int, int, str], ...]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    found = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda))]
    return tuple((n.lineno, n.end_lineno or n.lineno, getattr(n, "name", "<lambda>")) for n in found)
