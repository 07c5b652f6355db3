"""STE itself: explore by trial and error, distil the trials to examples, retrieve or fine-tune on them, predict.

Each module is one stage, after the paper; stages meet through records, and `pipeline` runs them for a study.
"""
