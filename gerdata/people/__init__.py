"""Where people are. The only code that runs inference for protection."""
