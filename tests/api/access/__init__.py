"""Permissions, visibility, rates and costs."""
