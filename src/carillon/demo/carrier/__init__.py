"""Demo carriers: real SIP user agents that stand in for the telephone network.

Carrier A is cheap and fails for some numbers, carrier B is dear and reliable. What a number does is in `behaviour`; a
small HTTP control on loopback places inbound calls and switches a whole carrier to failing, silent or asking for a
password.
"""
