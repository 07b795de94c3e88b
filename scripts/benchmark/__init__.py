"""The benchmark: what is measured, what it costs, and how it is shown. bench/ does the measuring."""
