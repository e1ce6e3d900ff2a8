"""The brain beside Kamailio.

`service` wires the parts; `decider` answers calls (`feed`: what it knows, of it `reference` whole, with prices in
`ratefiles`; `store`: holds), `live` follows them to their end, `sweeper` finds ends that were lost, `evapi` and
`wire` talk to Kamailio, `tables` keeps it informed, `trace` gathers SIP messages (`hep`), `status` answers over HTTP.
"""
