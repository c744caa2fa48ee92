"""What images are made of, in NumPy alone: k-space, resampling, degradation, intensity, quality, geometry."""
