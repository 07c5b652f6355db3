"""The world the study runs in when there is no other: fifty tools that really run, and a test set for them.

`ste_core` never imports this package; a study file names it.
"""
