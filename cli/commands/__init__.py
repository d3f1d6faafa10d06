"""The commands, one file each: their help, their options, and the operation they call."""
