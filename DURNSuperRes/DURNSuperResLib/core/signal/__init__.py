"""What is computed of images and of their k-space, without a network.

Belongs here: resampling, spectra, degradations, consistency, intensity maps, measures of quality, the phantom.
May import: numpy, ``core.options``.
"""
