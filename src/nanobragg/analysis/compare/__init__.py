"""Two images, two traces, our run and the original program's: what they have in common, and where they part."""
