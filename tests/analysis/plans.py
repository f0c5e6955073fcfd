"""Plans to test with: the shipped one, and the shortest there is."""

from django.conf import settings

PLAN = (settings.BASE_DIR / "analysis" / "plans" / "two_arms.yaml").read_text()
# Four people are half of all there will be: a look for the smallest of trials.
INTERIM = (
    PLAN
    + """
interim: {information: [0.5, 1], spending: pocock, alpha: 0.05, people: 8}
"""
)
SHORT = """
plan: 1
title: A short plan
endpoints: {primary: osteoporosis}
populations: {main: intention_to_treat}
missing: {rule: no_record_is_no_event}
"""
