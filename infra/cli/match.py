"""`convene match`: lists in files, compared without a server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.output import AsJson, Failure, aside, json_line

if TYPE_CHECKING:
    from infra.lists.pairing import Found


def match(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Lists of plans: CSV, XLSX or JSON Lines.")],
    min_probability: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Leave out pairs that are less likely than this.")
    ] = 0.5,
    overlaps: Annotated[bool, typer.Option("--overlaps", help="Also which plans collide.")] = False,
    across: Annotated[bool, typer.Option("--across", help="Only pairs of different files.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page for reading, in one file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find in lists what is planned twice: pairs of rows that are one activity, or of one series, each with its reasons.

    No server is needed and nothing leaves this machine. Only a title is needed in a row. With --json one object a line
    for each pair; what was read, left out and cut is told on standard error. Ends with 0 also where rows could not be
    read (they are named), with 1 where a file cannot be read at all."""
    from infra.lists import page, telling
    from infra.lists.pairing import Options, Run
    from infra.lists.rows import ListError
    from infra.lists.tables import names_of, open_table

    if len({path.resolve() for path in files}) < len(files):
        raise Failure("one file is named twice")
    if across and len(files) < 2:
        raise Failure("--across compares different files: name two or more")
    if html and not html.absolute().parent.is_dir():
        raise Failure(f"{html}: there is no such folder")
    try:
        tables = [open_table(path, name) for path, name in zip(files, names_of(files), strict=True)]
        with ExitStack() as stack:
            progress = stack.enter_context(_Bar())
            folder = stack.enter_context(TemporaryDirectory(prefix="convene-match-"))
            options = Options(min_probability, overlaps, across)
            run = stack.enter_context(Run(tables, options, Path(folder), progress.tell))
            found: Iterator[Found] = iter(run)
            written = page.Page(run, options) if html else None
            if written:
                found = written.noting(found)
            if as_json:
                for each in found:
                    json_line(telling.as_json(run, each))
            else:
                rows = list(found)
                progress.stop()
                telling.tell(run, rows)
            progress.stop()
            if written and html:
                written.write(html)
            telling.summarise(run, min_probability, overlaps)
            if not run.summary.rows:
                raise Failure("no row could be read")
    except ListError as error:
        raise Failure(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:  # no room for the page, or for the rows while it lasts
        raise Failure(str(error)) from error


class _Bar:
    """Progress on stderr where that is a terminal; silence elsewhere."""

    def __enter__(self) -> "_Bar":
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=aside(), transient=True, disable=not aside().is_terminal)
        self._bar.start()
        self._task = None
        self._stage = ""
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tell(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage or self._task is None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._stage, self._task = stage, self._bar.add_task(stage, total=total)
        self._bar.update(self._task, completed=done, total=total)

    def stop(self) -> None:
        self._bar.stop()
