"""The source files of the project, as the house tests read them."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

WURZEL = Path(__file__).parents[2]
PAKETE = ("betreiber", "db", "gateway", "stromzaehler_sim", "telegramm")


def python_files(*ordner: str) -> list[Path]:
    """Every Python file below these folders."""
    return sorted(datei for name in ordner for datei in (WURZEL / name).rglob("*.py"))


def name_of(datei: Path) -> str:
    """The path as a person writes it."""
    return datei.relative_to(WURZEL).as_posix()


@cache
def tree(datei: Path) -> ast.Module:
    return ast.parse(datei.read_text(encoding="utf-8"))


def imports(datei: Path) -> Iterator[str]:
    """What a file imports, as dotted names: `from a import b` is a.b."""
    for knoten in ast.walk(tree(datei)):
        if isinstance(knoten, ast.Import):
            yield from (alias.name for alias in knoten.names)
        elif isinstance(knoten, ast.ImportFrom):
            yield from (f"{knoten.module}.{alias.name}" for alias in knoten.names)


def called(datei: Path) -> Iterator[tuple[str, int]]:
    """Dotted names of what is called, with the line: `datetime.now`, `session.commit`."""
    for knoten in ast.walk(tree(datei)):
        if isinstance(knoten, ast.Call):
            yield ast.unparse(knoten.func), knoten.lineno
