"""Who is told what, and what became of it."""

from portatlas.notifications.models.channel import Channel
from portatlas.notifications.models.delivery import Delivery
from portatlas.notifications.models.rule import Matter, Rule, validate_tag, validate_zone

__all__ = ["Channel", "Delivery", "Matter", "Rule", "validate_tag", "validate_zone"]
