"""One key, one operation: claims, fingerprints, races, lost answers."""
