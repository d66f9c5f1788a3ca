"""Puts rule sets in force: checked first, by approval or in an emergency, now or when their time comes."""
