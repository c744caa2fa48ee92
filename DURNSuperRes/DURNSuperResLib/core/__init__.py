"""Arrays in, arrays out: everything that is DURN and that knows neither Slicer nor files.

Belongs here: ``engine``, the one way in, and what describes a run (``options``, ``monitor``, ``geometry``). Rooms:
``network`` (the network and its models), ``signal`` (what is computed of images and k-space).
May import: numpy and, in ``network`` alone, torch; of this library only what lies in ``core``.
"""
