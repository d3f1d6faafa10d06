"""The pure rules: money, states, errors, ids, text."""
