"""The providers' side of the counter: what they report about mails already handed over."""
