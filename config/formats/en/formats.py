"""Dates as ISO 8601 writes them, times with their zone: nobody guesses if 03/05 is in March or May."""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i e"
TIME_FORMAT = "H:i"
