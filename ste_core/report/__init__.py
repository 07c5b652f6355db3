"""What people look at: figures from tables, text and tables in notebooks, pages to read from disk."""
