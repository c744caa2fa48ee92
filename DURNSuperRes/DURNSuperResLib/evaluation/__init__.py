"""How good the result is: test sets with known truth, scores, reference tables, the demonstration.

Belongs here: what measures, not what upscales.
May import: SimpleITK, numpy, ``core``; ``scene`` for what is written and drawn.
"""
