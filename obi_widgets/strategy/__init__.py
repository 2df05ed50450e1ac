"""The exported strategy: a file without this package that decides as the settings do."""
