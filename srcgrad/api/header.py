"""What an emitted module says about itself, in lines that `srcgrad check` reads back.

    srcgrad: primal package.module:f           what was differentiated
    srcgrad: mode grad                         what was asked for
    srcgrad: argnums x, w                      by these parameters, or positions for items of `*args`
    srcgrad: outputs A                         parameters whose content is the result, if any
    srcgrad: arguments x=float64[3], n=int     for arguments of these kinds
    srcgrad: source package.module:g 0123...   a function whose source went in, and a hash of that source
    srcgrad: captured LIMIT 0123...            a global or closure variable whose value went in
    srcgrad: text 0123...                      a hash of all lines of the module but this one
"""

from __future__ import annotations

import hashlib
import io
import tokenize
from dataclasses import dataclass, field
from typing import Any

from srcgrad.errors import SrcgradError
from srcgrad.frontend import source_text

PREFIX = "srcgrad: "


@dataclass
class Header:
    """The lines of a header.

    several: whether `outputs` is a tuple. complete: whether the arguments can be made again.
    """

    primal: str
    mode: str
    argnums: tuple[int | str, ...]
    arguments: str
    outputs: tuple[str, ...] = ()
    several: bool = False
    aux: bool = False
    complete: bool = True
    sources: list[tuple[str, str]] = field(default_factory=list)
    captured: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""

    def lines(self) -> list[str]:
        """The header, but for the hash of the text."""
        made = [f"primal {self.primal}", f"mode {self.mode}", f"argnums {', '.join(map(str, self.argnums))}"]
        if self.outputs:
            made.append(f"outputs {', '.join(self.outputs)}{',' if self.several else ''}")
        if self.aux:
            made.append("aux yes")
        made.append(f"arguments {self.arguments}" if self.complete else f"given {self.arguments}")
        made += [f"source {name} {digest}" for name, digest in self.sources]
        made += [f"captured {name} {digest}" for name, digest in self.captured]
        return [PREFIX + line for line in made]


def read_header(text: str) -> Header | None:
    """The header of a module's text, None where it has none."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(PREFIX):
            key, _, rest = line.removeprefix(PREFIX).partition(" ")
            found.setdefault(key, []).append(unescaped(rest))
    if not all(key in found for key in ("primal", "mode", "argnums", "text", "source")):
        return None
    outputs = found.get("outputs", [""])[0]
    return Header(
        primal=found["primal"][0],
        mode=found["mode"][0],
        argnums=tuple(int(p) if p.lstrip("-").isdecimal() else p for p in found["argnums"][0].split(", ")),
        arguments=found.get("arguments", found.get("given", [""]))[0],
        outputs=tuple(name for name in outputs.rstrip(",").split(", ") if name),
        several=outputs.endswith(","),
        aux="aux" in found,
        complete="arguments" in found,
        sources=[_pair(item) for item in found["source"]],
        captured=[_pair(item) for item in found.get("captured", [])],
        text=found["text"][0],
    )


def _pair(item: str) -> tuple[str, str]:
    name, _, digest = item.rpartition(" ")
    return name, digest


def escaped(line: str) -> str:
    """A line as it stands in a docstring."""
    return line.replace("\\", "\\\\").replace('"', '\\"')


def unescaped(line: str) -> str:
    """What `escaped` was given."""
    return line.replace('\\"', '"').replace("\\\\", "\\")


# ---- hashes ----------------------------------------------------------------------------------------------------


def short_hash(text: str) -> str:
    """16 hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def text_hash(text: str) -> str:
    """The hash of an emitted module, its own line left out; line endings do not count."""
    return short_hash("\n".join(line for line in text.splitlines() if not line.startswith(f"{PREFIX}text ")))


def source_hash(fn: Any) -> str:
    """The hash of a function's source: its statements, without decorators, comments, blank lines, indentation (but how
    deep lines are nested), spaces at the ends of lines and line endings."""
    try:
        text = source_text(fn)
    except SrcgradError:
        return "unreadable"
    return short_hash(normalised(text))


def normalised(text: str) -> str:
    """A function's source with nothing in it that does not count: a line for each statement, and how deep it stands."""
    lines, tokens = _tokens(text)
    out: list[str] = []
    depth, first = 0, 0
    for token in tokens:
        row = token.start[0]
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.NEWLINE:
            parts = [line.strip() for line in lines[first - 1 : row]]
            out.append(f"{depth} {' '.join(part for part in parts if part)}")
            first = 0
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            first = first or row
    return "\n".join(out or [line.strip() for line in lines if line.strip()])


def without_comments(text: str) -> str:
    """Python source without its comments; as it is where it cannot be read as tokens."""
    return "\n".join(_tokens(text)[0])


def _tokens(text: str) -> tuple[list[str], list[tokenize.TokenInfo]]:
    """The lines without comments, moved to the left margin, and their tokens."""
    lines = text.splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    lines = [line[indent:] if not line[:indent].strip() else line for line in lines]
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return lines, []
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    return lines, tokens
