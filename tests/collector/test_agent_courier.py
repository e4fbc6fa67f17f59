"""The courier of the agent: whenever its answer comes, it is not lost."""

import sys
from threading import Event

from collector.agent.answer import Answer, Then
from collector.agent.courier import Courier
from collector.agent.report import Body

BODY = Body(b"{}", is_gzip=False, is_whole=False)
TAKEN = Answer(Then.GO_ON)


def collected(moment):
    """
    Have an answer come before the so manieth step of asking for it.

    Return what was collected, by this time or the next, and whether there was such a step.
    """
    may_come, has_come = Event(), Event()
    steps = 0

    def post(_body):
        may_come.wait()
        return TAKEN

    def step(frame, event, _argument):
        nonlocal steps
        if frame.f_code is not Courier.collect.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            steps += 1
            if steps == moment:
                may_come.set()
                has_come.wait()
        return step

    courier = Courier(post, has_come.set)
    courier.send(BODY)
    before = sys.gettrace()
    sys.settrace(step)
    try:
        answer = courier.collect()
    finally:
        sys.settrace(before)
    may_come.set()
    has_come.wait()
    return answer or courier.collect(), steps >= moment


def test_an_answer_is_collected_at_whichever_moment_it_comes():
    moment = 1
    while (found := collected(moment))[1]:
        assert found[0] == TAKEN, moment
        moment += 1

    assert moment > 5


def test_an_answer_is_collected_once_and_then_another_body_can_go():
    has_come = Event()
    courier = Courier(lambda _: TAKEN, has_come.set)

    courier.send(BODY)
    has_come.wait()
    was_away = courier.is_away

    assert (was_away, courier.collect(), courier.collect()) == (True, TAKEN, None)
    assert not courier.is_away
