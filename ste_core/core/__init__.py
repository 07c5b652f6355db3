"""The nouns, and what everything stands on: records, study files, results on disk, replies read, requests worded.

Nothing here knows a particular model or tool; every other room imports from this one, and this one from none.
"""
