"""What an instructor runs: the class's server, its people, what they did, its end."""
