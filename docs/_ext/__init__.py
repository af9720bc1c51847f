"""What the documentation is made with: examples that are run, tables from the source, pictures."""
