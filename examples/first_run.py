"""One run: its metrics, its record on the disk, and the same call again, which runs nothing."""

import taskloom as tl

run = tl.run("hci/pointing", assistant="big", episodes=200)
print(run.summary)
print("success", run.metrics["success/mean"])

again = tl.run("hci/pointing", assistant="big", episodes=200)
print("run again:", again.id != run.id)

print("config", {name: run.config[name] for name in ("episodes", "seed")})
print("opened by its id:", tl.open_run(run.id).status)
