"""NAMES: money, states and their legal moves, errors, the caller. Pure Python; imports nothing of ours."""
