"""The actions of the commands, after their options are parsed. Imported late, so that `--help` is fast."""
