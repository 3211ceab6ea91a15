"""Look for programs whose gradient is wrong: `python -m tests.programs.fuzz N SEED [--wider] [--refused] [--max M]`.

Prints each failing program, made small by leaving out statements, and a tally. `--wider`: of `tests.programs.wider`.
`--refused` shrinks and prints refused programs too. A program is found again with its seed: `fuzz 1 SEED`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from tests.programs import wider
from tests.programs.generator import PRELUDE, seeded
from tests.programs.oracle import Outcome, judge, shrink


def without_prelude(text: str) -> str:
    """The program without the helpers that it does not call."""
    return text.removeprefix(PRELUDE)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--refused", action="store_true", help="print refused programs too")
    parser.add_argument("--wider", action="store_true", help="programs with containers, objects, out=, checkpoints")
    parser.add_argument("--no-shrink", action="store_true")
    parser.add_argument("--max", type=int, default=5, help="stop after so many different failures")
    parser.add_argument("--source", action="store_true", help="print the generated gradient of what fails")
    options = parser.parse_args(argv)

    draw = wider.seeded if options.wider else seeded
    tally: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    seen: set[str] = set()
    for seed in range(options.seed, options.seed + options.count):
        outcome = judge(draw(seed), seed)
        tally[outcome.kind] += 1
        if outcome.kind in ("refused", "crashed"):
            last = outcome.detail.strip().splitlines()
            reasons[f"{outcome.kind}: {_reason(last)}"] += 1
        if not outcome.failed and not (options.refused and outcome.kind == "refused"):
            continue
        if outcome.kind != "wrong":
            key = f"{outcome.kind}: {_reason(outcome.detail.strip().splitlines())}"
            if key in seen:
                continue
            seen.add(key)
        small = outcome if options.no_shrink else shrink(outcome, seed)
        print(f"==== seed {seed}: {small.kind}\n{small.detail}\n\n{without_prelude(small.text)}", flush=True)
        if options.source:
            print(_source(small, seed), flush=True)
        options.max -= 1
        if options.max == 0:
            print("(stopped: --max)")
            break
    checked = tally["ok"] + tally["wrong"] + tally["crashed"] + tally["refused"]
    print(dict(tally), f"refused {100 * tally['refused'] / max(1, checked):.0f} %")
    for reason, times in reasons.most_common(20):
        print(f"{times:5d}  {reason}")
    return int(tally["wrong"] + tally["crashed"] > 0)


def _reason(lines: list[str]) -> str:
    """The line of an error's text that says the reason, without digits."""
    skip = ("^", "File ")
    kept = [line for line in lines
            if line.strip() and not line.strip().startswith(skip) and "<test program" not in line]
    text = kept[-1] if kept else ""
    if lines and lines[0].startswith(("AliasError", "UnsupportedError", "KindError", "NoRuleError")):
        unindented = [line for line in lines[1:] if line and not line.startswith(" ")]
        text = f"{lines[0].split(':')[0]}: {unindented[0] if unindented else lines[0]}"
    return "".join(c for c in text if not c.isdigit())[:110]


def _source(outcome: Outcome, seed: int) -> str:
    import srcgrad
    from tests.programs.oracle import ARGNUMS, inputs
    from tests.support import load

    try:
        return srcgrad.grad(load(outcome.text), argnums=ARGNUMS).source_for(*inputs(seed))
    except Exception as error:
        return f"(no source: {type(error).__name__}: {error})"


if __name__ == "__main__":
    sys.exit(main())
