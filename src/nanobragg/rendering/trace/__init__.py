"""One pixel, with everything between the Config and its value."""
