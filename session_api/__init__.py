"""The session API: signs the tokens that pin a user to a version, and counts who is still active where."""
