"""Why an outgoing request has no answer to show.

GiveUp                  asking again would not help
├── Refused             the address or the request is not allowed
├── TooLarge            the body is larger than the caller wants
└── TooManyRedirects    the server sends us round in circles
Unanswered              nothing, or nonsense, came back; perhaps next time
└── TooSlow             nothing whole came back in time
"""

from warren import GiveUp


class Refused(GiveUp):
    """The address or the request is not allowed."""


class TooLarge(GiveUp):
    """The body is larger than the caller wants."""


class TooManyRedirects(GiveUp):
    """The server sends us round in circles."""


class Unanswered(Exception):
    """The other side could not be reached, or what it sent was not HTTP."""


class TooSlow(Unanswered):
    """The whole answer did not come within the deadline."""
