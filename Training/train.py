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

from Training.callbacks import LaterPatches, StableCheckpoint
from Training.data import SOURCES, VALIDATED, PatchBatches, validation_pairs
from Training.looks import Looks
from Training.record import RunRecord
from Training.start import take_over
from Training.task import DurnTask, steps_of

GAMMA = (0.7, 1.4)  # of the copies that gamma_copies asks for


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Train one DURN from a configuration file.")
    parser.add_argument("config", type=Path, help="YAML file, see Training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/ and pretrain/")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint in the output folder")
    parser.add_argument("--branch-from", type=Path, help="go on from another run's checkpoint, which stays as it is")
    parser.add_argument("--max-steps", type=int, help="stop after this many steps, instead of the configuration's")
    parser.add_argument(
        "--cool-for",
        type=int,
        help="with --branch-from: train so many steps more, the learning rate falling to nothing",
    )
    options = parser.parse_args(arguments)
    config = yaml.safe_load(options.config.read_text())
    if options.max_steps:
        config["max_steps"] = options.max_steps
    if options.cool_for:
        if not options.branch_from:
            parser.error("--cool-for needs --branch-from, so that the checkpoint it begins with stays")
        config |= {"cooldown": options.cool_for, "max_steps": steps_of(options.branch_from) + options.cool_for}
    train(config, options.data, options.output, resume=options.resume, branch_from=options.branch_from)


def train(
    config: dict[str, Any], data: Path, output: Path, *, resume: bool = False, branch_from: Path | None = None
) -> None:
    """Run the training that ``config`` describes; checkpoints appear in ``output`` after each validation.

    Args:
        config: what the configuration file says.
        data: the data folder.
        output: the run's folder.
        resume: go on from the last checkpoint in ``output``, if there is one.
        branch_from: where ``output`` has none to resume from, go on from this one of another run.

    Raises:
        ValueError: steps after the last validation, which would be lost: only there are checkpoints written.
    """
    if config["max_steps"] % config["validate_every"]:
        raise ValueError(
            f"{config['max_steps']} steps are no multiple of validate_every, {config['validate_every']}: "
            "the last ones would not be kept"
        )
    pl.seed_everything(config["seed"])
    own = output / "last.ckpt"
    checkpoint = own if resume and own.exists() else branch_from
    task = _task(config)
    if config.get("start_from") and not checkpoint:
        take_over(task.network, Path(config["start_from"]), double=config.get("double", False))
    patches, validation = _data(config, data, steps_of(checkpoint) if checkpoint else 0)
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
        callbacks=_callbacks(config, output, patches),
    )
    trainer.fit(task, DataLoader(patches, batch_size=None), validation, ckpt_path=checkpoint)


def _callbacks(config: dict[str, Any], output: Path, patches: PatchBatches) -> list[pl.Callback]:
    callbacks = [
        EMAWeightAveraging(decay=config["ema_decay"]),
        ModelCheckpoint(output, filename="last", enable_version_counter=False),  # best would be chosen by figures
        RunRecord(output),
    ]
    if "later" in config:
        callbacks.append(LaterPatches(patches, **config["later"]))
    if "cooldown" in config:
        callbacks.append(StableCheckpoint(output, config["max_steps"] - config["cooldown"]))
    return callbacks


def _task(config: dict[str, Any]) -> DurnTask:
    optional = ("cooldown", "optimizer", "fourier_weight", "teacher", "teacher_share")
    return DurnTask(
        config["architecture"],
        learning_rate=config["learning_rate"],
        warmup_steps=config["warmup_steps"],
        max_steps=config["max_steps"],
        validation_names=list(validated(config)),
        compile_network=config["compile"],
        **{name: config[name] for name in optional if name in config},
    )


def _data(config: dict[str, Any], data: Path, step: int) -> tuple[PatchBatches, list[DataLoader]]:
    """Batches, others after ``step`` than at the beginning, and one loader for each validation."""
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
        [config["seed"], step] if step else config["seed"],
        **_looks(config),
    )
    names = validated(config)
    validation = [DataLoader(TensorDataset(*validation_pairs(data, scale, name)), batch_size=10) for name in names]
    return patches, validation


def _looks(config: dict[str, Any]) -> dict[str, Any]:
    """What the ``looks`` entry, or the earlier ``gamma_copies``, says about copies of the images."""
    if "looks" not in config:
        return {"looks": Looks(gamma=GAMMA), "copies": config.get("gamma_copies", 0)}
    looks = dict(config["looks"])
    copies, renewed = looks.pop("copies"), looks.pop("renewed", 0)
    return {"looks": Looks(**looks), "copies": copies, "renewed": renewed}


def validated(config: dict[str, Any]) -> tuple[str, ...]:
    """The validations of a run: also of coarser images where it trains on them."""
    return (*VALIDATED, "coarse") if config.get("looks", {}).get("rescale", 1) < 1 else VALIDATED


if __name__ == "__main__":
    main()
