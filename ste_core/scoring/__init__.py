"""What is right, and how sure we are: verdicts and judges, execution, kinds of error, intervals and tests."""
