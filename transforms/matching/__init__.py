"""Finding phrases in texts: the automaton, and the rules over what it finds."""
