"""A viewer in the browser: the original and the upscaled images in two linked views, served by this machine."""
