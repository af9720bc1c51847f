"""Comparison of images, traces, and runs of nanobragg and the C program."""
