"""Exposes something whose signature Python does not know."""

from fireweed import expose

expose(dict)
