"""What Stripe does, as pure rules: state and ``now`` in, a verdict or a new state out."""
