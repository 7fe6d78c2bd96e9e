"""The sandbox, held to what Stripe does, by the SDK.

Where it says so in the name of a fixture, a test steers the simulation and needs the sandbox. The others run the same
against Stripe's own test mode when STRIPE_TEST_KEY is set, so that anybody with a key can see where the two differ.
"""
