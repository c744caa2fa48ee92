"""The larger commands of ``durn-superres``, a module each; the parser of all of them is ``cli``.

Belongs here: what turns options into calls, and results into lines.
May import: every other room but ``panel``, when it runs; nothing heavy when it is imported.
"""
