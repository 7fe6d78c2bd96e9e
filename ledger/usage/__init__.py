"""Usage: credits that services use, one event at a time or up to a thousand in a batch."""
