"""Metrics: what Prometheus reads at ``/metrics``, from the tables of all concepts and from this process."""
