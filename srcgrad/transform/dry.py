"""Walks over a loop's body of which nothing stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from srcgrad.transform.trips import all_blocks, all_chunks

if TYPE_CHECKING:
    from srcgrad.transform.record import Recorder


class Dry:
    """Undo what a walk over a loop's body has recorded, so that it can be walked again."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def start(self) -> None:
        """Remember how things stand in the innermost loop."""
        r = self.recorder
        r.dry += 1
        body = r.loops[-1].body
        self.saved = [(c, list(c.before), c.stmt, list(c.after), list(c.restore)) for c in all_chunks(body)]
        self.at_start = [(b, list(b.start)) for b in all_blocks(body)]
        self.tapes, self.presets, self.counts = list(r.tapes), list(r.presets), dict(r.starts)

    def stop(self) -> None:
        """Put everything back."""
        self.recorder.dry -= 1
        for c, before, stmt, after, restore in self.saved:
            c.before, c.stmt, c.after, c.restore = before, stmt, after, restore
        for b, start in self.at_start:
            b.start = start
        r = self.recorder
        r.tapes, r.presets, r.starts = self.tapes, self.presets, self.counts
