"""From a Scene to photons, and the trace of a single pixel."""
