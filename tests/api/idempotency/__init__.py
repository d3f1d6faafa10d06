"""One key, one act: claims, fingerprints, races, lost answers."""
