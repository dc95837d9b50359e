"""The manifest: names only."""

from taskloom import ComponentRef, DomainRef, TaskRef

DOMAIN = DomainRef(
    name="lab",
    summary="Random walks.",
    extra="",
    tasks=(TaskRef("walk", "Walk on a line.", "lab_domain.walk:Walk"),),
    components={
        "lab_domain.gaits": (
            ComponentRef("fair", "Left and right alike.", "lab_domain.gaits:Fair"),
            ComponentRef("drift", "Rather right than left.", "lab_domain.gaits:Drift"),
        )
    },
    report="lab_domain.walk:report",
)
