"""Training end to end on a tiny made-up data folder: aligned pairs, a run, a resumed run, an exported model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
import yaml

from DURNSuperResLib.core.monitor import Monitor
from DURNSuperResLib.core.network.ensemble import over_orientations
from DURNSuperResLib.core.network.models import ModelCard, available_models, model_for
from DURNSuperResLib.core.network.network import Durn, DurnConfig
from DURNSuperResLib.core.signal.kspace import kspace_truncate, zero_fill
from DURNSuperResLib.core.signal.phantom import short_axis_phantom
from DURNSuperResLib.core.signal.quality import psnr
from DURNSuperResLib.core.signal.resampling import bicubic_upscale
from Training import export as exporting
from Training.cost import operations_a_pixel
from Training.data import DEGRADATIONS, Pairs, PatchBatches, sunnybrook
from Training.losses import image_loss
from Training.shapes import SIZES, ellipses
from Training.start import take_over
from Training.task import OPTIMIZERS, DurnTask, steps_of, trained_network
from Training.teacher import Teacher
from Training.train import main, train

pytestmark = [  # Lightning's remarks on runs that are resumed and branched on purpose, and on itself
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* is not empty"),
    pytest.mark.filterwarnings("ignore:The dirpath has changed"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec"),
]
CONFIGS = sorted((Path(__file__).resolve().parents[2] / "Training" / "configs").rglob("*-x?.yaml"))


@pytest.fixture(scope="module")
def phantom() -> np.ndarray:
    return (short_axis_phantom(2, slices=2, size=192).truth / 1000).clip(0, 1)


@pytest.fixture
def tiny_data(tmp_path: Path, phantom: np.ndarray) -> Path:
    """A data folder of the right form with two phantom slices in every place."""
    folder = tmp_path / "data"
    for split in ("train", "val"):
        (folder / "cmr" / "sunnybrook" / split).mkdir(parents=True)
    (folder / "pretrain" / "photos").mkdir(parents=True)
    rows = []
    for split in ("train", "val"):
        for number, image in enumerate(phantom):
            path = f"cmr/sunnybrook/{split}/{number}.png"
            sitk.WriteImage(sitk.GetImageFromArray((image * 255).astype(np.uint8)), str(folder / path))
            rows.append({"path": path, "kind": "cine", "patient": split, "split": split})
    _write_csv(folder / "cmr" / "sunnybrook" / "manifest.csv", rows)
    sitk.WriteImage(sitk.ReadImage(str(folder / rows[0]["path"])), str(folder / "pretrain" / "photos" / "a.png"))
    photos = [{"path": "photos/a.png", "tier": "a"}, {"path": "photos/missing.png", "tier": "b"}]
    _write_csv(folder / "pretrain" / "manifest.csv", photos)
    return folder


@pytest.fixture
def tiny_config() -> dict:
    """A run of two steps."""
    return {
        "architecture": {"scale": 2, "channels": [4, 8], "urns": 1, "bicubic_skip": True},
        "seed": 1,
        "sources": {"cine": 0.7, "photos": 0.3},
        "degradations": {"bicubic": 0.5, "kspace": 0.5},
        "patch": 16,
        "batch": 2,
        "learning_rate": 1e-3,
        "warmup_steps": 1,
        "max_steps": 2,
        "gradient_clip": 1.0,
        "ema_decay": 0.9,
        "validate_every": 2,
        "compile": False,
    }


def _write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("degradation", DEGRADATIONS)
def test_patches_are_aligned_with_their_truth(phantom: np.ndarray, scale: int, degradation: str) -> None:
    batches = PatchBatches([([phantom[0]], 1.0)], {degradation: 1.0}, scale, patch=24, batch=4, seed=0)
    low, truth = next(iter(batches))
    assert low.shape == (4, 1, 24, 24)
    assert truth.shape == (4, 1, 24 * scale, 24 * scale)
    enlarged = bicubic_upscale(low[:, 0].numpy(), scale)
    inside = (..., slice(12, -12), slice(12, -12))
    centred = psnr(enlarged[inside], truth[:, 0].numpy()[inside]).mean()
    shifted = psnr(np.roll(enlarged, 1, axis=-1)[inside], truth[:, 0].numpy()[inside]).mean()
    assert centred > shifted + (0.25 if degradation == "hamming" else 0.5)  # a blurred image shows a shift less


def test_pairs_crop_to_a_multiple_of_the_scale() -> None:
    pairs = Pairs.from_image(np.random.default_rng(0).random((50, 61)).astype(np.float32), 3)
    assert pairs.truth.shape == (48, 60)
    assert {image.shape for image in pairs.degraded.values()} == {(16, 20)}


def test_half_of_the_truncated_patches_are_magnitudes(phantom: np.ndarray) -> None:
    """Truncation undershoots beside every rim; a scanner stores the magnitude of that."""

    def share_with_negative_pixels(degradation: str) -> float:
        batches = PatchBatches([([phantom[0]], 1.0)], {degradation: 1.0}, 2, patch=48, batch=64, seed=0)
        low, _ = next(iter(batches))
        return float((low.amin(dim=(1, 2, 3)) < 0).float().mean())

    assert 0.3 < share_with_negative_pixels("kspace") < 0.7
    assert share_with_negative_pixels("bicubic") > 0.9


def test_ellipses_do_not_ring_beside_their_rims_but_do_at_half_the_resolution() -> None:
    def level(image: np.ndarray) -> float:
        """Share of the pixels that differ from their neighbour below by less than 0.3 % of the range."""
        return float((np.abs(np.diff(image, axis=0)) < 0.003 * np.ptp(image)).mean())

    first, second = ellipses(2, noise=0, shading=0)
    assert first.shape[0] == first.shape[1]
    assert first.shape[0] in SIZES
    assert first.min() == second.min() == 0
    assert np.array_equal(*(ellipses(1)[0] for _ in range(2)))
    for image in (first, second):
        assert level(image) > 0.8
        assert level(zero_fill(kspace_truncate(image, 2), 2)) < level(image) - 0.1


def test_no_patient_is_in_two_splits(data: Path) -> None:
    with (data / "cmr" / "sunnybrook" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    train_patients, val_patients = ({row["patient"] for row in rows if row["split"] == s} for s in ("train", "val"))
    assert len(train_patients) == 25
    assert len(val_patients) == 5
    assert not train_patients & val_patients
    assert len(sunnybrook(data, "val", "cine")) == 90


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_configurations_say_what_training_needs(path: Path) -> None:
    config = yaml.safe_load(path.read_text())
    assert f"x{config['architecture']['scale']}" in path.stem
    assert set(config["degradations"]) <= set(DEGRADATIONS)
    assert config["warmup_steps"] < config["max_steps"]
    assert config["max_steps"] % config["validate_every"] == 0


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_run_resumes_and_becomes_a_model(
    tiny_data: Path, tiny_config: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    config = {**tiny_config, "optimizer": optimizer}
    run, config_file = tmp_path / "run", tmp_path / "tiny.yaml"
    train(config, tiny_data, run)
    config["max_steps"] = 4
    train(config, tiny_data, run, resume=True)
    assert steps_of(run / "last.ckpt") == 4

    config_file.write_text(yaml.safe_dump(config))
    monkeypatch.setattr(exporting, "WEIGHTS_FOLDER", tmp_path)
    monkeypatch.setattr(exporting, "CURVES_FOLDER", tmp_path / "curves")
    monkeypatch.setattr(exporting, "_quality", lambda scale, model, _: {"scale": scale, "model": model})
    exporting.export(run / "last.ckpt", config_file, "tiny-x2", tiny_data)
    other = tmp_path / "other.yaml"
    other.write_text(yaml.safe_dump({**config, "architecture": {**config["architecture"], "scale": 3}}))
    with pytest.raises(ValueError, match="another network"):
        exporting.export(run / "last.ckpt", other, "tiny-x3", tiny_data)
    assert not (tmp_path / "tiny_x3.pt").exists()
    card = ModelCard.read(tmp_path / "tiny_x2.json")
    assert card.details["training"]["steps"] == 4
    assert card.details["training"]["optimizer"] == optimizer
    assert card.details["training"]["hours"] >= 0
    assert (tmp_path / "curves" / "tiny-x2.png").read_bytes().startswith(b"\x89PNG")
    assert card.details["quality"] == {"scale": 2, "model": "tiny"}
    assert all(isinstance(value, torch.Tensor) for value in card.load_state_dict().values())


def test_a_run_starts_from_the_checkpoint_of_another(tiny_data: Path, tiny_config: dict, tmp_path: Path) -> None:
    """With a learning rate of nothing, all that fits into the x3 network is what the x2 run left."""
    train(tiny_config, tiny_data, tmp_path / "x2")
    start = tmp_path / "x2" / "last.ckpt"
    config = {**tiny_config, "start_from": str(start), "learning_rate": 0.0}
    config["architecture"] = {**config["architecture"], "scale": 3}
    train(config, tiny_data, tmp_path / "x3")
    x2, x3 = (trained_network(tmp_path / name / "last.ckpt") for name in ("x2", "x3"))
    theirs = x2.state_dict()
    alike = [name for name, value in x3.state_dict().items() if value.shape == theirs[name].shape]
    assert len(alike) > len(theirs) / 2
    for name in alike:
        torch.testing.assert_close(x3.state_dict()[name], theirs[name])


def test_the_checkpoint_is_the_last_even_where_an_earlier_one_was_better(
    tiny_data: Path, tmp_path: Path, tiny_config: dict
) -> None:
    """Weights chosen on the validation patients would make their figures look better than they are."""
    rising = {"learning_rate": 0.1, "warmup_steps": 19, "max_steps": 20, "ema_decay": 0.0, "validate_every": 4}
    train({**tiny_config, **rising}, tiny_data, tmp_path)
    curve = [entry["psnr_bicubic"] for entry in json.loads((tmp_path / "record.json").read_text())["curve"]]
    assert curve[-1] < curve[0] - 0.1
    assert steps_of(tmp_path / "last.ckpt") == 20


@pytest.mark.parametrize(("scale", "urns"), [(2, 2), (3, 1), (4, 2)])
def test_a_network_twice_as_wide_begins_with_the_mean_of_two_passes(tmp_path: Path, scale: int, urns: int) -> None:
    narrow, wide = (
        Durn(DurnConfig(scale=scale, channels=channels, urns=urns, bicubic_skip=True))
        for channels in [(4, 8, 4), (8, 16, 8)]
    )
    torch.save(narrow.state_dict(), tmp_path / "narrow.pt")
    image = torch.rand(1, 1, 20, 24)
    turned_back = narrow(image.flip(2, 3)).flip(2, 3)
    assert not torch.allclose(turned_back, narrow(image), atol=1e-3)
    take_over(wide, tmp_path / "narrow.pt", double=True)
    torch.testing.assert_close(wide(image), (narrow(image) + turned_back) / 2)


def test_a_network_doubles_only_into_one_twice_as_wide(tmp_path: Path) -> None:
    narrow, wide = (Durn(DurnConfig(scale=2, channels=channels)) for channels in [(4, 8, 4), (6, 12, 6)])
    torch.save(narrow.state_dict(), tmp_path / "narrow.pt")
    with pytest.raises(ValueError, match=r"initial.weight is \(4, 1, 3, 3\), which is not half as wide"):
        take_over(wide, tmp_path / "narrow.pt", double=True)


def test_the_rate_stays_until_the_cooldown_and_the_stable_checkpoint_stays_behind(
    tiny_data: Path, tmp_path: Path, tiny_config: dict
) -> None:
    config = {**tiny_config, "cooldown": 4, "max_steps": 8}
    train(config, tiny_data, tmp_path / "run")
    assert (steps_of(tmp_path / "run" / "stable.ckpt"), steps_of(tmp_path / "run" / "last.ckpt")) == (4, 8)
    rates = [DurnTask(**_task_options(config))._rate(step) for step in range(1, 9)]
    assert rates[:4] == [1.0] * 4
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[4] < 1
    assert rates[7] == 0


def _task_options(config: dict) -> dict:
    names = ("architecture", "learning_rate", "warmup_steps", "max_steps", "cooldown")
    return {"validation_names": ["bicubic"], **{name: config[name] for name in names}}


def test_a_cooled_branch_leaves_the_run_as_it_was(
    tiny_data: Path, tmp_path: Path, tiny_config: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch goes on with the optimiser's state and the curve; the run can be resumed as if it had never been."""
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump({**tiny_config, "cooldown": 50, "max_steps": 100}))
    run, branch = tmp_path / "run", tmp_path / "branch"
    arguments = [str(tmp_path / "tiny.yaml"), "--data", str(tiny_data), "--output"]
    main([*arguments, str(run), "--max-steps", "4"])
    before = (run / "last.ckpt").read_bytes()
    with pytest.raises(SystemExit):
        main([*arguments, str(branch), "--cool-for", "2"])
    main([*arguments, str(branch), "--branch-from", str(run / "last.ckpt"), "--cool-for", "2"])
    assert (run / "last.ckpt").read_bytes() == before
    assert steps_of(branch / "last.ckpt") == 6
    assert [entry["step"] for entry in json.loads((branch / "record.json").read_text())["curve"]] == [2, 4, 6]


def test_the_card_of_a_branch_has_the_commands_that_lead_to_it(
    tiny_data: Path, tmp_path: Path, tiny_config: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {**tiny_config, "cooldown": 4, "max_steps": 100}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.chdir(tmp_path)
    arguments = ["tiny.yaml", "--data", str(tiny_data), "--output"]
    main([*arguments, "RUN", "--max-steps", "6"])
    main([*arguments, "CUT", "--branch-from", "RUN/stable.ckpt", "--cool-for", "2"])
    assert (steps_of(Path("RUN/stable.ckpt")), steps_of(Path("CUT/last.ckpt"))) == (2, 4)
    command = "python -m Training.train tiny.yaml --data DATA --output"
    assert exporting._training(config, Path("tiny.yaml"), Path("CUT/last.ckpt"), "tiny-x2")["command"] == (
        f"{command} RUN --max-steps 6; {command} CUT --branch-from RUN/stable.ckpt --cool-for 2"
    )


def test_a_resumed_run_sees_other_patches(phantom: np.ndarray) -> None:
    first, again, resumed = (
        next(iter(PatchBatches([([phantom[0]], 1.0)], {"bicubic": 1.0}, 2, patch=24, batch=4, seed=seed)))[0]
        for seed in (7, 7, [7, 500])
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, resumed)


def test_the_fourier_loss_counts_what_l1_counts_less(phantom: np.ndarray) -> None:
    """A weight of nothing is the paper's L1; of two errors of one L1, the periodic one has the smaller spectrum."""
    truth = torch.from_numpy(phantom[:, None].astype(np.float32))
    image = truth + 0.01
    assert image_loss(image, truth) == torch.nn.functional.l1_loss(image, truth)
    scattered = truth + 0.01 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)).sign()
    assert image_loss(scattered, truth).item() == pytest.approx(image_loss(image, truth).item(), rel=1e-3)
    assert image_loss(scattered, truth, 0.1) > 1.05 * image_loss(image, truth, 0.1)


@pytest.mark.parametrize("scale", [2, 3])
def test_a_teacher_makes_what_best_quality_makes(phantom: np.ndarray, scale: int) -> None:
    low, card = phantom[:, :48:2, :48:2].astype(np.float32), model_for(scale)
    network = Durn(DurnConfig.from_dict(dict(card.architecture)))
    network.load_state_dict(card.load_state_dict())

    def one_pass(stack: np.ndarray, *_: object) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(stack)[:, None])[:, 0].numpy()

    made = over_orientations(one_pass, low, Monitor())
    taught = Teacher("durn-light", scale).image_of(torch.from_numpy(low)[:, None])[:, 0].numpy()
    np.testing.assert_allclose(taught, made, atol=1e-5)
    assert np.abs(one_pass(low) - made).max() > 2e-4


def test_a_student_is_measured_against_its_teacher(tiny_config: dict) -> None:
    """A student that makes what its teacher makes has nothing to learn from it, only from the truth."""
    low, truth = torch.rand(2, 1, 12, 12), torch.rand(2, 1, 24, 24)
    taught = Teacher("durn-light", 2).image_of(low)
    losses = []
    for share in (0.0, 0.25, 1.0):
        options = {**_task_options({**tiny_config, "cooldown": None}), "teacher": "durn-light"}
        task = DurnTask(**options, teacher_share=share)
        task.network.forward = lambda _: taught  # type: ignore[method-assign]
        task.log = lambda *_, **__: None  # type: ignore[method-assign]
        losses.append(task.training_step((low, truth), 0).item())
        assert not any("teacher" in name for name in task.state_dict())
    assert losses[0] > 0.1
    assert losses[1] == pytest.approx(0.75 * losses[0])
    assert losses[2] == 0


def test_steps_that_no_checkpoint_would_keep_are_refused(tiny_data: Path, tmp_path: Path, tiny_config: dict) -> None:
    with pytest.raises(ValueError, match=r"3 steps are no multiple of validate_every, 2"):
        train({**tiny_config, "max_steps": 3}, tiny_data, tmp_path)


@pytest.mark.parametrize("card", available_models(), ids=lambda card: card.name)
def test_a_card_states_what_its_network_costs(card: ModelCard) -> None:
    network = Durn(DurnConfig.from_dict(dict(card.architecture)))
    assert card.details["operations"] == operations_a_pixel(network)
