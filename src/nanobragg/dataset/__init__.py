"""Data sets: many shots from one description, made alone, by local workers or on a cluster."""
