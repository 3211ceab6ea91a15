"""Generated source in colours, for terminals and notebooks; plain text where pygments is not installed."""

from __future__ import annotations

import html


def to_terminal(source: str) -> str:
    """The source with ANSI colours."""
    try:
        from pygments import highlight
        from pygments.formatters import TerminalFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return source
    return str(highlight(source, PythonLexer(stripnl=False), TerminalFormatter()))


def to_html(source: str) -> str:
    """The source as HTML that brings its own styles."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
    except ImportError:
        return f"<pre>{html.escape(source)}</pre>\n"
    return str(highlight(source, PythonLexer(stripnl=False), HtmlFormatter(noclasses=True)))
