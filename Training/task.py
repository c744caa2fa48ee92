"""The Lightning task: DURN under L1 loss, with warm-up and decay of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from pytorch_optimizer import SOAP
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio

from DURNSuperResLib.core.network.network import Durn, DurnConfig, in_channels_last
from Training.losses import image_loss, taught_loss
from Training.teacher import Teacher

# SOAP (Vyas et al., arXiv 2409.11321) is Adam in the eigenbasis of the gradients' second moments.
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": torch.optim.Adam,
    "SOAP": partial(SOAP, betas=(0.95, 0.95), weight_decay=0.0),
}


class DurnTask(pl.LightningModule):
    """Trains one network; validates PSNR (dB, peak 1, border of one input pixel removed) on each validation set.

    Args:
        architecture: options of the network.
        learning_rate: the highest.
        warmup_steps: steps in which the learning rate rises to it.
        max_steps: steps of the whole training.
        validation_names: of the validation sets, in their order.
        cooldown: steps at the end in which the learning rate falls from its height to nothing. Without it, it falls in
            a cosine from the warm-up on.
        optimizer: a name of ``OPTIMIZERS``.
        fourier_weight: of the Fourier transform in the loss.
        teacher: name of a bundled model to learn from beside the truth, by the mean of its eight passes.
        teacher_share: of the loss against the teacher's images.
        compile_network: whether to compile the network for training.
    """

    def __init__(
        self,
        architecture: dict[str, Any],
        *,
        learning_rate: float,
        warmup_steps: int,
        max_steps: int,
        validation_names: list[str],
        cooldown: int | None = None,
        optimizer: str = "Adam",
        fourier_weight: float = 0.0,
        teacher: str | None = None,
        teacher_share: float = 0.5,
        compile_network: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = in_channels_last(Durn(DurnConfig.from_dict(architecture)))
        self._forward = torch.compile(self.network, dynamic=False) if compile_network else self.network
        # In a tuple, a teacher is no part of what is trained, averaged and saved.
        self._teachers = (Teacher(teacher, self.network.config.scale),) if teacher else ()

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        low, truth = batch
        image = self._forward(low)
        loss = image_loss(image, truth, self.hparams["fourier_weight"])
        for teacher in self._teachers:
            loss = taught_loss(loss, image, teacher.image_of(low), self.hparams["teacher_share"])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int, dataloader_idx: int = 0) -> None:
        low, truth = batch
        border = self.network.config.scale
        inside = (..., slice(border, -border), slice(border, -border))
        image = self.network(low).float().clamp(0, 1)[inside]
        psnr = peak_signal_noise_ratio(
            image, truth[inside], data_range=1.0, dim=(1, 2, 3), reduction="elementwise_mean"
        )
        name = self.hparams["validation_names"][dataloader_idx]
        self.log(f"psnr_{name}", psnr, batch_size=len(low), add_dataloader_idx=False, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        optimizer = OPTIMIZERS[self.hparams["optimizer"]](self.parameters(), lr=self.hparams["learning_rate"])
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _rate(self, step: int) -> float:
        warmup, last, cooldown = (self.hparams[name] for name in ("warmup_steps", "max_steps", "cooldown"))
        if step < warmup:
            return (step + 1) / warmup
        if cooldown is None:
            return 0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / (last - warmup))))
        # Source: A. Haegele et al., "Scaling laws and compute-optimal training beyond fixed training durations",
        # arXiv 2405.18392: a constant rate and one minus the square root at the end reach what a cosine does.
        return 1 - math.sqrt(min(1.0, max(0.0, 1 - (last - step) / cooldown)))


def trained_network(checkpoint: Path) -> Durn:
    """The network of one of our own runs (``last.ckpt``), with its averaged weights."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    network = Durn(DurnConfig.from_dict(content["hyper_parameters"]["architecture"]))
    own = "network."
    network.load_state_dict({k.removeprefix(own): v for k, v in content["state_dict"].items() if k.startswith(own)})
    return network


def steps_of(checkpoint: Path) -> int:
    """Optimiser steps behind ``checkpoint``, one of our own runs."""
    return int(torch.load(checkpoint, map_location="cpu", weights_only=False)["global_step"])


def planned(checkpoint: Path) -> dict[str, Any]:
    """What the run of ``checkpoint`` was given: the arguments of :class:`DurnTask`."""
    return dict(torch.load(checkpoint, map_location="cpu", weights_only=False)["hyper_parameters"])
