"""Exposes something when it is too late."""

import exposed
from fireweed import expose



@expose
def expose_later():
    exposed.expose_later()
