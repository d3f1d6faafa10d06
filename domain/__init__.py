"""NAMES: money, states and their transitions, errors, the caller. Pure Python; imports nothing of ours."""
