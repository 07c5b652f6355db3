"""The authors' data: files checked and read (`paper`), figures recomputed (`audit`), formats written and read."""
