"""The steps of scripts/test. Each is a function that returns what the summary has to say, or raises."""
