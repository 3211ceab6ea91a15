"""The command line: `srcgrad show FILE.py:FUNCTION`, `srcgrad emit FILE.py:FUNCTION -o OUT.py`, `srcgrad check OUT.py`.

The first two import FILE.py as `import` would (what stands under `if __name__ == "__main__"` does not run), take the
function of that name out of it and print its gradient, or write it down as a module of its own. `check` says whether
such a module is still what `emit` would write.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from srcgrad.errors import SrcgradError

Argnum = int | str
Argnums = Argnum | tuple[Argnum, ...]


# ---- the arguments -------------------------------------------------------------------------------------------


class ArgnumsType(click.ParamType):
    """Positions or parameter names: `0` and `x` stand for one argument, `0,2` and `x,` for a tuple of arguments."""

    name = "argnums"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Argnums:
        if not isinstance(value, str):
            return value
        parts = [part.strip() for part in value.split(",")]
        tupled = len(parts) > 1
        if tupled and not parts[-1]:
            parts.pop()
        for part in parts:
            if not (part.isidentifier() or part.removeprefix("-").isdecimal()):
                self.fail(f"{part!r} is neither a position nor a parameter's name", param, ctx)
        argnums = tuple(part if part.isidentifier() else int(part) for part in parts)
        return argnums if tupled else argnums[0]


def load(file: Path) -> ModuleType:
    """Import a file as a module named after it, with its own directory importable, as `python FILE` would have it."""
    if not file.is_file():
        raise click.ClickException(f"there is no file {file}")
    name = file.stem if file.stem not in sys.modules else f"_srcgrad_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file.resolve())
    if spec is None or spec.loader is None:
        raise click.ClickException(f"{file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SrcgradError:
        raise
    except (Exception, SystemExit) as error:
        reason = "".join(traceback.format_exception_only(error)).strip()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__)
                 if frame.filename == str(file.resolve())]
        place = f"{file}:{lines[-1]}" if lines else str(file)
        raise click.ClickException(f"{place}: the file cannot be imported: {reason}") from error
    return module


def is_gradient(value: Any) -> bool:
    """Is this what `grad` or one of its family made, rather than a function of the user's?"""
    return not isinstance(value, type) and callable(getattr(value, "primal", None))


def functions_in(module: ModuleType) -> list[str]:
    """The names of the functions that a module defines, in the order of their definition."""
    return [name for name, value in vars(module).items()
            if (inspect.isfunction(value) or is_gradient(value))
            and getattr(value, "__module__", None) == module.__name__]


def find(target: str) -> Any:
    """The object that FILE.py:FUNCTION names; FUNCTION may be dotted, `Model.loss`."""
    file, _, function = target.rpartition(":")
    if not file or not function or function.endswith(".py"):
        raise click.ClickException(f"write FILE.py:FUNCTION, not {target}")
    from srcgrad.api.check import member

    module = load(Path(file))
    try:
        return member(module, function, file)
    except LookupError as error:
        names = ", ".join(functions_in(module)) or "none"
        raise click.ClickException(f"{error}; its functions: {names}") from None


def wanted(target: str, argnums: Argnums | None, mode: str | None, outputs: Argnums | None) -> Any:
    """What to derive: as a decorator in the file says, but for the options that are given."""
    from srcgrad.api.emit import mode_of
    from srcgrad.api.emit import wanted as made

    value = find(target)
    if is_gradient(value):
        if argnums is None and outputs is None:
            return made(value, 0, mode, None)
        argnums = value.argnums if argnums is None else argnums
        outputs = value.outputs if outputs is None else outputs
        mode = mode_of(value) if mode is None else mode
        value = value.primal
    return made(value, 0 if argnums is None else argnums, mode, outputs)


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Print srcgrad's own errors as they are, without a traceback, and exit with 1."""
    try:
        yield
    except SrcgradError as error:
        raise click.ClickException(str(error)) from error


def highlighted(source: str) -> str:
    """Python source with a terminal's colours."""
    try:
        highlight = importlib.import_module("srcgrad.codegen.highlight")
    except ModuleNotFoundError:
        return source
    return highlight.terminal(source)


# ---- the commands --------------------------------------------------------------------------------------------


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="srcgrad")
def main() -> None:
    """Gradients of plain NumPy functions, as Python source."""


target_argument = click.argument("target", metavar="FILE.py:FUNCTION")
argnums_option = click.option(
    "--argnums", type=ArgnumsType(), metavar="ARGS",
    help="Positions or names of the arguments to differentiate by, such as 0 or x or x,y. Default: the first.",
)
MODES = ("grad", "value_and_grad", "elementwise_grad", "vjp", "jvp", "hvp", "hessian", "jacobian", "jacfwd", "jacrev")

mode_option = click.option(
    "--mode", type=click.Choice(MODES),
    help="What to derive. Default: grad, or what a decorator in the file says.",
)
outputs_option = click.option(
    "--outputs", type=ArgnumsType(), metavar="ARGS",
    help="The parameters that hold the results of a function that overwrites its arguments.",
)


@main.command()
@target_argument
@argnums_option
@mode_option
@outputs_option
@click.option("--no-color", is_flag=True, help="Do not highlight, even on a terminal.")
def show(target: str, argnums: Argnums | None, mode: str | None, outputs: Argnums | None, no_color: bool) -> None:
    """Print the gradient of a function."""
    with plain_errors():
        source = wanted(target, argnums, mode, outputs).source
    color = sys.stdout.isatty() and not no_color and not os.environ.get("NO_COLOR")
    click.echo((highlighted(source) if color else source).rstrip("\n"))


@main.command()
@target_argument
@click.option("-o", "--output", required=True, metavar="OUT.py", type=click.Path(path_type=Path, dir_okay=False),
              help="The file to write.")
@argnums_option
@mode_option
@outputs_option
def emit(
    target: str, output: Path, argnums: Argnums | None, mode: str | None, outputs: Argnums | None
) -> None:
    """Write the gradient of a function as a module that needs nothing but NumPy."""
    import srcgrad

    with plain_errors():
        made = wanted(target, argnums, mode, outputs)
        if output.exists() and output.samefile(target.rpartition(":")[0]):
            raise click.ClickException(f"{output} holds the function itself; choose another file")
        text = srcgrad.emit(made)
    try:
        write(output, text)
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from error
    click.echo(f"wrote {output}", err=True)


@main.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--primal", metavar="MODULE:FUNCTION",
              help="Where the function is now, as module:function or FILE.py:FUNCTION. Default: as the file says.")
@click.option("--update", is_flag=True, help="Write the files again that are not up to date.")
def check(files: tuple[Path, ...], primal: str | None, update: bool) -> None:
    """Say whether emitted modules are up to date.

    A module is stale if its function, or one that went into it, has changed since; what changed is named. Exit codes:
    0 if all are up to date, 1 if one is stale or was edited by hand, else 2 if of one it cannot be told.
    """
    from srcgrad.api.check import EDITED, FRESH, STALE, UNKNOWN, check_text

    states = []
    for file in files:
        with importable(Path.cwd(), file.resolve().parent):
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                click.echo(f"{file}: {UNKNOWN}: it cannot be read: {error}")
                states.append(UNKNOWN)
                continue
            verdict = check_text(text, None if primal is None else lambda *_: find_moved(primal), update)
        if update and verdict.state != FRESH and verdict.text:
            try:
                write(file, verdict.text)
            except OSError as error:
                raise click.ClickException(f"cannot write {file}: {error.strerror}") from error
            click.echo(f"{file}: updated: {'; '.join(verdict.reasons)}")
            continue
        if verdict.state == UNKNOWN and "cannot be found" in " ".join(verdict.reasons) and primal is None:
            verdict.reasons.append("say where it is with --primal")
        click.echo(": ".join([str(file), verdict.state, *(["; ".join(verdict.reasons)] if verdict.reasons else [])]))
        states.append(verdict.state)
    sys.exit(1 if STALE in states or EDITED in states else 2 if UNKNOWN in states else 0)


def find_moved(primal: str) -> Any:
    """The function that --primal names. LookupError where there is none."""
    from srcgrad.api.check import find_primal

    module, _, name = primal.rpartition(":")
    if not module or not name:
        raise click.ClickException(f"write module:function or FILE.py:FUNCTION, not {primal}")
    if not module.endswith(".py"):
        return find_primal(module, name)
    try:
        return find(primal)
    except click.ClickException as error:
        raise LookupError(error.message) from error


@contextlib.contextmanager
def importable(*directories: Path) -> Iterator[None]:
    """Make the modules in these directories importable, after all others."""
    added = [str(directory) for directory in directories if str(directory) not in sys.path]
    sys.path.extend(added)
    try:
        yield
    finally:
        for directory in added:
            sys.path.remove(directory)


def write(output: Path, text: str) -> None:
    """Write a file whole or not at all: into a temporary file beside it, which then takes its name."""
    output = output.resolve()
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(output)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
