"""The manifest of the probe domain."""

from taskloom import DomainRef, TaskRef

DOMAIN = DomainRef(
    name="probe",
    summary="Tasks for tests of the core.",
    extra="",
    tasks=(
        TaskRef("walk", "A random walk that can resume.", "taskloom_probe.tasks:Walk"),
        TaskRef("wait", "Waits, and cannot resume.", "taskloom_probe.tasks:Wait"),
        TaskRef("fail", "Raises.", "taskloom_probe.tasks:Fail"),
        TaskRef("share", "Trains in several processes.", "taskloom_probe.share:Share"),
        TaskRef("pair", "Adds up in two processes.", "taskloom_probe.share:Pair"),
        TaskRef("spread", "Adds up on several devices.", "taskloom_probe.share:Spread"),
    ),
)
