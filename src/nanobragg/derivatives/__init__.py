"""Derivatives of an image with respect to the parameters of its scene, and sums made from them."""
