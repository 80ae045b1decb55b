"""`dutchbook report`: a day or a week on one page."""
