"""Deliveries: one event to one endpoint, tried until it is there or exhausted.

rules     when to try again, and what an outcome says of the receiver (pure)
fanout    deliveries for the events that endpoints want
store     the rows: claimed under a lease, and written down by whoever holds it
send      one attempt: signed, and sent by the guarded way out
notices   events that tell of receivers that fail
courier   the loop that does all of it, in a worker
shapes, service, api   what people see of it, and how they have it sent again
"""
