"""What only the desktop needs beside the module file: comparison section, installing torch, sample data.

Belongs here: what is called by the panel, on the main thread, inside Slicer.
May import: Qt, slicer, ``scene``, ``core``.
"""
