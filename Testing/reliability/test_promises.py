"""RELIABILITY.md is true: every test that it names exists, and it claims no more cases than these tests try."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TESTING = Path(__file__).resolve().parents[1]
ROW = re.compile(r"^\| (?P<promise>[^|]+) \| (?P<tests>[^|]+) \| (?P<cases>[\d,]+) \| (?P<left>\d+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<test>\w+)`")
TEXT = (TESTING / "RELIABILITY.md").read_text(encoding="utf-8")
ROWS = [match.groupdict() for match in ROW.finditer(TEXT)]


def module_of(file: str) -> ModuleType:
    return importlib.import_module(file.removesuffix(".py").replace("/", "."))


def cases_of(file: str, name: str) -> int:
    """How often a test is run: its parameters, times its drawn examples, times the cases its module counts for it."""
    module = module_of(file)
    test: Callable = getattr(module, name)
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    drawn = getattr(test, "_hypothesis_internal_use_settings", None)
    within = getattr(module, "CASES", {}).get(name, drawn.max_examples if drawn else 1)
    return math.prod(len(list(mark.args[1])) for mark in marks) * within


def test_the_table_has_rows_for_all_its_lines() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("|") and not line.startswith(("| Promise", "|---"))]
    assert len(ROWS) == len(lines)
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["promise"])
def test_a_promise_names_tests_that_exist_and_claims_no_more_cases_than_they_try(row: dict[str, str]) -> None:
    named = NAMED.findall(row["tests"])
    assert named
    assert int(row["cases"].replace(",", "")) <= sum(cases_of(file, test) for file, test in named)


@pytest.mark.parametrize("path", sorted((TESTING / "reliability").glob("test_*.py")), ids=lambda path: path.name)
def test_every_reliability_test_stands_in_the_table(path: Path) -> None:
    tests = re.findall(r"(?m)^def (test_\w+)", path.read_text(encoding="utf-8"))
    named = {test for _, test in NAMED.findall(TEXT)}
    assert path.name == Path(__file__).name or not set(tests) - named
