"""Write images with their metadata."""
