from __future__ import annotations

from carillon.callfeed.tests.cast import ACME, World, carrier_call, device_call
from carillon.logic.callflow.decide import decide

LONDON = "020 7946 0123"


def test_a_customers_longest_call_limits_all_but_emergencies() -> None:
    feed = World().but("customers", ACME, max_call_s=600).feed()
    dialled = (LONDON, "102", "999")
    assert [decide(feed, device_call(number)).max_s for number in dialled] == [600, 600, 14_400]
    assert decide(feed, carrier_call("+442071110001")).max_s == 600
    assert decide(World().feed(), device_call(LONDON)).max_s == 14_400
