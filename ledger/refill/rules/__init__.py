"""What is decided of refills: pure, of records and instants that are given."""
