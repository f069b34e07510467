"""What both sides of a class know: the code, the membership, names and shapes on the wire."""
