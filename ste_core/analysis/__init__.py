"""What a study found, as tables: comparisons, ablations, trials, forgetting, verdicts on claims and open questions."""
