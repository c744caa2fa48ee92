"""Train one DURN from a configuration file.

    python -m Training.train Training/configs/durn-light-x2.yaml --data DATA --output RUN [--resume]

``DATA`` is the folder that holds ``cmr/`` and ``pretrain/``; ``RUN`` receives checkpoints, the record for the model
card with its validation curve and, in ``logs``, the metrics of each run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import yaml
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, TensorDataset

from Training.data import SOURCES, VALIDATED, PatchBatches, validation_pairs
from Training.record import RunRecord
from Training.start import take_over
from Training.task import DurnTask


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Train one DURN from a configuration file.")
    parser.add_argument("config", type=Path, help="YAML file, see Training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/ and pretrain/")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the output folder")
    parser.add_argument("--max-steps", type=int, help="stop after this many steps, instead of the configuration's")
    options = parser.parse_args(arguments)
    config = yaml.safe_load(options.config.read_text())
    if options.max_steps:
        config["max_steps"] = options.max_steps
    train(config, options.data, options.output, resume=options.resume)


def train(config: dict[str, Any], data: Path, output: Path, *, resume: bool = False) -> None:
    """Run the training that ``config`` describes; checkpoints appear in ``output`` after each validation."""
    pl.seed_everything(config["seed"])
    task = DurnTask(
        config["architecture"],
        learning_rate=config["learning_rate"],
        warmup_steps=config["warmup_steps"],
        max_steps=config["max_steps"],
        validation_names=list(VALIDATED),
        optimizer=config.get("optimizer", "Adam"),
        compile_network=config["compile"],
    )
    if config.get("start_from"):
        take_over(task.network, Path(config["start_from"]), widen=config.get("widen", False))
    patches, validation = _data(config, data)
    trainer = pl.Trainer(
        default_root_dir=output,
        max_steps=config["max_steps"],
        precision=config.get("precision", "bf16-mixed"),
        gradient_clip_val=config["gradient_clip"],
        val_check_interval=config["validate_every"],
        logger=CSVLogger(output, name="logs"),
        log_every_n_steps=100,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            EMAWeightAveraging(decay=config["ema_decay"]),
            ModelCheckpoint(output, filename="last", enable_version_counter=False),  # best would be chosen by figures
            RunRecord(output),
            *([LaterPatches(patches, **config["later"])] if "later" in config else []),
        ],
    )
    last = output / "last.ckpt"
    trainer.fit(
        task, DataLoader(patches, batch_size=None), validation, ckpt_path=last if resume and last.exists() else None
    )


class LaterPatches(pl.Callback):
    """Changes size and number of the patches of a batch from a given step on."""

    def __init__(self, patches: PatchBatches, from_step: int, patch: int, batch: int) -> None:
        self._patches, self._from_step, self._patch, self._batch = patches, from_step, patch, batch

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step >= self._from_step:
            self._patches.patch, self._patches.batch = self._patch, self._batch


def _data(config: dict[str, Any], data: Path) -> tuple[PatchBatches, list[DataLoader]]:
    scale = config["architecture"]["scale"]
    largest = scale * max(config["patch"], config.get("later", config)["patch"]) + 4 * scale
    sources = []
    for name, share in config["sources"].items():
        images = SOURCES[name](data)
        sources.append(([image for image in images if min(image.shape) >= largest], share))
    patches = PatchBatches(
        sources,
        config["degradations"],
        scale,
        config["patch"],
        config["batch"],
        config["seed"],
        config.get("gamma_copies", 0),
    )
    validation = [DataLoader(TensorDataset(*validation_pairs(data, scale, name)), batch_size=10) for name in VALIDATED]
    return patches, validation


if __name__ == "__main__":
    main()
