"""What a router is made of: files, text, encoder, known queries."""
