"""How slices are read: walks decide what to ask, `drive` asks it."""
