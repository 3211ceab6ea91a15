"""Lines of source to text: long lines are folded, trailing comments aligned and shortened."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from srcgrad.codegen.folding import fold

WIDTH = 118
MAX_PADDING = 40  # a comment farther than this from its statement is not read as belonging to it
MIN_NOTE = 23  # what is left of a comment below this length tells nothing: "waits for the device..."


@dataclass
class Line:
    """A logical line. style: "code", "comment" (text may be empty: a blank line) or "verbatim" (docstrings)."""

    indent: int
    text: str
    note: str = ""
    style: str = "code"


def layout(lines: list[Line], width: int = WIDTH) -> str:
    """The text of the lines."""
    physical: list[Line] = []
    for line in lines:
        physical += _physical(line, width)
    out: list[str] = []
    for line, column in zip(physical, _columns(physical, width), strict=True):
        text = (" " * line.indent + line.text).rstrip()
        out.append(f"{text:{column}}# {line.note}" if line.note else text)
    return "\n".join(out) + "\n"


def _physical(line: Line, width: int) -> list[Line]:
    """The lines as printed, none longer than the width where that can be helped; indents now count blanks."""
    indent = 4 * line.indent
    if line.style == "verbatim":
        return [Line(indent, line.text, style="verbatim")]
    if line.style == "comment":
        texts = textwrap.wrap(line.text, max(20, width - indent - 2)) or [""]
        return [Line(indent, f"# {text}" if text else "", style="comment") for text in texts]
    out = [Line(indent, text) for text in fold(line.text, width - indent)]
    if line.note:
        room = width - indent - len(out[-1].text) - len("  # ")
        if room >= min(len(line.note), MIN_NOTE):
            out[-1].note = shorten(line.note, room)
        else:
            out.insert(0, Line(indent, "# " + shorten(line.note, width - indent - 2), style="comment"))
    return out


def shorten(text: str, room: int) -> str:
    """The text, or its beginning and "..."."""
    return text if len(text) <= room else text[: max(0, room - 3)].rstrip() + "..."


def _columns(lines: list[Line], width: int) -> list[int]:
    """For each line the column of its trailing comment: one for all comments of a run, where that leaves room.

    A run is made of neighbouring lines of one block; lines without a comment neither end it nor widen it.
    """
    columns = [0] * len(lines)
    run: list[int] = []  # lines that share a column so far
    previous: Line | None = None
    for i, line in enumerate(lines):
        if previous is None or line.indent != previous.indent or line.style != "code":
            run = []
        previous = line
        if not line.note:
            continue
        ends = [lines[k].indent + len(lines[k].text) for k in (*run, i)]
        column = max(ends) + 2
        longest = max(len(lines[k].note) for k in (*run, i))
        if column + 2 + longest > width or column - min(ends) > MAX_PADDING:
            run, column = [], ends[-1] + 2
        run.append(i)
        for k in run:
            columns[k] = column
    return columns
