"""Reference figures of classical methods, which an evaluation must reproduce before it judges a network.

Mean PSNR in dB of tables A and B (antialiased bicubic reduction) and C (k-space truncation) on the Sunnybrook
validation patients (A) and the 3 T cine (B), from the project's own quality targets.
"""

from __future__ import annotations

TABLES = {
    "A": ("sunnybrook", "bicubic"),
    "B": ("cine_dicom", "bicubic"),
    "C on A": ("sunnybrook", "kspace"),
    "C on B": ("cine_dicom", "kspace"),
}
TOLERANCE = {"bicubic": 0.01, "B-spline": 0.05, "Lanczos": 0.05, "zero-filled": 0.05}  # dB

REFERENCE: dict[str, dict[str, dict[str, float]]] = {
    "A": {
        "x2": {"bicubic": 33.60, "B-spline": 34.13, "Lanczos": 34.43},
        "x3": {"bicubic": 30.33, "B-spline": 30.69, "Lanczos": 30.88},
        "x4": {"bicubic": 28.35, "B-spline": 28.68, "Lanczos": 28.86},
    },
    "B": {
        "x2": {"bicubic": 32.03, "Lanczos": 33.09},
        "x3": {"bicubic": 28.15, "Lanczos": 28.79},
        "x4": {"bicubic": 25.93, "Lanczos": 26.44},
    },
    "C on A": {
        "x2": {"bicubic": 35.66, "B-spline": 36.32, "zero-filled": 37.00},
        "x3": {"bicubic": 32.02, "B-spline": 32.46, "zero-filled": 32.90},
        "x4": {"bicubic": 30.09, "B-spline": 30.49, "zero-filled": 30.85},
    },
    "C on B": {
        "x2": {"bicubic": 32.70, "B-spline": 33.52, "zero-filled": 34.37},
        "x3": {"bicubic": 28.60, "B-spline": 29.09, "zero-filled": 29.61},
        "x4": {"bicubic": 26.21, "B-spline": 26.62, "zero-filled": 27.05},
    },
}
