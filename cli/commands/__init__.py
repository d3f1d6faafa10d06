"""The commands, one file each: their help, their options, and what to call."""
