"""Health: is the process alive, can it work, what is it."""
