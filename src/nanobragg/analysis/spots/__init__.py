"""Prediction of spots without rendering, and the ground truth of rendered images."""
