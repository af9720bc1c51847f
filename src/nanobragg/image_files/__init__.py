"""What an experiment is in the words of each image format: C's files, miniCBF, NXmx."""
