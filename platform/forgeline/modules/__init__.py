"""What a part of the building declares of itself (manifest) and the registry that checks it."""
