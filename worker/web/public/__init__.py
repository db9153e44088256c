"""The readers' side of the counter: what anybody may read, and what a reader decides by the links in their mails."""
