"""House rules that no stock linter knows; run by `make lint`: `python -m infra.lint`.

Each rule is a function from a file's path and text to what is wrong with it. Ruff has the rest (the clock, ids, style).
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
SOFT, HARD = 300, 400
"""Lines of a module: a file past the first is listed, one past the second is refused. It becomes a folder."""

_AVOIDED = frozenset({"merge", "incident", "record", "item", "manager", "helper", "util"})
"""Words that say nothing here, or something else in the field (DESIGN 1, CONTRIBUTING "Words"); a plural is the same."""
_OTHERS_WORDS = (
    ("", "merge_patch"),  # RFC 7396
    ("shared/bus/", "record"),  # what Kafka calls a message on its log
    ("tests/conformance/bus/", "record"),
)
"""(path prefix, words): names that others gave."""

Rule = Callable[[PurePosixPath, str], Iterator[tuple[int, str]]]

_PRODUCT = ("shared", "services", "infra", "dashboard", "client")
_COMMITS = frozenset({"shared/db.py"})
# `import convene` is all that users of the client write, so its names are gathered there.
_SPEAKING = frozenset({"client/convene/__init__.py"})
_FOREIGN = ("tests/contract/data/", "requirements/")
_BINARY = frozenset({".ico", ".png", ".jpg", ".gz", ".woff2", ".pdf", ".xlsx"})

# Written in parts, so that this file keeps its own rules.
_REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("py" + "pi", "org"), ("python" + "hosted", "org"), ("npm" + "js", "org"), ("npm" + "js", "com"),
        ("maven", "org"), ("repo", "maven", "apache", "org"), ("proxy", "golang", "org"), ("crates", "io"), ("docker", "io"),
    )
]  # fmt: skip
_HOST = re.compile(r"(?<![\w-])(?:[\w-]+\.)*(?:" + "|".join(map(re.escape, _REGISTRIES)) + r")(?![\w-])")
_ABSOLUTE = re.compile(r"(?<![\w.~*)\]}/-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")/\w")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MARK = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK")) + r")\b")


def commits_at_the_edge(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """One commit a request, in shared/db.py: a `commit()` elsewhere splits what must be true together.

    A consumer's commit names its offsets, so it is told apart by its argument (and never goes without).
    """
    if path.suffix != ".py" or path.parts[0] not in _PRODUCT or str(path) in _COMMITS:
        return
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit"), args=[], keywords=[]):
                yield node.lineno, "commits: only shared/db.py does, at the edge"
            case _:
                pass


def packages_are_tables_of_contents(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """`__init__.py` holds a docstring: importing a package costs nothing and hides nothing."""
    if path.name != "__init__.py" or str(path) in _SPEAKING:
        return
    body = ast.parse(text).body
    if not body or ast.get_docstring(ast.parse(text)) is None:
        yield 1, "has no docstring"
    for node in body[1:]:
        yield node.lineno, "holds more than its docstring"


def modules_are_short(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    lines = text.count("\n")
    if path.suffix == ".py" and "migrations" not in path.parts and lines > HARD:
        yield lines, f"has {lines} lines; {HARD} are the limit: make it a folder of the same name"


def no_registry_hosts(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """Where packages come from is the installer's setting, not ours."""
    return _each(_HOST, text, "names a package registry")


def no_paths_of_one_machine(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    return _each(_ABSOLUTE, text, "holds an absolute path of one machine")


def nothing_left_for_later(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    return _each(_MARK, text, "leaves a mark for later: do it, or open an issue")


def house_words(path: PurePosixPath, text: str) -> Iterator[tuple[int, str]]:
    """Names of modules, classes and functions keep to the words of the house; names of third parties' are theirs."""
    if path.suffix != ".py":
        return
    named = [(1, part.removesuffix(".py")) for part in path.parts]
    named += [
        (node.lineno, node.name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    theirs = [words for prefix, words in _OTHERS_WORDS if str(path).startswith(prefix)]
    for line, name in named:
        words = "_".join(_WORD.findall(name)).lower()
        for each in theirs:
            words = re.sub(rf"(?<![a-z]){each}s?(?![a-z])", "", words)
        for word in words.split("_"):
            if word in _AVOIDED or word.removesuffix("s") in _AVOIDED:
                yield line, f"is called {name}: we avoid {word!r}"


def _each(pattern: re.Pattern[str], text: str, message: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := pattern.search(line):
            yield number, f"{message}: {found[0]}"


RULES: tuple[Rule, ...] = (
    commits_at_the_edge,
    packages_are_tables_of_contents,
    modules_are_short,
    no_registry_hosts,
    no_paths_of_one_machine,
    nothing_left_for_later,
    house_words,
)


def findings(path: str, text: str) -> list[str]:
    """What is wrong with one file, by its path below the root: `path:line: sentence`."""
    where = PurePosixPath(path)
    if path.startswith(_FOREIGN) or where.suffix in _BINARY:
        return []
    return [f"{path}:{line}: {message}" for rule in RULES for line, message in rule(where, text)]


def tracked(root: Path = ROOT) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True, text=True).stdout
    return [path for path in listed.split("\0") if path and (root / path).is_file()]


def check(paths: Iterable[str], root: Path = ROOT) -> tuple[list[str], list[str]]:
    """(what is wrong, which modules grow long)"""
    wrong: list[str] = []
    long: list[str] = []
    for path in paths:
        if Path(path).suffix in _BINARY:
            continue
        text = (root / path).read_text(encoding="utf-8")
        wrong += findings(path, text)
        if path.endswith(".py") and SOFT < text.count("\n") <= HARD:
            long.append(f"{path}: {text.count(chr(10))} lines")
    return wrong, long


def main() -> int:
    wrong, long = check(tracked())
    if long:
        print(f"modules past {SOFT} lines (the limit is {HARD}):", *long, sep="\n  ")
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
