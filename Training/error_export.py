"""A trained error head into a bundled model's two files: its tensors beside the network's, which stay as they are, and
its architecture, training and calibration into the card.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from DURNSuperResLib.core.network.error_bars import ALL_WAYS
from DURNSuperResLib.core.network.error_head import ErrorHead
from DURNSuperResLib.core.network.models import ERROR_PREFIX, ModelCard
from DURNSuperResLib.core.options import LEVELS
from DURNSuperResLib.evaluation.calibration import FAMILIES, calibration, ratios
from DURNSuperResLib.evaluation.test_sets import sunnybrook_validation

FOREIGN = "noise and wrapped phases, computed"


def add_error_head(card: ModelCard, head: ErrorHead, config: dict[str, Any], data: Path, hours: float) -> None:
    """Write ``head`` into the files of ``card``'s model and calibrate it on the validation patients of ``data``."""
    own = {f"{ERROR_PREFIX}{name}": value.contiguous() for name, value in head.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({**card.load_state_dict(), **own}, buffer)
    entries = json.loads(card.path.with_suffix(".json").read_text(encoding="utf-8"))
    entries["sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    entries["error_head"] = {
        "architecture": vars(head.config),
        "parameters": sum(p.numel() for p in head.parameters()),
        "training": {
            "command": f"python -m Training.error_head {card.name} --data DATA",
            "loss": "negative logarithm of the Laplace likelihood of the absolute error; the network does not change",
            "data": f"that of the network and {FOREIGN}; no validation patient",
            "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
            "hours": round(hours, 2),
            "configuration": config,
        },
    }
    card.path.write_bytes(buffer.getvalue())
    _write(entries, card.path.with_suffix(".json"))
    calibrate(card, data)


def calibrate(card: ModelCard, data: Path) -> None:
    """Find the factors of a model's error head and write them into its card, which may have others or none."""
    path = card.path.with_suffix(".json")
    entries = json.loads(path.read_text(encoding="utf-8"))
    entries["error_head"]["calibration"] = {"factors": {f"{level:g}": {ALL_WAYS: 1.0} for level in LEVELS}}
    _write(entries, path)
    patients = sunnybrook_validation(data)
    found = calibration({family: ratios(patients, card.scale, family, card.family) for family in FAMILIES})
    found["data"] = (
        "validation patients of the Sunnybrook Cardiac Data, on which neither network nor error head was trained; the "
        "factors are from all of them, the coverage of each from the factor that the others give"
    )
    entries["error_head"]["calibration"] = found
    _write(entries, path)


def _write(entries: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
