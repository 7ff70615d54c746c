"""Whether queries still look like those the router knows."""
