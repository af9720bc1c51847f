"""Experiments that were measured or refined elsewhere, as ours: DIALS models, NXmx geometry."""
