"""Long lines of source, folded.

A line is broken inside its outermost brackets, or inside brackets put round the value that it assigns,
returns or tests:

    d_x = np.where(
        mask, d_y * (1 - y * y), d_z
    )
"""

from __future__ import annotations

import io
import itertools
import tokenize
from dataclasses import dataclass

# Where a line may be broken, loosest binding first: before any of these operators.
LEVELS = (
    {"if", "else"},
    {"or"},
    {"and"},
    {"<", "<=", ">", ">=", "==", "!="},
    {"|"},
    {"^"},
    {"&"},
    {"<<", ">>"},
    {"+", "-"},
    {"*", "/", "//", "%", "@"},
)
ASSIGNMENTS = {"=", "+=", "-=", "*=", "/=", "//=", "%=", "**=", "@=", "<<=", ">>=", "&=", "|=", "^="}
KEYWORDS = {"return", "if", "elif", "while"}  # may be followed by a value in brackets
NOT_OPERANDS = {"if", "else", "or", "and", "not", "in", "is", "return", "lambda", "elif", "while"}


@dataclass(frozen=True)
class Token:
    """A token of one line. depth: how many brackets (or f-strings) it stands in."""

    text: str
    start: int
    end: int
    depth: int
    operand: bool  # whether an operator after it is binary


def fold(text: str, room: int) -> list[str]:
    """The line as one or more lines, each at most `room` long where that can be done."""
    if len(text) <= room:
        return [text]
    tokens = _tokens(text)
    begin, end, bracketable = _value(text, tokens)
    cuts = _cuts(tokens, begin, end)
    pair = _widest_brackets(tokens, begin, end, room)
    if pair is not None:
        opening, closing = pair
        fits = opening + 1 <= room and len(text) - closing <= room
        most = closing - opening - 1 >= 0.5 * (end - begin)
        if not (bracketable and cuts) or (fits and most):
            inner = _fold_inside(text[opening + 1 : closing].strip(), room - 4)
            return [text[: opening + 1], *inner, *_fold_tail(text[closing:], room, False)]
    if bracketable and cuts:
        return [text[:begin] + "(", *_fold_inside(text[begin:end], room - 4), ")" + text[end:]]
    return [text]


def _fold_inside(text: str, room: int) -> list[str]:
    """Text that stands between brackets, one step further in, as full lines as fit."""
    return ["    " + part for line in _filled(text, _tokens(text), room) for part in _fitted(line, room)]


def _fitted(text: str, room: int) -> list[str]:
    """A piece that stands in brackets, on as many lines as it needs."""
    return [text] if len(text) <= room else _fold_piece(text, room, True)


def _filled(text: str, tokens: list[Token], room: int) -> list[str]:
    """The text, broken between its pieces, as many of them to a line as fit."""
    lines: list[str] = []
    start = 0
    for cut in (*_cuts(tokens, 0, len(text)), len(text)):
        piece = text[start:cut].strip()
        start = cut
        if lines and len(lines[-1]) + 1 + len(piece) <= room:
            lines[-1] += " " + piece
        else:
            lines.append(piece)
    return lines


def _fold_piece(text: str, room: int, inside: bool) -> list[str]:
    """A piece that does not fit on a line: broken inside its widest brackets, or between its own pieces.

    inside: whether the piece stands in brackets, so that it may be broken anywhere.
    """
    tokens = _tokens(text)
    pair = _widest_brackets(tokens, 0, len(text), room)
    if inside and _cuts(tokens, 0, len(text)) and (pair is None or pair[1] - pair[0] < 0.5 * len(text)):
        first, *rest = _filled(text, tokens, room - 4)
        return [*_fitted(first, room), *("    " + part for line in rest for part in _fitted(line, room - 4))]
    if pair is None:
        return [text]
    opening, closing = pair
    inner = _fold_inside(text[opening + 1 : closing].strip(), room - 4)
    return [text[: opening + 1], *inner, *_fold_tail(text[closing:], room, inside)]


def _fold_tail(text: str, room: int, inside: bool) -> list[str]:
    """What follows the text in brackets, from the closing one on."""
    if len(text) <= room:
        return [text]
    first, *rest = _fold_piece(text[1:], room - 1, inside)
    return [text[0] + first, *rest]


def _tokens(text: str) -> list[Token]:
    out: list[Token] = []
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = tokenize.tok_name[token.type]
            closing = token.string in (")", "]", "}") and kind == "OP" or kind == "FSTRING_END"
            opening = token.string in ("(", "[", "{") and kind == "OP" or kind == "FSTRING_START"
            depth -= closing
            operand = closing or kind in ("NAME", "NUMBER", "STRING") and token.string not in NOT_OPERANDS
            if token.start[0] == 1 and token.end[0] == 1 and token.string:
                out.append(Token(token.string, token.start[1], token.end[1], depth, operand))
            depth += opening
    except tokenize.TokenError:  # a fragment, such as what follows a bracket
        pass
    return out


def _value(text: str, tokens: list[Token]) -> tuple[int, int, bool]:
    """Where the value of a statement begins and ends, and whether brackets may be put round it."""
    end = len(text)
    if tokens and tokens[0].text in KEYWORDS and len(tokens) > 1:
        return tokens[1].start, end - text.endswith(":"), True
    values = [after for token, after in itertools.pairwise(tokens) if token.depth == 0 and token.text in ASSIGNMENTS]
    return (values[-1].start, end, True) if values else (0, end, False)


def _widest_brackets(tokens: list[Token], begin: int, end: int, room: int) -> tuple[int, int] | None:
    """The columns of the outermost brackets with the most between them, of those that open within the room."""
    pairs: list[tuple[int, int]] = []
    opening = begin
    for token in tokens:
        if token.depth == 0 and begin <= token.start < end:
            if token.text in ("(", "[", "{"):
                opening = token.start
            elif token.text in (")", "]", "}") and token.start - opening > 1:
                pairs.append((opening, token.start))
    near = [pair for pair in pairs if pair[0] < room] or pairs
    return max(near, key=lambda pair: pair[1] - pair[0], default=None)


def _cuts(tokens: list[Token], begin: int, end: int) -> list[int]:
    """The columns at which a new line may begin: after commas, else before the operators that bind loosest."""
    outer = [
        (token, after)
        for token, after in zip(tokens, [*tokens[1:], None], strict=True)
        if token.depth == 0 and begin <= token.start < end
    ]
    commas = [after.start for token, after in outer if token.text == "," and after is not None and after.start < end]
    if commas:
        return commas
    binary = {after.start for token, after in itertools.pairwise(tokens) if token.operand}
    for level in LEVELS:
        cuts = [t.start for t, _ in outer if t.text in level and t.start in binary and t.start > begin]
        if cuts:
            return cuts
    return []
