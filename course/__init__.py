"""What students read and import."""
