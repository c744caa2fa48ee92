"""MRML nodes: upscaling volumes and sequences, reading and writing them, showing and comparing them.

Belongs here: whatever touches a node, and the files that become nodes. Room: ``dicom``, which knows files only.
May import: slicer, vtk, numpy, SimpleITK, pydicom; of this library ``core``.
"""
