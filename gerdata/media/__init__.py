"""The only code that opens, decodes or encodes media files. Everything that comes in is taken to be hostile."""
