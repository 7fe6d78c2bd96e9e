"""Credits: given, adjusted, and the lots and balance that they make."""
