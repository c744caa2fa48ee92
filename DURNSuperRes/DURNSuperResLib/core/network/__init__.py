"""The network: its definition, its inference on a device, its models with their cards and their domain.

Belongs here: whatever knows weights. Torch is imported by ``network``, ``fused`` and ``inference`` alone.
May import: torch, ``core.signal``, and what describes a run in ``core``.
"""
