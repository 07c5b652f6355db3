"""The authors' data: files checked and read (`data`), figures recomputed (`audit`), formats written and read."""
