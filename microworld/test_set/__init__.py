"""750 test and 250 development queries with gold calls, and the script that makes them."""
