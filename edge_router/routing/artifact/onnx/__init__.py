"""An untrusted graph, read and bounded before onnxruntime sees it."""
