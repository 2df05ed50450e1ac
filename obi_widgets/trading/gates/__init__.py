"""Gates: where an entry may begin."""
