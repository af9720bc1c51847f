"""What a detector makes of photons: point spread, noise, integer counts."""
