"""The stack of `docker/compose.yaml`, on images that are built from Debian's and Python's packages."""
