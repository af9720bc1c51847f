"""Detector conventions, placement of panels, a catalogue of detectors, and sensor materials."""
