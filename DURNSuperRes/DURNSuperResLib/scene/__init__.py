"""MRML nodes: reading, upscaling, comparing and writing volumes. Runs in the desktop and on slicer-core, without Qt."""
