"""The studies behind what the README promises."""
