"""The book: every wallet's journal, and the one door for changes of a balance."""
