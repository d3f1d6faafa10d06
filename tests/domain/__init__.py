"""What the words of the house promise. Nothing here needs a database, a network or a clock."""
