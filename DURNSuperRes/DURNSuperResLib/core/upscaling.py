"""What a run is, said once: the options that panel, scripts, command line, batch and viewer all share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .options import (
    DEFAULT_MODEL,
    DEVICES,
    LEVELS,
    METHOD_LABELS,
    METHODS,
    PRECISIONS,
    SCALES,
    SLICE_AXES,
    given_lines,
)


@dataclass(frozen=True)
class Upscaling:
    """The options of a run. A script gives them as keywords to :func:`~.engine.upscale_slices`,
    :func:`~..scene.volumes.upscale_volume` or :func:`~..scene.sequences.upscale_sequence`.

    >>> Upscaling(scale=3, method="bicubic").label
    'bicubic x3'
    >>> Upscaling(scale=5)
    Traceback (most recent call last):
    ...
    ValueError: scale must be one of 2, 3, 4, not 5

    Attributes:
        scale: in-plane magnification: 2, 3 or 4.
        method: ``durn``, or ``bicubic`` (a = -0.5; needs no torch, takes no device, precision or model).
        device: ``auto`` takes CUDA if a small computation really runs there, else the CPU; or ``cuda``, ``cpu``.
        precision: of the network's arithmetic. ``auto`` is float16 on CUDA; on the CPU bfloat16 where the processor
            computes in it by itself, else float32. What was measured is kept in float32.
        model: which network: a family of bundled models, as ``durn-superres models`` lists them.
        best_quality: the mean over the eight flips and rotations of each slice; 8 times slower.
        uncertainty: also give the half-width of each pixel's error bar, from the same pass: an interval that holds what
            an image of ``scale`` times the resolution would show, in the share ``uncertainty_level`` of the pixels.
        uncertainty_level: 0.5, 0.68, 0.8, 0.9 or 0.95.
        keep_measured: put the k-space that the scanner measured back into the network's result, so that the network
            adds only outside of it. For magnitude MR; other images and bicubic do without.
        acquired: the matrix that the scanner measured, rows x columns as ``160x224``; ``full`` if it did not
            interpolate; ``auto`` to take it from the image's spectrum and header. The network sees that matrix.
        slice_axis: across the slices of a node: ``i``, ``j``, ``k``, or ``auto``, which takes the widest spaced axis
            if it is not k.
        keep_type: give the result the input's voxel type (clipped to its range and rounded) instead of float32.
        any_image: take phase images, masks and label maps, too.

    Raises:
        ValueError: an option's value that does not exist; best quality or uncertainty of another method than ``durn``.
    """

    scale: int = 2
    method: str = "durn"
    device: str = "auto"
    precision: str = "auto"
    model: str = DEFAULT_MODEL
    best_quality: bool = False
    uncertainty: bool = False
    uncertainty_level: float = 0.9
    keep_measured: bool = True
    acquired: str = "auto"
    slice_axis: str = "auto"
    keep_type: bool = False
    any_image: bool = False

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(str, allowed))}, not {value!r}")
        object.__setattr__(self, "scale", int(self.scale))  # 2.0 as a slider gives it is among the scales, too
        given_lines(self.acquired)  # or raise
        if (self.best_quality or self.uncertainty) and not self.is_durn:
            raise ValueError(f"{self.method} has neither orientations nor error bars: these need durn")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Upscaling:
        """The options among ``values``, such as those of a parsed command line; what else it holds is left aside."""
        return cls(**{field.name: values[field.name] for field in fields(cls) if field.name in values})

    @property
    def is_durn(self) -> bool:
        """Whether the network runs."""
        return self.method == "durn"

    @property
    def label(self) -> str:
        """Method and scale as people write them, for the name of a result; a model that is not the default by name."""
        by_name = self.is_durn and self.model != DEFAULT_MODEL
        return f"{self.model if by_name else METHOD_LABELS[self.method]} x{self.scale}"


CHOICES: dict[str, tuple[Any, ...]] = {
    "scale": SCALES,
    "method": METHODS,
    "device": DEVICES,
    "precision": PRECISIONS,
    "slice_axis": SLICE_AXES,
    "uncertainty_level": LEVELS,
}
