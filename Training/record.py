"""What a run leaves behind for the model card: commit, device, hours, and the validation curve."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch


class RunRecord(pl.Callback):
    """Writes ``record.json`` and ``validation.png`` into the run's folder after each validation, across resumes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hours_before = 0.0
        self._started = time.monotonic()
        self._commit = _commit()
        self._curve: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"hours": self._hours(), "curve": self._curve}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._hours_before, self._curve = state_dict["hours"], state_dict["curve"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.sanity_checking:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("psnr_")}
        self._curve.append({"step": trainer.global_step, **figures})
        record = {
            "commit": self._commit,
            "device": _device(trainer),
            "hours": round(self._hours(), 2),
            "steps": trainer.global_step,
            "curve": self._curve,
        }
        (self._folder / "record.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        draw_curve(self._curve, self._folder / "validation.png")

    def _hours(self) -> float:
        return self._hours_before + (time.monotonic() - self._started) / 3600


def draw_curve(curve: list[dict[str, float]], path: Path) -> None:
    """Validation PSNR in dB over training steps, one line a degradation, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="PSNR (dB)", title="Validation patients, cine slices")
    for name in sorted(curve[0].keys() - {"step"}):
        axes.plot(
            [point["step"] for point in curve], [point[name] for point in curve], label=name.removeprefix("psnr_")
        )
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _device(trainer: pl.Trainer) -> str:
    if trainer.strategy.root_device.type == "cuda":
        return torch.cuda.get_device_name(trainer.strategy.root_device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
