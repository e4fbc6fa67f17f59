"""The verdict on a soak: counts, whatever is wrong, and proof that wrong would be told."""

import json
import random
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from tests.benchmarks import facts, timeline
from tests.benchmarks.judge import Event, Finding, Judge

SWEPT_WITHIN = 30  # seconds, and an interval, from a kill to the next sweep
JITTER = 1.0  # seconds by which beat and worker may be late
TRIALS = 200  # events that are left out or made up to prove the judge
KINDS = ("lost", "invented", "wrong owner", "ownerless")


def tell(folder: Path, interval: float) -> int:
    """Print the verdict on what a soak left in its folder; return the exit status."""
    record = (folder / "record.jsonl").read_text(encoding="utf-8").splitlines()
    timelines, operations = timeline.read(record)
    seen = facts.read(folder)
    kills = [json.loads(line) for line in (folder / "kills.jsonl").read_text("utf-8").splitlines()]
    restarts = [restart(kill["at"], seen.sweeps) for kill in kills]
    patience = interval + seen.longest_look + max(restarts, default=0) + JITTER
    events = [event for event in seen.events if event.kind != "alive"]
    judge = Judge(seen.sweeps, patience=patience)
    findings = judge.findings(timelines, events, seen.rows)
    findings += strangers(timelines, events, seen.sweeps)

    tell_record(timelines, operations, seen)
    say(f"patience: {patience:.1f} s, with the longest look of {seen.longest_look:.2f} s")
    not_back = tell_kills(kills, restarts, interval)
    for finding in findings:
        protocol, port = finding.key
        say(f"{finding.kind}: {port}/{protocol} at {finding.at:.3f}: {finding.text}")
    counts = Counter(finding.kind for finding in findings)
    say(", ".join(f"{counts[kind]} {kind}" for kind in KINDS) + f", {not_back} not back")
    wrong = {finding.key for finding in findings}
    right = {key: line for key, line in timelines.items() if key not in wrong}
    is_proven = prove(judge, right, events, seen.rows)
    return int(bool(findings or not_back) or not is_proven)


def tell_record(timelines: dict, operations: list[str], seen: facts.Facts) -> None:
    say("operations: " + ", ".join(f"{n} {name}" for name, n in Counter(operations).most_common()))
    span = seen.sweeps[0].start, seen.sweeps[-1].end
    stretches = [each for line in timelines.values() for each in line.stretches(*span)]
    listening = [each for each in stretches if each.is_listening]
    moments = [sweep[:2] for sweep in seen.sweeps]
    swept = sum(timeline.holds_one(moments, each) for each in listening)
    alive = sum(bool(line.steps[-1].sockets) for line in timelines.values())
    say(
        f"{len(timelines)} ports listened in {len(listening)} stretches, {swept} of them swept; "
        f"{alive} are open at the end"
    )
    gap = max((b.start - a.start for a, b in pairwise(seen.sweeps)), default=0)
    say(
        f"{seen.looks} sweeps by the coverage, {len(seen.sweeps)} seen ({seen.unseen} by their "
        f"events alone), at most {gap:.1f} s apart; {len(seen.others)} other looks"
    )
    for reason, count in Counter(seen.others).items():
        say(f"  {count} x {reason}")
    kinds = Counter(event.kind for event in seen.events)
    say("events: " + ", ".join(f"{n} {kind}" for kind, n in kinds.most_common()))


def tell_kills(kills: list[dict], restarts: list[float], interval: float) -> int:
    """Return how many of the killed did not come back, or not to their work, in time."""
    not_back = 0
    deaths = defaultdict(list)
    for kill, swept_after in zip(kills, restarts, strict=True):
        deaths[kill["victim"]].append((kill["back"], kill["at"], swept_after))
        not_back += kill["back"] is None or swept_after > SWEPT_WITHIN + interval
    for victim, lives in deaths.items():
        back = [until - at for until, at, _ in lives if until]
        swept_after = max(swept for *_, swept in lives)
        say(
            f"killed: {victim} {len(lives)} times, back {len(back)} times within "
            f"{max(back, default=0):.1f} s, swept again within {swept_after:.1f} s"
        )
    return not_back


def restart(at: float, sweeps: list) -> float:
    """Return how long after a kill the first sweep began."""
    return min((sweep.start - at for sweep in sweeps if sweep.start > at), default=float("inf"))


def strangers(timelines: dict, events: list[Event], sweeps: list) -> list[Finding]:
    """Nothing but `up` itself and the churn listens in that network, and `up` was there first."""
    return [
        Finding("invented", event.key, event.at, f"{event.kind} of a port that never was")
        for event in events
        if event.key not in timelines and event.at != sweeps[0].start
    ]


def prove(judge: Judge, timelines: dict, events: list[Event], rows: dict) -> bool:
    """Tamper with what was rightly recorded, one thing at a time, and see whether it is told."""
    chance = random.Random(1)  # noqa: S311  # a sample, no secret
    # Of a socket that was handed over, nobody has to tell at once.
    ours = [each for each in events if each.key in timelines and "program" not in each.changes]
    told = Counter()
    trials = Counter()
    for event in chance.sample(ours, min(TRIALS, len(ours))):
        here = [each for each in events if each.key == event.key]
        later = [sweep.start for sweep in judge.sweeps if sweep.start > event.at][:1]
        tampered = {"left out": [each for each in here if each is not event]}
        if later:
            tampered["told twice"] = [*here, event._replace(at=later[0])]
        line, its_row = {event.key: timelines[event.key]}, {event.key: rows[event.key]}
        for how, other in tampered.items():
            trials[how] += 1
            told[how] += bool(judge.findings(line, other, its_row))
    for key, line in timelines.items():
        if line.steps[-1].sockets and key in rows:
            wrong = {key: rows[key]._replace(pid=1)}
            trials["given to PID 1"] += 1
            told["given to PID 1"] += any(judge.of_the_end(key, line, wrong[key]))
    say("proof: " + ", ".join(f"{told[how]} of {trials[how]} {how} were told" for how in trials))
    return told == trials


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
