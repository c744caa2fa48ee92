"""What happens at certain steps of a training."""

from __future__ import annotations

from pathlib import Path

import lightning.pytorch as pl

from Training.data import PatchBatches


class StableCheckpoint(pl.Callback):
    """Keeps the checkpoint from before the learning rate falls, ``stable.ckpt``, from which training can go on."""

    def __init__(self, folder: Path, step: int) -> None:
        self._path, self._step = folder / "stable.ckpt", step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == self._step:
            trainer.save_checkpoint(self._path)


class LaterPatches(pl.Callback):
    """Changes size and number of the patches of a batch from a given step on."""

    def __init__(self, patches: PatchBatches, from_step: int, patch: int, batch: int) -> None:
        self._patches, self._from_step, self._patch, self._batch = patches, from_step, patch, batch

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step >= self._from_step:
            self._patches.patch, self._patches.batch = self._patch, self._batch
