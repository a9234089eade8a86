"""Posts: the format of a file, its name, the folder of them and the catalog of what they say."""
