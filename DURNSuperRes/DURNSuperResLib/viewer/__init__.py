"""The browser's viewer: original and upscaled images in linked views, served to this machine.

Belongs here: the page, its session, the protection of both.
May import: trame, slicer, ``scene``, ``core``.
"""
