"""Statistics, resolution, comparison and spots of scenes and images."""
