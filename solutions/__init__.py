"""The reference implementations, a module per exercise and track; notebooks, the judge and CI take them from here."""
