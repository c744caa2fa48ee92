"""How good the result is: test sets and protocols, methods and scores, borders, areas, invention and
motion, the page of evidence, reference tables, the demonstration.

Belongs here: what measures, not what upscales.
May import: SimpleITK, numpy, ``core``; ``scene`` for what is written and drawn.
"""
