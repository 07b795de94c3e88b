"""What the scripts share: the manifest, builds and zips, tools and virtual environments."""
