"""What the tests of the session API share."""
