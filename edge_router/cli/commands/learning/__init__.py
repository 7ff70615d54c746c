"""Commands that calibrate and learn: calibrate, enroll, feedback, log, drift."""
