"""People who read: how they come in, what they agree to, what they change, and how they leave."""
