"""What a router is judged by."""
