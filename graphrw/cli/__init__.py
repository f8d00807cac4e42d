"""The command `graphrw`: files in, files out, and nothing of its own in between. Needs the extra `image`."""
