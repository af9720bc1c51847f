"""Writing of images with their metadata: SMV, miniCBF, NXmx and others."""
