"""A draft becomes a proof, the approved proof an edition."""
