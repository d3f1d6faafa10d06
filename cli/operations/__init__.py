"""What the commands do, once their options are read. Imported late, so that `--help` starts at once."""
