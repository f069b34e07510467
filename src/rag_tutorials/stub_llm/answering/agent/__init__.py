"""How a model with tools behaves; ``turn`` decides, the other modules are what it needs for it."""
