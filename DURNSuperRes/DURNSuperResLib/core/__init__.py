"""Arrays in, arrays out: the network, its weights and the mathematics around it. No slicer, no vtk, no Qt."""
