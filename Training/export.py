"""Turn a training checkpoint into a bundled model: a plain state dict and its card with measured quality.

python -m Training.export CHECKPOINT CONFIG --name durn-light-x2 --data DATA
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import torch
import yaml

from DURNSuperResLib.core.network.models import WEIGHTS_FOLDER
from DURNSuperResLib.core.network.network import DurnConfig
from DURNSuperResLib.evaluation.scores import score
from DURNSuperResLib.evaluation.test_sets import other_vendor_cine, sunnybrook_validation
from Training.cost import operations_a_pixel
from Training.error_head import CONFIG, make
from Training.task import planned, trained_network

CURVES_FOLDER = Path(__file__).parent / "curves"
TRAINING_DATA = {  # what each source of a configuration is
    "cine": "cine slices of 25 patients of the Sunnybrook Cardiac Data (Radau et al. 2009, CC0 1.0, GE 1.5 T)",
    "scout": "localiser slices of the same data",
    "photos": "photographs under CC0, in the public domain or released for unrestricted use (Kodak suite)",
    "brain": "brain T1 slices of one subject (studyforrest, PDDL 1.0)",
    "shapes": "random ellipses, computed",
}
IMAGES = "magnitude; short-axis balanced SSFP cine and localisers; no late enhancement, flow or parametric maps"
TRUTH_PIXEL_MM = (1.37, 1.88)  # of the cardiac training images


def main(arguments: list[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(description="Turn a training checkpoint into a bundled model.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("config", type=Path, help="the YAML file it was trained from")
    parser.add_argument("--name", required=True, help="such as durn-light-x2")
    parser.add_argument("--data", type=Path, required=True, help="folder with cmr/, for the card's figures")
    parser.add_argument("--error-head", type=Path, default=CONFIG, help="YAML file of it (configs/error-head.yaml)")
    parser.add_argument("--no-error-head", action="store_true", help="leave the model without error bars")
    options = parser.parse_args(arguments)
    export(options.checkpoint, options.config, options.name, options.data)
    if not options.no_error_head:
        make(options.name, options.error_head, options.data)


def export(checkpoint: Path, config_file: Path, name: str, data: Path) -> None:
    """Write ``NAME.pt`` and ``NAME.json`` into the package's weights folder, figures included.

    Raises:
        ValueError: ``config_file`` describes another network than the checkpoint's.
    """
    config = yaml.safe_load(config_file.read_text())
    network = trained_network(checkpoint)
    if network.config != DurnConfig.from_dict(config["architecture"]):
        raise ValueError(f"{checkpoint} was not trained from {config_file}: another network")
    buffer = io.BytesIO()
    torch.save({key: value.contiguous() for key, value in network.state_dict().items()}, buffer)
    stem = WEIGHTS_FOLDER / name.replace("-", "_")
    stem.with_suffix(".pt").write_bytes(buffer.getvalue())
    CURVES_FOLDER.mkdir(exist_ok=True)
    shutil.copyfile(checkpoint.parent / "validation.png", CURVES_FOLDER / f"{name}.png")
    scale = network.config.scale
    card: dict[str, Any] = {
        "name": name,
        "architecture": config["architecture"],
        "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(),
        "parameters": sum(p.numel() for p in network.parameters()),
        "operations": operations_a_pixel(network),
        "grid": "half-pixel",
        "intensity": "one linear map a volume: 0.1th percentile to 0, 99.9th to 1; no clipping",
        "licence": "Apache-2.0",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "source": "DURN rebuilt from its description (Qiu, Cheng, Wang 2022, doi:10.1016/j.cmpb.2022.106707)",
        "domain": {"images": IMAGES, "input_pixel_mm": [round(scale * pixel, 2) for pixel in TRUTH_PIXEL_MM]},
        "training": _training(config, config_file, checkpoint, name),
    }
    _write(card, stem.with_suffix(".json"))
    card["quality"] = _quality(scale, name.removesuffix(f"-x{scale}"), data)
    _write(card, stem.with_suffix(".json"))


def _training(config: dict[str, Any], config_file: Path, checkpoint: Path, name: str) -> dict[str, Any]:
    """The card's entry on how the model was made, as the run's record and checkpoint have it."""
    record = json.loads((checkpoint.parent / "record.json").read_text(encoding="utf-8"))
    steps, cooldown = (planned(checkpoint).get(key) for key in ("max_steps", "cooldown"))
    command = f"python -m Training.train {config_file.as_posix()} --data DATA --output "
    if steps == config["max_steps"] or not cooldown:
        command += "RUN"
    else:
        to_the_cut = steps - cooldown + config["cooldown"]  # at its own cooldown the run leaves stable.ckpt
        command += f"RUN --max-steps {to_the_cut}; {command}CUT --branch-from RUN/stable.ckpt --cool-for {cooldown}"
    fourier = config.get("fourier_weight")
    return {
        "data": "; ".join(TRAINING_DATA[source] for source in config["sources"]),
        "command": command,
        **{key: record[key] for key in ("steps", "hours", "device", "commit")},
        "validation_curve": f"Training/curves/{name}.png",
        "loss": f"L1 and {fourier} times L1 of the Fourier transforms" if fourier else "L1",
        "optimizer": config.get("optimizer", "Adam"),
        "configuration": config,
    }


def _quality(scale: int, model: str, data: Path) -> dict[str, Any]:
    """Mean PSNR in dB and SSIM of the model just written, on patients and scanners it was not trained on."""
    command = f"durn-superres evaluate --data DATA --set SET --degradation DEGRADATION --model {model}"
    quality: dict[str, Any] = {"command": command}
    for test_set in (sunnybrook_validation(data), other_vendor_cine(data)):
        for degradation in ("bicubic", "kspace"):
            quality[f"{test_set.name} {degradation}"] = {
                row.method: [round(row.means[0], 2), round(row.means[1], 4)]
                for row in score(test_set, scale, degradation, ("bicubic", "durn"), model)
            }
    return quality


def _write(card: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
