"""What is left undone is done, by whichever layer comes first."""
