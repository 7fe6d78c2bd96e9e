"""What the endpoints do, a file for each kind of object.

A handler takes the world, its parameters as the SDK describes them, and what stands in the path; it returns an object.
"""
