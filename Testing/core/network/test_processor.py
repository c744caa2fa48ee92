"""What is known of the processor: from torch, where it tells, else from Linux."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from DURNSuperResLib.core.network import processor

QUESTIONS = tuple(processor.BFLOAT16_UNITS)


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    processor.has_bfloat16.cache_clear()
    yield
    processor.has_bfloat16.cache_clear()


@pytest.fixture
def silent_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that cannot be asked, such as 2.1."""
    for question in QUESTIONS:
        monkeypatch.delattr(torch.cpu, question, raising=False)


def says(monkeypatch: pytest.MonkeyPatch, *answers: bool) -> None:
    for question, answer in zip(QUESTIONS, answers, strict=True):
        monkeypatch.setattr(torch.cpu, question, lambda answer=answer: answer, raising=False)


@pytest.mark.parametrize("answers", [(True, False), (False, True), (False, False)])
def test_torch_is_believed(monkeypatch: pytest.MonkeyPatch, answers: tuple[bool, bool]) -> None:
    says(monkeypatch, *answers)
    assert processor.has_bfloat16() == any(answers)


def test_without_onednn_there_is_no_use_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    says(monkeypatch, True, True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not processor.has_bfloat16()


@pytest.mark.usefixtures("silent_torch")
@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("model name\t: some\nflags\t\t: fpu avx512f avx512_bf16 sha_ni\n", True),
        ("flags\t\t: fpu amx_bf16 amx_tile amx_int8\n", True),
        ("flags\t\t: fpu avx512f avx512_vnni\nbugs\t\t: avx512_bf16\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", False),
    ],
)
def test_linux_tells_where_torch_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, has: bool
) -> None:
    listed = tmp_path / "cpuinfo"
    listed.write_text(text)
    monkeypatch.setattr(processor, "CPUINFO", listed)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert processor.has_bfloat16() is has


@pytest.mark.usefixtures("silent_torch")
def test_where_nothing_tells_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "missing")
    assert not processor.has_bfloat16()
