"""STE, the method: exploration by simulated trial and error, its exploitation, and how it is scored.

Thin on purpose, and ignorant of any particular tool or model; the README says which module does what.
"""
