"""Language models behind one interface (`base`): on a server, in this process, from a cache; one served to others.

`local` runs on `engine`, `decoding`, `sampling`, `constrained` and `prefix_cache`; torch is imported when a model is
loaded, not before.
"""
