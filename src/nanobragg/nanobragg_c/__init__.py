"""Everything that concerns the original nanoBragg.c alone: its flags, its output files and its quirks."""
