"""Metrics that a run logged, line by line: the closed loop of a mass that is brought to rest."""

import taskloom as tl

run = tl.run("control/double_integrator", seconds=2.0, hold=0.5)
history = run.history()
print(len(history), "lines of", sorted(set(history[0]) - {"step", "t"}))
for line in history[:: max(1, len(history) // 5)]:
    print({name: round(value, 3) for name, value in line.items()})
print(run.summary)
