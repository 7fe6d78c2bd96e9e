"""Notifications: events told to people, by e-mail and into Slack, as each wallet's settings say.

tables      channels, and what is to be sent to them
rules       when something is sent, when again, and what becomes of it (pure)
texts       what is said of each type of event (pure)
message     a text with its figures, as plain text, HTML and mrkdwn (pure)
shapes, service, store, api    a wallet's channels
collect     events become notifications, in the order of their positions
queue       the rows: claimed under a lease, and written down by whoever holds them
mail, slack one attempt
sender      the loop that does all of it, in a worker
"""
