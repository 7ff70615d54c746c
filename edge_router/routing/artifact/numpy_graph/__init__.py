"""The encoder's graph in numpy alone, for platforms that onnxruntime has no wheel for."""
