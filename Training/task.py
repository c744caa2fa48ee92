"""The Lightning task: DURN under L1 loss, with warm-up and cosine decay of the learning rate."""

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

# SOAP (Vyas et al., arXiv 2409.11321) is Adam in the eigenbasis of the gradients' second moments.
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adam": torch.optim.Adam,
    "SOAP": partial(SOAP, betas=(0.95, 0.95), weight_decay=0.0),
}


class DurnTask(pl.LightningModule):
    """Trains one network; validates PSNR (dB, peak 1, border of one input pixel removed) on each validation set."""

    def __init__(
        self,
        architecture: dict[str, Any],
        *,
        learning_rate: float,
        warmup_steps: int,
        max_steps: int,
        validation_names: list[str],
        optimizer: str = "Adam",
        compile_network: bool = False,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = in_channels_last(Durn(DurnConfig.from_dict(architecture)))
        self._forward = torch.compile(self.network, dynamic=False) if compile_network else self.network

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        low, truth = batch
        loss = torch.nn.functional.l1_loss(self._forward(low), truth)
        self.log("train_l1", loss, prog_bar=True)
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
        warmup, last = self.hparams["warmup_steps"], self.hparams["max_steps"]
        if step < warmup:
            return (step + 1) / warmup
        return 0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / (last - warmup))))


def trained_network(checkpoint: Path) -> Durn:
    """The network of one of our own runs (``last.ckpt``), with its averaged weights."""
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    network = Durn(DurnConfig.from_dict(content["hyper_parameters"]["architecture"]))
    own = "network."
    network.load_state_dict({k.removeprefix(own): v for k, v in content["state_dict"].items() if k.startswith(own)})
    return network
