"""Public outcome formats, one file each."""
