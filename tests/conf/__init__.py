"""Settings, catalogues and the wiring of the building."""
