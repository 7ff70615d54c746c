"""ARM without ARM: the router as a Raspberry Pi 4 and 5 run it, on a Linux x86 machine.

qemu-user runs the published aarch64 wheels. What that can show: that they import, that they decide
as this machine does, and how many instructions a decision takes. What it cannot: any time. Nothing
here measures one.
"""
