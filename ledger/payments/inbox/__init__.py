"""What Stripe tells, by webhook or by its list of events: stored first, worked on afterwards.

signature  whether it is Stripe who speaks (pure)
told       an event as it was told (pure)
effects    what is done about each type of event
store      the rows of the inbox
work       claims what is due, does it, and marks it
poll       asks Stripe for events that never came
api        POST /stripe/webhooks
"""
