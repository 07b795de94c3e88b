"""What the scripts share: the table of functions, builds and zips, tools and virtual environments."""
