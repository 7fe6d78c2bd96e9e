"""What Stripe's objects look like when they are new: the members that the API has, with their plain values.

Each function takes what differs from the plain values and returns a whole object. A member that the SDK does not name
must not be here; a test holds every object against the SDK's own classes.
"""
