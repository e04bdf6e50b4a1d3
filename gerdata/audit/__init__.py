"""Attacks on one's own output, with bounds: what an attacker still gets, and whether the data suffice to say so."""
