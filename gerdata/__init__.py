"""gerdata: data for group emotion recognition, without monitoring individuals."""

__version__ = "0.1.0"
