"""Training of DURN: image sources, pairs, the Lightning task, runs and export of weights. Not installed into Slicer."""
