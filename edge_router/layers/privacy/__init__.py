"""What private data a request holds, and which experts may read it: detectors, redaction, gate."""
