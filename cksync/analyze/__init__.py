"""What can be asked of the published mirror."""
